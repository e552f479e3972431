/* reference.c - see reference.h. */
#include "client/cli/reference.h"

#include "codecs/base/buf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { STAGES_NAMED = 10 };

bool reference_split(const char *text, struct reference *reference)
{
    size_t size = strcspn(text, "/");

    if (size == 0 || size > REFERENCE_RUN_MAX)
        return false;
    memcpy(reference->run, text, size);
    reference->run[size] = '\0';
    reference->rest = text[size] ? text + size + 1 : NULL;
    return true;
}

/* The exact name, else the only one that begins so; count if none, count + 1 if several.
 */
static size_t find_name(const char *text, size_t size, bool only_exact,
                        const char *const *names, size_t count)
{
    size_t found = count;

    for (size_t i = 0; i < count; i++) {
        if (strncmp(names[i], text, size) != 0)
            continue;
        if (!names[i][size])
            return i;
        found = found == count ? i : count + 1;
    }
    return only_exact ? count : found;
}

static bool ends_with_task(const char *rest, size_t *name_size, uint64_t *task)
{
    const char *slash = strrchr(rest, '/');
    char *end;

    if (!slash || slash == rest || slash[1] < '0' || slash[1] > '9')
        return false;
    errno = 0;
    *task = strtoull(slash + 1, &end, 10);
    *name_size = (size_t)(slash - rest);
    return !*end && !errno;
}

static enum rc no_stage(const char *rest, bool is_ambiguous, const char *const *names,
                        size_t count, struct err *err)
{
    scoped_buf list = { 0 };

    for (size_t i = 0; i < count && list.size < ERR_TEXT_MAX / 2; i++)
        buf_printf(&list, "%s%s", i ? ", " : "", names[i]);
    return err_set(err, is_ambiguous ? RC_INVALID : RC_NOT_FOUND,
                   is_ambiguous ? "several stages begin with \"%s\"; the stages are: %s"
                                : "there is no stage \"%s\"; the stages are: %s",
                   rest, buf_string(&list));
}

enum rc reference_stage(const char *rest, const char *const *names, size_t count,
                        struct stage_match *match, struct err *err)
{
    struct stage_match found = { 0 };
    size_t name_size = 0, whole = strlen(rest);
    bool has_task = ends_with_task(rest, &name_size, &found.task), is_ambiguous = false;

    for (int only_exact = 1; only_exact >= 0; only_exact--) {
        found.stage = find_name(rest, whole, only_exact, names, count);
        if (found.stage >= count && has_task) {
            is_ambiguous |= found.stage > count;
            found.stage = find_name(rest, name_size, only_exact, names, count);
            found.has_task = found.stage < count;
        }
        is_ambiguous |= found.stage > count;
        if (found.stage < count && whole > 0) {
            if (!found.has_task)
                found.task = 0;
            *match = found;
            return RC_OK;
        }
    }
    return no_stage(rest, is_ambiguous, names, count, err);
}

bool reference_is_run(const char *text)
{
    struct reference reference;

    return reference_split(text, &reference)
           && (strcmp(reference.run, "last") == 0
               || reference.run[strspn(reference.run, "0123456789abcdefABCDEF-")]
                      == '\0');
}

static int match_stage(struct cli *cli, const char *rest, struct target *target)
{
    struct sluice_view *view = target->view;
    const char **names = calloc(view->stage_count + 1, sizeof *names);
    struct stage_match match;
    struct err err;

    if (!names)
        return cli_fail(cli, EXIT_FAILED, "out of memory");
    for (size_t i = 0; i < view->stage_count; i++)
        names[i] = view->stages[i].name;

    enum rc rc = reference_stage(rest, names, view->stage_count, &match, &err);

    free(names);
    if (rc != RC_OK)
        return cli_fail_err(cli, EXIT_WRONG, &err);
    target->stage = &view->stages[match.stage];
    target->has_task = match.has_task;
    target->task = match.task;
    if (match.has_task && match.task >= target->stage->tasks)
        return cli_fail(cli, EXIT_WRONG,
                        "stage %s of run %" PRIu64 " has %" PRIu64
                        " task%s, numbered from 0; there is no %" PRIu64,
                        target->stage->name, target->run, target->stage->tasks,
                        target->stage->tasks == 1 ? "" : "s", match.task);
    return EXIT_GO_ON;
}

int run_find(struct cli *cli, const char *text, uint64_t *run)
{
    int end = cli->sluice ? EXIT_GO_ON : cli_connect(cli, CONNECT_STORE);

    if (end != EXIT_GO_ON)
        return end;
    return sluice_find(cli->sluice, text, run, &cli->error) ? cli_fail_last(cli)
                                                            : EXIT_GO_ON;
}

/* The stage of a run that was named alone, where there is but one. */
static int only_stage(struct cli *cli, const char *text, struct target *target)
{
    const struct sluice_view *view = target->view;
    scoped_buf names = { 0 };

    if (view->stage_count == 1) {
        target->stage = &view->stages[0];
        return EXIT_GO_ON;
    }
    for (size_t i = 0; i < view->stage_count && i < STAGES_NAMED; i++)
        buf_printf(&names, "%s%s", i > 0 ? ", " : "", view->stages[i].name);
    return cli_fail(cli, EXIT_WRONG,
                    "run %" PRIu64 " has %zu stages: name one, as in %s/%s (there are: "
                    "%s%s)",
                    target->run, view->stage_count, text,
                    view->stage_count > 0 ? view->stages[0].name : "STAGE",
                    buf_string(&names), view->stage_count > STAGES_NAMED ? ", ..." : "");
}

int target_open(struct cli *cli, const char *text, enum target_depth depth,
                struct target *target)
{
    struct reference reference;

    if (!reference_split(text, &reference) || (reference.rest && depth == TARGET_RUN))
        return cli_fail(cli, EXIT_WRONG, "\"%s\" is not of the form %s", text,
                        depth == TARGET_RUN ? "RUN (a number, \"last\" or an id)"
                                            : "RUN[/STAGE[/N]], as in last/train");

    uint64_t run;
    int end = run_find(cli, reference.run, &run);

    if (end == EXIT_GO_ON)
        end = target_of_run(cli, run, reference.rest, target);
    if (end == EXIT_GO_ON && depth == TARGET_STAGE && !reference.rest)
        end = only_stage(cli, text, target);
    return end;
}

int target_of_run(struct cli *cli, uint64_t run, const char *rest, struct target *target)
{
    target->run = run;
    if (sluice_view(cli->sluice, run, &target->view, &cli->error))
        return cli_fail_last(cli);
    return rest ? match_stage(cli, rest, target) : EXIT_GO_ON;
}

void target_fini(struct target *target)
{
    sluice_view_free(target->view);
    target->view = NULL;
}

int target_need_task(struct cli *cli, struct target *target)
{
    if (target->has_task)
        return EXIT_GO_ON;
    if (target->stage->tasks > 1)
        return cli_fail(cli, EXIT_WRONG,
                        "stage %s has %" PRIu64 " tasks: name one, as in %" PRIu64
                        "/%s/0 (`sluice show %" PRIu64 "/%s` lists them)",
                        target->stage->name, target->stage->tasks, target->run,
                        target->stage->name, target->run, target->stage->name);
    target->task = 0;
    target->has_task = true;
    return EXIT_GO_ON;
}

int target_tasks(struct cli *cli, const struct target *target, uint64_t first,
                 uint32_t limit, struct sluice_tasks **tasks)
{
    if (sluice_tasks(cli->sluice, target->run, target->stage->name,
                     target->has_task ? target->task : first,
                     target->has_task ? 1 : limit, tasks, &cli->error))
        return cli_fail_last(cli);
    return EXIT_GO_ON;
}
