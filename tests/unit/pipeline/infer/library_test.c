/* SPDX-License-Identifier: Apache-2.0 */
/* Without the runtime, or with something else in its place. These run before any load of this process succeeds. */
#include "pipeline/infer/library.h"
#include "unit/pipeline/infer/models.h"

#include <stdlib.h>

static void a_configured_path_that_is_wrong_is_said_and_not_replaced(void **state)
{
    (void)state;
    struct load load;
    load_init(&load, "identity");
    load.library = SLICE_LIT("/nonexistent/libonnxruntime.so.1");
    assert_string_equal(err_name(load_run(&load)), "UNSUPPORTED");
    assert_says(load.fault_memory, "/nonexistent/libonnxruntime.so.1");
    assert_says(load.fault_memory, "`onnxruntime`");
    assert_says(load.fault_memory, "setup/setup.sh");
}

static void the_environment_names_the_library_when_the_configuration_does_not(void **state)
{
    (void)state;
    struct load load;
    load_init(&load, "identity");
    setenv("WEIR_ORT_LIB", "/nonexistent/by_environment.so", 1);
    assert_string_equal(err_name(load_run(&load)), "UNSUPPORTED");
    unsetenv("WEIR_ORT_LIB");
    assert_says(load.fault_memory, "/nonexistent/by_environment.so");
    assert_says(load.fault_memory, "WEIR_ORT_LIB says");
}

static int opened;

static void *note_only(const char *path, struct text *tried)
{
    text_printf(tried, "[%d %s]", opened++, path);
    return NULL;
}

static void all_places_are_tried_in_order_and_listed(void **state)
{
    (void)state;
    char memory[2048];
    struct text fault = text_init(memory, sizeof(memory));
    void *entry = NULL;
    opened = 0;
    assert_int_equal(library_find((struct slice){NULL, 0}, note_only, &fault, &entry), ERR_UNSUPPORTED);
    assert_int_equal(opened, 4);
    assert_says(memory, "[0 $ORIGIN/../lib/" LIBRARY_NAME "]");
    assert_says(memory, "[1 $ORIGIN/../deps/lib/" LIBRARY_NAME "]");
    assert_says(memory, "[3 " LIBRARY_NAME "]");
    assert_says(memory, "setup/setup.sh");
}

static void another_library_in_its_place_is_recognised(void **state)
{
    (void)state;
    char memory[2048];
    struct text fault = text_init(memory, sizeof(memory));
    assert_int_equal(runtime_version(SLICE_LIT("libm.so.6"), &fault).len, 0);
    assert_says(memory, "libm.so.6 is not ONNX Runtime");
}

static void a_failure_to_open_is_not_for_ever(void **state)
{
    (void)state;
    struct load load;
    load_init(&load, "identity");
    load.library = SLICE_LIT("/nonexistent");
    assert_int_not_equal(load_run(&load), ERR_OK);
    load_good(&load, "identity");
    model_unref(load.model);
}

int main(void)
{
    unsetenv("WEIR_ORT_LIB");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configured_path_that_is_wrong_is_said_and_not_replaced),
        cmocka_unit_test(the_environment_names_the_library_when_the_configuration_does_not),
        cmocka_unit_test(all_places_are_tried_in_order_and_listed),
        cmocka_unit_test(another_library_in_its_place_is_recognised),
        cmocka_unit_test(a_failure_to_open_is_not_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
