/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: load
 * Lines that an agent or a controller is sent: whatever they are, they are a message or are refused with a reason, and a message
 * without values that is written again reads back the same. The moments in it never upset the estimate of a clock. */
#include "load/remote/clock_int.h"
#include "load/remote/message_int.h"
#include "load/remote/proof_int.h"

#define MEMORY_BYTES (8u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct load_clock clocks;

static void check_clock(const struct load_message *message, uint64_t heard_ns)
{
    struct load_clock_estimate estimate;
    if (load_clock_add(&clocks, message->sent_ns, message->received_ns, message->answered_ns, heard_ns)) {
        estimate = load_clock_estimate(&clocks, heard_ns);
        ASSERT(estimate.error_ns < UINT64_MAX, "an error is bounded");
    }
}

static void check_again(struct arena *arena, const struct load_message *message)
{
    struct load_message back;
    struct slice line;
    const char *why;
    if (load_message_format(arena, message, &line) != ERR_OK)
        return;
    ASSERT(slice_find(line, '\n') == line.len - 1, "a message is one line");
    line.len--;
    if (message->words || message->record)
        return;
    ASSERT(load_message_parse(arena, line, SIZE_MAX, &back, &why) == ERR_OK, "what is written is a message");
    ASSERT(back.kind == message->kind && slice_equal(back.nonce, message->nonce) &&
               slice_equal(back.text, message->text) && back.at_ns == message->at_ns && back.bytes == message->bytes,
           "what is written reads back the same");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static _Alignas(64) char memory[MEMORY_BYTES];
    struct arena arena;
    struct slice rest = slice_of(data, size);
    while (rest.len) {
        struct load_message message;
        struct load_proof proof = {{0}};
        const char *why = NULL;
        arena_init_fixed(&arena, memory, sizeof memory);
        struct slice line = slice_cut(&rest, '\n');
        if (load_message_parse(&arena, line, LOAD_ORDER_BYTES_MAX, &message, &why) != ERR_OK) {
            ASSERT(why && *why, "what is refused has a reason");
            continue;
        }
        check_clock(&message, size);
        (void)load_proof_is(&proof, message.proof);
        check_again(&arena, &message);
    }
    return 0;
}
