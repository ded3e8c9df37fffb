/* SPDX-License-Identifier: Apache-2.0 */
/* Health for orchestrators: is the process alive, and should traffic come. Two questions, because a server that loads its
 * models or drains is alive and must not be restarted for it. */
#include "lib/json/writer.h"
#include "pipeline/endpoint/endpoint_int.h"

enum verdict endpoint_livez(struct request *request)
{
    response_set(request, 200, "application/json", SLICE_LIT("{\"status\":\"ok\"}"));
    return VERDICT_NEXT;
}

bool endpoint_is_ready(const struct request *request, struct text *why)
{
    const struct ports *ports = request->worker->ports;
    return ports->is_ready(ports->owner, why);
}

enum verdict endpoint_readyz(struct request *request)
{
    const struct ports *ports = request->worker->ports;
    char memory[MAX(WHY_BYTES, NOTICE_BYTES + 1)];
    struct text why = text_init(memory, sizeof memory);
    bool is_ready = endpoint_is_ready(request, &why);
    bool has_detail = !is_ready || ports->schemas_are_stale(ports->owner, &why);
    if (!has_detail) {
        response_set(request, 200, "application/json", SLICE_LIT("{\"status\":\"ready\"}"));
        return VERDICT_NEXT;
    }
    struct json_writer writer = json_writer_in_arena(&request->arena, WHY_BYTES);
    json_write_object_begin(&writer);
    json_write_member_string(&writer, "status", is_ready ? SLICE_LIT("ready") : SLICE_LIT("not ready"));
    json_write_member_string(&writer, "detail", text_slice(&why));
    json_write_object_end(&writer);
    return endpoint_answer(request, is_ready ? 200 : 503, &writer);
}
