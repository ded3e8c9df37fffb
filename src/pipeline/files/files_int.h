/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_PIPELINE_FILES_FILES_INT_H
#define WEIR_PIPELINE_FILES_FILES_INT_H

#include "lib/http/range.h"
#include "pipeline/files.h"
#include "pipeline/request.h"
#include "pipeline/worker.h"

/* Up to so much of a file is read at once and answered from memory. */
#define FILE_AT_ONCE_BYTES 65536

/* What there is to send, in the form that was chosen for this client. */
struct content {
    int fd;              /* -1: memory */
    struct slice memory; /* all of it */
    uint64_t bytes;
    const char *media_type;
    struct slice etag; /* with its quotes */
    int64_t modified_s;
    bool has_modified;
    enum coding coding;
    bool is_varying; /* another client may get another form */
    struct slice cache_control;
};

/* Answers with the content, a part of it, or what the request's conditions demand instead. */
enum verdict content_answer(struct request *request, const struct content *content);

/* A stretch of a body: text, or a range of a file. */
struct segment {
    struct slice text;
    uint64_t offset;
    uint64_t bytes; /* of the file; 0: text */
};

/* The segments one behind the other as response.source, or, when they are few bytes and in memory, as response.body. */
enum verdict segments_answer(struct request *request, int fd, const struct segment *segments, uint32_t count);

/* An embedded file. */
enum verdict asset_answer(struct request *request, const struct asset *asset);

/* Index into the codings that have content, as the client wants them: calls `has` from the most wanted one on until it
 * says yes. CODING_IDENTITY when nothing else fits. */
enum coding coding_choose(const struct request *request, bool (*has)(void *context, enum coding coding), void *context);

#endif
