/* lint_rules.c - the order of the rules, and those of deployments, steps and tasks. */
#include "codecs/config/lint_rules.h"

#include "codecs/expression/expression.h"

#include <stdlib.h>
#include <string.h>

static bool is_warning(const char *id)
{
    static const char *const warnings[] = { "D1", "N7", "A1", "A2", "Q1", "R1",
                                            "R2", "R3", "R4", "R5", "K2", "K3" };

    for (size_t i = 0; i < COUNT_OF(warnings); i++)
        if (strcmp(id, warnings[i]) == 0)
            return true;
    return false;
}

void lint_add(struct load *load, const struct finding *finding)
{
    struct finding copy = *finding;

    copy.level = is_warning(finding->id) ? FINDING_WARNING : FINDING_ERROR;
    findings_add(load->findings, &copy);
}

static void lint_deployment(struct load *load, size_t at)
{
    const struct config_deployment *deployment = &load->config->deployments[at];

    if (deployment->target)
        return;
    lint_add(load, &(struct finding){
                       .id = "D1",
                       .message = findings_text(load->findings,
                                                "the deployment `%.80s` has no target",
                                                deployment->name),
                       .path = findings_text(load->findings, "%zu.deployment",
                                             load->deployments[at].item),
                       .hint = "Add `defaults: {target: ...}`.",
                       .place = deployment->place,
                   });
}

/* S1 and K1. The expression itself is not kept. */
static enum rc lint_condition(struct load *load, const char *id, const char *kind,
                              const char *name, const char *text,
                              const struct origin *origin)
{
    struct expression *expression;
    enum rc rc;

    if (!text)
        return RC_OK;
    rc = expression_parse(load->arena, text, &expression, &load->err);
    if (rc != RC_INVALID && rc != RC_UNSUPPORTED)
        return rc;
    lint_add(load,
             &(struct finding){
                 .id = id,
                 .message = findings_text(load->findings,
                                          "the stop-condition of the %s `%.80s` is not "
                                          "valid: %.200s",
                                          kind, name, load->err.text),
                 .path = findings_text(load->findings, "%zu.%s.stop-condition",
                                       origin->item, kind),
                 .hint = "Write a comparison such as `metadata.accuracy > 0.9`.",
                 .place = yaml_get(origin->node, "stop-condition")->place,
             });
    return RC_OK;
}

static enum rc lint_step(struct load *load, size_t at)
{
    const struct config_step *step = &load->config->steps[at];
    const struct origin *origin = &load->steps[at];

    enum rc rc = RC_OK;

    for (size_t i = 0; i < step->parameter_count && rc == RC_OK; i++)
        rc = lint_parameter(load, step, origin, i);
    if (rc == RC_OK)
        rc = lint_condition(load, "S1", "step", step->name, step->stop_condition, origin);
    if (rc != RC_OK || !step->runtime_config_preset || step->environment)
        return rc;
    lint_add(load,
             &(struct finding){
                 .id = "S2",
                 .message = findings_text(load->findings,
                                          "the step `%.80s` has a runtime-config-preset "
                                          "but no environment",
                                          step->name),
                 .path = findings_text(load->findings, "%zu.step.runtime-config-preset",
                                       origin->item),
                 .hint = "Add `environment`.",
                 .place = yaml_get(origin->node, "runtime-config-preset")->place,
             });
    return RC_OK;
}

static void lint_task_fields(struct load *load, const struct config_task *task,
                             const struct origin *origin)
{
    static const char *const bayesian_only[] = { "engine", "optimization-target-metric",
                                                 "optimization-target-value" };

    if (task->set_count && task->type != TASK_MANUAL)
        lint_add(load, &(struct finding){
                           .id = "K2",
                           .message = findings_text(
                               load->findings,
                               "the parameter-sets of the task `%.80s` make sense with "
                               "type manual_search only",
                               task->name),
                           .path = findings_text(load->findings,
                                                 "%zu.task.parameter-sets", origin->item),
                           .hint = "Set `type: manual_search`, or remove the sets.",
                           .place = yaml_get(origin->node, "parameter-sets")->place,
                       });
    for (size_t i = 0; i < COUNT_OF(bayesian_only); i++) {
        const struct yaml_node *field = yaml_get(origin->node, bayesian_only[i]);

        if (!field || task->type == TASK_BAYESIAN)
            continue;
        lint_add(load, &(struct finding){
                           .id = "K3",
                           .message = findings_text(
                               load->findings,
                               "`%s` of the task `%.80s` makes sense with type "
                               "bayesian_tpe only",
                               bayesian_only[i], task->name),
                           .path = findings_text(load->findings, "%zu.task.%s",
                                                 origin->item, bayesian_only[i]),
                           .hint = "Set `type: bayesian_tpe`, or remove the key.",
                           .place = field->place,
                       });
    }
}

static enum rc lint_task(struct load *load, size_t at)
{
    const struct config_task *task = &load->config->tasks[at];
    enum rc rc = lint_condition(load, "K1", "task", task->name, task->stop_condition,
                                &load->tasks[at]);

    if (rc == RC_OK)
        lint_task_fields(load, task, &load->tasks[at]);
    return rc;
}

/* ---- names ---- */

static enum rc names_init(struct lint_names *names, const struct config *config)
{
    size_t count = config->step_count + 1; /* calloc(0) may be NULL */
    enum rc rc = RC_OK;

    names->parameters = calloc(count, sizeof *names->parameters);
    names->inputs = calloc(count, sizeof *names->inputs);
    names->is_filled = calloc(count, sizeof *names->is_filled);
    if (!names->parameters || !names->inputs || !names->is_filled)
        return RC_NO_MEMORY;
    for (size_t i = 0; i < config->step_count && rc == RC_OK; i++)
        rc = index_put(&names->steps, config->steps[i].name,
                       strlen(config->steps[i].name), i);
    for (size_t i = 0; i < config->task_count && rc == RC_OK; i++)
        rc = index_put(&names->tasks, config->tasks[i].name,
                       strlen(config->tasks[i].name), i);
    return rc;
}

static void names_fini(struct lint_names *names, const struct config *config)
{
    for (size_t i = 0; i < config->step_count; i++) {
        if (names->parameters)
            index_fini(&names->parameters[i]);
        if (names->inputs)
            index_fini(&names->inputs[i]);
    }
    free(names->parameters);
    free(names->inputs);
    free(names->is_filled);
    index_fini(&names->steps);
    index_fini(&names->tasks);
}

enum rc lint_names_step(struct load *load, struct lint_names *names, size_t step)
{
    const struct config_step *s = &load->config->steps[step];
    enum rc rc = RC_OK;

    if (names->is_filled[step])
        return RC_OK;
    for (size_t i = 0; i < s->parameter_count && rc == RC_OK; i++)
        rc = index_put(&names->parameters[step], s->parameters[i].name,
                       strlen(s->parameters[i].name), i);
    for (size_t i = 0; i < s->input_count && rc == RC_OK; i++)
        rc = index_put(&names->inputs[step], s->inputs[i].name, strlen(s->inputs[i].name),
                       i);
    names->is_filled[step] = rc == RC_OK;
    return rc;
}

enum rc lint_rules(struct load *load)
{
    const struct config *config = load->config;
    struct lint_names names = { 0 };
    enum rc rc = names_init(&names, config);

    for (size_t i = 0; i < config->deployment_count && rc == RC_OK; i++)
        lint_deployment(load, i);
    for (size_t i = 0; i < config->pipeline_count && rc == RC_OK; i++)
        rc = lint_pipeline(load, &names, &config->pipelines[i], &load->pipelines[i]);
    for (size_t i = 0; i < config->step_count && rc == RC_OK; i++)
        rc = lint_step(load, i);
    for (size_t i = 0; i < config->task_count && rc == RC_OK; i++)
        rc = lint_task(load, i);
    names_fini(&names, config);
    return rc;
}
