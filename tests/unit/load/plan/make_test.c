/* SPDX-License-Identifier: Apache-2.0 */
/* Plans from YAML and from flags: what is taken, and the words for what is not. */
#include "unit/load/plan/making.h"

#include "lib/base/attr.h"
#include "load/values.h"

#define URL   "url: http://127.0.0.1:8080/api\n"
#define STEPS "steps: [GET /]\n"

static void a_plan_says_all_that_it_was_written(void **state)
{
    (void)state;
    struct making making;
    const struct load_plan *plan =
        make_yaml(&making, "name: shop\n" URL "variables: {token: none}\n"
                           "data: [{name: users, file: users.csv, order: shuffled}]\n"
                           "scenarios:\n"
                           "  - name: browse\n"
                           "    weight: 3\n"
                           "    steps:\n"
                           "      - GET /items?q=${random(1, 9)}\n"
                           "      - name: login\n"
                           "        request: POST /login\n"
                           "        json:\n"
                           "          user: ${users.name}\n"
                           "          pass: \"${users.secret}\"\n"
                           "        extract: {variable: sid, json: /token}\n"
                           "        checks: [{status: [200, 3xx]}, {json: /ok, equals: true}]\n"
                           "        think: [1s, 3s]\n"
                           "        timeout: 1m30s\n"
                           "      - {request: GET /me, headers: {authorization: \"Bearer ${sid}\"}}\n"
                           "  - {name: idle, steps: [\"/items?q=${random(1, 2)}\"]}\n"
                           "load:\n"
                           "  stages: [{duration: 10s, rate: 600/min}, {duration: 1m, rate: 10 -> 100}]\n"
                           "thresholds:\n"
                           "  - p99.9 < 20ms\n"
                           "  - login: errors <= 0.1%\n"
                           "  - {condition: mean < 1s, stop: true}\n");
    assert_string_equal(making.said, "");
    assert_true(slice_is(plan->name, "shop"));
    assert_int_equal(plan->scenario_count, 2);
    assert_int_equal(plan->step_count, 4);
    assert_true(plan->scenarios[0].weight == 3 && plan->scenarios[1].weight == 1);
    const struct load_step *login = &plan->steps[1];
    assert_true(slice_is(plan->steps[0].name, "GET /items?q=${random(1, 9)}"));
    assert_true(slice_is(login->name, "login") && slice_is(login->method, "POST"));
    assert_true(slice_is(login->path.pieces[0].text, "/api/login"));
    assert_int_equal(login->timeout_ns, 90000000000);
    assert_int_equal(login->think_least_ns, 1000000000);
    assert_int_equal(login->think_most_ns, 3000000000);
    assert_true(login->has_status_check && login->check_count == 2 && login->checks[0].status_count == 2);
    assert_true(!login->is_literal && !plan->steps[3].is_literal && slice_is(plan->steps[3].method, "GET"));
    assert_true(slice_is(plan->steps[3].path.pieces[0].text, "/api/items?q="));
    assert_true(slice_is(login->fields[0].name, "content-type"));
    assert_int_equal(plan->data[0].row_count, 2);
    assert_int_equal(plan->data[0].order, LOAD_DATA_SHUFFLED);
    assert_true(slice_is(plan->data[0].cells[1], "a\"b"));
    assert_int_equal(plan->arrival, LOAD_CONSTANT);
    assert_int_equal(plan->stage_count, 2);
    assert_true(plan->stages[0].from == 10 && plan->stages[1].from == 10 && plan->stages[1].to == 100);
    assert_int_equal(load_plan_duration_ns(plan), 70000000000);
    assert_int_equal(plan->threshold_count, 3);
    assert_int_equal(plan->thresholds[1].step, 1);
    assert_true(plan->thresholds[2].stops_test);
    making_end(&making);
}

static void bodies_of_json_are_filled_in_and_escaped(void **state)
{
    (void)state;
    struct making making;
    const struct load_plan *plan = make_yaml(&making, URL "data: {name: users, file: users.csv}\n"
                                                          "steps:\n"
                                                          "  - request: POST /\n"
                                                          "    json:\n"
                                                          "      text: \"say \\\"${users.secret}\\\"\"\n"
                                                          "      raw: ${user}\n"
                                                          "      quoted: \"${user}\"\n"
                                                          "      kept: $${user}\n"
                                                          "      list: [1, x, null, true]\n");
    static const uint32_t row = 0;
    struct load_values values = {.plan = plan, .rows = &row, .user = 7};
    struct buffer out = buffer_in_arena(&making.arena, 0);
    struct slice body;
    assert_string_equal(making.said, "");
    assert_int_equal(load_fill(&plan->steps[0].body, &values, &out), ERR_OK);
    assert_int_equal(buffer_finish(&out, &body), ERR_OK);
    assert_true(slice_is(body, "{\"text\":\"say \\\"a\\\"b\\\"\",\"raw\":7,\"quoted\":\"7\",\"kept\":\"${user}\","
                               "\"list\":[1,\"x\",null,true]}"));
    making_end(&making);
}

static void says_what_is_wrong_where_and_what_was_meant(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        const char *said;
    } rows[] = {
        {STEPS, "1:1: error: a plan lacks \"url\", or \"targets\"\n"},
        {URL, "1:1: error: a plan lacks \"steps\", or \"scenarios\" with steps\n"},
        {"urll: http://x\n" URL STEPS, "1:1: error: unknown option \"urll\" in plan; did you mean \"url\"?\n"},
        {"url: ftp://x\n" STEPS, "1:6: error: \"ftp://x\" is no URL such as http://127.0.0.1:8080/v1/items\n"},
        {"url: http://x:70000\n" STEPS,
         "1:6: error: \"http://x:70000\" is no URL such as http://127.0.0.1:8080/v1/items\n"},
        {URL "steps: [GET items]\n", "2:9: error: a path begins with \"/\", found \"items\"\n"},
        {URL "steps: [{name: a}]\n",
         "2:9: error: a step lacks \"request\", such as GET /items, or \"path\" with or without \"method\"\n"},
        {URL "steps: [{name: a, request: GET /}, {name: a, request: GET /}]\n",
         "2:43: error: another step is called \"a\"; names of steps are unique in a plan\n"},
        {URL "steps: [\"GET /${usr}\"]\n", "2:9: error: unknown value \"usr\" in ${...}; did you mean \"user\"?\n"},
        {URL "steps: [\"GET /${user\"]\n", "2:9: error: a \"${\" has no \"}\"; \"$${\" is the text itself\n"},
        {URL "steps: [\"GET /${random(9, 1)}\"]\n",
         "2:9: error: random takes the least and the greatest whole number, such as ${random(1, 6)}\n"},
        {URL "steps: [{request: GET /, checks: {status: 999}}]\n",
         "2:34: error: \"status\" takes 200, 2xx or 200-299, found \"999\"\n"},
        {URL "steps: [{request: GET /, checks: {json: a, equals: 1}}]\n",
         "2:34: error: a JSON Pointer begins with \"/\", such as /items/0/id\n"},
        {URL "steps: [{request: GET /, checks: {matches: \"(\"}}]\n",
         "2:34: error: the regular expression \"(\" has at byte 0: missing closing parenthesis\n"},
        {URL "steps: [{request: GET /, extract: {variable: a, regex: x}}]\n",
         "2:35: error: the regular expression \"x\" has at byte 0: no group (...) that says which part is meant\n"},
        {URL "steps: [{request: GET /, headers: {Content-Length: x}}]\n",
         "2:36: error: content-length is made of the body and `keep_alive`\n"},
        {URL "steps: [{request: GET /, think: soon}]\n",
         "2:9: error: \"think\" takes times such as 500ms or 2s, found \"soon\"\n"},
        {URL "steps: [{request: GET /, beside: b, name: aa}, {request: GET /, name: bb}]\n",
         "2:34: error: unknown step \"b\"; it is the `name` of another step\n"},
        {URL "steps: [{request: GET /, target: x}]\n", "2:34: error: unknown target \"x\"; `targets` names them\n"},
        {URL "steps: [{request: GET /, body_file: no}]\n", "2:9: error: ./no cannot be read: not found\n"},
        {URL STEPS "load: {rate: fast}\n",
         "3:14: error: \"rate\" takes 100, 100/s, 6000/min or a ramp 100 -> 1000, found \"fast\"\n"},
        {URL STEPS "load: {mode: closed, rate: 1}\n",
         "3:7: error: a rate is of open mode; in closed mode `users` say how much is asked for\n"},
        {URL STEPS "load: {mode: open}\n", "3:7: error: open mode lacks \"rate\", such as 100/s\n"},
        {URL STEPS "load: {rate: 1, users: 2}\n",
         "3:7: error: users, spawn_rate and pacing are of closed mode; a rate or a replay makes the mode open\n"},
        {URL STEPS "load: {users: 2}\nconnections: 3\n", "3:7: error: in closed mode each user has a connection of its "
                                                         "own, or a stream of HTTP/2: 2 users, and connections: 3\n"},
        {URL STEPS "thresholds: p99 < 20\n", "3:13: error: the bound of latency is written like 20ms\n"},
        {URL STEPS "thresholds: [erors < 1%]\n",
         "3:14: error: \"erors\" is nothing that is measured; did you mean \"errors\"?\n"},
        {URL STEPS "thresholds: [first_token p50 < 1s]\n",
         "3:14: error: only steps of `kind: chat` have tokens, and there is none\n"},
        {URL STEPS "data: {name: d, file: no.csv}\n", "3:7: error: ./no.csv cannot be read: not found\n"},
        {"url: [\n", "2:1: error: "},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct making making;
        assert_null(make_yaml(&making, rows[i].yaml));
        if (rows[i].said[strlen(rows[i].said) - 1] == '\n' ? strcmp(making.said, rows[i].said) != 0
                                                           : !strstr(making.said, "error: "))
            fail_msg("row %zu says\n%snot\n%s", i, making.said, rows[i].said);
        making_end(&making);
    }
}

static void a_value_is_known_only_behind_the_step_that_extracts_it(void **state)
{
    (void)state;
    struct making making;
    assert_null(make_yaml(&making, URL "scenarios:\n"
                                       "  - name: a\n"
                                       "    steps:\n"
                                       "      - GET /${id}\n"
                                       "      - {request: GET /, extract: {variable: id, json: /id}}\n"
                                       "      - GET /${id}\n"
                                       "  - {name: b, steps: [\"GET /${id}\"]}\n"));
    assert_non_null(strstr(making.said, "5:9: error: unknown value \"id\""));
    assert_non_null(strstr(making.said, "8:23: error: unknown value \"id\""));
    assert_null(strstr(making.said, "7:9:"));
    making_end(&making);
}

static void faults_of_data_files_have_places_in_those_files(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *content;
        const char *said;
    } rows[] = {
        {"d.csv", "a,b\n1,2\n3\n", "d.csv:3:1: error: 1 fields, where the first record has 2"},
        {"d.csv", "a\n\"x\n", "a quote has no end"},
        {"d.csv", "a\n", "d.csv:1:1: error: there are no rows in it"},
        {"d.jsonl", "{\"a\":1}\n{\"b\":1}\n", "d.jsonl:2:1: error: \"a\" is missing, which the first line has"},
        {"d.jsonl", "{\"a\":1}\n\n[1]\n", "d.jsonl:3:1: error: no object of JSON: an array"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct making making;
        char yaml[256], path[64];
        (void)snprintf(yaml, sizeof yaml, URL STEPS "data: {name: d, file: %s}\n", rows[i].name);
        (void)snprintf(path, sizeof path, "./%s", rows[i].name);
        making_begin(&making);
        making_add(&making, "p.yaml", yaml);
        making_add(&making, path, rows[i].content);
        making_word(&making, "p.yaml");
        assert_null(making_run(&making));
        char line[2048];
        struct text text = text_init(line, sizeof line);
        report_note_format(&making.report, &making.report.notes[0], &text);
        if (!strstr(line, rows[i].said))
            fail_msg("row %zu says %s", i, line);
        making_end(&making);
    }
}

static void rows_of_json_lines_are_as_those_of_csv(void **state)
{
    (void)state;
    struct making making;
    making_begin(&making);
    making_add(&making, "p.yaml", URL "steps: [\"GET /${d.n}/${d.s}\"]\ndata: {name: d, file: d.ndjson}\n");
    making_add(&making, "./d.ndjson", "{\"n\":1,\"s\":\"x y\"}\r\n{\"s\":\"z\",\"n\":[1,2]}\n");
    making_word(&making, "p.yaml");
    const struct load_plan *plan = making_run(&making);
    assert_string_equal(making.said, "");
    assert_int_equal(plan->data[0].row_count, 2);
    assert_true(slice_is(plan->data[0].cells[0], "1") && slice_is(plan->data[0].cells[1], "x y"));
    assert_true(slice_is(plan->data[0].cells[2], "[1,2]") && slice_is(plan->data[0].cells[3], "z"));
    making_end(&making);
}

static void recorded_moments_begin_at_zero_and_rise(void **state)
{
    (void)state;
    struct making making;
    making_begin(&making);
    making_add(&making, "p.yaml", URL STEPS "load: {replay: {file: t.txt, scale: 2}}\n");
    making_add(&making, "./t.txt", "time,what\n100.5,a\n100,b\n\n102,c\n");
    making_word(&making, "p.yaml");
    const struct load_plan *plan = making_run(&making);
    assert_string_equal(making.said, "");
    assert_int_equal(plan->arrival, LOAD_REPLAY);
    assert_int_equal(plan->replay_count, 3);
    assert_true(plan->replay_ns[0] == 0 && plan->replay_ns[1] == 250000000 && plan->replay_ns[2] == 1000000000);
    assert_int_equal(load_plan_duration_ns(plan), 1000000001);
    making_end(&making);
}

static const struct load_plan *make_words(struct making *making, const char *const *words)
{
    making_begin(making);
    making_add(making, "p.yaml", URL STEPS "load: {stages: [{duration: 5s, rate: 10}]}\nconnections: 7\n");
    for (; *words; words++)
        making_word(making, *words);
    return making_run(making);
}
#define MAKE(making, ...) make_words(making, (const char *const[]){__VA_ARGS__, NULL})

static void flags_make_the_plan_of_a_url(void **state)
{
    (void)state;
    struct making making;
    const struct load_plan *plan =
        MAKE(&making, "--connections=64", "--duration=10", "--header=Accept: text/html", "--data={\"n\":${sequence}}",
             "--timeout=500ms", "--think=1s..3s", "--threshold=p99 < 20ms", "--threshold=errors < 1%",
             "http://127.0.0.1:8080/a?b=c");
    assert_string_equal(making.said, "");
    assert_int_equal(plan->arrival, LOAD_CLOSED);
    assert_int_equal(plan->connections_max, 64);
    assert_int_equal(load_plan_duration_ns(plan), 10000000000);
    assert_true(slice_is(plan->steps[0].method, "POST"));
    assert_true(slice_is(plan->steps[0].path.pieces[0].text, "/a?b=c"));
    assert_int_equal(plan->steps[0].body.count, 3);
    assert_int_equal(plan->steps[0].think_most_ns, 3000000000);
    assert_int_equal(plan->threshold_count, 2);
    making_end(&making);

    plan = MAKE(&making, "--rate=6000/min", "--arrival=poisson", "--http2", "--insecure", "https://localhost");
    assert_string_equal(making.said, "");
    assert_int_equal(plan->arrival, LOAD_POISSON);
    assert_int_equal(plan->connections_max, 4);
    assert_true(plan->stages[0].from == 100 && slice_is(plan->steps[0].path.pieces[0].text, "/"));
    assert_true(plan->targets[0].protocol == LOAD_HTTP2 && plan->targets[0].is_unverified &&
                plan->targets[0].port == 443);
    making_end(&making);

    plan = MAKE(&making, "--requests=5", "--header=Host: example.com", "localhost:8080");
    assert_string_equal(making.said, "");
    assert_true(slice_is(plan->steps[0].fields[0].name, "Host") && slice_is(plan->targets[0].host, "localhost"));
    assert_int_equal(load_plan_duration_ns(plan), UINT64_MAX);
    making_end(&making);

    plan = MAKE(&making, "--stages=30s:10u,1m30s:10..50u", "http://[::1]:8080");
    assert_string_equal(making.said, "");
    assert_true(plan->stage_count == 2 && plan->stages[1].to == 50 && plan->connections_max == 50);
    making_end(&making);
}

static void pipelined_connections_are_as_many_users_as_they_carry(void **state)
{
    (void)state;
    struct making making;
    const struct load_plan *plan = MAKE(&making, "--connections=4", "--pipeline=16", "http://127.0.0.1:8080");
    assert_string_equal(making.said, "");
    assert_true(plan->stages[0].from == 64 && plan->connections_max == 4);
    making_end(&making);

    plan = MAKE(&making, "--users=33", "--pipeline=16", "http://127.0.0.1:8080");
    assert_string_equal(making.said, "");
    assert_true(plan->stages[0].from == 33 && plan->connections_max == 3);
    making_end(&making);

    plan = MAKE(&making, "--connections=4", "--http2", "http://127.0.0.1:8080");
    assert_string_equal(making.said, "");
    assert_true(plan->stages[0].from == 4 && plan->connections_max == 4);
    making_end(&making);
}

static void flags_have_the_last_word_over_a_plan(void **state)
{
    (void)state;
    struct making making;
    const struct load_plan *plan = MAKE(&making, "--rate=7", "--run-time=2s", "--host=http://127.0.0.1:9", "p.yaml");
    assert_string_equal(making.said, "");
    assert_true(plan->stage_count == 1 && plan->stages[0].from == 7 && plan->stages[0].duration_ns == 2000000000);
    assert_int_equal(plan->targets[0].port, 9);
    making_end(&making);

    plan = MAKE(&making, "--variable=token=a:b", "--variable=other=", "--variable=token=c", "p.yaml");
    assert_string_equal(making.said, "");
    assert_int_equal(plan->variable_count, 2);
    assert_true(slice_is(plan->values[0], "c") && slice_is(plan->variables[1], "other") && plan->values[1].len == 0);
    making_end(&making);

    plan = MAKE(&making, "--users=100", "--spawn-rate=10", "p.yaml");
    assert_string_equal(making.said, "");
    assert_true(plan->arrival == LOAD_CLOSED && plan->stages[0].from == 100 && plan->spawn_per_s == 10);
    assert_int_equal(plan->connections_max, 100);
    making_end(&making);
}

static void flags_that_are_wrong_are_said_with_what_they_take(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        const char *said;
    } rows[] = {
        {"--pipeline=0", "--pipeline takes a whole number from 1 to 1024, found \"0\""},
        {"--connections=0", "--connections takes a whole number from 1 to 1000000, found \"0\""},
        {"--header=foo", "--header takes NAME: VALUE, found \"foo\""},
        {"--duration=soon", "--duration takes a time from 1ms to 168h, such as 250ms, 10s or 5m, found \"soon\""},
        {"--stages=30s", "--stages takes TIME:RATE,…, such as 30s:100,1m:100..1000"},
        {"--arrival=even", "--arrival takes one of constant, poisson, replay, found \"even\""},
        {"--think=1s..2s..3s", "--think takes TIME, at most 2 of them"},
        {"--rate=x", "\"rate\" takes 100, 100/s, 6000/min or a ramp 100 -> 1000, found \"x\""},
        {"--threshold=p99 < x", "the bound of latency is written like 20ms"},
        {"--nope=1", "there is no flag --nope"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct making making;
        assert_null(MAKE(&making, rows[i].word, "http://127.0.0.1:1"));
        char line[2048];
        struct text text = text_init(line, sizeof line);
        report_note_format(&making.report, &making.report.notes[0], &text);
        if (!strstr(line, rows[i].said) || !strstr(line, "command line: error: "))
            fail_msg("row %zu says %s", i, line);
        making_end(&making);
    }
    struct making making;
    assert_null(MAKE(&making, "--rate=10", "--users=5", "http://127.0.0.1:1"));
    assert_non_null(strstr(making.said, "--rate and --users both say how much is asked for"));
    making_end(&making);
    assert_null(MAKE(&making, "--stages=1s:5u", "--users=5", "http://127.0.0.1:1"));
    assert_non_null(strstr(making.said, "--stages and --users both say how much is asked for"));
    making_end(&making);
    assert_null(MAKE(&making, "--method=POST", "p.yaml"));
    assert_string_equal(strstr(making.said, "error"), "error: --method is for a URL; the steps of a plan say it\n");
    making_end(&making);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_says_all_that_it_was_written),
        cmocka_unit_test(bodies_of_json_are_filled_in_and_escaped),
        cmocka_unit_test(says_what_is_wrong_where_and_what_was_meant),
        cmocka_unit_test(a_value_is_known_only_behind_the_step_that_extracts_it),
        cmocka_unit_test(faults_of_data_files_have_places_in_those_files),
        cmocka_unit_test(rows_of_json_lines_are_as_those_of_csv),
        cmocka_unit_test(recorded_moments_begin_at_zero_and_rise),
        cmocka_unit_test(flags_make_the_plan_of_a_url),
        cmocka_unit_test(pipelined_connections_are_as_many_users_as_they_carry),
        cmocka_unit_test(flags_have_the_last_word_over_a_plan),
        cmocka_unit_test(flags_that_are_wrong_are_said_with_what_they_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
