/* submitter.c - submits many small runs in one call, and repeats the call until it went
 * well, as a program does whose broker may go away.
 *
 *   submitter ENDPOINT COUNT [PID]
 *
 * With PID, the broker's, that is killed when it has taken a quarter of them. Prints how
 * many runs there are; exits 0 if the answers name as many, each another, and the broker
 * has no further ones. */
#include "client/lib/sluice.h"
#include "codecs/plan/plan.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { TIMEOUT_MS = 2000, CALLS_MAX = 30 };

struct killer {
    const char *endpoint;
    uint64_t after;
    pid_t pid;
};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "submitter: %s: %s\n", what, why);
    exit(1);
}

static struct sluice *connect_to(const char *endpoint)
{
    struct sluice *sluice = NULL;
    struct sluice_error error;

    if (sluice_connect(endpoint, TIMEOUT_MS, &sluice, &error))
        fail("connect", error.text);
    return sluice;
}

static uint64_t runs_of(struct sluice *sluice)
{
    struct sluice_error error;
    struct sluice_info info;

    if (sluice_status(sluice, &info, &error))
        fail("status", error.text);
    return info.runs;
}

static void *kill_broker(void *argument)
{
    struct killer *killer = argument;
    struct sluice *sluice = connect_to(killer->endpoint);

    while (runs_of(sluice) < killer->after)
        ;
    kill(killer->pid, SIGKILL);
    sluice_close(sluice);
    return NULL;
}

static void plan_make(struct buf *bytes)
{
    static const char *const command = "true";
    struct plan_stage stage = { .name = "only",
                                .kind = STAGE_EXECUTION,
                                .step = "only",
                                .commands = &command,
                                .command_count = 1 };
    struct plan plan = { .project = "submitter",
                         .title = "only",
                         .parameters = { .kind = VALUE_MAP },
                         .stages = &stage,
                         .stage_count = 1 };

    plan_encode(bytes, &plan);
}

static struct sluice_submission *submissions_make(const struct buf *plan, size_t count)
{
    struct sluice_submission *made = calloc(count, sizeof *made);

    if (!made)
        fail("submissions", "no memory");
    for (size_t i = 0; i < count; i++) {
        made[i].plan = plan->data;
        made[i].plan_size = plan->size;
        if (getrandom(made[i].id, sizeof made[i].id, 0) != sizeof made[i].id)
            fail("submissions", "no random bytes");
    }
    return made;
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

static void check(struct sluice *sluice, uint64_t *runs, size_t count)
{
    qsort(runs, count, sizeof *runs, compare);
    for (size_t i = 0; i < count; i++)
        if (runs[i] != i + 1)
            fail("check", "the runs are not numbered from 1 on, each once");
    if (runs_of(sluice) != count)
        fail("check", "the broker has runs that nobody knows of");
}

int main(int argc, char **argv)
{
    size_t count = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    struct killer killer = { .endpoint = argv[1], .after = count / 4 };
    uint64_t *runs = calloc(count + 1, sizeof *runs);
    scoped_buf plan = { 0 };
    struct sluice_error error;
    pthread_t thread;
    int calls = 1;

    if (count == 0 || !runs)
        return 2;
    plan_make(&plan);

    struct sluice_submission *submissions = submissions_make(&plan, count);
    struct sluice *sluice = connect_to(argv[1]);

    killer.pid = argc > 3 ? (pid_t)strtol(argv[3], NULL, 10) : 0;
    if (killer.pid > 0 && pthread_create(&thread, NULL, kill_broker, &killer) != 0)
        fail("thread", "not started");
    for (; sluice_submit_many(sluice, submissions, count, runs, &error); calls++)
        if (error.code != SLUICE_UNREACHABLE || calls == CALLS_MAX)
            fail("submit", error.text);
    if (killer.pid > 0)
        pthread_join(thread, NULL);
    check(sluice, runs, count);
    printf("%zu runs\n", count);
    sluice_close(sluice);
    free(submissions);
    free(runs);
    return 0;
}
