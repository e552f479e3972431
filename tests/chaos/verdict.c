/* verdict.c - see verdict.h. Tasks are looked up by run, stage and index; attempts by
 * their tokens, sorted. */
#include "tests/chaos/verdict.h"

#include "tests/chaos/work.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PRINTED_MAX = 12, LOSSES_MAX = 3 /* then a task counts as poisonous */ };

struct task {
    uint64_t assigned, ended; /* numbers of the first event of each; 0: none */
    uint64_t finals, completes, lines;
    uint64_t losses; /* attempts that began and were lost with their nodes */
};

struct attempt {
    uint64_t token, task; /* index of the task */
    char node[FACT_TEXT_MAX];
    int64_t assigned_us, lost_us; /* 0: not lost */
    uint64_t lines;
    bool is_done; /* its result was committed */
};

struct judge {
    const struct history *history;
    const struct absence *absences;
    size_t absence_count;
    const uint64_t *run_of;
    size_t run_count;
    const char *ledger;
    struct task *tasks; /* [submission][stage][index] */
    struct attempt *attempts;
    size_t attempt_count;
    unsigned printed;
    struct verdict *verdict;
};

static void fault(struct judge *judge, uint64_t *counter, const char *what, uint64_t task,
                  uint64_t token)
{
    (*counter)++;
    if (judge->printed++ >= PRINTED_MAX)
        return;

    uint64_t rest = task % WORK_TASKS;
    size_t stage = 0;

    while (rest >= work_stages[stage].tasks)
        rest -= work_stages[stage++].tasks;
    printf("FAULT: %s: run %" PRIu64 " %s/%" PRIu64 ", attempt %" PRIu64 "\n", what,
           judge->run_of[task / WORK_TASKS], work_stages[stage].name, rest, token);
}

/* The task's index; UINT64_MAX for one that is none of ours. */
static uint64_t task_at(size_t submission, size_t stage, uint64_t index)
{
    uint64_t at = submission * WORK_TASKS + index;

    if (stage >= WORK_STAGES || index >= work_stages[stage].tasks)
        return UINT64_MAX;
    for (size_t i = 0; i < stage; i++)
        at += work_stages[i].tasks;
    return at;
}

static uint64_t task_of(const struct judge *judge, const struct fact *fact,
                        uint64_t offset)
{
    for (size_t i = 0; i < judge->run_count; i++)
        if (judge->run_of[i] == fact->run)
            return task_at(i, work_stage_find(fact->stage), fact->index + offset);
    return UINT64_MAX;
}

static int by_token(const void *a, const void *b)
{
    const struct attempt *left = a, *right = b;

    return (left->token > right->token) - (left->token < right->token);
}

static struct attempt *attempt_of(struct judge *judge, uint64_t token)
{
    struct attempt key = { .token = token };

    return bsearch(&key, judge->attempts, judge->attempt_count, sizeof key, by_token);
}

static bool is(const struct fact *fact, const char *kind, const char *state)
{
    return strcmp(fact->kind, kind) == 0 && strcmp(fact->state, state) == 0;
}

static enum rc collect_attempts(struct judge *judge, struct err *err)
{
    const struct history *history = judge->history;
    size_t count = 0;

    for (size_t i = 0; i < history->count; i++)
        if (is(&history->facts[i], "attempt", "assigned"))
            count += history->facts[i].count ? history->facts[i].count : 1;
    judge->attempts = calloc(count + 1, sizeof *judge->attempts);
    if (!judge->attempts)
        return err_set(err, RC_NO_MEMORY, "no memory for %zu attempts", count);
    for (size_t i = 0; i < history->count; i++) {
        const struct fact *fact = &history->facts[i];
        uint64_t all = fact->count ? fact->count : 1;

        for (uint64_t k = 0; is(fact, "attempt", "assigned") && k < all; k++) {
            uint64_t task = task_of(judge, fact, k);
            struct attempt *attempt = &judge->attempts[judge->attempt_count];

            if (task == UINT64_MAX)
                return err_set(err, RC_CORRUPT, "event %" PRIu64 ": %s: no task of ours",
                               fact->number, fact->topic);
            judge->attempt_count++;
            *attempt = (struct attempt){ .token = fact->token + k,
                                         .task = task,
                                         .assigned_us = fact->time_us };
            memcpy(attempt->node, fact->node, sizeof attempt->node);
            if (judge->tasks[task].assigned == 0)
                judge->tasks[task].assigned = fact->number;
        }
    }
    qsort(judge->attempts, judge->attempt_count, sizeof *judge->attempts, by_token);
    return RC_OK;
}

static void take_end(struct judge *judge, const struct fact *fact)
{
    uint64_t task = task_of(judge, fact, 0);
    struct attempt *attempt;

    if (task == UINT64_MAX)
        return;
    if (strcmp(fact->kind, "attempt") == 0 && strcmp(fact->state, "assigned") != 0) {
        attempt = attempt_of(judge, fact->token);
        if (attempt && strcmp(fact->state, "lost") == 0)
            attempt->lost_us = fact->time_us;
        else if (attempt)
            attempt->is_done = true;
    }
    if (strcmp(fact->kind, "task") == 0 && strcmp(fact->state, "started") != 0
        && strcmp(fact->state, "retrying") != 0) {
        struct task *of = &judge->tasks[task];

        of->finals++;
        of->completes += strcmp(fact->state, "complete") == 0;
        of->ended = fact->number;
        if (of->finals > 1)
            fault(judge, &judge->verdict->duplicates, "a second end", task, fact->token);
    }
}

/* Lines end with ".../attempts/<token>/repository". */
static void take_line(struct judge *judge, uint64_t task, const char *line)
{
    const char *at = strstr(line, "/attempts/");
    uint64_t token = at ? strtoull(at + strlen("/attempts/"), NULL, 10) : 0;
    struct attempt *attempt = attempt_of(judge, token);

    judge->verdict->starts++;
    if (judge->tasks[task].lines++ > 0)
        judge->verdict->reruns++;
    if (!attempt || attempt->task != task)
        fault(judge, &judge->verdict->strangers, "nobody handed out", task, token);
    else if (attempt->lines++ > 0)
        fault(judge, &judge->verdict->doubled_starts, "an attempt ran twice", task,
              token);
}

static void read_ledger(struct judge *judge)
{
    for (size_t i = 0; i < judge->run_count; i++)
        for (size_t s = 0; s < WORK_STAGES; s++)
            for (uint64_t k = 0; k < work_stages[s].tasks; k++) {
                char path[PATH_MAX], line[PATH_MAX];

                snprintf(path, sizeof path, "%s/t%zu-%s-%" PRIu64, judge->ledger, i,
                         work_stages[s].name, k + 1);

                FILE *file = fopen(path, "re");

                while (file && fgets(line, sizeof line, file))
                    take_line(judge, task_at(i, s, k), line);
                if (file)
                    fclose(file);
            }
}

static bool was_away(const struct judge *judge, const struct attempt *attempt)
{
    for (size_t i = 0; i < judge->absence_count; i++) {
        const struct absence *absence = &judge->absences[i];

        if (strcmp(absence->node, attempt->node) == 0
            && absence->from_us <= attempt->lost_us
            && (absence->to_us == 0 || absence->to_us >= attempt->assigned_us))
            return true;
    }
    return false;
}

static void judge_attempts(struct judge *judge)
{
    for (size_t i = 0; i < judge->attempt_count; i++) {
        struct attempt *attempt = &judge->attempts[i];

        judge->verdict->lost_attempts += attempt->lost_us != 0;
        judge->tasks[attempt->task].losses += attempt->lost_us != 0 && attempt->lines > 0;
        if (attempt->lost_us != 0 && attempt->lines == 0)
            judge->verdict->undelivered++;
        else if (attempt->lost_us != 0 && !was_away(judge, attempt))
            fault(judge, &judge->verdict->unexcused, "run, and lost without an absence",
                  attempt->task, attempt->token);
        else if (attempt->lost_us == 0 && attempt->lines > 0 && !attempt->is_done)
            fault(judge, &judge->verdict->unexcused, "begun and forgotten", attempt->task,
                  attempt->token);
    }
}

/* Whether a task of the run lost so many nodes that it was given up, as promised. */
static bool is_given_up(const struct judge *judge, size_t submission)
{
    for (uint64_t i = 0; i < WORK_TASKS; i++) {
        const struct task *task = &judge->tasks[submission * WORK_TASKS + i];

        if (task->losses >= LOSSES_MAX && task->completes == 0 && task->finals == 1)
            return true;
    }
    return false;
}

static void judge_tasks(struct judge *judge, size_t submission)
{
    bool is_excused = is_given_up(judge, submission);

    judge->verdict->given_up += is_excused;
    for (uint64_t i = 0; i < WORK_TASKS; i++) {
        uint64_t at = submission * WORK_TASKS + i;
        const struct task *task = &judge->tasks[at];

        if (is_excused && task->completes == 0)
            judge->verdict->skipped++;
        else if (task->completes == 0 || task->lines == 0)
            fault(judge, &judge->verdict->lost,
                  task->lines ? "no result" : "it never ran", at, 0);
    }
}

/* Every task of a stage was handed out after the last end in the stages before it. */
static void judge_order(struct judge *judge, size_t submission, size_t stage)
{
    uint64_t ended = 0;

    for (size_t before = 0; before < WORK_STAGES; before++)
        for (uint64_t k = 0; strchr(work_stages[stage].after, work_stages[before].name[0])
                             && k < work_stages[before].tasks;
             k++) {
            const struct task *task = &judge->tasks[task_at(submission, before, k)];

            ended = task->ended > ended ? task->ended : ended;
        }
    for (uint64_t k = 0; k < work_stages[stage].tasks; k++) {
        uint64_t at = task_at(submission, stage, k);

        if (judge->tasks[at].assigned != 0 && judge->tasks[at].assigned <= ended)
            fault(judge, &judge->verdict->too_early, "handed out too early", at, 0);
    }
}

enum rc verdict_reach(const struct history *history, const struct absence *absences,
                      size_t absence_count, const uint64_t *run_of, size_t run_count,
                      const char *ledger, struct verdict *verdict, struct err *err)
{
    struct judge judge = { .history = history,
                           .absences = absences,
                           .absence_count = absence_count,
                           .run_of = run_of,
                           .run_count = run_count,
                           .ledger = ledger,
                           .verdict = verdict };
    enum rc rc;

    *verdict = (struct verdict){ .runs = run_count, .tasks = run_count * WORK_TASKS };
    judge.tasks = calloc(verdict->tasks + 1, sizeof *judge.tasks);
    if (!judge.tasks)
        return err_set(err, RC_NO_MEMORY, "no memory for the tasks");
    rc = collect_attempts(&judge, err);
    if (rc == RC_OK) {
        verdict->attempts = judge.attempt_count;
        for (size_t i = 0; i < history->count; i++)
            take_end(&judge, &history->facts[i]);
        read_ledger(&judge);
        judge_attempts(&judge);
        for (size_t i = 0; i < run_count; i++)
            judge_tasks(&judge, i);
        for (size_t i = 0; i < run_count; i++)
            for (size_t s = 0; s < WORK_STAGES; s++)
                judge_order(&judge, i, s);
    }
    free(judge.tasks);
    free(judge.attempts);
    return rc;
}

bool verdict_is_good(const struct verdict *verdict)
{
    return verdict->duplicates + verdict->lost + verdict->doubled_starts
               + verdict->unexcused + verdict->too_early + verdict->strangers
           == 0;
}

void verdict_print(const struct verdict *verdict)
{
    const struct {
        const char *what;
        uint64_t count;
    } rows[] = {
        { "runs", verdict->runs },
        { "tasks", verdict->tasks },
        { "attempts handed out", verdict->attempts },
        { "attempts lost", verdict->lost_attempts },
        { "of these before they began", verdict->undelivered },
        { "starts in the ledger", verdict->starts },
        { "re-runs", verdict->reruns },
        { "runs given up (a task lost 3 nodes)", verdict->given_up },
        { "tasks of these that did not run", verdict->skipped },
        { "duplicate results (0)", verdict->duplicates },
        { "lost tasks (0)", verdict->lost },
        { "attempts that ran twice (0)", verdict->doubled_starts },
        { "attempts lost for no reason (0)", verdict->unexcused },
        { "begun too early (0)", verdict->too_early },
        { "never handed out, but run (0)", verdict->strangers },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        printf("  %-36s %8" PRIu64 "\n", rows[i].what, rows[i].count);
}
