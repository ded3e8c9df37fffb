/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX Runtime is opened at run time and not linked: weir starts without it, serves what needs no model, and says which
 * models it cannot serve. It also lets an operator put a build with other execution providers beside the binary.
 *
 * The dynamic linker itself expands $ORIGIN to the folder of the executable, so nothing here asks where that is. (Under
 * AddressSanitizer, whose wrapper of dlopen lives in another folder, these two places are not found; the next one is.) */
#include "pipeline/infer/library.h"

#include <dlfcn.h>
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

static enum err open_only(const char *path, const char *said_by, struct text *fault, void **ret_entry);
static void *open_entry(const char *path, struct text *tried);

enum err library_open(struct slice configured, struct text *fault, void **ret_entry)
{
    char path[LIBRARY_PATH_MAX];
    if (configured.len >= sizeof(path)) {
        text_printf(fault, "the path of ONNX Runtime is longer than %zu bytes", sizeof(path) - 1);
        return ERR_UNSUPPORTED;
    }
    if (configured.len) {
        memcpy(path, configured.ptr, configured.len);
        path[configured.len] = '\0';
        return open_only(path, "`onnxruntime`", fault, ret_entry);
    }
    const char *said = getenv("WEIR_ORT_LIB");
    if (said && said[0])
        return open_only(said, "WEIR_ORT_LIB", fault, ret_entry);

    char memory[2048];
    struct text tried = text_init(memory, sizeof(memory));
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        void *entry = open_entry(places[i], &tried);
        if (entry) {
            *ret_entry = entry;
            return ERR_OK;
        }
    }
    text_printf(fault, "ONNX Runtime was not found: %s. Tried: %s", advice, memory);
    return ERR_UNSUPPORTED;
}

static enum err open_only(const char *path, const char *said_by, struct text *fault, void **ret_entry)
{
    char memory[1024];
    struct text tried = text_init(memory, sizeof(memory));
    void *entry = open_entry(path, &tried);
    if (entry) {
        *ret_entry = entry;
        return ERR_OK;
    }
    text_printf(fault, "ONNX Runtime could not be opened where %s says: %s. Correct or remove that path; otherwise %s",
                said_by, memory, advice);
    return ERR_UNSUPPORTED;
}

/* NULL adds the linker's words to `tried`. */
static void *open_entry(const char *path, struct text *tried)
{
    const char *separator = tried->len ? "; " : "";
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        text_printf(tried, "%s%s", separator, dlerror());
        return NULL;
    }
    void *entry = dlsym(library, LIBRARY_ENTRY);
    if (!entry) {
        text_printf(tried, "%s%s is not ONNX Runtime: it has no " LIBRARY_ENTRY, separator, path);
        dlclose(library);
    }
    return entry;
}
