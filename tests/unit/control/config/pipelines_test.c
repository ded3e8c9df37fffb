/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of pipelines when a configuration is read. */
#include "unit/control/config/harness.h"

#include "pipeline/graph.h"

#define FILE_HEAD                                                                                                      \
    "routes: [{match: GET /m, public: true, to: {endpoint: metrics}}]\n"                                               \
    "models: [{name: m, path: weir.yaml}]\n"                                                                           \
    "pipelines:\n  - name: p\n    steps:\n      - {name: page, use: decode}\n"

/* One step more, and an answer; the first error. */
static void assert_first_error(const char *step, const char *answer, const char *expected)
{
    char yaml[2048];
    struct report report;
    struct config *config = NULL;
    char found[REPORT_BYTES];
    struct text text = text_init(yaml, sizeof yaml);
    text_printf(&text, FILE_HEAD "%s    answer: %s\n", step, answer);
    report_init(&report);
    enum err err = config_load_text(text_slice(&text), "weir.yaml", &report, &config);
    assert_true(err == ERR_OK || err == ERR_INVALID);
    format_report(&report, found, sizeof found);
    const char *error = strstr(found, "error: pipeline \"p\"");
    if (!expected)
        assert_null(error);
    else if (!strstr(found, expected))
        fail_msg("%s", found);
    config_unref(config);
    report_deinit(&report);
}

#define SMALL "      - {name: small, use: normalize, in: page, with: {size: [9, 9]}}\n"
#define MODEL SMALL "      - {name: run, model: m, in: {x: small}}\n"
#define BOXES MODEL "      - {name: find, use: text_boxes, in: {map: run, image: page}}\n"
#define PARTS BOXES "      - {name: cut, use: crop, in: {image: page, box: find.boxes}}\n"

static void edges_have_types(void **state)
{
    (void)state;
    assert_first_error("      - {name: cut, use: crop, in: {image: page, box: page}}\n", "[{name: a, from: cut}]",
                       "pipeline \"p\": step \"cut\", input \"box\": expects box, but \"page\" gives image");
    assert_first_error("      - {name: run, model: m, in: {x: page}}\n", "[{name: a, from: run}]",
                       "pipeline \"p\": step \"run\", input \"x\": expects tensor, but \"page\" gives image");
    assert_first_error(
        MODEL "      - {name: all, use: join, in: run}\n", "[{name: a, from: all}]",
        "pipeline \"p\": step \"all\", input \"tensors\": expects list of tensor, but \"run\" gives tensor");
    assert_first_error(PARTS, "[{name: a, each: {box: find.boxes, score: find.scores}}]", NULL);
}

static void names_are_of_steps_before_and_of_what_they_give(void **state)
{
    (void)state;
    assert_first_error("      - {name: run, model: m, in: {x: smal}}\n" SMALL, "[{name: a, from: run}]",
                       "pipeline \"p\": no step before is named \"smal\"");
    assert_first_error(SMALL "      - {name: run, model: m, in: {x: smal}}\n", "[{name: a, from: run}]",
                       "pipeline \"p\": no step before is named \"smal\"; did you mean \"small\"?");
    assert_first_error(BOXES, "[{name: a, from: find.box}]",
                       "pipeline \"p\": step \"find\" (text_boxes) has no output \"box\"; there are boxes, scores");
    assert_first_error("      - {name: small, use: normalise, in: page}\n", "[{name: a, from: small}]",
                       "unknown step \"normalise\"; did you mean \"normalize\"?");
    assert_first_error("      - {name: run, model: n, in: page}\n", "[{name: a, from: run}]",
                       "pipeline \"p\": no model is named \"n\"");
    assert_first_error("      - {name: page, use: decode}\n", "[{name: a, from: page}]",
                       "pipeline \"p\": a step's name is made of");
    assert_first_error("      - {name: cut, use: crop, in: {picture: page}}\n", "[{name: a, from: cut}]",
                       "pipeline \"p\": step \"cut\" (crop) has no input \"picture\"; there are image, box");
    assert_first_error("      - {name: cut, use: crop, in: page}\n", "[{name: a, from: cut}]",
                       "pipeline \"p\": step \"cut\" (crop): its input \"box\" is not given: expects box");
}

static void elements_of_two_lists_do_not_go_together(void **state)
{
    (void)state;
    assert_first_error(
        PARTS "      - {name: more, use: text_boxes, in: {map: run, image: page}}\n"
              "      - {name: both, use: crop, in: {image: cut, box: more.boxes}}\n",
        "[{name: a, from: find.scores}]",
        "pipeline \"p\": step \"both\", input \"box\": expects an element of the list of \"find\", as another "
        "input, but \"more.boxes\" is of the list of \"more\"");
    assert_first_error(
        PARTS "      - {name: again, use: text_boxes, in: {map: run, image: cut}}\n", "[{name: a, from: find.scores}]",
        "pipeline \"p\": step \"again\" (text_boxes) gives a list for each element of the list of \"find\"; "
        "lists hold no lists");
    assert_first_error(PARTS "      - {name: more, use: text_boxes, in: {map: run, image: page}}\n",
                       "[{name: a, each: {x: find.boxes, y: more.boxes}}]",
                       "pipeline \"p\": answer \"a\": \"more.boxes\" is of another list");
}

static void answers_are_of_what_has_a_form_in_json(void **state)
{
    (void)state;
    assert_first_error("", "[{name: a, from: page}]",
                       "pipeline \"p\": answer \"a\": \"page\" is image, which has no form in JSON");
    assert_first_error(MODEL, "[{name: a, from: run, separator: x}]",
                       "pipeline \"p\": answer \"a\": each, separator and score are for lists");
    assert_first_error(BOXES, "[{name: a, from: find.boxes, separator: x}]",
                       "pipeline \"p\": answer \"a\": \"separator\" takes a list of text");
    assert_first_error(BOXES, "[{name: a, from: find.boxes, score: find.boxes}]",
                       "pipeline \"p\": answer \"a\": \"score\" takes numbers of the same list");
    assert_first_error(BOXES, "[{name: a, from: find.boxes, event: box}]",
                       "pipeline \"p\": answer \"a\": \"event\" stands with one \"each\"");
    assert_first_error(BOXES, "[{name: a}]", "pipeline \"p\": answer \"a\": write \"from\", or \"each\"");
    assert_first_error(BOXES, "[]", "pipeline \"p\": \"answer\" takes a list of 1 to");
}

static void options_of_steps_are_checked(void **state)
{
    (void)state;
    assert_first_error(
        "      - {name: small, use: normalize, in: page}\n", "[{name: a, from: small}]",
        "pipeline \"p\": step \"small\" (normalize): one of size, height and side_max says how large the "
        "tensor is; found none");
    assert_first_error("      - {name: small, use: normalize, in: page, with: {size: [0, 1]}}\n",
                       "[{name: a, from: small}]",
                       "pipeline \"p\": step \"small\" (normalize): size must be [width, height]");
    assert_first_error("      - {name: more, use: decode, with: {x: 1}}\n", "[{name: a, from: more}]",
                       "pipeline \"p\": step \"more\" takes no options");
    assert_first_error("      - {name: more, use: decode, model: m}\n", "[{name: a, from: more}]",
                       "pipeline \"p\": step \"more\": write one of \"use\" and \"model\"");
    assert_first_error("      - {name: run, model: m}\n", "[{name: a, from: run}]",
                       "pipeline \"p\": step \"run\": nothing goes into it");
}

static void a_route_names_a_pipeline_and_brings_no_input_of_its_own(void **state)
{
    (void)state;
    assert_report("routes: [{match: POST /a, public: true, to: {pipeline: ocr}}]\n",
                  "1:56: error: unknown pipeline \"ocr\"; pipelines are declared in the list \"pipelines\"\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_have_types),
        cmocka_unit_test(names_are_of_steps_before_and_of_what_they_give),
        cmocka_unit_test(elements_of_two_lists_do_not_go_together),
        cmocka_unit_test(answers_are_of_what_has_a_form_in_json),
        cmocka_unit_test(options_of_steps_are_checked),
        cmocka_unit_test(a_route_names_a_pipeline_and_brings_no_input_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
