/* SPDX-License-Identifier: Apache-2.0 */
/* Two documents, one behind the other with a NUL between, are compared, and the first is written as YAML and read back.
 * Promised: no document breaks the comparison, a document does not differ from itself, and YAML says what JSON said.
 *
 * fuzz-library: control/openapi */
#include "control/config/read_document.h"
#include "control/openapi/diff.h"
#include "control/openapi/yaml_write.h"
#include "lib/json/compare.h"

#include <stdint.h>
#include <stdlib.h>

#define MEMORY_BYTES  ((size_t)64 << 20)
#define COMPARE_STEPS UINT64_C(100000000)
#define INPUT_BYTES   65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pool pool;
static struct arena arena;

/* NULL: it is no document. */
static yyjson_val *read(struct slice text, const char *name)
{
    static struct report report;
    struct json_document document;
    report_init(&report);
    enum err err = document_read_text(text, name, &arena, &report, &document);
    ASSERT(err != ERR_OK || report.error_count == 0, "what is taken has no errors");
    ASSERT(err != ERR_INVALID || report.error_count > 0, "what is refused has its reason");
    report_deinit(&report);
    return err == ERR_OK ? document.root : NULL;
}

static void diff(yyjson_val *before, yyjson_val *after, uint32_t *ret_count)
{
    struct differences found;
    enum err err = openapi_diff(before, after, &arena, &found);
    ASSERT(err == ERR_OK || err == ERR_NOMEM, "any two documents can be compared");
    *ret_count = err == ERR_OK ? found.count : 0;
}

static void check_yaml(yyjson_val *root)
{
    struct slice yaml;
    uint64_t steps = COMPARE_STEPS;
    if (yaml_write_value(root, &arena, &yaml) != ERR_OK)
        return;
    yyjson_val *again = read(yaml, "again.yaml");
    ASSERT(again && json_equal(root, again, &steps), "YAML that was written is read back as it was");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_of(data, size);
    uint32_t count;
    if (size > INPUT_BYTES)
        return 0;
    pool_init(&pool, 0, 2 * MEMORY_BYTES);
    arena_init(&arena, &pool, 65536, MEMORY_BYTES);
    yyjson_val *before = read(slice_cut(&rest, '\0'), "before");
    yyjson_val *after = rest.ptr ? read(rest, "after") : NULL;
    if (before) {
        diff(before, before, &count);
        ASSERT(count == 0, "a document does not differ from itself");
        check_yaml(before);
    }
    if (before && after)
        diff(before, after, &count);
    arena_reset(&arena);
    pool_deinit(&pool);
    return 0;
}
