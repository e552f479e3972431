/* compile.c - finds what is to be run, and calls the parts in order. */
#include "codecs/plan/draft.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int place_text(const struct compiler *compiler, struct place place, char *text,
                      size_t size)
{
    if (place.line == 0)
        return snprintf(text, size, "%s", "");
    return snprintf(text, size, "%.200s:%u: ", compiler->config->file, place.line);
}

enum rc compile_fail(struct compiler *compiler, enum rc rc, struct place place,
                     const char *format, ...)
{
    char where[300], what[ERR_TEXT_MAX];
    va_list arguments;

    place_text(compiler, place, where, sizeof where);
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return err_set(compiler->err, rc, "%s%s", where, what);
}

enum rc compile_wrap(struct compiler *compiler, enum rc rc, struct place place,
                     const char *subject)
{
    char text[ERR_TEXT_MAX] = "";

    if (compiler->err)
        snprintf(text, sizeof text, "%s", compiler->err->text);
    return compile_fail(compiler, rc, place, "%.80s: %s", subject, text);
}

void compile_note(struct compiler *compiler, const char *format, ...)
{
    char text[ERR_TEXT_MAX];
    va_list arguments;

    if (compiler->note_count == NOTES_MAX)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);

    const char *note = compiler->note_count + 1 == NOTES_MAX
                           ? "there are more notes than can be kept"
                           : arena_text(compiler->arena, text);

    if (note)
        compiler->notes[compiler->note_count++] = note;
}

void *compile_array(struct compiler *compiler, size_t count, size_t size)
{
    void *items = arena_array(compiler->arena, count, size);

    if (!items)
        err_set(compiler->err, RC_NO_MEMORY, "plan: no memory for %zu times %zu bytes",
                count, size);
    return items;
}

static const char *draft_name(const struct draft *draft)
{
    return draft->node   ? draft->node->name
           : draft->task ? draft->task->name
                         : draft->step->name;
}

static int draft_order(const void *a, const void *b, void *context)
{
    const struct draft *drafts = context;
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    int order = strcmp(draft_name(&drafts[left]), draft_name(&drafts[right]));

    return order != 0 ? order : left < right ? -1 : left > right;
}

size_t compile_stage_find(const struct compiler *compiler, const char *name)
{
    size_t low = 0, high = compiler->plan->stage_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint32_t stage = compiler->by_name[middle];
        int order = strcmp(name, draft_name(&compiler->drafts[stage]));

        if (order == 0)
            return stage;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return compiler->plan->stage_count;
}

/* A name as it can stand behind "RUN/". */
static const char *address_name(struct compiler *compiler, const char *name)
{
    char *copy = arena_text(compiler->arena, name);

    for (char *at = copy; at && *at != '\0'; at++)
        if (*at == '/' || (unsigned char)*at < ' ' || *at == 0x7f)
            *at = '-';
    return copy;
}

static enum rc drafts_alloc(struct compiler *compiler, size_t count)
{
    struct plan *plan = compiler->plan;

    plan->stages = compile_array(compiler, count, sizeof *plan->stages);
    compiler->drafts = compile_array(compiler, count, sizeof *compiler->drafts);
    compiler->by_name = compile_array(compiler, count, sizeof *compiler->by_name);
    if (!plan->stages || !compiler->drafts || !compiler->by_name)
        return RC_NO_MEMORY;
    plan->stage_count = count;
    return RC_OK;
}

static enum rc node_refuse(struct compiler *compiler, const struct config_stage *node)
{
    if (node->kind == STAGE_DEPLOYMENT)
        return compile_fail(compiler, RC_UNSUPPORTED, node->place,
                            "node '%.80s': deployments are not run yet", node->name);
    if (node->commit)
        return compile_fail(compiler, RC_UNSUPPORTED, node->place,
                            "node '%.80s': taking its step from commit '%.80s' is not "
                            "offered yet; remove 'commit'",
                            node->name, node->commit);
    return RC_OK;
}

static enum rc node_draft(struct compiler *compiler, const struct config_stage *node,
                          struct draft *draft)
{
    const struct config *config = compiler->config;
    enum rc rc = node_refuse(compiler, node);
    const char *step = node->step;

    if (rc != RC_OK)
        return rc;
    *draft = (struct draft){ .node = node, .place = node->place };
    if (node->task) {
        draft->task = config_task_find(config, node->task);
        if (!draft->task)
            return compile_fail(compiler, RC_INVALID, node->place,
                                "node '%.80s': there is no task '%.80s' in the file",
                                node->name, node->task);
        step = draft->task->step;
    }
    draft->step = step ? config_step_find(config, step) : NULL;
    if (!draft->step)
        return compile_fail(compiler, RC_INVALID, node->place,
                            "node '%.80s': there is no step '%.80s' in the file",
                            node->name, step ? step : "");
    return RC_OK;
}

static enum rc pipeline_draft(struct compiler *compiler)
{
    const struct config_pipeline *pipeline = compiler->pipeline;

    if (pipeline->stage_count == 0 || pipeline->stage_count > PLAN_STAGES_MAX)
        return compile_fail(compiler, RC_INVALID, pipeline->place,
                            "pipeline '%.80s' has %zu nodes; 1 to %d can be run",
                            pipeline->name, pipeline->stage_count, PLAN_STAGES_MAX);

    enum rc rc = drafts_alloc(compiler, pipeline->stage_count);

    for (size_t i = 0; i < pipeline->stage_count && rc == RC_OK; i++)
        rc = node_draft(compiler, &pipeline->stages[i], &compiler->drafts[i]);
    compiler->plan->title = pipeline->name;
    compiler->plan->is_pipeline = true;
    return rc;
}

static enum rc task_draft(struct compiler *compiler, const struct config_task *task)
{
    enum rc rc = drafts_alloc(compiler, 1);

    if (rc != RC_OK)
        return rc;
    compiler->plan->title = task->name;
    compiler->drafts[0] =
        (struct draft){ .step = config_step_find(compiler->config, task->step),
                        .task = task,
                        .place = task->place };
    if (!compiler->drafts[0].step)
        return compile_fail(compiler, RC_INVALID, task->place,
                            "task '%.80s': there is no step '%.80s' in the file",
                            task->name, task->step);
    return RC_OK;
}

static enum rc step_draft(struct compiler *compiler)
{
    const struct config *config = compiler->config;
    const char **names = compile_array(compiler, config->step_count, sizeof *names);
    size_t index;

    if (!names)
        return RC_NO_MEMORY;
    for (size_t i = 0; i < config->step_count; i++)
        names[i] = config->steps[i].name;

    enum rc rc = name_pick(compiler, "step", compiler->request->step, names,
                           config->step_count, true, &index);

    if (rc != RC_OK)
        return compile_wrap(compiler, rc, (struct place){ 0 }, config->file);
    rc = drafts_alloc(compiler, 1);
    if (rc != RC_OK)
        return rc;
    compiler->plan->title = config->steps[index].name;
    compiler->drafts[0] = (struct draft){ .step = &config->steps[index],
                                          .place = config->steps[index].place };
    return RC_OK;
}

/* What the request names: a pipeline, or exactly a task blueprint, or a pipeline by its
 * beginning, or a step. */
static enum rc request_draft(struct compiler *compiler)
{
    const struct config *config = compiler->config;
    const char *name = compiler->request->pipeline;

    if (!name && !compiler->request->step)
        return err_set(compiler->err, RC_INVALID,
                       "%.200s: name a pipeline or a step to run", config->file);
    if (!name)
        return step_draft(compiler);
    if (!config_pipeline_find(config, name) && config_task_find(config, name))
        return task_draft(compiler, config_task_find(config, name));

    const char **names = compile_array(compiler, config->pipeline_count, sizeof *names);
    size_t index;

    if (!names)
        return RC_NO_MEMORY;
    for (size_t i = 0; i < config->pipeline_count; i++)
        names[i] = config->pipelines[i].name;

    enum rc rc = name_pick(compiler, "pipeline", name, names, config->pipeline_count,
                           true, &index);

    if (rc != RC_OK)
        return compile_wrap(compiler, rc, (struct place){ 0 }, config->file);
    compiler->pipeline = &config->pipelines[index];
    return pipeline_draft(compiler);
}

static enum rc stages_compile(struct compiler *compiler)
{
    struct plan *plan = compiler->plan;

    for (size_t i = 0; i < plan->stage_count; i++) {
        compiler->by_name[i] = (uint32_t)i;
        plan->stages[i].name = address_name(compiler, draft_name(&compiler->drafts[i]));
        if (!plan->stages[i].name)
            return err_set(compiler->err, RC_NO_MEMORY, "plan: no memory for a name");
    }
    qsort_r(compiler->by_name, plan->stage_count, sizeof *compiler->by_name, draft_order,
            compiler->drafts);
    for (size_t i = 0; i < plan->stage_count; i++) {
        enum rc rc = compile_stage(compiler, i);

        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

enum rc plan_compile(const struct config *config, const struct plan_request *request,
                     struct arena *arena, struct plan **plan, struct err *err)
{
    struct err unheard = { 0 };
    struct compiler compiler = {
        .config = config, .request = request, .arena = arena, .err = err ? err : &unheard
    };

    compiler.plan = compile_array(&compiler, 1, sizeof *compiler.plan);
    compiler.notes = compile_array(&compiler, NOTES_MAX, sizeof *compiler.notes);
    compiler.step_is_noted = compile_array(&compiler, config->step_count, sizeof(bool));
    if (!compiler.plan || !compiler.notes || !compiler.step_is_noted)
        return RC_NO_MEMORY;
    compiler.plan->project = request->project;

    enum rc rc = request_draft(&compiler);

    if (rc == RC_OK)
        rc = stages_compile(&compiler);
    if (rc == RC_OK)
        rc = compile_values(&compiler);
    if (rc == RC_OK)
        rc = compile_inputs(&compiler);
    if (rc == RC_OK)
        rc = compile_edges(&compiler);
    if (rc == RC_OK)
        rc = compile_check(&compiler);
    if (rc == RC_OK)
        rc = plan_edges_sort(arena, compiler.plan, compiler.err);
    if (rc != RC_OK)
        return rc;
    compiler.plan->notes = compiler.notes;
    compiler.plan->note_count = compiler.note_count;
    *plan = compiler.plan;
    return RC_OK;
}
