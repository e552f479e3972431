/* sim_main.c - the simulator: the real cores of broker and nodes in a world that is made
 * of a seed.
 *
 * What is real: broker/core, nodes/core, the codecs, the numbering of sessions, the
 * cursor of subscribers. What is simulated: the shells around the cores, the store, the
 * network, supervisors, tasks, clients, and time. One thread, no I/O; a seed gives the
 * same run on every machine.
 *
 * Faults, each of them on or off in a seed and with a rate of its own:
 * - The broker stops dead before its commit, between commit and speaking, or when only
 *   some of the messages were sent, and comes back with what was committed.
 * - An agent stops dead after any event, between writing a result and knowing of it, and
 *   between forgetting an attempt and removing its folder. Tasks run on.
 * - A node stops dead: its tasks die, its disk stays.
 * - Letters are lost, doubled, held up, and overtake each other; those for a party that
 *   is down are lost, or wait and reach its next life. Lines are cut one way or both, and
 *   lose or hold what was sent meanwhile. This is more than TCP allows, so nothing rests
 *   on what TCP promises.
 * - Agents stall for longer than the broker waits for them.
 * - Nodes become deaf: they go on speaking, and hear nothing.
 * - Tasks come to the limit of their time, which a deaf one does not hear of.
 * - Clocks are set, by up to an hour either way, while a process is down.
 * - The store is full for a while: the commit fails, or a write in the middle of a turn.
 * - Nodes lie: results, starts and blocks of other nodes' attempts and of unknown ones,
 *   joins that name them.
 * - Nodes are asked to end: they offer nothing more, end or drop what they have, and say
 *   goodbye; and come back. Agents come back as older ones, which run empty tasks as
 *   processes, or as newer ones, which do not.
 * - Blocks of empty tasks come in any parts, which change when they are repeated; some of
 *   their tasks are said to have begun.
 * - Clients repeat submissions, cancel, approve and reject at random moments.
 * - Subscribers are slow, and what does not fit into their queue is skipped; they go
 *   away, come back, and are restarted from what they kept; events that they lack are
 *   forgotten.
 *
 * Then the faults end, and all that was acknowledged must finish within a bound.
 *
 * Out of scope: a disk that loses or changes what was committed (LMDB's business), bytes
 * that change on the way (TCP's; decoders are fuzzed), the real shells around the cores
 * and their threads (the system tests'), a result that a node makes up for an attempt of
 * its own, a clock that is set while a process runs, and the contents of artifacts. */
#include "tests/sim/sim.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MUTATION_SEEDS_MAX = 1000, SUMS = 7 };

static const char *const mutation_names[MUTATION_COUNT] = {
    [MUTATION_NONE] = "none",
    [MUTATION_ACK_BEFORE_COMMIT] = "ack-before-commit",
    [MUTATION_MAIL_BEFORE_COMMIT] = "released-before-commit",
    [MUTATION_TOKEN_UNCHECKED] = "token-not-checked",
    [MUTATION_SLOT_LEAKED_ON_CANCEL] = "slot-leaked-on-cancel",
    [MUTATION_RESULT_TWICE] = "result-applied-twice",
    [MUTATION_RETRY_FORGOTTEN] = "retry-forgotten-after-restart",
    [MUTATION_LOST_NOT_REQUEUED] = "lost-attempt-not-requeued",
    [MUTATION_EVENT_SKIPPED] = "event-number-skipped",
    [MUTATION_STOP_DROPPED] = "stop-message-dropped",
    [MUTATION_STOPPING_FORGOTTEN] = "restore-forgets-stopping",
    [MUTATION_QUEUED_MAX_IGNORED] = "queued-max-ignored",
    [MUTATION_SUBMISSION_FORGOTTEN] = "submission-forgotten",
    [MUTATION_GAP_IGNORED] = "gap-ignored",
    [MUTATION_SESSION_IGNORED] = "session-ignored",
    [MUTATION_RESULT_FORGOTTEN] = "result-forgotten-before-taken",
    [MUTATION_UNDO_FORGOTTEN] = "failed-commit-not-undone",
    [MUTATION_EVENT_OF_FAILED_COMMIT] = "event-of-failed-commit-said",
    [MUTATION_SKIPPED_STAGE_UNTOLD] = "skipped-stage-untold",
    [MUTATION_JUMP_IGNORED] = "jump-in-events-ignored",
    [MUTATION_PAUSE_IGNORED] = "pause-after-events-ignored",
    [MUTATION_HELLO_FORGOTTEN] = "no-hello-after-reconnect",
    [MUTATION_SNAPSHOT_FORGOTTEN] = "snapshot-forgotten",
    [MUTATION_DEAF_KEPT] = "deaf-node-kept",
    [MUTATION_TWIN_IGNORED] = "twin-not-awaited",
    [MUTATION_LEADERS_FORGOTTEN] = "leaders-forgotten-after-restart",
    [MUTATION_RUN_NOT_FREED] = "ended-run-not-freed",
    [MUTATION_BLOCK_TOKEN_UNCHECKED] = "block-token-not-checked",
    [MUTATION_BLOCK_TWICE] = "block-applied-twice",
    [MUTATION_BLOCK_PART_MISREAD] = "part-of-block-misread",
    [MUTATION_BLOCK_FORGOTTEN] = "block-forgotten-before-taken",
    [MUTATION_BLOCK_UNNAMED] = "block-not-named-in-join",
    [MUTATION_BLOCK_UNCOUNTED] = "event-of-block-counts-one",
    [MUTATION_REUSED_UNCOUNTED] = "event-of-reuse-counts-one",
    [MUTATION_SPAN_NOT_STORED] = "span-not-stored",
    [MUTATION_SPAN_NOT_REMOVED] = "span-not-removed",
    [MUTATION_SPAN_WITH_DEVICES] = "span-forgets-devices",
    [MUTATION_BEGUN_IN_BLOCK] = "begun-task-in-block",
    [MUTATION_EMPTY_SLOT_LEAKED] = "empty-slot-leaked",
    [MUTATION_DRAIN_IGNORED] = "draining-node-used",
    [MUTATION_LIMIT_IGNORED] = "time-limit-ignored",
    [MUTATION_PLAIN_ROW_FORGOTTEN] = "row-of-plain-stage-forgotten",
    [MUTATION_PLAIN_END_FORGOTTEN] = "end-of-plain-stage-forgotten",
};

/* The seed that runs, for the handler of abort: an invariant of a core did not hold. */
static const struct sim *running;

static void on_abort(int number)
{
    (void)number;
    if (running) {
        fprintf(stderr, "seed %lu: an invariant does not hold\n",
                (unsigned long)running->seed);
        sim_print_lines(running);
    }
    _exit(1);
}

static void run_seed(uint64_t seed, enum mutation mutation, bool is_traced,
                     uint64_t sums[SUMS])
{
    struct sim *sim = calloc(1, sizeof *sim);

    must(sim != NULL);
    sim->seed = seed;
    sim->mutation = mutation;
    sim->is_traced = is_traced;
    running = sim;
    sim_run(sim);
    running = NULL;
    sums[0] += sim->steps;
    sums[1] += sim->model.commits;
    sums[2] += sim->model.executions;
    sums[3] += (uint64_t)sim->now_us / SECOND;
    sums[4] += sim->model.reuses;
    sums[5] += sim->model.empties;
    sums[6] += sim->model.blocks;
    sim_fini(sim);
    free(sim);
}

/* Runs a broken variant in a process of its own; true if it was caught. */
static bool is_caught(uint64_t seed, enum mutation mutation)
{
    uint64_t sums[SUMS] = { 0 };
    int status = 0;
    pid_t child = fork();

    must(child >= 0);
    if (child == 0) {
        if (!freopen("/dev/null", "w", stdout))
            _exit(0);
        run_seed(seed, mutation, false, sums);
        _exit(0);
    }
    must(waitpid(child, &status, 0) == child);
    return status != 0;
}

static bool mutation_is_caught(enum mutation mutation)
{
    for (uint64_t seed = 1; seed <= MUTATION_SEEDS_MAX; seed++)
        if (is_caught(seed, mutation)) {
            printf("%s: caught by seed %lu\n", mutation_names[mutation],
                   (unsigned long)seed);
            fflush(stdout);
            return true;
        }
    printf("%s: NOT caught by %d seeds\n", mutation_names[mutation], MUTATION_SEEDS_MAX);
    return false;
}

static int run_mutations(const char *name)
{
    bool is_known = false, all = true;

    for (unsigned i = MUTATION_NONE + 1; i < MUTATION_COUNT; i++)
        if (strcmp(name, "all") == 0 || strcmp(name, mutation_names[i]) == 0) {
            is_known = true;
            all = mutation_is_caught((enum mutation)i) && all;
        }
    if (!is_known)
        fprintf(stderr, "sim: there is no mutation %s\n", name);
    return is_known && all ? 0 : 1;
}

static int usage(void)
{
    fputs("usage: sim --seed N [--trace]      one seed\n"
          "       sim --seeds N [--from M]    N seeds; 0: until told\n"
          "       sim --mutation NAME|all     a broken variant must be caught\n",
          stderr);
    return 2;
}

static void run_seeds(uint64_t from, uint64_t count, bool is_traced)
{
    uint64_t sums[SUMS] = { 0 };

    for (uint64_t i = 0; count == 0 || i < count; i++) {
        run_seed(from + i, MUTATION_NONE, is_traced, sums);
        if ((i + 1) % 1000 == 0 || i + 1 == count) {
            printf("%lu seeds: %lu steps, %lu commits, %lu executions, %lu reused, "
                   "%lu empty in %lu blocks, %.1f days\n",
                   (unsigned long)(i + 1), (unsigned long)sums[0], (unsigned long)sums[1],
                   (unsigned long)sums[2], (unsigned long)sums[4], (unsigned long)sums[5],
                   (unsigned long)sums[6], (double)sums[3] / 86400);
            fflush(stdout);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "seed", required_argument, NULL, 's' },
                                             { "seeds", required_argument, NULL, 'n' },
                                             { "from", required_argument, NULL, 'f' },
                                             { "mutation", required_argument, NULL, 'm' },
                                             { "trace", no_argument, NULL, 't' },
                                             { 0 } };
    uint64_t from = 1, count = 0;
    bool has_work = false, is_traced = false;
    int option;

    signal(SIGABRT, on_abort);
    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        if (option == '?')
            return usage();
        if (option == 'm')
            return run_mutations(optarg);
        if (option == 's' || option == 'f')
            from = strtoull(optarg, NULL, 10);
        if (option == 's' || option == 'n') {
            count = option == 's' ? 1 : strtoull(optarg, NULL, 10);
            has_work = true;
        }
        is_traced = is_traced || option == 't';
    }
    if (!has_work || optind < argc)
        return usage();
    run_seeds(from, count, is_traced);
    return 0;
}
