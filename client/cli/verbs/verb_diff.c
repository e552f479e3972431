/* verb_diff.c - `sluice diff A B`: what differs between two runs, stages or tasks. */
#include "client/cli/compare/code_diff.h"
#include "client/cli/compare/task_facts.h"
#include "client/cli/text/human.h"
#include "client/cli/text/two_values.h"
#include "client/cli/load.h"
#include "client/cli/versions/record.h"
#include "client/cli/text/term.h"
#include "client/cli/verbs/verbs.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TASKS_MAX = 1000, NAME_COLUMNS = 24, VALUE_COLUMNS = 60 };

struct side {
    struct target target;
    struct recorder recorder;
};

struct diff {
    struct cli *cli;
    struct arena *arena;
    struct side sides[2];
    struct code_diff code;
    struct json json;
    bool differs, one_pair;
};

static int begin_side(struct diff *self, struct side *side, const char *word)
{
    int end = target_open(self->cli, word, TARGET_RUN_OR_STAGE, &side->target);

    return end == EXIT_GO_ON
               ? recorder_begin(&side->recorder, self->cli, &side->target, self->arena)
               : end;
}

/* The facts of one task, in arena. */
static int read_facts(struct diff *self, struct side *side,
                      const struct sluice_stage *stage, uint64_t task,
                      struct arena *arena, struct facts *facts)
{
    struct target one = side->target;
    scoped_json json = { 0 };
    struct sluice_tasks *tasks;
    struct value record;
    struct err err;
    int end;

    one.stage = stage;
    one.has_task = true;
    one.task = task;
    end = target_tasks(self->cli, &one, 0, 1, &tasks);
    if (end != EXIT_GO_ON)
        return end;
    if (tasks->count == 1)
        end = recorder_write(&side->recorder, stage, &tasks->tasks[0], &json);
    else
        end = cli_fail(self->cli, EXIT_WRONG, "%" PRIu64 "/%s has no tasks yet",
                       side->target.run, stage->name);
    sluice_tasks_free(tasks);
    if (end != EXIT_GO_ON)
        return end;
    if (value_from_json(arena, (const char *)json.buf.data, json.buf.size, &record, &err)
        != RC_OK)
        return cli_fail_err(self->cli, EXIT_FAILED, &err);
    *facts = (struct facts){ .arena = arena };
    facts_of(facts, &record, side->recorder.resolved);
    return EXIT_GO_ON;
}

/* Numbers get how far they went. */
static bool change_of(const struct fact_change *change, double *by)
{
    if (!change->before || !change->after || !change->before->is_number
        || !change->after->is_number)
        return false;
    *by = change->after->number - change->before->number;
    return isfinite(*by);
}

static void write_changes(struct json *json, const struct fact_changes *changes)
{
    json_open(json, "changes", '[');
    for (size_t i = 0; i < changes->count; i++) {
        const struct fact_change *change = &changes->items[i];
        const struct fact *any = change->before ? change->before : change->after;
        double by;

        json_open(json, NULL, '{');
        json_text(json, "section", fact_section_name(any->section));
        json_text(json, "name", any->name);
        json_text(json, "before", change->before ? change->before->shown : NULL);
        json_text(json, "after", change->after ? change->after->shown : NULL);
        if (change_of(change, &by)) {
            struct value value = value_float(by);

            json_value(json, "change", &value);
        } else {
            json_text(json, "change", NULL);
        }
        json_close(json, '}');
    }
    json_close(json, ']');
}

/* Of several pairs time and resources are left out: they always differ. */
static void print_changes(const struct fact_changes *changes, bool with_use)
{
    for (size_t i = 0; i < changes->count; i++) {
        const struct fact_change *change = &changes->items[i];
        const struct fact *any = change->before ? change->before : change->after;
        const struct fact_change *last = i ? change - 1 : NULL;
        scoped_buf name = { 0 }, values = { 0 };
        size_t width;
        double by;

        if (any->section == FACT_USE && !with_use)
            continue;
        if (!last || (last->before ? last->before : last->after)->section != any->section)
            printf("%s\n", fact_section_name(any->section));
        width = text_fit(&name, any->name, VALUE_COLUMNS);
        printf("  %s%*s ", buf_string(&name),
               width < NAME_COLUMNS ? (int)(NAME_COLUMNS - width) : 0, "");
        two_values_text(&values, change->before ? change->before->shown : NULL,
                        change->after ? change->after->shown : NULL, VALUE_COLUMNS);
        fputs(buf_string(&values), stdout);
        if (change_of(change, &by))
            printf(" (%+.6g)", by);
        putchar('\n');
    }
}

static void tell_task(struct diff *self, const struct sluice_stage *const stages[2],
                      const uint64_t tasks[2], const struct fact_changes *changes)
{
    char names[2][8192];

    for (int i = 0; i < 2; i++)
        snprintf(names[i], sizeof names[i], "%" PRIu64 "/%s/%" PRIu64,
                 self->sides[i].target.run, stages[i]->name, tasks[i]);
    if (self->cli->json) {
        json_open(&self->json, NULL, '{');
        json_text(&self->json, "a", names[0]);
        json_text(&self->json, "b", names[1]);
        write_changes(&self->json, changes);
        json_close(&self->json, '}');
    } else if (changes->counts || self->one_pair) {
        if (!self->one_pair)
            printf("%s, %s:\n", names[0], names[1]);
        print_changes(changes, self->one_pair);
    }
}

static int compare_tasks(struct diff *self, const struct sluice_stage *const stages[2],
                         const uint64_t tasks[2])
{
    scoped(arena) arena = arena_create(LOAD_ARENA_MAX);
    struct facts facts[2];
    struct fact_changes changes;
    int end = arena ? EXIT_GO_ON : cli_fail(self->cli, EXIT_FAILED, "out of memory");

    for (int i = 0; i < 2 && end == EXIT_GO_ON; i++)
        end = read_facts(self, &self->sides[i], stages[i], tasks[i], arena, &facts[i]);
    if (end != EXIT_GO_ON)
        return end;
    if (facts_compare(&facts[0], &facts[1], &changes) != RC_OK)
        return cli_fail(self->cli, EXIT_FAILED, "out of memory");
    self->differs |= changes.counts;
    tell_task(self, stages, tasks, &changes);
    return EXIT_GO_ON;
}

/* What one side alone has: a stage, or tasks of one. */
static void tell_lone(struct diff *self, int side, const struct sluice_stage *stage,
                      uint64_t first)
{
    uint64_t run = self->sides[side].target.run;

    self->differs = true;
    if (self->cli->json) {
        json_open(&self->json, NULL, '{');
        json_text(&self->json, side ? "a" : "b", NULL);
        json_text(&self->json, side ? "b" : "a", stage->name);
        json_uint(&self->json, "from", first);
        json_open(&self->json, "changes", '[');
        json_close(&self->json, ']');
        json_close(&self->json, '}');
    } else if (first > 0) {
        printf("only run %" PRIu64 " has %s/%" PRIu64 " and what follows it\n", run,
               stage->name, first);
    } else {
        printf("only run %" PRIu64 " has tasks of %s\n", run, stage->name);
    }
}

static int compare_stages(struct diff *self, const struct sluice_stage *a,
                          const struct sluice_stage *b)
{
    const struct sluice_stage *const stages[] = { a, b };
    const struct target *first = &self->sides[0].target, *second = &self->sides[1].target;
    uint64_t tasks[2] = { first->has_task ? first->task : 0,
                          second->has_task ? second->task : 0 };
    uint64_t count[2];
    int end = EXIT_GO_ON;

    for (int i = 0; i < 2; i++)
        count[i] = !stages[i]->is_resolved          ? 0
                   : self->sides[i].target.has_task ? 1
                                                    : stages[i]->tasks;
    if (count[0] > TASKS_MAX && count[1] > TASKS_MAX)
        return cli_fail(self->cli, EXIT_WRONG,
                        "both %s have more than %d tasks: name one of each, or use "
                        "`sluice compare`",
                        a->name, TASKS_MAX);

    uint64_t both = count[0] < count[1] ? count[0] : count[1];

    self->one_pair = count[0] <= 1 && count[1] <= 1 && first->stage && second->stage;
    for (uint64_t i = 0; i < both && end == EXIT_GO_ON; i++, tasks[0]++, tasks[1]++)
        end = compare_tasks(self, stages, tasks);
    for (int i = 0; i < 2 && end == EXIT_GO_ON; i++)
        if (count[i] > both)
            tell_lone(self, i, stages[i], both);
    return end;
}

static const struct sluice_stage *stage_named(const struct sluice_view *view,
                                              const char *name)
{
    for (size_t i = 0; i < view->stage_count; i++)
        if (strcmp(view->stages[i].name, name) == 0)
            return &view->stages[i];
    return NULL;
}

/* Stages of two runs by their names; a run of one stage against any other such run. */
static int compare_runs(struct diff *self)
{
    const struct sluice_view *a = self->sides[0].target.view,
                             *b = self->sides[1].target.view;
    int end = EXIT_GO_ON;

    if (a->stage_count == 1 && b->stage_count == 1)
        return compare_stages(self, &a->stages[0], &b->stages[0]);
    for (size_t i = 0; i < a->stage_count && end == EXIT_GO_ON; i++) {
        const struct sluice_stage *other = stage_named(b, a->stages[i].name);

        if (other)
            end = compare_stages(self, &a->stages[i], other);
        else
            tell_lone(self, 0, &a->stages[i], 0);
    }
    for (size_t i = 0; i < b->stage_count && end == EXIT_GO_ON; i++)
        if (!stage_named(a, b->stages[i].name))
            tell_lone(self, 1, &b->stages[i], 0);
    return end;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

/* The code that a side saw: that of the stage, where it sees a part only. */
static int tree_of(struct diff *self, struct side *side, const char **digest)
{
    struct plan_stage *resolved = NULL;
    int end = EXIT_GO_ON;

    *digest = or_empty(side->recorder.plan->code.tree);
    if (side->target.stage)
        end = load_stage(self->cli, side->target.run, side->target.stage->name,
                         self->arena, &resolved);
    if (end == EXIT_GO_ON && resolved && resolved->sees_own_code)
        *digest = or_empty(resolved->code);
    return end;
}

static void write_code(struct diff *self)
{
    const struct code_diff *code = &self->code;
    struct json *json = &self->json;
    scoped_buf text = { .limit = SIZE_MAX };

    json_open(json, "code", '{');
    json_text(json, "before", *code->before ? code->before : NULL);
    json_text(json, "after", *code->after ? code->after : NULL);
    json_text(json, "commit_before", self->sides[0].recorder.plan->code.commit);
    json_text(json, "commit_after", self->sides[1].recorder.plan->code.commit);
    json_tree_changes(json, "files", code->changes, code->count);
    buf_add(&text, code->text.data, code->text.size);
    json_text(json, "diff", code->text.size ? buf_string(&text) : NULL);
    json_text(json, "lack", code->lack);
    json_close(json, '}');
}

/* What a file holds must not steer the terminal; elsewhere it stays as it is. */
static void print_lines(const struct buf *text)
{
    struct term term = term_of(stdout);

    for (size_t at = 0; at < text->size && term.is_terminal;) {
        const char *line = (const char *)text->data + at;
        const char *end = memchr(line, '\n', text->size - at);
        size_t size = end ? (size_t)(end - line) : text->size - at;
        scoped_buf copy = { 0 }, fit = { 0 };

        buf_add(&copy, line, size);
        text_fit(&fit, buf_string(&copy), SIZE_MAX);
        puts(buf_string(&fit));
        at += size + 1;
    }
    if (!term.is_terminal && text->size > 0)
        fwrite(text->data, 1, text->size, stdout);
}

static void print_code(const struct diff *self)
{
    const struct code_diff *code = &self->code;

    if (strcmp(code->before, code->after) == 0)
        return;
    puts("code");
    if (!code->is_known)
        printf("  %.19s -> %.19s\n", code->before, code->after);
    for (size_t i = 0; i < code->count; i++) {
        scoped_buf path = { 0 };

        text_fit(&path, code->changes[i].path, SIZE_MAX);
        printf("  %s %s\n",
               code->changes[i].how == '+'   ? "new:    "
               : code->changes[i].how == '-' ? "gone:   "
                                             : "changed:",
               buf_string(&path));
    }
    print_lines(&code->text);
    if (code->lack)
        printf("  (%s)\n", code->lack);
}

static int compare_all(struct diff *self)
{
    const struct target *a = &self->sides[0].target, *b = &self->sides[1].target;
    int end = EXIT_GO_ON;

    if (!a->stage != !b->stage)
        return cli_fail(self->cli, EXIT_WRONG,
                        "name two runs, or a stage or task of each");
    for (int i = 0; i < 2 && end == EXIT_GO_ON; i++)
        end = tree_of(self, &self->sides[i], i ? &self->code.after : &self->code.before);
    if (end == EXIT_GO_ON)
        end = code_diff_make(self->cli, self->arena, &self->code);
    if (end != EXIT_GO_ON)
        return end;
    self->differs = strcmp(self->code.before, self->code.after) != 0;
    json_open(&self->json, NULL, '{');
    write_code(self);
    if (!self->cli->json)
        print_code(self);
    json_open(&self->json, "tasks", '[');
    end = a->stage ? compare_stages(self, a->stage, b->stage) : compare_runs(self);
    if (end != EXIT_GO_ON)
        return end;
    json_close(&self->json, ']');
    json_bool(&self->json, "same", !self->differs);
    json_close(&self->json, '}');
    if (self->cli->json)
        json_print(&self->json, stdout);
    else if (!self->differs)
        puts("nothing differs but time and resources");
    return self->differs ? EXIT_FAILED : EXIT_DONE;
}

int verb_diff(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    scoped(arena) arena = arena_create(LOAD_ARENA_MAX);
    struct diff self = { .cli = &cli, .arena = arena };
    int end = cli_begin(&cli, argc, argv, NULL, 0, 2, 2);

    if (end == EXIT_GO_ON && !arena)
        end = cli_fail(&cli, EXIT_FAILED, "out of memory");
    for (int i = 0; i < 2 && end == EXIT_GO_ON; i++)
        end = begin_side(&self, &self.sides[i], cli.words[i]);
    if (end == EXIT_GO_ON)
        end = compare_all(&self);
    for (int i = 0; i < 2; i++)
        target_fini(&self.sides[i].target);
    code_diff_fini(&self.code);
    json_fini(&self.json);
    return end;
}
