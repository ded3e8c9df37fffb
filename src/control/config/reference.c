/* SPDX-License-Identifier: Apache-2.0 */
/* The reference page. The schema is in schema.c. */
#include "control/config/reference.h"

#include "control/config/option_tables.h"
#include "lib/options/page.h"
#include "pipeline/graph.h"
#include "pipeline/route.h"

static const struct option_table *const tables[] = {
    &option_table_config,     &option_table_listen,      &option_table_tls,           &option_table_certificate,
    &option_table_limits,     &option_table_shutdown,    &option_table_shared_memory, &option_table_trace,
    &option_table_stalls,     &option_table_diagnostics, &option_table_model,         &option_table_batch,
    &option_table_pad,        &option_table_cache,       &option_table_sequence,      &option_table_sequence_state,
    &option_table_repository, &option_table_pipeline,    &option_table_pipeline_step, &option_table_pipeline_answer,
    &option_table_upstream,   &option_table_schemas,     &option_table_openapi,       &option_table_route,
    &option_table_contract,   &option_table_target,
};

/* Where a table stands in the file. */
static const char *const headings[] = {
    "The file",
    "An entry of `listen:`",
    "`tls:` of an entry of `listen:`",
    "An entry of `certificates:`",
    "`limits:`",
    "`shutdown:`",
    "`shared_memory:`",
    "`trace:`",
    "`stalls:`",
    "`diagnostics:`",
    "An entry of `models:`",
    "`batch:` of an entry of `models:`",
    "An entry of `pad:` of a model",
    "`cache:` of an entry of `models:`",
    "`sequence:` of an entry of `models:`",
    "An entry of `state:` of `sequence:`",
    "`repository:`, or an entry of it",
    "An entry of `pipelines:`",
    "An entry of `steps:` of a pipeline",
    "An entry of `answer:` of a pipeline",
    "An entry of `upstreams:`",
    "`schemas:`",
    "`openapi:`",
    "An entry of `routes:`",
    "`contract:` of a route",
    "`to:` of a route",
};

static void write_table(struct buffer *out, const struct option_table *table);
static void write_chains(struct buffer *out);
static void write_kinds(struct buffer *out);
static void write_endpoints(struct buffer *out);

void config_reference_write(struct buffer *out)
{
    buffer_printf(out, "# Configuration reference\n\n"
                       "Made by `weir check --reference` from the rows that the loader itself reads.\n"
                       "Relative paths are taken from the folder of the configuration file.\n");
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        buffer_printf(out, "\n## %s\n\n%s.\n\n", headings[i], tables[i]->help);
        write_table(out, tables[i]);
    }
    write_chains(out);
    write_kinds(out);
    write_endpoints(out);
}

static void write_table(struct buffer *out, const struct option_table *table)
{
    option_page_write_table(out, table);
    if (table == &option_table_config)
        buffer_printf(out, "| `chain` | a list of middlewares | | Stands before the chain of every route |\n"
                           "| `pipelines` | a list of maps | | Models and built-in steps as graphs |\n"
                           "| `routes` | a list of maps | | What is served where |\n");
    if (table == &option_table_pipeline)
        buffer_printf(out,
                      "| `steps` | a list of 1 to %d maps | **required** | What is done, each on what earlier steps "
                      "give |\n"
                      "| `answer` | a list of 1 to %d maps | **required** | What becomes of it |\n",
                      GRAPH_STEPS_MAX, GRAPH_ANSWERS_MAX);
    if (table == &option_table_pipeline_step)
        buffer_printf(out, "| `in` | step, step.output, or a map of input to that | | What goes into it; `body` is the "
                           "request. A step that takes an element of a list runs once for each |\n"
                           "| `with` | a map | | Options of a built-in step |\n");
    if (table == &option_table_pipeline_answer)
        buffer_printf(out,
                      "| `each` | a map of member to step.output | | In place of `from`: an array with an object for "
                      "each element of a list |\n");
    if (table == &option_table_route)
        buffer_printf(
            out, "| `chain` | a list of middlewares | | Runs around the target, after the file's chain |\n"
                 "| `parameters` | a file, or a list of OpenAPI Parameter Objects | | What stands in path, query, "
                 "header fields and cookies; without, NAME.parameters.json in the folder of `schemas` |\n"
                 "| `responses` | a map of status, such as `200`, `4XX` or `default`, to a file | | JSON Schemas of "
                 "responses; without, NAME.response.json and NAME.response-STATUS.json in that folder |\n");
}

static void write_chains(struct buffer *out)
{
    static const char *const duties[] = {
        [DUTY_OPTIONAL] = "optional",
        [DUTY_SKIPPABLE] = "skippable: on a route with `debug: true` the header X-Weir-Skip turns it off",
        [DUTY_MANDATORY] = "mandatory on every route that is not declared `public: true`",
    };
    buffer_printf(out,
                  "\n## Entries of `chain:`\n\n"
                  "A chain is a list of names, or of `name: {options}`. Its order is that of this page; another order "
                  "is refused. At most %d middlewares stand around a route, the file's included.\n",
                  CHAIN_LINKS_MAX);
    for (size_t i = 0; i < middleware_count; i++) {
        const struct middleware *middleware = middlewares[i];
        buffer_printf(out, "\n### `%s`\n\n%s. It is %s.\n", middleware->name, middleware->help,
                      duties[middleware->duty]);
        if (middleware->options) {
            buffer_add_byte(out, '\n');
            write_table(out, middleware->options);
        }
    }
}

static void write_ports(struct buffer *out, const char *side, const struct graph_port *ports)
{
    buffer_printf(out, "%s", side);
    for (uint32_t i = 0; ports[i].name; i++)
        buffer_printf(out, "%s`%s` (%s%s%s)", i ? ", " : " ", ports[i].name, ports[i].is_list ? "list of " : "",
                      graph_type_name(ports[i].type), ports[i].is_optional ? ", optional" : "");
    buffer_printf(out, ".");
}

static void write_kinds(struct buffer *out)
{
    buffer_printf(out,
                  "\n## Built-in steps of pipelines\n\nWhat `use:` may say; the first input and the first output need "
                  "not be named.\n");
    for (size_t i = 0; i < graph_kind_count; i++) {
        const struct graph_kind *kind = graph_kinds[i];
        buffer_printf(out, "\n### `%s`\n\n%s. ", kind->name, kind->help);
        write_ports(out, "Takes", kind->inputs);
        write_ports(out, " Gives", kind->outputs);
        buffer_printf(out, "\n");
        if (kind->options) {
            buffer_add_byte(out, '\n');
            write_table(out, kind->options);
        }
    }
}

static void write_endpoints(struct buffer *out)
{
    static const char *const rows[][2] = {
#define ENDPOINT(name, help) {#name, help},
#include "pipeline/endpoints.def"
#undef ENDPOINT
        {"v2",
         "all of the Open Inference Protocol below the path of `match`, which has no method then; where that ends in "
         "/v2, by gRPC as well, beside it"},
        {"v2_grpc",
         "the same by gRPC only: services inference.GRPCInferenceService and grpc.health.v1.Health below the "
         "path of `match`, which is `/` for most clients"},
        {"openapi",
         "/openapi.json, /openapi.yaml and the page /docs below the path of `match`, which has no method then"},
    };
    buffer_printf(out, "\n## Endpoints\n\nWhat `to: {endpoint: …}` may say. `GET /livez` and `GET /readyz` are there "
                       "without being written.\n\n| Endpoint | Answer |\n|---|---|\n");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        buffer_printf(out, "| `%s` | %s |\n", rows[i][0], rows[i][1]);
}
