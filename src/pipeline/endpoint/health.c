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
    char memory[WHY_BYTES];
    struct text why = text_init(memory, sizeof memory);
    if (endpoint_is_ready(request, &why)) {
        response_set(request, 200, "application/json", SLICE_LIT("{\"status\":\"ready\"}"));
        return VERDICT_NEXT;
    }
    struct json_writer writer = json_writer_in_arena(&request->arena, WHY_BYTES);
    json_write_object_begin(&writer);
    json_write_key(&writer, SLICE_LIT("status"));
    json_write_string(&writer, SLICE_LIT("not ready"));
    json_write_key(&writer, SLICE_LIT("detail"));
    json_write_string(&writer, text_slice(&why));
    json_write_object_end(&writer);
    return endpoint_answer(request, 503, &writer);
}
