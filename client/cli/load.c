/* load.c - see load.h. */
#include "client/cli/load.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { TAIL_BYTES = 4096, TAIL_LINE_BYTES = 400 };

int load_stage(struct cli *cli, uint64_t run, const char *name, struct arena *arena,
               struct plan_stage **stage)
{
    void *bytes;
    size_t size;
    bool is_resolved;
    struct err err;

    if (sluice_stage(cli->sluice, run, name, &bytes, &size, &is_resolved, &cli->error))
        return cli_fail_last(cli);

    enum rc rc = plan_stage_decode(arena, bytes, size, stage, &err);

    free(bytes);
    return rc == RC_OK ? EXIT_GO_ON : cli_fail_err(cli, EXIT_FAILED, &err);
}

int load_result(struct cli *cli, uint64_t run, const char *stage, uint64_t task,
                uint32_t attempt, struct arena *arena, struct task_result **result)
{
    void *bytes;
    size_t size;
    struct err err;
    int code =
        sluice_result(cli->sluice, run, stage, task, attempt, &bytes, &size, &cli->error);

    if (code == SLUICE_NOT_FOUND) {
        *result = NULL;
        return EXIT_GO_ON;
    }
    if (code)
        return cli_fail_last(cli);

    enum rc rc = result_decode(arena, bytes, size, result, &err);

    free(bytes);
    return rc == RC_OK ? EXIT_GO_ON : cli_fail_err(cli, EXIT_FAILED, &err);
}

/* Decodes one of them, into an arena of its own if there is no common one. */
static int visit_outcome(struct cli *cli, const struct sluice_outcome *outcome,
                         struct arena *common, result_visit *visit, void *context)
{
    scoped(arena) own = common ? NULL : arena_create(LOAD_ARENA_MAX);
    struct task_result *result;
    struct err err = { .text = "out of memory" };

    if ((!common && !own)
        || result_decode(common ? common : own, outcome->result, outcome->size, &result,
                         &err)
               != RC_OK)
        return cli_fail_err(cli, EXIT_FAILED, &err);
    return visit(context, outcome->index, result);
}

int load_results(struct cli *cli, uint64_t run, const char *stage, uint64_t first,
                 uint64_t last, struct arena *arena, result_visit *visit, void *context)
{
    int end = EXIT_GO_ON;

    while (first < last && end == EXIT_GO_ON) {
        uint32_t limit = last - first < UINT32_MAX ? (uint32_t)(last - first) : 0;
        struct sluice_outcomes *page;
        uint64_t next;
        size_t at = 0;

        if (sluice_outcomes(cli->sluice, run, stage, first, limit, &page, &cli->error))
            return cli_fail_last(cli);
        next = page->next > first ? page->next : last; /* a broker that gives nothing */
        for (; first < next && first < last && end == EXIT_GO_ON; first++)
            if (at < page->count && page->outcomes[at].index == first)
                end = visit_outcome(cli, &page->outcomes[at++], arena, visit, context);
            else
                end = visit(context, first, NULL);
        sluice_outcomes_free(page);
    }
    return end;
}

void load_reason(struct buf *buf, const struct sluice_task *task,
                 const struct task_result *result)
{
    const char *message = result ? result->message : NULL;

    if (strcmp(task->cause, "exit") == 0)
        buf_printf(buf, "exit code %" PRId32, task->exit_code);
    else if (strcmp(task->cause, "signal") == 0)
        buf_printf(buf, "killed by signal %" PRId32 " (%s)", task->signal,
                   strsignal(task->signal));
    else
        buf_text(buf, *task->cause ? task->cause : task->state);
    if (message && *message)
        buf_printf(buf, ": %s", message);
}

/* Where the last line_max lines begin. */
static size_t tail_start(const char *bytes, size_t size, unsigned line_max)
{
    size_t at = size && bytes[size - 1] == '\n' ? size - 1 : size;

    while (at > 0) {
        if (bytes[at - 1] == '\n' && --line_max == 0)
            return at;
        at--;
    }
    return 0;
}

void load_tail(struct cli *cli, uint64_t run, const char *stage, uint64_t task,
               enum sluice_stream stream, unsigned line_max, struct buf *buf)
{
    char bytes[TAIL_BYTES];
    size_t got;
    uint64_t total = 0;
    bool is_final;
    uint32_t attempt;
    struct sluice_error ignored;

    if (sluice_stream_read(cli->sluice, run, stage, task, stream, 0, bytes, 1, &got,
                           &total, &is_final, &attempt, &ignored)
        || sluice_stream_read(cli->sluice, run, stage, task, stream,
                              total > sizeof bytes ? total - sizeof bytes : 0, bytes,
                              sizeof bytes, &got, &total, &is_final, &attempt, &ignored))
        return;
    for (size_t at = tail_start(bytes, got, line_max); at < got;) {
        const char *end = memchr(bytes + at, '\n', got - at);
        size_t size = (end ? (size_t)(end - bytes) : got) - at;

        buf_add(buf, bytes + at, size < TAIL_LINE_BYTES ? size : TAIL_LINE_BYTES);
        buf_byte(buf, '\n');
        at += size + 1;
    }
}
