/* SPDX-License-Identifier: Apache-2.0 */
/* The texts that a plan is made from: the words of the command line that say something of the plan, and each file that
 * making it has read (the plan's own, data, bodies, certificates), by its path as it was asked for.
 *
 * Whoever makes a plan reads files by load_inputs_read and by nothing else. Then what was read is all there is to know, and an
 * agent on another machine, which gets words and files by wire, makes the same plan by the same code. */
#ifndef WEIR_LOAD_INPUTS_H
#define WEIR_LOAD_INPUTS_H

#include "lib/base/arena.h"
#include "lib/base/err.h"

#define LOAD_INPUTS_MAX       256 /* files of a plan */
#define LOAD_WORDS_MAX        512
#define LOAD_INPUTS_BYTES_MAX ((size_t)256 << 20) /* of all files together */

struct load_input {
    struct slice path;
    struct slice content;
};

struct load_inputs {
    struct arena *arena; /* borrowed; of all that is kept here */
    struct slice words[LOAD_WORDS_MAX];
    uint32_t word_count;
    struct load_input files[LOAD_INPUTS_MAX];
    uint32_t file_count;
    size_t file_bytes;
    bool is_closed; /* what is not here is not there: no file is opened (an agent) */
};

void load_inputs_init(struct load_inputs *inputs, struct arena *arena);
/* Copies it. ERR_LIMIT or ERR_NOMEM. */
MUST_USE enum err load_inputs_add_word(struct load_inputs *inputs, struct slice word);
/* Memory for the content of a file, for the caller to fill. The same errors. */
MUST_USE enum err load_inputs_place_file(struct load_inputs *inputs, struct slice path, size_t bytes, char **ret_place);
MUST_USE enum err load_inputs_add_file(struct load_inputs *inputs, struct slice path, struct slice content);
/* The content of a file, which is followed by a NUL and lives as long as the arena; read from disk the first time. Errors are those
 * of file_read, ERR_NOT_FOUND where the inputs are closed, ERR_LIMIT where they are full. */
MUST_USE enum err load_inputs_read(struct load_inputs *inputs, struct slice path, size_t bytes_max,
                                   struct slice *ret_content);

#endif
