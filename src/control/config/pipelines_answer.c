/* SPDX-License-Identifier: Apache-2.0 */
/* `answer:` of a pipeline: what of its values clients get. */
#include "control/config/pipelines_int.h"

#include "control/config/option_tables.h"

/* An entry of `answer:`. */
struct answer_config {
    struct slice name;
    struct slice from;
    struct slice separator;
    struct slice event;
    struct slice score;
    double score_min;
};

static const struct option answer_rows[] = {
    {.name = "name",
     .type = OPTION_TEXT,
     .offset = offsetof(struct answer_config, name),
     .min = 1,
     .max = 64,
     .flags = OPTION_REQUIRED,
     .help = "The member of the answer"},
    {.name = "from",
     .type = OPTION_TEXT,
     .offset = offsetof(struct answer_config, from),
     .max = 512,
     .help = "What it is: step or step.output; of a list it is an array"},
    {.name = "separator",
     .type = OPTION_TEXT,
     .offset = offsetof(struct answer_config, separator),
     .max = 64,
     .help = "Makes one text of a list of texts, with this between"},
    {.name = "event",
     .type = OPTION_TEXT,
     .offset = offsetof(struct answer_config, event),
     .max = 64,
     .help = "With `each`: clients that accept a stream get each object as soon as it is complete, as an event of this "
             "name"},
    {.name = "score",
     .type = OPTION_TEXT,
     .offset = offsetof(struct answer_config, score),
     .max = 512,
     .help = "Numbers of the same list"},
    {.name = "score_min",
     .type = OPTION_REAL,
     .offset = offsetof(struct answer_config, score_min),
     .min = -1e9,
     .max = 1e9,
     .help = "Elements with less of `score` are left out"},
};
const struct option_table option_table_pipeline_answer = {.name = "answer",
                                                          .help = "A member of the answer",
                                                          .bytes = sizeof(struct answer_config),
                                                          .rows = answer_rows,
                                                          .count = ARRAY_LEN(answer_rows)};

static void add_field(struct pipeline_draft *draft, struct graph_answer *answer, const struct yaml_node *node,
                      struct slice name, struct slice text)
{
    struct graph_source from;
    if (answer->field_count == GRAPH_FIELDS_MAX) {
        pipeline_report(draft, node->place, "an object of the answer has at most %d members", GRAPH_FIELDS_MAX);
        return;
    }
    if (!pipeline_find_source(draft, node, text, &from))
        return;
    enum graph_type type = graph_output_of(draft->pipeline, from)->type;
    uint32_t domain = graph_domain_of(draft->pipeline, from);
    if (type == GRAPH_FILE || type == GRAPH_IMAGE) {
        pipeline_report(
            draft, node->place, "answer \"" SLICE_FMT "\": \"" SLICE_FMT "\" is %s, which has no form in JSON",
            SLICE_ARG(answer->name), SLICE_ARG(slice_first(text, REPORT_QUOTE_BYTES_MAX)), graph_type_name(type));
        return;
    }
    if (answer->domain != GRAPH_NO_DOMAIN && domain != GRAPH_NO_DOMAIN && domain != answer->domain)
        pipeline_report(draft, node->place,
                        "answer \"" SLICE_FMT "\": \"" SLICE_FMT "\" is of another list than what stands before",
                        SLICE_ARG(answer->name), SLICE_ARG(slice_first(text, REPORT_QUOTE_BYTES_MAX)));
    if (domain != GRAPH_NO_DOMAIN)
        answer->domain = domain;
    if (from.step != GRAPH_BODY)
        draft->pipeline->steps[from.step].is_answered = true;
    answer->fields[answer->field_count++] = (struct graph_field){name, from};
}

static void read_score(struct pipeline_draft *draft, struct graph_answer *answer, const struct yaml_node *node)
{
    if (!node || !pipeline_find_source(draft, node, node->text, &answer->score))
        return;
    answer->has_score = true;
    if (graph_output_of(draft->pipeline, answer->score)->type != GRAPH_NUMBER ||
        graph_domain_of(draft->pipeline, answer->score) != answer->domain)
        pipeline_report(draft, node->place, "answer \"" SLICE_FMT "\": \"score\" takes numbers of the same list",
                        SLICE_ARG(answer->name));
    if (answer->score.step != GRAPH_BODY)
        draft->pipeline->steps[answer->score.step].is_answered = true;
}

static void check_answer(struct pipeline_draft *draft, struct graph_answer *answer, const struct yaml_node *node)
{
    struct pipeline *pipeline = draft->pipeline;
    bool is_listed = answer->domain != GRAPH_NO_DOMAIN;
    if ((answer->is_each || answer->is_joined || answer->has_score) && !is_listed)
        pipeline_report(draft, node->place, "answer \"" SLICE_FMT "\": each, separator and score are for lists",
                        SLICE_ARG(answer->name));
    else if (answer->is_joined &&
             (answer->is_each || graph_output_of(pipeline, answer->fields[0].from)->type != GRAPH_TEXT))
        pipeline_report(draft, node->place, "answer \"" SLICE_FMT "\": \"separator\" takes a list of text",
                        SLICE_ARG(answer->name));
    else if (answer->event.len && (!answer->is_each || pipeline->streamed))
        pipeline_report(draft, node->place, "answer \"" SLICE_FMT "\": \"event\" stands with one \"each\"",
                        SLICE_ARG(answer->name));
    else if (answer->event.len && !pipeline_is_name(answer->event))
        pipeline_report(draft, node->place, "answer \"" SLICE_FMT "\": \"event\" is made of A-Z a-z 0-9 _ -",
                        SLICE_ARG(answer->name));
    if (answer->event.len)
        pipeline->streamed = answer;
}

enum err pipeline_read_answer(struct pipeline_draft *draft, const struct yaml_node *node)
{
    static const char *const others[] = {"each", NULL};
    struct compile *compile = draft->compile;
    struct answer_config options = {0};
    struct graph_answer *answer = &draft->pipeline->answers[draft->pipeline->answer_count++];
    struct fill_job job = {
        .table = &option_table_pipeline_answer, .node = node, .place = node->place, .others = others};
    uint32_t errors = compile->report->error_count;
    TRY(fill_table(&compile->fill, &job, &options));
    const struct yaml_node *each = yaml_find(node, "each");
    const struct yaml_node *from = yaml_find(node, "from");
    if (compile->report->error_count != errors) {
        draft->is_broken = true;
        return ERR_OK;
    }
    answer->name = options.name;
    answer->is_each = each;
    answer->event = options.event;
    answer->is_joined = yaml_find(node, "separator");
    answer->separator = options.separator;
    answer->score_min = options.score_min;
    if ((each != NULL) == (from != NULL) || (each && (each->kind != YAML_MAP || !each->count))) {
        pipeline_report(draft, node->place,
                        "answer \"" SLICE_FMT "\": write \"from\", or \"each\" with a map of member to step.output",
                        SLICE_ARG(options.name));
        return ERR_OK;
    }
    for (const struct yaml_node *entry = each ? each->first : NULL; entry && !draft->is_broken; entry = entry->next) {
        add_field(draft, answer, entry, pipeline_keep(draft, entry->key), entry->text);
    }
    if (from)
        add_field(draft, answer, from, answer->name, options.from);
    if (!draft->is_broken)
        read_score(draft, answer, yaml_find(node, "score"));
    if (!draft->is_broken)
        check_answer(draft, answer, node);
    return ERR_OK;
}
