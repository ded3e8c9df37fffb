/* SPDX-License-Identifier: Apache-2.0 */
/* Creating a model's session with the first of its execution providers that works.
 *
 * The runtime's list of providers is no help: it names those that were compiled in, and the libraries behind them may
 * be absent. Asking for one and creating the session is the only probe. Each that fails is dropped and the rest tried,
 * down to the CPU, which every build has. */
#include "lib/sys/clock.h"
#include "pipeline/infer/infer_int.h"

#include <stdio.h>

#define PROVIDERS_MAX 8
#define PATH_BYTES    4097

struct attempt {
    struct slice providers[PROVIDERS_MAX]; /* what comes before the CPU */
    uint32_t count;
    uint32_t failed; /* index of the provider that is to blame */
    char words[1024];
};

static struct attempt plan(const struct model_config *config);
static enum err try(struct attempt *attempt, const struct model_config *config, struct OrtSession **ret_session);
static enum err refuse_provider(const struct attempt *attempt, const struct model_load_options *options);
static void drop_provider(struct attempt *attempt, const struct model_load_options *options);
static void explain(enum err err, const struct attempt *attempt, const struct model_load_options *options);

static struct slice name_of(struct slice provider)
{
    return slice_cut(&provider, ' '); /* its options stand behind */
}

enum err session_open(struct model *model, const struct model_load_options *options)
{
    const struct model_config *config = options->config;
    struct attempt attempt = plan(config);
    uint64_t start_ns = clock_now_ns();
    enum err err;
    while ((err = try(&attempt, config, &model->session)) != ERR_OK) {
        if (attempt.failed == attempt.count) {
            explain(err, &attempt, options);
            return err;
        }
        if (config->provider_missing == MODEL_PROVIDER_STOP)
            return refuse_provider(&attempt, options);
        drop_provider(&attempt, options);
    }
    model->info.load_ns = clock_now_ns() - start_ns;
    model->info.provider = attempt.count ? name_of(attempt.providers[0]) : SLICE_LIT("cpu");
    return ERR_OK;
}

static struct attempt plan(const struct model_config *config)
{
    struct attempt attempt = {0};
    const struct slice *providers = config->providers.items;
    for (uint32_t i = 0; i < config->providers.count && attempt.count < PROVIDERS_MAX; i++) {
        if (slice_equal_nocase(name_of(providers[i]), SLICE_LIT("cpu")))
            break;
        attempt.providers[attempt.count++] = providers[i];
    }
    return attempt;
}

/* On failure, `failed` is attempt->count when no provider is to blame. */
static enum err try(struct attempt *attempt, const struct model_config *config, struct OrtSession **ret_session)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), SLICE_FMT, SLICE_ARG(config->path));
    struct text words = text_init(attempt->words, sizeof(attempt->words));
    struct ort_session_options options = {.path = path,
                                          .optimization = config->optimization,
                                          .threads = model_threads(config),
                                          .is_spinning = config->spinning,
                                          .providers = attempt->providers,
                                          .provider_count = attempt->count};
    enum err err = ort_session_create(&options, &words, &attempt->failed, ret_session);
    bool is_of_file = err == ERR_NOT_FOUND || err == ERR_SYNTAX || err == ERR_INVALID;
    if (attempt->failed == attempt->count && attempt->count && !is_of_file)
        attempt->failed = 0;
    return err;
}

static enum err refuse_provider(const struct attempt *attempt, const struct model_load_options *options)
{
    text_printf(options->fault,
                SLICE_FMT ": provider " SLICE_FMT " cannot be used, and provider_missing is stop (%s). Install a build "
                          "of ONNX Runtime that has it and name that by `onnxruntime:`, or set provider_missing to "
                          "fall_back",
                SLICE_ARG(options->config->path), SLICE_ARG(name_of(attempt->providers[attempt->failed])),
                attempt->words);
    return ERR_INVALID;
}

static void drop_provider(struct attempt *attempt, const struct model_load_options *options)
{
    struct slice dropped = attempt->providers[attempt->failed];
    attempt->count--;
    memmove(attempt->providers + attempt->failed, attempt->providers + attempt->failed + 1,
            (attempt->count - attempt->failed) * sizeof(dropped));
    text_printf(options->notices,
                "model " SLICE_FMT ": provider " SLICE_FMT " cannot be used, taking " SLICE_FMT " (%s)\n",
                SLICE_ARG(options->config->name), SLICE_ARG(name_of(dropped)),
                SLICE_ARG(attempt->count ? name_of(attempt->providers[0]) : SLICE_LIT("cpu")), attempt->words);
}

static void explain(enum err err, const struct attempt *attempt, const struct model_load_options *options)
{
    const char *meaning = "ONNX Runtime cannot load it";
    if (err == ERR_NOT_FOUND)
        meaning = "no such file";
    else if (err == ERR_SYNTAX)
        meaning = "not an ONNX model, or damaged";
    else if (err == ERR_INVALID)
        meaning = "an ONNX model that this ONNX Runtime does not accept";
    text_printf(options->fault, SLICE_FMT ": %s (%s)", SLICE_ARG(options->config->path), meaning, attempt->words);
}
