/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a folder: the path of the request becomes a path below the folder, and that an open file.
 *
 * Opening asks the kernel only for what it has in memory; where that is not enough, the request goes to a crew thread,
 * which may wait for the disk. What cannot be served (a folder without an index, a hidden file, a FIFO, a link that
 * leads out) is answered like what does not exist, so that an answer tells nothing about what is there. */
#include "pipeline/files/files_int.h"

#include "lib/http/media_names.h"
#include "lib/http/url.h"
#include "lib/sys/clock.h"
#include "pipeline/flow.h"

#define SUFFIX_BYTES_MAX 8

/* One file on its way, in the request's arena; with the crew thread while the request is held. */
struct file_work {
    const struct file_root *root;
    const struct request *request; /* only its head is read on a crew thread */
    char *path;                    /* with room for a suffix */
    size_t path_len;
    bool may_wait;
    bool has_index; /* the path is a folder with one */
    enum err err;
    int fd; /* -1: not open */
    struct file_status status;
    enum coding coding;
};

static enum verdict begin(struct request *request);
static enum verdict make_path(struct request *request, struct file_work *work);
static void open_file(struct file_work *work);
static void run_open(struct task *task);
static void release(void *work);
static enum verdict conclude(struct request *request, const struct file_work *work);
static enum verdict not_found(struct request *request);

enum verdict stage_files(struct request *request)
{
    if (request->route->asset)
        return asset_answer(request, request->route->asset);
    if (!request->route->files)
        return VERDICT_NEXT;
    if (!request->was_submitted)
        return begin(request);
    request->was_submitted = false;
    return conclude(request, request->task_state);
}

static enum verdict begin(struct request *request)
{
    struct file_work *work = arena_alloc_zero(&request->arena, sizeof *work);
    if (!work)
        return request_fail_memory(request);
    *work = (struct file_work){.root = request->route->files, .request = request, .fd = -1};
    enum verdict verdict = make_path(request, work);
    if (verdict != VERDICT_NEXT)
        return verdict;
    request_on_release(request, release, work);
    open_file(work);
    if (work->err != ERR_AGAIN)
        return conclude(request, work);
    work->may_wait = true;
    request->task_state = work;
    request->task.on_run = run_open;
    if (request_submit(request) == ERR_OK)
        return VERDICT_WAIT;
    request->retry_after_s = 1;
    return request_fail(request, PROBLEM_OVERLOADED, "All executors are busy and their queues full; try again.");
}

static void release(void *argument)
{
    struct file_work *work = argument;
    file_close(work->fd);
}

/* Path. */

/* No segment is empty or begins with a dot: "//" and hidden files name nothing here. "." and ".." are gone already. */
static bool is_servable(struct slice path)
{
    while (path.ptr) {
        struct slice segment = slice_cut(&path, '/');
        bool is_end = !path.ptr;
        if (segment.len == 0 ? !is_end : segment.ptr[0] == '.')
            return false;
    }
    return true;
}

static enum verdict make_path(struct request *request, struct file_work *work)
{
    const struct route_match *match = &request->match;
    struct slice index = work->root->config->index;
    struct slice path = match->param_count ? match->params[match->param_count - 1].value : SLICE_LIT("");
    char *memory = arena_alloc(&request->arena, path.len + 1 + index.len + SUFFIX_BYTES_MAX + 1);
    struct slice decoded;
    if (!memory)
        return request_fail_memory(request);
    if (url_percent_decode(path, false, memory, &decoded) != ERR_OK || !is_servable(decoded) ||
        memchr(memory, '\0', decoded.len))
        return not_found(request);
    work->path = memory;
    work->path_len = decoded.len;
    if (decoded.len == 0 || decoded.ptr[decoded.len - 1] == '/') {
        if (index.len == 0)
            return not_found(request);
        memcpy(memory + decoded.len, index.ptr, index.len);
        work->path_len += index.len;
    }
    memory[work->path_len] = '\0';
    return VERDICT_NEXT;
}

static enum verdict not_found(struct request *request)
{
    return request_fail(request, PROBLEM_NOT_FOUND, "There is nothing at " SLICE_FMT ".",
                        SLICE_ARG(slice_first(request->path, 200)));
}

/* Open. */

static const char *const suffixes[CODING_COUNT] = {
    [CODING_GZIP] = ".gz", [CODING_BROTLI] = ".br", [CODING_ZSTD] = ".zst"};

/* A form that was coded beforehand and is not older than the file takes its place. */
static bool open_form(void *context, enum coding coding)
{
    struct file_work *work = context;
    struct file_status status;
    int fd;
    memcpy(work->path + work->path_len, suffixes[coding], strlen(suffixes[coding]) + 1);
    enum err err = folder_open_file(&work->root->folder, work->path, work->may_wait, &fd, &status);
    work->path[work->path_len] = '\0';
    if (err == ERR_AGAIN)
        work->err = ERR_AGAIN;
    if (err != ERR_OK)
        return false;
    if (status.modified_ns < work->status.modified_ns) {
        file_close(fd);
        return false;
    }
    file_close(work->fd);
    work->fd = fd;
    work->status.bytes = status.bytes;
    work->status.modified_ns = status.modified_ns;
    return true;
}

/* Whether a folder has something to show. */
static void look_for_index(struct file_work *work)
{
    struct slice index = work->root->config->index;
    struct file_status status;
    int fd;
    if (index.len == 0)
        return;
    work->path[work->path_len] = '/';
    memcpy(work->path + work->path_len + 1, index.ptr, index.len);
    work->path[work->path_len + 1 + index.len] = '\0';
    enum err err = folder_open_file(&work->root->folder, work->path, work->may_wait, &fd, &status);
    work->path[work->path_len] = '\0';
    work->has_index = err == ERR_OK;
    if (err == ERR_OK)
        file_close(fd);
    if (err == ERR_AGAIN)
        work->err = ERR_AGAIN;
}

/* Also on a crew thread. */
static void open_file(struct file_work *work)
{
    file_close(work->fd);
    work->fd = -1;
    work->coding = CODING_IDENTITY;
    work->err = folder_open_file(&work->root->folder, work->path, work->may_wait, &work->fd, &work->status);
    if (work->err == ERR_MISMATCH)
        look_for_index(work);
    if (work->err == ERR_OK && work->root->config->is_precompressed)
        work->coding = coding_choose(work->request, open_form, work);
}

static void run_open(struct task *task)
{
    const struct request *request = CONTAINER_OF(task, struct request, task);
    open_file(request->task_state);
}

/* Answer. */

/* "/a/docs" names a folder: relative links in its index work only from "/a/docs/". The path is the one that routing saw,
 * and has no empty segment to make a host's name of. */
static enum verdict redirect_to_folder(struct request *request)
{
    struct slice location = request->query.ptr ? arena_printf(&request->arena, SLICE_FMT "/?" SLICE_FMT,
                                                              SLICE_ARG(request->path), SLICE_ARG(request->query))
                                               : arena_printf(&request->arena, SLICE_FMT "/", SLICE_ARG(request->path));
    if (!location.ptr)
        return request_fail_memory(request);
    response_field_add(request, "Location", location);
    response_set(request, 301, "text/plain; charset=utf-8", SLICE_LIT("It is a folder: the path ends in a slash.\n"));
    return VERDICT_NEXT;
}

static enum verdict refuse(struct request *request, const struct file_work *work)
{
    switch (work->err) {
    case ERR_MISMATCH:
        return work->has_index ? redirect_to_folder(request) : not_found(request);
    case ERR_BUSY:
    case ERR_NOMEM:
        request->retry_after_s = 1;
        return request_fail(request, PROBLEM_OVERLOADED, "No more files can be opened at the moment; try again.");
    case ERR_IO:
        return request_fail(request, PROBLEM_INTERNAL, "The file cannot be read.");
    default:
        return not_found(request);
    }
}

static enum verdict conclude(struct request *request, const struct file_work *work)
{
    if (work->err != ERR_OK)
        return refuse(request, work);
    const struct files_config *config = work->root->config;
    bool is_coded = work->coding != CODING_IDENTITY;
    struct content content = {
        .fd = work->fd,
        .bytes = work->status.bytes,
        .media_type = media_type_of_path(slice_of(work->path, work->path_len)),
        .modified_s = (int64_t)(work->status.modified_ns / NS_PER_S),
        .coding = work->coding,
        .is_varying = config->is_precompressed,
        .cache_control = config->cache_control,
        .etag = arena_printf(&request->arena, "\"%llx-%llx%s%s\"", (unsigned long long)work->status.modified_ns,
                             (unsigned long long)work->status.bytes, is_coded ? "-" : "",
                             is_coded ? coding_name(work->coding) : ""),
    };
    (void)worker_date_line(request->worker);
    content.has_modified = (uint64_t)content.modified_s <= request->worker->date_second;
    if (!content.etag.ptr)
        return request_fail_memory(request);
    return content_answer(request, &content);
}
