/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/load/origin.h"

#include "lib/sys/clock.h"
#include "lib/sys/file.h"
#include "load/plan/target.h"

#define READY_NS          (10 * NS_PER_S)
#define HEAD_START        (50 * NS_PER_MS)  /* so that every thread has seen the first moment before it comes */
#define HEAD_START_AGENTS (500 * NS_PER_MS) /* so that every agent has heard of it before it comes */
#define TOKEN_BYTES_MAX   4096
#define TOKEN_BYTES_MIN   16
#define WHY_BYTES         1024

/* --- this process ------------------------------------------------------------------------------------------------- */

static void collect(void *run, struct load_record *into)
{
    load_run_collect(run, into);
}

static bool is_over(void *run)
{
    return load_run_is_over(run);
}

static void stop(void *run)
{
    load_run_stop(run);
}

static enum err open_run(const struct load_plan *plan, struct load_origin *ret_origin)
{
    struct load_run_options options = {.plan = plan, .parts = 1};
    struct load_run *run;
    const char *why = NULL;
    enum err err = load_run_create(&options, READY_NS, &run, &why);
    if (err != ERR_OK) {
        (void)cmd_fail("load", "%s", why ? why : err_text(err));
        return err;
    }
    *ret_origin = (struct load_origin){.source = {.collect = collect, .is_over = is_over, .stop = stop, .owner = run},
                                       .run = run};
    return ERR_OK;
}

/* --- agents ------------------------------------------------------------------------------------------------------- */

static enum err open_agents(struct load_job *job, const struct load_plan *plan, const struct load_probe *probe,
                            struct load_origin *ret_origin)
{
    char memory[WHY_BYTES];
    struct text why = text_init(memory, sizeof memory);
    struct load_controller *controller;
    struct load_controller_options options = {
        .plan = plan,
        .inputs = &job->inputs,
        .agents = job->agents.addresses,
        .names = job->agents.names,
        .agent_count = job->agents.count,
        .token = job->agents.token,
        .is_cancelled = load_job_is_cancelled,
        .owner = job,
    };
    if (probe)
        options.probe = *probe;
    enum err err = load_controller_create(&options, &why, &controller);
    if (err != ERR_OK) {
        (void)cmd_fail("load", "%s", why.len ? memory : err_text(err));
        return err;
    }
    *ret_origin = (struct load_origin){.source = load_controller_source(controller), .controller = controller};
    return ERR_OK;
}

/* Numbers as they stand, and names as DNS has them. */
static bool find_address(struct load_job *job, struct slice text, struct address *ret_address)
{
    char memory[WHY_BYTES];
    struct text fault = text_init(memory, sizeof memory);
    struct load_target target;
    struct slice rest;
    if (address_parse(text, ret_address) == ERR_OK)
        return !address_is_local(ret_address) && address_port(ret_address) != 0;
    size_t host = slice_find(text, ':');
    if (host == 0 || host + 1 >= text.len)
        return false;
    if (load_target_parse(text, &job->arena, &fault, &target, &rest) != ERR_OK || rest.len ||
        load_target_resolve(&target, &fault) != ERR_OK || target.address_count == 0)
        return false;
    *ret_address = target.addresses[0];
    return true;
}

bool load_agents_parse(struct load_job *job, const char *text)
{
    struct load_job_agents *agents = &job->agents;
    struct slice rest = slice_of_text(text);
    while (rest.ptr) {
        struct slice name = slice_trim(slice_cut(&rest, ','));
        if (agents->count == LOAD_AGENTS_MAX) {
            (void)cmd_misuse("load", "--agents takes at most %d", LOAD_AGENTS_MAX);
            return false;
        }
        if (!find_address(job, name, &agents->addresses[agents->count])) {
            (void)cmd_misuse("load",
                             "--agents takes addresses such as 10.0.0.1:7000,10.0.0.2:7000, found \"" SLICE_FMT "\"",
                             SLICE_ARG(name));
            return false;
        }
        for (uint32_t i = 0; i < agents->count; i++)
            if (slice_equal(agents->names[i], name)) {
                (void)cmd_misuse("load", "--agents names " SLICE_FMT " twice", SLICE_ARG(name));
                return false;
            }
        agents->names[agents->count++] = name;
    }
    return true;
}

bool load_token_read(struct arena *arena, const char *command, const char *path, struct slice *ret_token)
{
    struct file_content content;
    enum err err = file_read(path, TOKEN_BYTES_MAX, &content);
    if (err != ERR_OK) {
        (void)cmd_fail(command, "%s: %s", path, err_text(err));
        return false;
    }
    struct slice token = slice_of(content.data, content.bytes);
    while (token.len && (unsigned char)token.ptr[token.len - 1] <= ' ')
        token.len--;
    *ret_token = token.len >= TOKEN_BYTES_MIN ? arena_copy(arena, token) : (struct slice){NULL, 0};
    file_content_deinit(&content);
    if (!ret_token->ptr)
        (void)cmd_fail(command, "%s: a token has at least %d characters", path, TOKEN_BYTES_MIN);
    return ret_token->ptr != NULL;
}

/* --- both --------------------------------------------------------------------------------------------------------- */

enum err load_origin_open(struct load_job *job, const struct load_plan *plan, const struct load_probe *probe,
                          struct load_origin *ret_origin)
{
    return job->agents.count ? open_agents(job, plan, probe, ret_origin) : open_run(plan, ret_origin);
}

uint64_t load_origin_begin(struct load_origin *origin)
{
    uint64_t begin_ns = clock_now_ns() + (origin->run ? HEAD_START : HEAD_START_AGENTS);
    if (origin->run) {
        load_run_begin(origin->run, begin_ns);
        return begin_ns;
    }
    load_controller_begin(origin->controller, begin_ns);
    return begin_ns + LOAD_REPORT_DELAY_NS;
}

void load_origin_close(struct load_origin *origin)
{
    load_run_destroy(origin->run);
    load_controller_destroy(origin->controller);
}
