/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/forwarded.h"
#include "pipeline/flow.h"

void parse_client(struct request *request)
{
    static const enum http_field fields[] = {
        [FORWARDED_X_FORWARDED_FOR] = HTTP_FIELD_X_FORWARDED_FOR,
        [FORWARDED_FORWARDED] = HTTP_FIELD_FORWARDED,
    };
    const struct config *config = request->config;
    if (ip_set_has(&config->trusted, &request->peer))
        request->peer =
            forwarded_client(&request->head, fields[config->forwarded_choice], &config->trusted, request->peer);
}
