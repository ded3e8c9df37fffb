/* SPDX-License-Identifier: Apache-2.0 */
/* What one event of a stream says, whoever's dialect it is. */
#ifndef WEIR_LOAD_STREAM_STREAM_INT_H
#define WEIR_LOAD_STREAM_STREAM_INT_H

#include "load/stream.h"

struct load_meaning {
    enum load_dialect dialect; /* UNKNOWN: nobody's */
    bool has_content;
    bool is_end;
    bool is_error;
    bool has_output_tokens, has_input_tokens;
    uint64_t output_tokens, input_tokens; /* so far, all together */
};

/* `arena` is for the call. `known` is the dialect of the events before. */
void load_event_read(const struct sse_event *event, enum load_dialect known, struct arena *arena,
                     struct load_meaning *ret_meaning);

#endif
