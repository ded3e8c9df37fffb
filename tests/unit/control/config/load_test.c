/* SPDX-License-Identifier: Apache-2.0 */
/* Whole configurations: chains, routes, models, what contradicts what, and who frees it. */
#include "unit/control/config/harness.h"

#include "lib/sys/file.h"

#define PUBLIC "public: true, to: {endpoint: livez}}\n"

static const struct route *route_named(const struct config *config, const char *name)
{
    for (uint32_t i = 0; i < config->route_count; i++)
        if (slice_is(config->routes[i]->name, name))
            return config->routes[i];
    fail_msg("there is no route %s", name);
    return NULL;
}

static struct slice text_at(struct option_list list, uint32_t index)
{
    assert_true(index < list.count);
    return ((struct slice *)list.items)[index];
}

static const char v2_routes[] = {
#define V2_ROUTE(method, suffix, endpoint) 1,
#include "pipeline/v2_routes.def"
#undef V2_ROUTE
};

static void check_good_tables(const struct config *config)
{
    const struct model_config *model = (const struct model_config *)config->models.items + 1; /* by name */
    const struct listen_config *listen = config->listen.items;
    assert_int_equal(config->listen.count, 2);
    assert_true(slice_is(listen[1].address, "[::1]:8081"));
    assert_int_equal(address_port(&listen[1].bound_to), 8081);
    assert_int_equal(config->workers, 2);
    assert_int_equal(config->executors, 3);
    assert_string_equal(config->onnxruntime.ptr, TESTS_DIR "/data/config/lib/libonnxruntime.so.1");
    assert_int_equal(config->limits.body_bytes, 20 << 20);
    assert_int_equal(config->limits.json_depth, 16);
    assert_int_equal(config->limits.idle_time, 90000000000);
    assert_int_equal(config->shutdown.delay_ns, 500000000);
    assert_int_equal(config->shutdown.timeout_ns, 120000000000);
    assert_int_equal(config->models.count, 2);
    assert_string_equal(model->name.ptr, "text-orientation");
    assert_string_equal(model->version.ptr, "2");
    assert_string_equal(model->path.ptr, TESTS_DIR "/data/config/model.onnx");
    assert_int_equal(model->optimization, MODEL_OPTIMIZE_BASIC);
    assert_int_equal(model->provider_missing, MODEL_PROVIDER_STOP);
    assert_true(slice_is(text_at(model->providers, 0), "cuda"));
    assert_int_equal(model->threads, 4);
    const struct option_shape *shape = model->warm_up.items;
    assert_int_equal(model->warm_up.count, 1);
    assert_string_equal(shape->name.ptr, "x");
    assert_int_equal(shape->rank, 4);
    assert_int_equal(shape->dims[3], 192);
    assert_true(slice_is(text_at(model[-1].providers, 0), "cpu"));
}

static void check_good_routes(const struct config *config)
{
    const struct route *route = route_named(config, "POST api.example.com/v1/text-orientation/{id}");
    assert_true(slice_is(route->method, "POST"));
    assert_true(slice_is(route->pattern, "/v1/text-orientation/{id}"));
    assert_true(slice_is(route->host, "api.example.com"));
    assert_int_equal(route->body_bytes_max, 1 << 20);
    assert_int_equal(route->request_time_ns, 5000000000);
    assert_true(route->config->is_debug);
    assert_int_equal(route->endpoint, ENDPOINT_NONE);
    assert_int_equal(route->chain_count, 5);
    assert_string_equal(route->chain[0].middleware->name, "request_id");
    assert_null(route->chain[0].options);
    const struct fake_auth *auth = route->chain[2].options;
    const struct fake_image *image = route->chain[3].options;
    const struct fake_output *output = route->chain[4].options;
    assert_string_equal(auth->keys.ptr, TESTS_DIR "/data/config/keys.conf");
    assert_int_equal(((uint64_t *)image->size.items)[0], 192);
    assert_int_equal(image->layout, 1);
    assert_true(((double *)image->mean.items)[2] == 0.1);
    assert_true(slice_is(text_at(output->labels, 1), "180"));
    assert_ptr_equal(route_named(config, "GET api.example.com/v1/text-orientation/{id}")->chain[2].options, auth);

    const struct route *infer = route_named(config, "POST /v2/models/{model}/infer");
    assert_int_equal(infer->endpoint, ENDPOINT_v2_infer);
    assert_int_equal(infer->chain_count, 2);
    assert_int_equal(infer->body_bytes_max, 20 << 20);
    assert_int_equal(route_named(config, "GET /v2")->endpoint, ENDPOINT_v2_server);
    assert_int_equal(route_named(config, "* /readyz")->endpoint, ENDPOINT_readyz);
    assert_int_equal(route_named(config, "GET /livez")->chain_count, 0);
    const struct route *call = route_named(config, "POST /inference.GRPCInferenceService/ModelInfer");
    assert_true(call->endpoint == ENDPOINT_rpc && call->rpc == RPC_ModelInfer && !call->contract);
    assert_true(call->chain_count == 2 && call->body_bytes_max == 20 << 20);
    assert_int_equal(config->route_count, 2 + sizeof v2_routes + (RPC_COUNT - 1) + 1 + 1);
}

static const struct route *call_of(const struct config *config, const char *prefix)
{
    char name[200];
    struct text text = text_init(name, sizeof name);
    text_printf(&text, "POST %s/inference.GRPCInferenceService/ModelInfer", prefix);
    for (uint32_t i = 0; i < config->route_count; i++)
        if (slice_equal(config->routes[i]->name, text_slice(&text)))
            return config->routes[i];
    return NULL;
}

static void serves_grpc_beside_v2(void **state)
{
    (void)state;
    struct config *config = load_good("chain: [request_id]\n"
                                      "routes:\n"
                                      "  - {match: /v2, public: true, to: {endpoint: v2}}\n"
                                      "  - {match: /a/v2, host: api.example.com, public: true, to: {endpoint: v2}}\n"
                                      "  - {match: /b, public: true, to: {endpoint: v2}}\n");
    assert_non_null(call_of(config, ""));
    assert_non_null(call_of(config, "api.example.com/a"));
    assert_null(call_of(config, "/b"));
    config_unref(config);
    config = load_good("routes:\n"
                       "  - {match: /v2, public: true, to: {endpoint: v2}}\n"
                       "  - {match: /, public: true, body_bytes: 1MiB, to: {endpoint: v2_grpc}}\n"
                       "  - {match: /c, public: true, to: {endpoint: v2_grpc}}\n"
                       "  - {match: POST /grpc.health.v1.Health/Check, host: x.example.com, public: true,\n"
                       "     to: {endpoint: livez}}\n");
    assert_int_equal(call_of(config, "")->body_bytes_max, 1 << 20);
    assert_non_null(call_of(config, "/c"));
    config_unref(config);
}

static void gives_the_structs_of_a_good_file(void **state)
{
    (void)state;
    struct report report;
    struct config *config;
    report_init(&report);
    assert_int_equal(config_load(TESTS_DIR "/data/config/good.yaml", &report, &config), ERR_OK);
    assert_int_equal(report.note_count, 0);
    report_deinit(&report);
    check_good_tables(config);
    check_good_routes(config);
    struct route_match match;
    const struct http_head head = {
        .host = SLICE_LIT("api.example.com"), .method_text = SLICE_LIT("GET"), .method = HTTP_METHOD_GET};
    route_table_find(config->table, &head, SLICE_LIT("/v1/text-orientation/7"), &match);
    assert_non_null(match.route);
    config_unref(config);
    assert_int_equal(fakes_prepared, fakes_released);
}

static void attaches_a_model_to_all_its_routes(void **state)
{
    (void)state;
    struct report report;
    struct config *config;
    struct model_entry entries[2] = {0};
    report_init(&report);
    assert_int_equal(config_load(TESTS_DIR "/data/config/good.yaml", &report, &config), ERR_OK);
    report_deinit(&report);
    assert_null(config_model(config, SLICE_LIT("other_1.0")));
    config_attach_model(config, 0, &entries[0]);
    config_attach_model(config, 1, &entries[1]);
    assert_ptr_equal(route_named(config, "GET api.example.com/v1/text-orientation/{id}")->model, &entries[1]);
    assert_ptr_equal(route_named(config, "POST api.example.com/v1/text-orientation/{id}")->model, &entries[1]);
    assert_null(route_named(config, "GET /v2")->model);
    assert_ptr_equal(config_model(config, SLICE_LIT("other_1.0")), &entries[0]);
    assert_null(config_model(config, SLICE_LIT("other")));
    config_unref(config);
}

static void lives_until_the_last_reference(void **state)
{
    (void)state;
    struct config *config = load_good("chain: [auth: {keys: k}]\n"
                                      "routes: [{match: GET /, to: {endpoint: livez}}]\n");
    unsigned released = fakes_released;
    assert_ptr_equal(config_ref(config), config);
    config_unref(config);
    assert_int_equal(fakes_released, released);
    assert_true(slice_is(config->routes[0]->name, "GET /"));
    config_unref(config);
    assert_int_equal(fakes_released, released + 1);
    config_unref(NULL);
}

static void releases_what_was_prepared_when_a_later_part_fails(void **state)
{
    (void)state;
    unsigned prepared = fakes_prepared;
    assert_report("chain: [auth: {keys: k}]\n"
                  "routes:\n"
                  "  - {match: GET /, to: {model: none}}\n",
                  "3:32: error: unknown model \"none\"; models are declared in the list \"models\"\n");
    assert_int_equal(fakes_prepared, prepared + 1);
}

static void prepares_the_chain_of_the_file_once(void **state)
{
    (void)state;
    unsigned prepared = fakes_prepared;
    struct config *config = load_good("chain: [auth: {keys: k}]\n"
                                      "routes:\n"
                                      "  - {match: \"GET,POST /\", to: {endpoint: livez}}\n"
                                      "  - {match: /v2, to: {endpoint: v2}}\n");
    assert_int_equal(fakes_prepared, prepared + 1);
    config_unref(config);
}

static void reports_a_file_that_is_not_there(void **state)
{
    (void)state;
    struct report report;
    struct config *config = NULL;
    char said[512];
    report_init(&report);
    assert_int_equal(config_load("/nonexistent/weir.yaml", &report, &config), ERR_INVALID);
    struct text text = text_init(said, sizeof said);
    report_note_format(&report, &report.notes[0], &text);
    assert_string_equal(said, "/nonexistent/weir.yaml: error: there is no such file");
    report_deinit(&report);
    report_init(&report);
    assert_int_equal(config_load("/dev/null", &report, &config), ERR_INVALID);
    assert_string_equal(report.notes[0].message.ptr, "\"/dev/null\" is not a regular file");
    report_deinit(&report);
    assert_null(config);
}

static void wants_a_map_at_the_top(void **state)
{
    (void)state;
    assert_report("", " error: a configuration is a map of options: listen, models, chain, routes and others\n");
    assert_report("- a\n",
                  "1:1: error: a configuration is a map of options: listen, models, chain, routes and others\n");
}

/* Chains. */

static void suggests_the_nearest_middleware(void **state)
{
    (void)state;
    assert_report("routes:\n  - {match: GET /, chain: [auht: {keys: k}], to: {endpoint: livez}}\n",
                  "2:28: error: unknown middleware \"auht\"; did you mean \"auth\"?\n");
    assert_report("routes:\n  - {match: GET /, chain: [x], " PUBLIC,
                  "2:28: error: unknown middleware \"x\"; there are request_id, access_log, auth, normalize_image, "
                  "format_output\n");
}

static void refuses_a_middleware_that_stands_twice(void **state)
{
    (void)state;
    assert_report("chain:\n  - request_id\n  - request_id\nroutes:\n"
                  "  - match: GET /\n    chain: [request_id, access_log, access_log]\n    public: true\n"
                  "    to: {endpoint: livez}\n",
                  "3:5: error: request_id stands in this chain already in line 2\n"
                  "6:13: error: request_id stands in this chain already in line 2\n"
                  "6:37: error: access_log stands in this chain already\n");
}

static void refuses_a_chain_out_of_order_with_the_reason(void **state)
{
    (void)state;
    assert_report("chain: [access_log, request_id]\nroutes:\n  - {match: GET /, " PUBLIC,
                  "1:21: error: request_id must stand before access_log: what comes later refers to the request by its "
                  "id\n");
    assert_report("routes:\n  - match: GET /\n    to: {endpoint: livez}\n    chain:\n"
                  "      - normalize_image: {size: [1, 1]}\n      - auth: {keys: k}\n",
                  "6:9: error: auth must stand before normalize_image in line 5: nothing may read a body before the "
                  "caller is known\n");
    assert_report("chain:\n  - auth: {keys: k}\nroutes:\n  - match: GET /\n    chain: [access_log]\n"
                  "    to: {endpoint: livez}\n",
                  "5:13: error: access_log must stand before auth in line 2: requests that are refused later are to be "
                  "seen too\n");
    assert_report(
        "routes:\n  - match: GET /\n    public: true\n    to: {endpoint: livez}\n    chain:\n"
        "      - format_output\n      - normalize_image: {size: [1, 1]}\n",
        "7:9: error: normalize_image must stand before format_output in line 6: a body becomes an input before "
        "there is an output to shape\n");
}

static void refuses_a_route_without_what_is_mandatory(void **state)
{
    (void)state;
    assert_report("routes:\n  - {match: GET /a, chain: [request_id], to: {endpoint: livez}}\n",
                  "2:13: error: route \"GET /a\" lacks auth, which is mandatory; add \"- auth\" to its chain or to the "
                  "file's, or declare the route \"public: true\"\n");
    assert_report("routes:\n  - {match: GET /a, public: true, to: {endpoint: livez}}\n", "");
    assert_report("chain: [auth: {keys: k}]\nroutes:\n  - {match: GET /a, to: {endpoint: livez}}\n", "");
}

static void warns_of_a_public_route_that_asks_for_a_key(void **state)
{
    (void)state;
    assert_report("chain: [auth: {keys: k}]\nroutes:\n  - {match: GET /a, " PUBLIC,
                  "3:13: warning: route \"GET /a\" is declared public, but auth in its chain still applies\n");
}

static void reports_what_prepare_says_at_the_entry(void **state)
{
    (void)state;
    assert_report("routes:\n  - match: GET /\n    chain:\n      - auth: {keys: /k, tenant: nobody}\n"
                  "    to: {endpoint: livez}\n",
                  "4:9: error: auth: /k:3: the tenant is nobody\n");
}

static void refuses_options_where_there_are_none(void **state)
{
    (void)state;
    assert_report("chain:\n  - request_id: {a: 1}\n  - access_log: {}\nroutes:\n  - {match: GET /, " PUBLIC,
                  "2:17: error: request_id takes no options\n");
}

static void wants_one_name_for_each_entry(void **state)
{
    (void)state;
    static const char words[] = "an entry of a chain is a name or {name: {options}}";
    char expected[512];
    (void)snprintf(expected, sizeof expected,
                   "2:5: error: %s\n3:5: error: %s; indent options further than the name\n5:5: error: %s\n", words,
                   words, words);
    assert_report("chain:\n  - [a]\n  - auth: {keys: k}\n    tenant: x\n  - ~\nroutes:\n  - {match: GET /, " PUBLIC,
                  expected);
}

static void bounds_the_length_of_a_chain(void **state)
{
    (void)state;
    struct report report;
    struct config *config = NULL;
    char yaml[2048] = "chain:\n";
    struct text text = {.ptr = yaml, .len = strlen(yaml), .capacity = sizeof yaml};
    for (int i = 0; i <= CHAIN_LINKS_MAX; i++)
        text_add(&text, SLICE_LIT("  - access_log\n"));
    report_init(&report);
    assert_int_equal(config_load_text(text_slice(&text), "weir.yaml", &report, &config), ERR_INVALID);
    const struct report_note *last = &report.notes[report.note_count - 1];
    assert_int_equal(last->place.line, CHAIN_LINKS_MAX + 2);
    assert_string_equal(last->message.ptr, "a chain has at most 16 middlewares");
    report_deinit(&report);
}

static void bounds_the_length_of_both_chains_together(void **state)
{
    (void)state;
    struct report report;
    struct config *config = NULL;
    char yaml[4096] = "chain:\n";
    struct text text = {.ptr = yaml, .len = strlen(yaml), .capacity = sizeof yaml};
    for (int i = 0; i < CHAIN_LINKS_MAX; i++)
        text_add(&text, SLICE_LIT("  - access_log\n"));
    text_add(&text,
             SLICE_LIT("routes:\n  - {match: GET /, public: true, chain: [format_output], to: {endpoint: livez}}"));
    report_init(&report);
    assert_int_equal(config_load_text(text_slice(&text), "weir.yaml", &report, &config), ERR_INVALID);
    char said[REPORT_BYTES];
    format_report(&report, said, sizeof said);
    assert_non_null(
        strstr(said, "19:13: error: route \"GET /\" has 17 middlewares with the file's chain; at most 16\n"));
    report_deinit(&report);
}

/* Routes. */

static void wants_a_method_and_a_path(void **state)
{
    (void)state;
    assert_report("routes:\n  - {match: /a, " PUBLIC,
                  "2:13: error: \"match\" lacks a method; write \"POST /a\", or \"* /a\" for any method\n");
    assert_report("routes:\n  - {match: GET, " PUBLIC,
                  "2:13: error: \"match\" takes a method and a path such as \"POST "
                  "/v1/users/{id}\", found \"GET\"\n");
    assert_report("routes:\n  - {match: GET a, " PUBLIC, "2:13: error: \"match\" takes a method and a path such as "
                                                         "\"POST /v1/users/{id}\", found \"GET a\"\n");
    assert_report("routes:\n  - {match: post /a, " PUBLIC,
                  "2:13: error: unknown method \"post\"; did you mean \"POST\"?\n");
    assert_report("routes:\n  - {match: \"GET, POST /a\", " PUBLIC,
                  "2:13: error: \"match\" takes a method and a path such as \"POST /v1/users/{id}\", found \"GET, POST "
                  "/a\"\n");
    assert_report(
        "routes:\n  - {match: BREW /a, " PUBLIC,
        "2:13: error: unknown method \"BREW\"; there are GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS and *\n");
}

static void refuses_a_broken_pattern_in_its_line(void **state)
{
    (void)state;
    struct report report;
    struct config *config = NULL;
    report_init(&report);
    assert_int_equal(config_load_text(SLICE_LIT("routes:\n  - {match: GET /a, " PUBLIC "  - {match: GET /b/{, " PUBLIC),
                                      "weir.yaml", &report, &config),
                     ERR_INVALID);
    report_deinit(&report);
    report_init(&report);
    assert_int_equal(
        config_load_text(SLICE_LIT("routes:\n  - {match: GET /a, " PUBLIC "  - {match: \"GET /b/{\", " PUBLIC
                                   "  - {match: GET /c, " PUBLIC "  - {match: \"GET /{a b}\", " PUBLIC),
                         "weir.yaml", &report, &config),
        ERR_INVALID);
    assert_int_equal(report.note_count, 2);
    assert_int_equal(report.notes[0].place.line, 3);
    assert_int_equal(report.notes[1].place.line, 5);
    assert_non_null(strstr(report.notes[0].message.ptr, "/b/{"));
    report_deinit(&report);
}

static void refuses_routes_that_cannot_be_told_apart_in_the_line_of_the_later_one(void **state)
{
    (void)state;
    struct report report;
    struct config *config = NULL;
    report_init(&report);
    assert_int_equal(config_load_text(SLICE_LIT("routes:\n  - {match: \"GET /{a}\", " PUBLIC
                                                "  - {match: GET /b, " PUBLIC "  - {match: \"GET,POST /{c}\", " PUBLIC),
                                      "weir.yaml", &report, &config),
                     ERR_INVALID);
    assert_int_equal(report.note_count, 1);
    assert_int_equal(report.notes[0].place.line, 4);
    assert_int_equal(report.notes[0].place.column, 13);
    report_deinit(&report);
}

static void refuses_a_route_that_is_there_already(void **state)
{
    (void)state;
    assert_report("routes:\n  - {match: GET /a, " PUBLIC "  - {match: \"GET,GET /b\", " PUBLIC
                  "  - {match: GET /a, " PUBLIC,
                  "3:13: error: route \"GET /b\" is there already, in line 3\n"
                  "4:13: error: route \"GET /a\" is there already, in line 2\n");
    assert_report("routes:\n  - {match: GET /a, " PUBLIC "  - {match: GET /a, host: a, " PUBLIC, "");
}

static void asks_for_no_auth_where_public_does_not_read(void **state)
{
    (void)state;
    assert_report("routes:\n  - {match: GET /a, public: yes, to: {endpoint: livez}}\n",
                  "2:29: error: \"public\" in route takes true or false (default false), found \"yes\"\n");
    assert_report("routes:\n  - {match: GET /a, public: false, to: {endpoint: livez}}\n",
                  "2:13: error: route \"GET /a\" lacks auth, which is mandatory; add \"- auth\" to its chain or to the "
                  "file's, or declare the route \"public: true\"\n");
}

static void wants_exactly_one_target(void **state)
{
    (void)state;
    assert_report(
        "routes:\n  - {match: GET /, public: true, to: {}}\n",
        "2:34: error: \"to\" takes one of model, pipeline, endpoint, upstream, proxy, files and asset, found none\n");
    assert_report(
        "routes:\n  - {match: GET /, public: true, to: {model: a, endpoint: livez}}\n",
        "2:34: error: \"to\" takes one of model, pipeline, endpoint, upstream, proxy, files and asset, found two\n");
    assert_report("routes:\n  - {match: GET /, public: true}\n", "2:5: error: route lacks \"to\": What answers\n");
    assert_report(
        "routes:\n  - public: true\n    to: {endpoint: livez}\n",
        "2:5: error: route lacks \"match\": Method and path: POST /v1/users/{id}; methods may be a list GET,POST "
        "or *\n");
    assert_report("routes:\n  - {match: GET /, public: true, to: livez}\n",
                  "2:38: error: \"to\" in route takes a map of options, found \"livez\"\n");
}

static void schemas_are_listed_and_read_anew_and_nothing_else(void **state)
{
    (void)state;
    assert_report("routes:\n  - {match: \"GET,POST /a\", public: true, to: {endpoint: schemas}}\n", "");
    assert_report("routes:\n  - {match: \"PUT /a\", public: true, to: {endpoint: schemas}}\n",
                  "2:13: error: endpoint schemas takes GET and POST, not PUT\n");
}

static void suggests_the_nearest_endpoint_and_model(void **state)
{
    (void)state;
    assert_report("routes:\n  - {match: GET /, public: true, to: {endpoint: metric}}\n",
                  "2:49: error: unknown endpoint \"metric\"; did you mean \"metrics\"?\n");
    static const char all_endpoints[] = "2:49: error: unknown endpoint \"statistics\"; there are "
#define ENDPOINT(name, help) #name ", "
#include "pipeline/endpoints.def"
#undef ENDPOINT
                                        "v2, v2_grpc, openapi\n";
    assert_report("routes:\n  - {match: GET /, public: true, to: {endpoint: statistics}}\n", all_endpoints);
    assert_report("models: [{name: orientation, path: " TESTS_DIR "/data/config/model.onnx}]\n"
                  "routes:\n  - {match: GET /, public: true, to: {model: orientatoin}}\n",
                  "3:46: error: unknown model \"orientatoin\"; did you mean \"orientation\"?\n");
}

static void wants_no_method_for_v2(void **state)
{
    (void)state;
    assert_report("routes:\n  - {match: GET /v2, public: true, to: {endpoint: v2}}\n",
                  "2:13: error: endpoint v2 brings its own methods; write \"match: /v2\"\n");
}

static void expands_v2_below_any_prefix(void **state)
{
    (void)state;
    struct config *config = load_good("routes:\n  - {match: /kserve/v2/, public: true, to: {endpoint: v2}}\n"
                                      "  - {match: /, host: a, public: true, to: {endpoint: v2}}\n");
    assert_int_equal(route_named(config, "GET /kserve/v2")->endpoint, ENDPOINT_v2_server);
    assert_int_equal(route_named(config, "GET /kserve/v2/health/live")->endpoint, ENDPOINT_v2_live);
    assert_int_equal(route_named(config, "GET a/")->endpoint, ENDPOINT_v2_server);
    config_unref(config);
}

static void wants_a_model_segment_for_endpoints_of_a_model(void **state)
{
    (void)state;
    assert_report("routes:\n  - {match: POST /infer, public: true, to: {endpoint: v2_infer}}\n",
                  "2:13: error: endpoint v2_infer needs a segment {model} in its path, such as /models/{model}\n");
    assert_report("routes:\n  - {match: \"POST /infer/{model}\", public: true, to: {endpoint: v2_infer}}\n", "");
}

static void wants_hosts_without_port_or_path(void **state)
{
    (void)state;
    assert_report("routes:\n  - {match: GET /, host: \"a:80\", " PUBLIC,
                  "2:26: error: \"host\" takes a name such as api.example.com, without port or path, found \"a:80\"\n");
    assert_report("routes:\n  - {match: GET /, host: \"[::1]\", " PUBLIC, "");
}

static void answers_health_checks_unless_the_file_defines_them(void **state)
{
    (void)state;
    struct config *config = load_good("chain: [request_id]\nroutes:\n"
                                      "  - {match: \"* /livez\", public: true, to: {endpoint: metrics}}\n"
                                      "  - {match: GET /readyz, host: a, public: true, to: {endpoint: metrics}}\n");
    assert_int_equal(config->route_count, 3);
    assert_int_equal(route_named(config, "* /livez")->endpoint, ENDPOINT_metrics);
    const struct route *readyz = route_named(config, "GET /readyz");
    assert_int_equal(readyz->endpoint, ENDPOINT_readyz);
    assert_int_equal(readyz->chain_count, 0);
    assert_true(readyz->config->is_public);
    config_unref(config);
}

static void observes_what_no_route_matches_and_does_no_more(void **state)
{
    (void)state;
    struct config *config = load_good("chain: [request_id, access_log, auth: {keys: k}]\n"
                                      "routes: [{match: GET /, to: {endpoint: livez}}]\n");
    assert_int_equal(config->unmatched->chain_count, 2);
    assert_string_equal(config->unmatched->chain[1].middleware->name, "access_log");
    assert_int_equal(config->unmatched->endpoint, ENDPOINT_NONE);
    assert_null(config->unmatched->model);
    config_unref(config);
}

static void bounds_the_number_of_routes(void **state)
{
    (void)state;
    static char yaml[CONFIG_BYTES_MAX];
    struct report report;
    struct config *config = NULL;
    struct text text = text_init(yaml, sizeof yaml);
    text_add(&text, SLICE_LIT("routes:\n"));
    for (int i = 0; i < 1200; i++)
        text_printf(&text, "- {match: /%d, public: true, to: {endpoint: v2}}\n", i);
    report_init(&report);
    assert_int_equal(config_load_text(text_slice(&text), "weir.yaml", &report, &config), ERR_INVALID);
    assert_string_equal(report.notes[0].message.ptr, "there are more than 10000 routes");
    assert_int_equal(report.notes[0].place.line, 1 + 10000 / (int)sizeof v2_routes + 1);
    assert_int_equal(report.note_count, 1);
    report_deinit(&report);
}

/* Listen, models, limits. */

#define TEN_BYTES "0123456789"
#define LONG_NAME                                                                                                      \
    TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES "01234567"
#define LISTEN_ADDRESS_HELP                                                                                            \
    "host:port, [ipv6]:port or unix:/path; without a host, every address of IPv4; port 0 takes a free one"

static void takes_an_address_alone_or_with_options(void **state)
{
    (void)state;
    struct config *config =
        load_good("listen:\n  - 127.0.0.1:80\n  - {address: \"[::]:81\", backlog: 7, protocols: [http/1.1]}\n"
                  "routes:\n  - {match: GET /, " PUBLIC);
    const struct listen_config *listen = config->listen.items;
    assert_int_equal(config->listen.count, 2);
    assert_string_equal(listen[0].address.ptr, "127.0.0.1:80");
    assert_int_equal(listen[0].backlog, 4096);
    assert_true(listen_speaks(&listen[0], LISTEN_H2) && listen_speaks(&listen[0], LISTEN_HTTP1));
    assert_string_equal(listen[1].address.ptr, "[::]:81");
    assert_int_equal(listen[1].backlog, 7);
    assert_false(listen_speaks(&listen[1], LISTEN_H2));
    assert_true(listen_speaks(&listen[1], LISTEN_HTTP1));
    config_unref(config);
}

static void checks_protocols(void **state)
{
    (void)state;
    assert_report("listen:\n"
                  "  - {address: \":1\", protocols: []}\n"
                  "  - {address: \":2\", protocols: [h2, http/1]}\n"
                  "  - {address: \":3\", protocols: h2}\n"
                  "routes:\n  - {match: GET /, " PUBLIC,
                  "2:32: error: \"protocols\" in listen takes a list of at least one of http/1.1, h2 (default "
                  "[http/1.1, h2]), found a list of 0\n"
                  "3:37: error: \"protocols\" in listen takes a list of at least one of http/1.1, h2 (default "
                  "[http/1.1, h2]), found \"http/1\"; did you mean \"http/1.1\"?\n"
                  "4:32: error: \"protocols\" in listen takes a list of at least one of http/1.1, h2 (default "
                  "[http/1.1, h2]), found \"h2\"\n");
    struct config *config =
        load_good("listen: [{address: \":1\", protocols: [h2]}]\nroutes:\n  - {match: GET /, " PUBLIC);
    const struct listen_config *listen = config->listen.items;
    assert_true(listen_speaks(listen, LISTEN_H2));
    assert_false(listen_speaks(listen, LISTEN_HTTP1));
    config_unref(config);
}

static void checks_unix_sockets(void **state)
{
    (void)state;
    assert_report(
        "listen:\n  - unix:/tmp/a\n  - unix:/tmp/a\n  - unix:a\n  - unix:/nonexistent/a\n  - \"unix:/" LONG_NAME
        "\"\n  - {address: unix:/tmp/b, mode: 0688}\n  - {address: \":1\", mode: 0600}\n"
        "  - {address: unix:/tmp/c, mode: 1777}\n  - unix:/a\nroutes:\n  - {match: GET /, " PUBLIC,
        "3:5: error: address \"unix:/tmp/a\" is given twice\n"
        "4:5: error: \"listen\" takes addresses such as 127.0.0.1:8080, [::1]:8080, :8080 or "
        "unix:/run/weir.sock, found \"unix:a\"\n"
        "5:5: error: there is no folder /nonexistent for the unix socket\n"
        "6:5: error: the path of a unix socket has at most 107 bytes, as the system wants it; found 109\n"
        "7:34: error: \"mode\" takes permission bits in octal, such as 0660, found \"0688\"\n"
        "8:27: error: \"mode\" is for unix sockets\n"
        "9:34: error: \"mode\" takes permission bits in octal, such as 0660, found \"1777\"\n");
    struct config *config = load_good("listen:\n  - unix:/tmp/a\n  - {address: unix:/tmp/b, mode: 0600}\n"
                                      "routes:\n  - {match: GET /, " PUBLIC);
    const struct listen_config *listen = config->listen.items;
    assert_int_equal(listen[0].mode_bits, 0660);
    assert_int_equal(listen[1].mode_bits, 0600);
    assert_string_equal(listen[1].bound_to.local.sun_path, "/tmp/b");
    config_unref(config);
}

static void checks_who_may_speak_for_clients(void **state)
{
    (void)state;
    assert_report("listen:\n"
                  "  - {address: \":1\", proxy_protocol: v2}\n"
                  "  - {address: \":2\", proxy_protocol_from: [10.0.0.0/8]}\n"
                  "  - {address: unix:/tmp/a, proxy_protocol: v2, proxy_protocol_from: [::1]}\n"
                  "  - {address: \":3\", proxy_protocol: v2, proxy_protocol_from: [10.0.0.1/8, 10.0.0.0/8, unix]}\n"
                  "  - {address: \":4\", proxy_protocol: v1, proxy_protocol_from: []}\n"
                  "trusted_proxies: [unix, ::/129, example.com]\nroutes:\n  - {match: GET /, " PUBLIC,
                  "2:37: error: \"proxy_protocol\" needs \"proxy_protocol_from\": who may say who the client is\n"
                  "3:21: error: \"proxy_protocol_from\" does nothing without proxy_protocol: v2\n"
                  "4:48: error: \"proxy_protocol_from\" is not for unix sockets: their mode says who may connect\n"
                  "5:63: error: \"10.0.0.1/8\" has bits behind the length of its prefix\n"
                  "5:87: error: \"unix\" is no address or network such as 10.0.0.0/8\n"
                  "6:37: error: \"proxy_protocol\" in listen takes one of off, v2 (default off), found \"v1\"\n"
                  "6:62: error: \"proxy_protocol_from\" in listen takes a list of 1 to 1024 texts, found a list of 0\n"
                  "7:25: error: \"::/129\" is no address or network such as 10.0.0.0/8\n"
                  "7:33: error: \"example.com\" is no address or network such as 10.0.0.0/8\n");
    assert_report("forwarded_field: forwarded\nroutes:\n  - {match: GET /, " PUBLIC,
                  "1:18: warning: \"forwarded_field\" does nothing without trusted_proxies\n");
    struct config *config =
        load_good("listen: [{address: \":1\", proxy_protocol: v2, proxy_protocol_from: [10.0.0.1]}]\n"
                  "trusted_proxies: [unix, 10.0.0.0/8]\nroutes:\n  - {match: GET /, " PUBLIC);
    const struct listen_config *listen = config->listen.items;
    struct ip proxy;
    struct ip client;
    assert_int_equal(ip_parse(SLICE_LIT("10.0.0.1"), &proxy), ERR_OK);
    assert_int_equal(ip_parse(SLICE_LIT("192.0.2.1"), &client), ERR_OK);
    assert_true(ip_set_has(&listen->proxy_senders, &proxy));
    assert_false(ip_set_has(&listen->proxy_senders, &client));
    assert_false(ip_set_has(&listen->proxy_senders, &(struct ip){0}));
    assert_true(ip_set_has(&config->trusted, &proxy));
    assert_false(ip_set_has(&config->trusted, &client));
    assert_true(ip_set_has(&config->trusted, &(struct ip){0}));
    config_unref(config);
}

static void checks_addresses(void **state)
{
    (void)state;
    assert_report("listen: [\"127.0.0.1:80\", localhost, \"127.0.0.1:80\", \"1.2.3.4:0\", \"1.2.3.4:0\"]\n"
                  "routes:\n  - {match: GET /, " PUBLIC,
                  "1:26: error: \"listen\" takes addresses such as 127.0.0.1:8080, [::1]:8080, :8080 or "
                  "unix:/run/weir.sock, found "
                  "\"localhost\"\n"
                  "1:37: error: address \"127.0.0.1:80\" is given twice\n");
    assert_report(
        "listen:\n  - 127.0.0.1:80\n  - address: localhost:80\n  - {backlog: 1}\n  - {address: x, protocol: 1}\n"
        "  - [a]\n  - ~\nroutes:\n  - {match: GET /, " PUBLIC,
        "3:14: error: address \"localhost:80\" is given twice\n"
        "4:5: error: listen lacks \"address\": " LISTEN_ADDRESS_HELP "\n"
        "5:15: error: \"listen\" takes addresses such as 127.0.0.1:8080, [::1]:8080, :8080 or "
        "unix:/run/weir.sock, found \"x\"\n"
        "5:18: error: unknown option \"protocol\" in listen; did you mean \"protocols\"?\n"
        "6:5: error: listen is a map of options, each as \"name: value\", or its \"address\" alone; found a "
        "list of 1\n"
        "7:5: error: listen lacks \"address\": " LISTEN_ADDRESS_HELP "\n");
}

static void checks_models(void **state)
{
    (void)state;
    assert_report("models:\n"
                  "  - {name: a, path: " TESTS_DIR "/data/config/model.onnx}\n"
                  "  - {name: a, path: /nonexistent/m.onnx}\n"
                  "  - {name: b/c, path: " TESTS_DIR "}\n"
                  "routes:\n  - {match: GET /, " PUBLIC,
                  "3:12: error: there is a model \"a\" of version \"1\" already\n"
                  "3:21: error: model file /nonexistent/m.onnx does not exist\n"
                  "4:12: error: a model's name is made of A-Z a-z 0-9 _ . -, as it stands in URLs; found \"b/c\"\n"
                  "4:23: error: model file " TESTS_DIR " is not a regular file\n");
}

#define MODEL "models:\n  - name: a\n    path: " TESTS_DIR "/data/config/model.onnx\n    "
#define TO_A  "\nroutes:\n  - {match: POST /a, public: true, to: {model: a}}\n"

static void checks_options_of_a_model_that_mean_nothing_together(void **state)
{
    (void)state;
    assert_report(MODEL "batch: {preferred: [4]}" TO_A,
                  "4:24: warning: \"preferred\" has no effect without `policy: fixed`\n");
    assert_report(MODEL "batch: {policy: fixed, max: 32, preferred: [8, 64]}" TO_A,
                  "4:48: error: no batch reaches a preferred size of 64 rows: `max` is 32\n");
    assert_report(MODEL "pad: [{input: x, dim: 1, buckets: [4, 8]}, {input: y, dim: 1, buckets: [8, 8]}]" TO_A,
                  "4:76: error: \"buckets\" are ascending; found 8 behind 8\n");
    assert_report(MODEL "cache: {entries: 10}" TO_A,
                  "4:12: error: cache lacks \"ttl\", such as 60s: without it outputs are not kept\n");
    assert_report(MODEL "cache: 0s" TO_A, "");
    assert_report(MODEL "sequence: {idle: 5s}" TO_A,
                  "4:15: error: sequence lacks \"state\", such as [{input: state, output: next_state}]: without it the "
                  "model has none\n");
    assert_report(MODEL "labels: /nonexistent/labels" TO_A,
                  "4:13: error: labels file /nonexistent/labels does not exist\n");
}

static void checks_what_clients_may_name(void **state)
{
    (void)state;
    assert_report(
        "shared_memory: {allow: true, prefix: /a}\nroutes:\n  - {match: GET /, " PUBLIC,
        "1:38: error: \"prefix\" is how names begin, without the slash in front, and they have no other; found "
        "\"/a\"\n");
    assert_report("trace: /nonexistent/trace.json\nroutes:\n  - {match: GET /, " PUBLIC,
                  "1:8: error: the folder of the trace file /nonexistent/trace.json does not exist\n");
}

static void takes_several_versions_of_a_model(void **state)
{
    (void)state;
    struct config *config = load_good("models:\n"
                                      "  - {name: b, path: " TESTS_DIR "/data/config/model.onnx}\n"
                                      "  - {name: a, version: 9, path: " TESTS_DIR "/data/config/model.onnx}\n"
                                      "  - {name: a, version: 10, path: " TESTS_DIR "/data/config/model.onnx}\n"
                                      "routes:\n  - {match: POST /a, public: true, to: {model: a}}\n"
                                      "  - {match: POST /b, public: true, to: {model: b}}\n");
    const struct model_config *models = config->models.items;
    assert_int_equal(config->models.count, 3);
    assert_string_equal(models[0].version.ptr, "10");
    assert_string_equal(models[1].version.ptr, "9");
    assert_string_equal(models[2].name.ptr, "b");
    config_unref(config);
}

static void warns_of_a_model_without_a_route(void **state)
{
    (void)state;
    assert_report("models: [{name: a, path: " TESTS_DIR "/data/config/model.onnx}]\n"
                  "routes:\n  - {match: GET /, " PUBLIC,
                  "1:17: warning: no route leads to model \"a\"\n");
    assert_report("models: [{name: a, path: " TESTS_DIR "/data/config/model.onnx}]\n"
                  "routes:\n  - {match: /v2, public: true, to: {endpoint: v2}}\n",
                  "");
}

static void refuses_limits_that_contradict_each_other(void **state)
{
    (void)state;
    assert_report(
        "limits:\n  body_bytes: 300MiB\n  head_bytes: 4KiB\nroutes:\n  - {match: GET /, " PUBLIC,
        "2:15: error: limits.body_bytes must not be more than limits.request_memory (300MiB > 256MiB): the "
        "body is held in the memory of its request\n"
        "3:15: error: limits.target_bytes must not be more than limits.head_bytes (8KiB > 4KiB): the target is "
        "a part of the head\n");
}

static void warns_of_images_that_never_fit(void **state)
{
    (void)state;
    assert_report("limits: {image_pixels: 100000000}\nroutes:\n  - {match: GET /, " PUBLIC,
                  "1:24: warning: an image of limits.image_pixels takes 300000000 bytes, more than "
                  "limits.request_memory: the largest images will be refused for want of memory\n");
}

static void refuses_a_body_of_a_route_beyond_the_memory_of_a_request(void **state)
{
    (void)state;
    assert_report("routes:\n  - {match: GET /, body_bytes: 1GiB, " PUBLIC,
                  "2:32: error: body_bytes of a route must not be more than limits.request_memory: the body is held in "
                  "the memory of its request\n");
}

/* All of it. */

static void survives_every_truncation_of_a_good_file(void **state)
{
    (void)state;
    struct file_content content;
    assert_int_equal(file_read(TESTS_DIR "/data/config/good.yaml", CONFIG_BYTES_MAX, &content), ERR_OK);
    for (size_t len = 0; len <= content.bytes; len++) {
        struct report report;
        struct config *config = NULL;
        char *exact = malloc(len + 1);
        assert_non_null(exact);
        memcpy(exact, content.data, len);
        report_init(&report);
        enum err err = config_load_text(slice_of(exact, len), TESTS_DIR "/data/config/good.yaml", &report, &config);
        free(exact);
        assert_int_equal(err == ERR_OK, config != NULL);
        assert_int_equal(err != ERR_OK, report.error_count > 0);
        config_unref(config);
        report_deinit(&report);
    }
    file_content_deinit(&content);
    assert_int_equal(fakes_prepared, fakes_released);
}

static void survives_a_lost_byte_anywhere_in_a_good_file(void **state)
{
    (void)state;
    struct file_content content;
    assert_int_equal(file_read(TESTS_DIR "/data/config/good.yaml", CONFIG_BYTES_MAX, &content), ERR_OK);
    for (size_t at = 0; at < content.bytes; at++) {
        struct report report;
        struct config *config = NULL;
        char *less = malloc(content.bytes);
        assert_non_null(less);
        memcpy(less, content.data, at);
        memcpy(less + at, content.data + at + 1, content.bytes - at - 1);
        report_init(&report);
        enum err err =
            config_load_text(slice_of(less, content.bytes - 1), TESTS_DIR "/data/config/good.yaml", &report, &config);
        free(less);
        assert_int_equal(err == ERR_OK, config != NULL);
        config_unref(config);
        report_deinit(&report);
    }
    file_content_deinit(&content);
    assert_int_equal(fakes_prepared, fakes_released);
}

static void refuses_a_file_beyond_the_limit(void **state)
{
    (void)state;
    static char yaml[CONFIG_BYTES_MAX + 1];
    memset(yaml, '#', sizeof yaml);
    config_unref(
        load_reporting(slice_of(yaml, sizeof yaml), "weir.yaml", " error: a configuration has at most 1 MiB\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_structs_of_a_good_file),
        cmocka_unit_test(serves_grpc_beside_v2),
        cmocka_unit_test(attaches_a_model_to_all_its_routes),
        cmocka_unit_test(lives_until_the_last_reference),
        cmocka_unit_test(releases_what_was_prepared_when_a_later_part_fails),
        cmocka_unit_test(prepares_the_chain_of_the_file_once),
        cmocka_unit_test(reports_a_file_that_is_not_there),
        cmocka_unit_test(wants_a_map_at_the_top),
        cmocka_unit_test(suggests_the_nearest_middleware),
        cmocka_unit_test(refuses_a_middleware_that_stands_twice),
        cmocka_unit_test(refuses_a_chain_out_of_order_with_the_reason),
        cmocka_unit_test(refuses_a_route_without_what_is_mandatory),
        cmocka_unit_test(warns_of_a_public_route_that_asks_for_a_key),
        cmocka_unit_test(reports_what_prepare_says_at_the_entry),
        cmocka_unit_test(refuses_options_where_there_are_none),
        cmocka_unit_test(wants_one_name_for_each_entry),
        cmocka_unit_test(bounds_the_length_of_a_chain),
        cmocka_unit_test(bounds_the_length_of_both_chains_together),
        cmocka_unit_test(wants_a_method_and_a_path),
        cmocka_unit_test(refuses_a_broken_pattern_in_its_line),
        cmocka_unit_test(refuses_routes_that_cannot_be_told_apart_in_the_line_of_the_later_one),
        cmocka_unit_test(refuses_a_route_that_is_there_already),
        cmocka_unit_test(asks_for_no_auth_where_public_does_not_read),
        cmocka_unit_test(wants_exactly_one_target),
        cmocka_unit_test(schemas_are_listed_and_read_anew_and_nothing_else),
        cmocka_unit_test(suggests_the_nearest_endpoint_and_model),
        cmocka_unit_test(wants_no_method_for_v2),
        cmocka_unit_test(expands_v2_below_any_prefix),
        cmocka_unit_test(wants_a_model_segment_for_endpoints_of_a_model),
        cmocka_unit_test(wants_hosts_without_port_or_path),
        cmocka_unit_test(answers_health_checks_unless_the_file_defines_them),
        cmocka_unit_test(observes_what_no_route_matches_and_does_no_more),
        cmocka_unit_test(bounds_the_number_of_routes),
        cmocka_unit_test(takes_an_address_alone_or_with_options),
        cmocka_unit_test(checks_addresses),
        cmocka_unit_test(checks_protocols),
        cmocka_unit_test(checks_unix_sockets),
        cmocka_unit_test(checks_who_may_speak_for_clients),
        cmocka_unit_test(checks_models),
        cmocka_unit_test(checks_options_of_a_model_that_mean_nothing_together),
        cmocka_unit_test(checks_what_clients_may_name),
        cmocka_unit_test(takes_several_versions_of_a_model),
        cmocka_unit_test(warns_of_a_model_without_a_route),
        cmocka_unit_test(refuses_limits_that_contradict_each_other),
        cmocka_unit_test(warns_of_images_that_never_fit),
        cmocka_unit_test(refuses_a_body_of_a_route_beyond_the_memory_of_a_request),
        cmocka_unit_test(survives_every_truncation_of_a_good_file),
        cmocka_unit_test(survives_a_lost_byte_anywhere_in_a_good_file),
        cmocka_unit_test(refuses_a_file_beyond_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
