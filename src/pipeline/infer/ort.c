/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime's API is a table of function pointers whose order never changes and which only grows. We ask for version
 * 17, the oldest with all we call, whatever version the header is of: so any library from 1.17 on will do. Members of
 * the table that came after 17 must not be touched.
 *
 * The environment lives until the process ends. Destroying it at exit gains nothing and would have to be ordered
 * against threads that still log. */
#include "pipeline/infer/ort.h"

#include "lib/base/asan.h"
#include "lib/sys/thread.h"
#include "pipeline/infer/library.h"
#include "pipeline/infer/provider.h"

#include <dlfcn.h>
#include <onnxruntime_c_api.h>
#include <stdlib.h>

/* The runtime loses a few bytes once, while it makes its environment. Only that is forgiven to it: a suppression by the
 * library's name would hide every value of ours that is never destroyed. */
#ifdef WEIR_ASAN
#include <sanitizer/lsan_interface.h>
#define LEAKS_FORGIVEN_BEGIN() __lsan_disable()
#define LEAKS_FORGIVEN_END()   __lsan_enable()
#else
#define LEAKS_FORGIVEN_BEGIN() ((void)0)
#define LEAKS_FORGIVEN_END()   ((void)0)
#endif

#define API_VERSION 17
#define ENTRY_NAME  "OrtGetApiBase"

static struct {
    struct mutex open_mutex;
    struct mutex session_mutex;
    const OrtApi *api; /* set last; read by others only after an ort_open of theirs */
    OrtEnv *env;
    OrtMemoryInfo *cpu;
    OrtAllocator *allocator; /* of the names it hands out */
    struct slice version;
} ort = {.open_mutex = MUTEX_INIT, .session_mutex = MUTEX_INIT};

/* Parallel to enum model_optimization. */
static const GraphOptimizationLevel levels[] = {ORT_DISABLE_ALL, ORT_ENABLE_BASIC, ORT_ENABLE_EXTENDED, ORT_ENABLE_ALL};

static const struct {
    ONNXTensorElementDataType theirs;
    enum tensor_type type;
} element_types[] = {
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, TENSOR_F32},   {ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE, TENSOR_F64},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16, TENSOR_F16}, {ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16, TENSOR_BF16},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8, TENSOR_I8},     {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16, TENSOR_I16},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, TENSOR_I32},   {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, TENSOR_I64},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, TENSOR_U8},    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16, TENSOR_U16},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32, TENSOR_U32},  {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64, TENSOR_U64},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL, TENSOR_BOOL},   {ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING, TENSOR_BYTES},
};

static const char *const kind_names[] = {"an unknown kind", "a tensor",        "a sequence", "a map",
                                         "opaque",          "a sparse tensor", "optional"};

/* --- Opening -------------------------------------------------------------------------------------------------- */

static enum err open_locked(struct slice library, struct text *fault);
static void *try_library(const char *path, struct text *tried);
static enum err open_env(const OrtApi *api, struct text *fault);
static void ORT_API_CALL drop_log(void *param, OrtLoggingLevel severity, const char *category, const char *id,
                                  const char *where, const char *message);
static enum err take(const OrtApi *api, OrtStatus *status, struct text *fault);
static void add_line(struct text *fault, struct slice words);

enum err ort_open(struct slice library, struct text *fault)
{
    mutex_lock(&ort.open_mutex);
    enum err err = ort.api ? ERR_OK : open_locked(library, fault);
    mutex_unlock(&ort.open_mutex);
    return err;
}

/* From 1.30 on the runtime's Linux builds tell Microsoft about machine, process and models, by a thread of their own and a
 * database in the user's cache folder, unless this variable is set. A server must not talk to strangers, so it is, before
 * the library can look; an operator who set it already is left his choice. */
static void forbid_telemetry(void)
{
    (void)setenv("ORT_DISABLE_TELEMETRY", "1", 0);
}

static enum err open_locked(struct slice library, struct text *fault)
{
    void *entry = NULL;
    forbid_telemetry();
    TRY(library_find(library, try_library, fault, &entry));
    const OrtApiBase *(*get_base)(void) = NULL;
    memcpy(&get_base, &entry, sizeof(entry)); /* ISO C has no cast from object to function pointer */
    const OrtApiBase *base = get_base();
    const OrtApi *api = base->GetApi(API_VERSION);
    if (!api) {
        text_printf(fault, "ONNX Runtime %s is too old: weir needs 1.%d or later; install that with setup/setup.sh",
                    base->GetVersionString(), API_VERSION);
        return ERR_UNSUPPORTED;
    }
    if (open_env(api, fault) != ERR_OK)
        return ERR_UNSUPPORTED;
    ort.version = slice_of_text(base->GetVersionString());
    ort.api = api;
    return ERR_OK;
}

/* A library_try. What was opened stays open. */
static void *try_library(const char *path, struct text *tried)
{
    const char *separator = tried->len ? "; " : "";
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        text_printf(tried, "%s%s", separator, dlerror());
        return NULL;
    }
    void *entry = dlsym(library, ENTRY_NAME);
    if (!entry) {
        text_printf(tried, "%s%s is not ONNX Runtime: it has no " ENTRY_NAME, separator, path);
        dlclose(library);
    }
    return entry;
}

/* A failure here leaves what was made to the end of the process: the environment is one for each process anyway. */
static enum err open_env(const OrtApi *api, struct text *fault)
{
    if (!ort.env) {
        LEAKS_FORGIVEN_BEGIN();
        OrtStatus *status = api->CreateEnvWithCustomLogger(drop_log, NULL, ORT_LOGGING_LEVEL_FATAL, "weir", &ort.env);
        LEAKS_FORGIVEN_END();
        TRY(take(api, status, fault));
    }
    if (!ort.cpu)
        TRY(take(api, api->CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &ort.cpu), fault));
    return take(api, api->GetAllocatorWithDefaultOptions(&ort.allocator), fault);
}

/* Whatever goes wrong comes back as a status whose words we pass on; the log would only say it again, to standard
 * output, in its own format. */
static void ORT_API_CALL drop_log(void *param, OrtLoggingLevel severity, const char *category, const char *id,
                                  const char *where, const char *message)
{
    (void)param, (void)severity, (void)category, (void)id, (void)where, (void)message;
}

/* Frees the status; its words go to `fault`, which may be NULL. */
static enum err take(const OrtApi *api, OrtStatus *status, struct text *fault)
{
    if (LIKELY(!status))
        return ERR_OK;
    OrtErrorCode code = api->GetErrorCode(status);
    if (fault)
        add_line(fault, slice_of_text(api->GetErrorMessage(status)));
    api->ReleaseStatus(status);
    switch (code) {
    case ORT_NO_SUCHFILE:
        return ERR_NOT_FOUND;
    case ORT_INVALID_PROTOBUF:
    case ORT_NO_MODEL:
        return ERR_SYNTAX;
    case ORT_INVALID_ARGUMENT:
    case ORT_INVALID_GRAPH:
    case ORT_NOT_IMPLEMENTED:
        return ERR_INVALID;
    default:
        return ERR_INTERNAL;
    }
}

/* Its messages may have several lines; ours are one. */
static void add_line(struct text *fault, struct slice words)
{
    for (const char *separator = ""; words.ptr; separator = " ") {
        struct slice line = slice_trim(slice_cut(&words, '\n'));
        if (line.len)
            text_printf(fault, "%s" SLICE_FMT, separator, SLICE_ARG(line));
    }
}

struct slice ort_version(void)
{
    return ort.version;
}

void ort_providers(struct text *names)
{
    char **list = NULL;
    int count = 0;
    if (take(ort.api, ort.api->GetAvailableProviders(&list, &count), NULL) != ERR_OK)
        return;
    for (int i = 0; i < count; i++)
        text_printf(names, "%s%s", i ? "," : "", list[i]);
    (void)take(ort.api, ort.api->ReleaseAvailableProviders(list, count), NULL);
}

/* --- Sessions ------------------------------------------------------------------------------------------------- */

static enum err set_options(const struct ort_session_options *options, OrtSessionOptions *theirs, struct text *fault);
static enum err append_provider(struct slice name, OrtSessionOptions *options, struct text *fault);
static enum err append_cuda(const struct provider *provider, OrtSessionOptions *options, struct text *fault);
static enum err append_named(const struct provider *provider, OrtSessionOptions *options, struct text *fault);

enum err ort_session_create(const struct ort_session_options *options, struct text *fault,
                            uint32_t *ret_failed_provider, struct OrtSession **ret_session)
{
    const OrtApi *api = ort.api;
    OrtSessionOptions *theirs = NULL;
    *ret_failed_provider = options->provider_count;
    TRY(take(api, api->CreateSessionOptions(&theirs), fault));
    mutex_lock(&ort.session_mutex);
    enum err err = set_options(options, theirs, fault);
    for (uint32_t i = 0; i < options->provider_count && err == ERR_OK; i++) {
        err = append_provider(options->providers[i], theirs, fault);
        if (err != ERR_OK)
            *ret_failed_provider = i;
    }
    if (err == ERR_OK)
        err = take(api, api->CreateSession(ort.env, options->path, theirs, ret_session), fault);
    mutex_unlock(&ort.session_mutex);
    api->ReleaseSessionOptions(theirs);
    return err;
}

/* Threads of the runtime that spin while they wait would burn the cores that serve connections. Memory patterns plan one
 * allocation for a run, but a plan is kept for every combination of input dims ever seen, and dims are the client's
 * choice; runs without them were as fast, on an MLP of 1.8 µs as on text-orientation at batches of 1 and 4. */
static enum err set_options(const struct ort_session_options *options, OrtSessionOptions *theirs, struct text *fault)
{
    const OrtApi *api = ort.api;
    ASSERT(options->optimization < ARRAY_LEN(levels), "optimization is one of enum model_optimization");
    TRY(take(api, api->SetSessionGraphOptimizationLevel(theirs, levels[options->optimization]), fault));
    TRY(take(api, api->SetIntraOpNumThreads(theirs, (int)options->threads), fault));
    TRY(take(api, api->SetInterOpNumThreads(theirs, 1), fault));
    TRY(take(api,
             api->AddSessionConfigEntry(theirs, "session.intra_op.allow_spinning", options->is_spinning ? "1" : "0"),
             fault));
    TRY(take(api, api->AddSessionConfigEntry(theirs, "session.inter_op.allow_spinning", "0"), fault));
    return take(api, api->DisableMemPattern(theirs), fault);
}

static enum err append_provider(struct slice words, OrtSessionOptions *options, struct text *fault)
{
    struct provider provider = {.count = 0};
    TRY(provider_read(words, &provider, fault));
    if (slice_equal_nocase(provider.name, SLICE_LIT("cpu")))
        return ERR_OK;
    if (slice_equal_nocase(provider.name, SLICE_LIT("cuda")))
        return append_cuda(&provider, options, fault);
    return append_named(&provider, options, fault);
}

/* The generic function below knows no CUDA in older versions. */
static enum err append_cuda(const struct provider *provider, OrtSessionOptions *options, struct text *fault)
{
    const OrtApi *api = ort.api;
    OrtCUDAProviderOptionsV2 *cuda = NULL;
    TRY(take(api, api->CreateCUDAProviderOptions(&cuda), fault));
    enum err err = ERR_OK;
    if (provider->count)
        err = take(api, api->UpdateCUDAProviderOptions(cuda, provider->keys, provider->values, provider->count), fault);
    if (err == ERR_OK)
        err = take(api, api->SessionOptionsAppendExecutionProvider_CUDA_V2(options, cuda), fault);
    api->ReleaseCUDAProviderOptions(cuda);
    return err;
}

static enum err append_named(const struct provider *provider, OrtSessionOptions *options, struct text *fault)
{
    return take(ort.api,
                ort.api->SessionOptionsAppendExecutionProvider(options, provider_runtime_name(provider), provider->keys,
                                                               provider->values, provider->count),
                fault);
}

void ort_session_destroy(struct OrtSession *session)
{
    if (session)
        ort.api->ReleaseSession(session);
}

/* --- What a session takes and gives ----------------------------------------------------------------------------- */

static enum err copy_name(char *name, struct arena *arena, struct slice *ret_name);
static enum err read_type(const OrtTypeInfo *type, struct arena *arena, struct text *fault, struct tensor_spec *spec);
static enum err read_dims(const OrtTensorTypeAndShapeInfo *info, struct arena *arena, struct text *fault,
                          struct tensor_spec *spec);
static enum tensor_type type_of(ONNXTensorElementDataType theirs);
static ONNXTensorElementDataType type_to(enum tensor_type type);

uint32_t ort_session_count(struct OrtSession *session, enum ort_side side)
{
    size_t count = 0;
    OrtStatus *status = side == ORT_INPUTS ? ort.api->SessionGetInputCount(session, &count)
                                           : ort.api->SessionGetOutputCount(session, &count);
    return take(ort.api, status, NULL) == ERR_OK ? (uint32_t)MIN(count, UINT32_MAX) : 0;
}

enum err ort_session_spec(struct OrtSession *session, enum ort_side side, uint32_t index, struct arena *arena,
                          struct text *fault, struct tensor_spec *ret_spec)
{
    const OrtApi *api = ort.api;
    struct tensor_spec spec = {0};
    OrtTypeInfo *type = NULL;
    char *name = NULL;
    bool is_input = side == ORT_INPUTS;
    TRY(take(api,
             is_input ? api->SessionGetInputName(session, index, ort.allocator, &name)
                      : api->SessionGetOutputName(session, index, ort.allocator, &name),
             fault));
    TRY(copy_name(name, arena, &spec.name));
    TRY(take(api,
             is_input ? api->SessionGetInputTypeInfo(session, index, &type)
                      : api->SessionGetOutputTypeInfo(session, index, &type),
             fault));
    text_printf(fault, "%s `" SLICE_FMT "` ", is_input ? "input" : "output", SLICE_ARG(spec.name));
    enum err err = read_type(type, arena, fault, &spec);
    api->ReleaseTypeInfo(type);
    if (err == ERR_OK)
        *ret_spec = spec;
    return err;
}

/* Frees `name`. */
static enum err copy_name(char *name, struct arena *arena, struct slice *ret_name)
{
    struct slice copy = arena_copy(arena, slice_of_text(name));
    ort.allocator->Free(ort.allocator, name);
    if (!copy.ptr)
        return ERR_NOMEM;
    *ret_name = copy;
    return ERR_OK;
}

static enum err read_type(const OrtTypeInfo *type, struct arena *arena, struct text *fault, struct tensor_spec *spec)
{
    const OrtApi *api = ort.api;
    enum ONNXType kind = ONNX_TYPE_UNKNOWN;
    const OrtTensorTypeAndShapeInfo *info = NULL;
    ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    TRY(take(api, api->GetOnnxTypeFromTypeInfo(type, &kind), fault));
    if (kind != ONNX_TYPE_TENSOR) {
        size_t at = (size_t)kind < ARRAY_LEN(kind_names) ? (size_t)kind : 0;
        text_printf(fault, "is %s; weir serves tensors only", kind_names[at]);
        return ERR_INVALID;
    }
    TRY(take(api, api->CastTypeInfoToTensorInfo(type, &info), fault));
    TRY(take(api, api->GetTensorElementType(info, &element), fault));
    spec->type = type_of(element);
    if (spec->type == TENSOR_NONE) {
        text_printf(fault, "has elements of ONNX type %d, which weir does not serve", (int)element);
        return ERR_INVALID;
    }
    return read_dims(info, arena, fault, spec);
}

static enum err read_dims(const OrtTensorTypeAndShapeInfo *info, struct arena *arena, struct text *fault,
                          struct tensor_spec *spec)
{
    const OrtApi *api = ort.api;
    size_t rank = 0;
    const char *symbols[TENSOR_RANK_MAX] = {NULL};
    TRY(take(api, api->GetDimensionsCount(info, &rank), fault));
    if (rank > TENSOR_RANK_MAX) {
        text_printf(fault, "has %zu dimensions; weir serves up to %d", rank, TENSOR_RANK_MAX);
        return ERR_INVALID;
    }
    TRY(take(api, api->GetDimensions(info, spec->dims, rank), fault));
    TRY(take(api, api->GetSymbolicDimensions(info, symbols, rank), fault));
    spec->rank = (uint32_t)rank;
    for (size_t i = 0; i < rank; i++) {
        if (spec->dims[i] >= 0)
            continue;
        spec->dims[i] = TENSOR_DIM_ANY;
        spec->symbols[i] = arena_copy(arena, slice_of_text(symbols[i]));
        if (!spec->symbols[i].ptr)
            return ERR_NOMEM;
    }
    return ERR_OK;
}

static enum tensor_type type_of(ONNXTensorElementDataType theirs)
{
    for (size_t i = 0; i < ARRAY_LEN(element_types); i++)
        if (element_types[i].theirs == theirs)
            return element_types[i].type;
    return TENSOR_NONE;
}

static ONNXTensorElementDataType type_to(enum tensor_type type)
{
    for (size_t i = 0; i < ARRAY_LEN(element_types); i++)
        if (element_types[i].type == type)
            return element_types[i].theirs;
    return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
}

static enum err read_own(const OrtModelMetadata *theirs, const char *key, struct arena *arena,
                         struct ort_metadata *metadata)
{
    char *value = NULL;
    struct model_metadata *entry = &metadata->own[metadata->own_count];
    TRY(take(ort.api, ort.api->ModelMetadataLookupCustomMetadataMap(theirs, ort.allocator, key, &value), NULL));
    if (!value)
        return ERR_OK;
    if (strlen(value) > ORT_METADATA_BYTES_MAX) {
        ort.allocator->Free(ort.allocator, value);
        return ERR_OK;
    }
    entry->key = arena_copy(arena, slice_of_text(key));
    metadata->own_count++;
    enum err err = copy_name(value, arena, &entry->value);
    return entry->key.ptr ? err : ERR_NOMEM;
}

static enum err read_all_own(const OrtModelMetadata *theirs, struct arena *arena, struct ort_metadata *metadata)
{
    char **keys = NULL;
    int64_t count = 0;
    TRY(take(ort.api, ort.api->ModelMetadataGetCustomMetadataMapKeys(theirs, ort.allocator, &keys, &count), NULL));
    enum err err = ERR_OK;
    metadata->own = arena_alloc_array(arena, ORT_METADATA_MAX, sizeof *metadata->own);
    if (!metadata->own)
        err = ERR_NOMEM;
    for (int64_t i = 0; i < count; i++) {
        if (err == ERR_OK && metadata->own_count < ORT_METADATA_MAX)
            err = read_own(theirs, keys[i], arena, metadata);
        ort.allocator->Free(ort.allocator, keys[i]);
    }
    if (keys)
        ort.allocator->Free(ort.allocator, keys);
    return err;
}

enum err ort_session_metadata(struct OrtSession *session, struct arena *arena, struct ort_metadata *ret)
{
    const OrtApi *api = ort.api;
    struct ort_metadata metadata = {0};
    OrtModelMetadata *theirs = NULL;
    const struct {
        OrtStatus *(ORT_API_CALL *get)(const OrtModelMetadata *, OrtAllocator *, char **);
        struct slice *to;
    } texts[] = {
        {api->ModelMetadataGetProducerName, &metadata.producer},
        {api->ModelMetadataGetGraphName, &metadata.graph},
        {api->ModelMetadataGetDomain, &metadata.domain},
        {api->ModelMetadataGetDescription, &metadata.description},
    };
    TRY(take(api, api->SessionGetModelMetadata(session, &theirs), NULL));
    enum err err = take(api, api->ModelMetadataGetVersion(theirs, &metadata.version), NULL);
    if (metadata.version == INT64_MAX) /* what it says when the file has none */
        metadata.version = 0;
    for (size_t i = 0; i < ARRAY_LEN(texts) && err == ERR_OK; i++) {
        char *text = NULL;
        err = take(api, texts[i].get(theirs, ort.allocator, &text), NULL);
        if (err == ERR_OK)
            err = copy_name(text, arena, texts[i].to);
    }
    if (err == ERR_OK)
        err = read_all_own(theirs, arena, &metadata);
    api->ReleaseModelMetadata(theirs);
    if (err == ERR_OK)
        *ret = metadata;
    return err;
}

/* --- Values and runs -------------------------------------------------------------------------------------------- */

static enum err read_shape(const OrtTensorTypeAndShapeInfo *info, struct text *fault, struct tensor *tensor);

enum err ort_value_create(const struct tensor *tensor, enum tensor_type type, struct text *fault,
                          struct OrtValue **ret_value)
{
    return take(ort.api,
                ort.api->CreateTensorWithDataAsOrtValue(ort.cpu, tensor->data, tensor->bytes, tensor->dims,
                                                        tensor->rank, type_to(type), ret_value),
                fault);
}

void ort_value_destroy(struct OrtValue *value)
{
    if (value)
        ort.api->ReleaseValue(value);
}

enum err ort_value_read(struct OrtValue *value, struct text *fault, struct tensor *tensor)
{
    const OrtApi *api = ort.api;
    OrtTensorTypeAndShapeInfo *info = NULL;
    int is_tensor = 0;
    TRY(take(api, api->IsTensor(value, &is_tensor), fault));
    if (!is_tensor) {
        text_printf(fault, "output `" SLICE_FMT "` is empty", SLICE_ARG(tensor->spec->name));
        return ERR_MISMATCH;
    }
    TRY(take(api, api->GetTensorTypeAndShape(value, &info), fault));
    enum err err = read_shape(info, fault, tensor);
    api->ReleaseTensorTypeAndShapeInfo(info);
    tensor->data = NULL;
    if (err == ERR_OK && tensor->spec->type != TENSOR_BYTES)
        err = take(api, api->GetTensorMutableData(value, &tensor->data), fault);
    return err;
}

static enum err read_shape(const OrtTensorTypeAndShapeInfo *info, struct text *fault, struct tensor *tensor)
{
    const OrtApi *api = ort.api;
    ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    size_t rank = 0;
    TRY(take(api, api->GetTensorElementType(info, &element), fault));
    TRY(take(api, api->GetDimensionsCount(info, &rank), fault));
    if (type_of(element) != tensor->spec->type || rank > TENSOR_RANK_MAX) {
        text_printf(fault, "output `" SLICE_FMT "` came as ONNX type %d with %zu dimensions",
                    SLICE_ARG(tensor->spec->name), (int)element, rank);
        return ERR_MISMATCH;
    }
    TRY(take(api, api->GetDimensions(info, tensor->dims, rank), fault));
    tensor->rank = (uint32_t)rank;
    tensor->bytes = (size_t)tensor_elements(tensor->dims, tensor->rank) * tensor_element_bytes(tensor->spec->type);
    return ERR_OK;
}

enum err ort_strings_create(const struct tensor *tensor, struct text *fault, struct OrtValue **ret_value)
{
    return take(ort.api,
                ort.api->CreateTensorAsOrtValue(ort.allocator, tensor->dims, tensor->rank,
                                                ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING, ret_value),
                fault);
}

/* Not by FillStringTensor, which takes texts that end with a NUL. */
enum err ort_strings_write(struct OrtValue *value, const struct slice *texts, size_t count, struct text *fault)
{
    for (size_t i = 0; i < count; i++) {
        char *to = NULL;
        TRY(take(ort.api, ort.api->GetResizedStringTensorElementBuffer(value, i, texts[i].len, &to), fault));
        if (texts[i].len)
            memcpy(to, texts[i].ptr, texts[i].len);
    }
    return ERR_OK;
}

enum err ort_strings_bytes(struct OrtValue *value, struct text *fault, size_t *ret_bytes)
{
    return take(ort.api, ort.api->GetStringTensorDataLength(value, ret_bytes), fault);
}

/* The offsets are first written to the second half of the slices' memory, from where they are read before a slice gets
 * there. */
enum err ort_strings_read(struct OrtValue *value, void *memory, size_t bytes, size_t count, struct text *fault,
                          struct slice *ret_texts)
{
    size_t *offsets = (size_t *)(void *)ret_texts + count;
    if (count == 0)
        return ERR_OK;
    TRY(take(ort.api, ort.api->GetStringTensorContent(value, memory, bytes, offsets, count), fault));
    for (size_t i = 0; i < count; i++) {
        size_t begin, end = bytes;
        memcpy(&begin, offsets + i, sizeof(begin));
        if (i + 1 < count)
            memcpy(&end, offsets + i + 1, sizeof(end));
        struct slice text = slice_of((const char *)memory + begin, end - begin);
        memcpy(&ret_texts[i], &text, sizeof(text));
    }
    return ERR_OK;
}

enum err ort_run_options_create(struct OrtRunOptions **ret_options)
{
    return take(ort.api, ort.api->CreateRunOptions(ret_options), NULL);
}

void ort_run_options_destroy(struct OrtRunOptions *options)
{
    if (options)
        ort.api->ReleaseRunOptions(options);
}

void ort_run_options_set_terminate(struct OrtRunOptions *options, bool is_terminated)
{
    OrtStatus *status =
        is_terminated ? ort.api->RunOptionsSetTerminate(options) : ort.api->RunOptionsUnsetTerminate(options);
    (void)take(ort.api, status, NULL); /* it sets a flag; there is nothing that could fail */
}

enum err ort_run_options_set_shrink(struct OrtRunOptions *options)
{
    return take(ort.api, ort.api->AddRunConfigEntry(options, "memory.enable_memory_arena_shrinkage", "cpu:0"), NULL);
}

enum err ort_run(const struct ort_run *run, struct text *fault)
{
    return take(ort.api,
                ort.api->Run(run->session, run->options, run->input_names, run->inputs, run->input_count,
                             run->output_names, run->output_count, run->outputs),
                fault);
}
