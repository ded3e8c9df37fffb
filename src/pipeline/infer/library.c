/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX Runtime is opened at run time and not linked: weir starts without it, serves what needs no model, and says which
 * models it cannot serve. It also lets an operator put a build with other execution providers beside the binary.
 *
 * The dynamic linker itself expands $ORIGIN to the folder of the executable, so nothing here asks where that is. (Under
 * AddressSanitizer, whose wrapper of dlopen lives in another folder, these two places are not found; the next one is.) */
#include "pipeline/infer/library.h"

#include <stdlib.h>

#define LIBRARY_PATH_MAX 4096

static const char *const places[] = {
    "$ORIGIN/../lib/" LIBRARY_NAME,      /* an installation: bin/ and lib/ */
    "$ORIGIN/../deps/lib/" LIBRARY_NAME, /* the source tree: build/<preset>/ and build/deps/lib/ */
    WEIR_DEPS_LIB_DIR "/" LIBRARY_NAME,  /* where setup/setup.sh put it when weir was built */
    LIBRARY_NAME,                        /* what the system's linker knows */
};

static const char advice[] = "install it with setup/setup.sh, or give the path of libonnxruntime.so by `onnxruntime:` "
                             "in the configuration or by the environment variable WEIR_ORT_LIB";

static enum err refuse(const char *said_by, const char *tried, struct text *fault);

enum err library_find(struct slice configured, library_try try, struct text *fault, void **ret_entry)
{
    char path[LIBRARY_PATH_MAX];
    char memory[2048];
    struct text tried = text_init(memory, sizeof(memory));
    const char *by_environment = getenv("WEIR_ORT_LIB");
    const char *said_by = NULL;
    void *entry = NULL;
    if (configured.len) {
        struct text copy = text_init(path, sizeof(path));
        text_add(&copy, configured);
        said_by = "`onnxruntime`";
        entry = try(path, &tried);
    } else if (by_environment && by_environment[0]) {
        said_by = "WEIR_ORT_LIB";
        entry = try(by_environment, &tried);
    } else {
        for (size_t i = 0; i < ARRAY_LEN(places) && !entry; i++)
            entry = try(places[i], &tried);
    }
    if (!entry)
        return refuse(said_by, memory, fault);
    *ret_entry = entry;
    return ERR_OK;
}

static enum err refuse(const char *said_by, const char *tried, struct text *fault)
{
    if (said_by)
        text_printf(fault,
                    "ONNX Runtime could not be opened where %s says: %s. Correct or remove that path; otherwise %s",
                    said_by, tried, advice);
    else
        text_printf(fault, "ONNX Runtime was not found: %s. Tried: %s", advice, tried);
    return ERR_UNSUPPORTED;
}
