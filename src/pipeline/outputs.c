/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/outputs.h"

#include "pipeline/classify.h"

static enum verdict classify_output(struct request *request, struct output *output)
{
    const struct model_info *model = model_info(run_model(request->run));
    struct tensor *classes = arena_alloc(&request->arena, sizeof *classes);
    if (!classes || classify(&request->arena, output->tensor, output->wish->classes, model->labels, model->label_count,
                             classes) != ERR_OK)
        return request_fail_memory(request);
    output->tensor = classes;
    return VERDICT_NEXT;
}

enum verdict outputs_collect(struct request *request, struct output outputs[MODEL_TENSORS_MAX], uint32_t *ret_count)
{
    const struct inference *inference = &request->inference;
    uint32_t count = inference->output_count;
    if (!count) {
        count = model_info(run_model(request->run))->output_count;
        for (uint32_t i = 0; i < count; i++)
            outputs[i] = (struct output){run_output(request->run, i), NULL, inference->is_binary};
    }
    for (uint32_t i = 0; i < inference->output_count; i++) {
        const struct output_wish *wish = &inference->outputs[i];
        outputs[i] = (struct output){run_output(request->run, wish->index), wish, wish->is_binary};
        if (wish->classes && classify_output(request, &outputs[i]) == VERDICT_FAIL)
            return VERDICT_FAIL;
    }
    *ret_count = count;
    return VERDICT_NEXT;
}
