/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/cmd/capture.h"

#include <sys/stat.h>

static struct capture capture;
static char folder[] = "/tmp/weir_cmd_XXXXXX";
static char line[1024];

static const struct {
    const char *name;
    const char *text;
} files[] = {
    {"user.json",
     "{\"$id\":\"https://example.com/user.json\",\"type\":\"object\",\n"
     " \"properties\":{\"name\":{\"type\":\"string\"},\"age\":{\"minimum\":3},\"mail\":{\"format\":\"email\"},\n"
     "  \"home\":{\"$ref\":\"https://example.com/address\"}},\n"
     " \"$defs\":{\"short\":{\"$anchor\":\"short\",\"maxLength\":2}}}\n"},
    {"home.json", "{\"$id\":\"https://example.com/address\",\"required\":[\"street\"]}"},
    {"broken.json", "{\"properties\":\n  {\"a\":{\"type\":\"strin\"}}}"},
    {"seven.json", "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"type\":\"string\"}"},
    {"items.json", "{\"items\":[{\"type\":\"string\"}]}"},
    {"adapts.json", "{\"x-openapi-validation\":{\"coerceTypes\":true},\"properties\":{\"a\":{\"type\":\"integer\"}}}"},
    {"good", "{\"name\":\"Ada\",\"age\":36,\"home\":{\"street\":\"x\"}}"},
    {"bad", "{\"name\":\"Ada\",\n \"age\": 2, \"mail\":\"nobody\",\n  \"home\":{}}"},
    {"cut", "{\"name\":\n\"Ada"},
    {"text", "{\"a\":\"5\"}"},
    {"list", "[5]"},
};

static const char *path_of(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int set_up(void **state)
{
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    if (!mkdtemp(folder) || mkdir(path_of("empty"), 0700) != 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        FILE *file = fopen(path_of(files[i].name), "w");
        if (!file || fputs(files[i].text, file) < 0 || fclose(file) != 0)
            return -1;
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        unlink(path_of(files[i].name));
    return rmdir(path_of("empty")) + rmdir(folder);
}

/* "@" in the words stands for the folder and a slash. */
static void run_schema(const char *words, int expected_exit)
{
    struct text text = text_init(line, sizeof line);
    struct slice rest = slice_of_text(words);
    text_add(&text, SLICE_LIT("schema "));
    while (rest.ptr) {
        text_add(&text, slice_cut(&rest, '@'));
        if (rest.ptr)
            text_printf(&text, "%s/", folder);
    }
    run(cmd_schema, line, &capture);
    if (capture.exit != expected_exit)
        fail_msg("%s: exit %d: %s%s", line, capture.exit, capture.out, capture.err);
}

static void expect_in(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("%s: no \"%s\" in: %s", line, part, text);
}

static void compiles_and_says_what_it_became(void **state)
{
    (void)state;
    run_schema("compile @user.json @seven.json", CMD_DONE);
    expect_in(capture.out, "/user.json: ok (draft 2020-12, ");
    expect_in(capture.out, " instructions, ");
    expect_in(capture.out, "/seven.json: ok (draft 7, ");
    run_schema("compile --list @user.json", CMD_DONE);
    expect_in(capture.out, "https://example.com/user.json#/properties/age");
    run_schema("compile --json @user.json", CMD_DONE);
    expect_in(capture.out, "\"ok\":true,\"draft\":\"2020-12\",\"instructions\":");
}

static void says_what_is_wrong_with_a_schema_by_line_and_column(void **state)
{
    (void)state;
    run_schema("compile @broken.json @user.json", CMD_FAILED);
    expect_in(capture.err, "/broken.json:2:16: ");
    expect_in(capture.err, "found \"strin\"");
    expect_in(capture.out, "/user.json: ok");
    run_schema("compile --json @broken.json @none.json", CMD_FAILED);
    expect_in(capture.out, "\"ok\":false,\"faults\":[{\"file\":\"");
    expect_in(capture.out, "\"line\":2,\"column\":16,\"pointer\":\"/properties/a/type\",\"message\":\"");
    expect_in(capture.out, "there is no such file");
    run_schema("validate @broken.json @good", CMD_FAILED);
    expect_in(capture.err, "/broken.json:2:16: ");
}

static void finds_what_is_referred_to_in_the_folder_only(void **state)
{
    (void)state;
    run_schema("compile --folder @empty @user.json", CMD_FAILED);
    expect_in(capture.err, "/user.json:3:18: ");
    run_schema("compile --folder @ @user.json", CMD_DONE);
    run_schema("compile --folder @none @user.json", CMD_FAILED);
    expect_in(capture.err, "--folder");
}

static void validates_and_says_where(void **state)
{
    (void)state;
    run_schema("validate @user.json @good", CMD_DONE);
    expect_in(capture.out, "/good: valid\n");
    run_schema("validate @user.json @good @bad", CMD_FAILED);
    expect_in(capture.out, "/good: valid\n");
    expect_in(capture.err, "/bad:2:9: /age: ");
    expect_in(capture.err, "/bad:2:19: /mail: ");
    expect_in(capture.err, "/bad:3:10: /home: ");
    expect_in(capture.err, "/bad: not valid\n");
    run_schema("validate --no-format-assertion --max-errors 1 @user.json @bad", CMD_FAILED);
    assert_null(strstr(capture.err, "/mail"));
    expect_in(capture.err, "there are more errors");
}

static void takes_a_schema_that_stands_in_a_file(void **state)
{
    (void)state;
    run_schema("validate @user.json#/$defs/short @good", CMD_DONE);
    run_schema("validate @user.json#short @good", CMD_DONE);
    run_schema("validate @user.json#/properties/home @list", CMD_DONE);
    run_schema("validate @user.json#nowhere @good", CMD_FAILED);
}

static void writes_the_forms_of_the_standard(void **state)
{
    (void)state;
    run_schema("validate --output flag @user.json @good @bad", CMD_FAILED);
    assert_string_equal(capture.out, "{\"valid\":true}\n{\"valid\":false}\n");
    run_schema("validate --output basic @user.json @bad", CMD_FAILED);
    expect_in(capture.out,
              "{\"valid\":false,\"errors\":[{\"valid\":false,\"keywordLocation\":\"/properties/age/minimum\","
              "\"absoluteKeywordLocation\":\"https://example.com/user.json#/properties/age/minimum\","
              "\"instanceLocation\":\"/age\",\"error\":\"");
}

static void a_draft_can_be_chosen_for_schemas_that_name_none(void **state)
{
    (void)state;
    run_schema("compile @items.json", CMD_FAILED);
    run_schema("validate --draft 7 @items.json @list", CMD_FAILED);
    expect_in(capture.err, "/list:1:2: /0: ");
    run_schema("validate --draft 4 @items.json @list", CMD_USAGE);
    expect_in(capture.err, "2020-12, 2019-09 or 7");
}

static void does_to_documents_what_the_server_does(void **state)
{
    (void)state;
    run_schema("validate @adapts.json @text", CMD_DONE);
}

static void a_document_that_is_no_json_is_told_by_place(void **state)
{
    (void)state;
    run_schema("validate @user.json @cut", CMD_FAILED);
    expect_in(capture.err, "/cut:2:5: ");
    run_schema("validate @user.json @none", CMD_FAILED);
    expect_in(capture.err, "there is no such file");
}

static void measures_without_allocating(void **state)
{
    (void)state;
    run_schema("bench --seconds 0.02 @user.json @good @bad", CMD_DONE);
    expect_in(capture.out, "PARSED ns");
    expect_in(capture.out, "/bad (not valid)");
    run_schema("bench --seconds 0.02 --json @user.json @good", CMD_DONE);
    expect_in(capture.out, "\"valid\":true,\"bytes\":45,\"parsed_ns\":");
    expect_in(capture.out, ",\"allocations\":0}]}");
}

static void wrong_usage_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "compil @good",
                                      "compile",
                                      "validate @user.json",
                                      "validate --output detailed @user.json @good",
                                      "validate --max-errors 0 @user.json @good",
                                      "bench @user.json",
                                      "bench --seconds x @user.json @good",
                                      "bench --seconds 0 @user.json @good"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        run_schema(bad[i], CMD_USAGE);
    run_schema("compil", CMD_USAGE);
    expect_in(capture.err, "did you mean \"compile\"?");
    run_schema("validate --help", CMD_DONE);
    expect_in(capture.out, "--output FORM");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compiles_and_says_what_it_became),
        cmocka_unit_test(says_what_is_wrong_with_a_schema_by_line_and_column),
        cmocka_unit_test(finds_what_is_referred_to_in_the_folder_only),
        cmocka_unit_test(validates_and_says_where),
        cmocka_unit_test(takes_a_schema_that_stands_in_a_file),
        cmocka_unit_test(writes_the_forms_of_the_standard),
        cmocka_unit_test(a_draft_can_be_chosen_for_schemas_that_name_none),
        cmocka_unit_test(does_to_documents_what_the_server_does),
        cmocka_unit_test(a_document_that_is_no_json_is_told_by_place),
        cmocka_unit_test(measures_without_allocating),
        cmocka_unit_test(wrong_usage_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
