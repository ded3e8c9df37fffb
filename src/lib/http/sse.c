/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of an event up to the empty one are its block. They are looked for where they were received; only when a piece
 * ends before its block does, what there is of it is held, and from then on line by line joins it. Lines of comment in front
 * of a block are dropped, so that a server that says it lives, and no more, does not fill it. */
#include "lib/http/sse.h"

#define SSE_NO_MARK 3

static const char mark[SSE_NO_MARK] = {'\xef', '\xbb', '\xbf'};

void sse_init(struct sse *sse, struct pool *pool, uint32_t event_bytes_max)
{
    *sse = (struct sse){.pool = pool, .event_bytes_max = event_bytes_max};
}

static void let_go(struct sse *sse)
{
    if (sse->held)
        pool_release(sse->pool, sse->held, sse->held_capacity);
    sse->held = NULL;
    sse->held_capacity = 0;
    sse->held_bytes = 0;
    sse->line_begin = 0;
    sse->is_given = false;
}

void sse_deinit(struct sse *sse)
{
    let_go(sse);
}

/* Room for so many bytes in all. */
static enum err reserve(struct sse *sse, size_t bytes)
{
    size_t capacity = 0;
    if (bytes <= sse->held_capacity)
        return ERR_OK;
    char *larger = pool_acquire(sse->pool, bytes, &capacity);
    if (!larger)
        return ERR_NOMEM;
    if (sse->held_bytes)
        memcpy(larger, sse->held, sse->held_bytes);
    pool_release(sse->pool, sse->held, sse->held_capacity);
    sse->held = larger;
    sse->held_capacity = capacity;
    return ERR_OK;
}

static enum err hold(struct sse *sse, struct slice bytes)
{
    if (bytes.len > sse->event_bytes_max - sse->held_bytes)
        return ERR_LIMIT;
    TRY(reserve(sse, sse->held_bytes + bytes.len));
    memcpy(sse->held + sse->held_bytes, bytes.ptr, bytes.len);
    sse->held_bytes += bytes.len;
    return ERR_OK;
}

/* Where the line that begins at `at` is over: its CR or LF, or the end. `*lf` is the next LF, looked for once. */
static const char *find_line_end(const char *at, const char *end, const char **lf)
{
    if (*lf < at) {
        *lf = memchr(at, '\n', (size_t)(end - at));
        if (!*lf)
            *lf = end;
    }
    const char *cr = memchr(at, '\r', (size_t)(*lf - at));
    return cr ? cr : *lf;
}

/* A line of a block, without its end, cut off the front of *rest. */
static struct slice take_line(struct slice *rest)
{
    const char *end = rest->ptr + rest->len;
    const char *lf = rest->ptr - 1;
    const char *line_end = find_line_end(rest->ptr, end, &lf);
    struct slice line = slice_of(rest->ptr, (size_t)(line_end - rest->ptr));
    size_t over = line_end == end ? 0 : *line_end == '\r' && end - line_end > 1 && line_end[1] == '\n' ? 2 : 1;
    *rest = slice_skip(*rest, line.len + over);
    return line;
}

/* Digits only, else the field is ignored. */
static void read_retry(struct slice value, struct sse_event *event)
{
    uint64_t ms = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            return;
        ms = ms < UINT64_MAX / 16 ? ms * 10 + (uint64_t)(value.ptr[i] - '0') : UINT64_MAX;
    }
    event->has_retry = value.len > 0 || event->has_retry;
    event->retry_ms = value.len > 0 ? ms : event->retry_ms;
}

/* The next line's data goes behind `joined`, which has room. */
static void join(char *joined, struct slice value, struct sse_event *event)
{
    char *place = joined;
    if (event->has_data) {
        if (event->data.ptr != joined && event->data.len)
            memcpy(joined, event->data.ptr, event->data.len);
        place = joined + event->data.len;
        *place++ = '\n';
    }
    if (value.len)
        memcpy(place, value.ptr, value.len);
    event->data = slice_of(joined, (size_t)(place - joined) + value.len);
}

/* `joined` is where data of several lines goes; NULL: there is one line at most. Whether there was any known field. */
static bool read_block(struct slice block, char *joined, struct sse_event *event)
{
    bool is_any = false;
    *event = (struct sse_event){0};
    while (block.len) {
        struct slice line = take_line(&block);
        struct slice name = slice_first(line, slice_find(line, ':'));
        struct slice value = name.len < line.len ? slice_skip(line, name.len + 1) : slice_skip(line, line.len);
        if (value.len && value.ptr[0] == ' ')
            value = slice_skip(value, 1);
        if (slice_equal(name, SLICE_LIT("data"))) {
            if (joined)
                join(joined, value, event);
            else
                event->data = value;
            event->has_data = true;
            is_any = true;
        } else if (slice_equal(name, SLICE_LIT("event"))) {
            event->type = value;
            is_any = true;
        } else if (slice_equal(name, SLICE_LIT("id")) && slice_find(value, 0) == value.len) {
            event->id = value;
            is_any = true;
        } else if (slice_equal(name, SLICE_LIT("retry"))) {
            read_retry(value, event);
            is_any = is_any || event->has_retry;
        }
    }
    return is_any;
}

static bool has_several_lines_of_data(struct slice block)
{
    int count = 0;
    while (block.len && count < 2) {
        struct slice line = take_line(&block);
        count += slice_starts(line, SLICE_LIT("data")) && (line.len == 4 || line.ptr[4] == ':');
    }
    return count > 1;
}

/* The block is over: false when it says nothing. Joined data stands in `held` behind the block, or alone. */
static enum err give(struct sse *sse, struct slice block, bool *ret_is_any, struct sse_event *event)
{
    char *joined = NULL;
    if (block.len > sse->event_bytes_max)
        return ERR_LIMIT;
    if (UNLIKELY(has_several_lines_of_data(block))) {
        bool is_held = block.ptr == sse->held;
        TRY(reserve(sse, sse->held_bytes + block.len));
        joined = sse->held + sse->held_bytes;
        if (is_held)
            block.ptr = sse->held;
    }
    sse->is_given = true;
    *ret_is_any = read_block(block, joined, event);
    return ERR_OK;
}

/* The mark may come in pieces. What turns out to be something else begins the first line. */
static enum err skip_mark(struct sse *sse, struct slice *input)
{
    while (sse->mark_bytes < SSE_NO_MARK && input->len && input->ptr[0] == mark[sse->mark_bytes]) {
        sse->mark_bytes++;
        *input = slice_skip(*input, 1);
    }
    if (sse->mark_bytes == SSE_NO_MARK || !input->len)
        return ERR_OK;
    struct slice begun = slice_of(mark, sse->mark_bytes);
    sse->mark_bytes = SSE_NO_MARK;
    return begun.len ? hold(sse, begun) : ERR_OK;
}

static void skip_lf(struct sse *sse, struct slice *input)
{
    if (!sse->is_behind_cr || !input->len)
        return;
    if (input->ptr[0] == '\n')
        *input = slice_skip(*input, 1);
    sse->is_behind_cr = false;
}

/* Where the next line begins. A LF that has not come yet is remembered. */
static const char *step_over(struct sse *sse, const char *line_end, const char *end)
{
    if (*line_end == '\n')
        return line_end + 1;
    sse->is_behind_cr = line_end + 1 == end;
    return line_end + (sse->is_behind_cr || line_end[1] != '\n' ? 1 : 2);
}

/* Nothing is held. */
static enum err next_in_piece(struct sse *sse, struct slice *input, bool *ret_is_any, struct sse_event *event)
{
    const char *begin = input->ptr;
    const char *end = input->ptr + input->len;
    const char *at = begin;
    const char *lf = begin - 1;
    while (at < end) {
        const char *line_end = find_line_end(at, end, &lf);
        if (line_end == end)
            break;
        const char *next = step_over(sse, line_end, end);
        if (line_end == at && at > begin) {
            *input = slice_of(next, (size_t)(end - next));
            return give(sse, slice_of(begin, (size_t)(at - begin)), ret_is_any, event);
        }
        if (at == begin && (line_end == at || *at == ':'))
            begin = next;
        at = next;
    }
    *input = slice_of(end, 0);
    if (begin < end)
        TRY(hold(sse, slice_of(begin, (size_t)(end - begin))));
    sse->line_begin = (size_t)(at - begin);
    return ERR_AGAIN;
}

/* One line more for what is held, or what there is of it. */
static enum err next_in_held(struct sse *sse, struct slice *input, bool *ret_is_any, struct sse_event *event)
{
    const char *end = input->ptr + input->len;
    const char *lf = input->ptr - 1;
    const char *line_end = find_line_end(input->ptr, end, &lf);
    const char *next = line_end == end ? end : step_over(sse, line_end, end);
    struct slice taken = slice_of(input->ptr, (size_t)(next - input->ptr));
    bool is_empty = line_end < end && line_end == input->ptr && sse->line_begin == sse->held_bytes;
    *input = slice_skip(*input, taken.len);
    if (is_empty)
        return give(sse, slice_of(sse->held, sse->held_bytes), ret_is_any, event);
    TRY(hold(sse, taken));
    if (line_end == end)
        return ERR_AGAIN;
    sse->line_begin = sse->held_bytes;
    sse->is_given = sse->held[0] == ':'; /* it was a comment, alone */
    *ret_is_any = false;
    return ERR_OK;
}

enum err sse_next(struct sse *sse, struct slice *input, struct sse_event *ret_event)
{
    bool is_any = false;
    while (!is_any) {
        if (sse->is_given)
            let_go(sse);
        if (UNLIKELY(sse->mark_bytes < SSE_NO_MARK))
            TRY(skip_mark(sse, input));
        skip_lf(sse, input);
        if (!input->len)
            return ERR_AGAIN;
        TRY(sse->held_bytes ? next_in_held(sse, input, &is_any, ret_event)
                            : next_in_piece(sse, input, &is_any, ret_event));
    }
    return ERR_OK;
}
