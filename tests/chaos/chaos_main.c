/* chaos_main.c - the real daemons under kill -9 at random moments.
 *
 * Faults: each party is killed (SIGKILL) at moments that a seed decides and is started
 * again at once or after a while; with --network nodes are in namespaces of their own,
 * packets are lost, late, overtaken and doubled on the way, and cables are cut for a
 * while, in both directions or in one. Not here: power loss,
 * full disks, wrong clocks, broken bytes. Then what happened is counted: from the lines
 * that tasks wrote outside of sluice, from the log of events, and from what subscribers
 * that were killed, too, have written down. The moments are the seed's; what happens at
 * them is the machine's, so a seed makes a fault likely again, but not certain. */
#include "client/lib/sluice.h"
#include "tests/chaos/random.h"
#include "tests/chaos/roles.h"
#include "tests/chaos/verdict.h"
#include "tests/chaos/work.h"
#include "tests/chaos/world.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    NODE_TIMEOUT_MS = 2000,
    NODE_TIMEOUT_BAD_MS = 6000, /* where packets are lost: no silence of TCP is as long */
    SLOTS = 4,
    DELAY_MAX_MS = 3000,  /* before something that was killed is started again */
    END_WAIT_MS = 240000, /* for the work to end after the last fault */
    PARTIES_MAX = WORLD_NODES_MAX + WORLD_WATCHERS + 2,
    CUT_MIN_MS = 1000,
    CUT_MAX_MS = 20000,
    KEPT_RUNS_MAX = 100000,
    SKIPPED = 77, /* the exit status that ctest knows for it */
};

struct options {
    uint64_t kills, seed, tasks, nodes, pace_ms;
    bool has_network;
    uint64_t loss, doubles, delay_ms, jitter_ms, rate_kbit; /* of the network */
};

struct cut { /* of a node's cable */
    bool is_cut;
    enum network_cut kind;
    uint64_t mend_ms;
    size_t absence;
};

struct chaos {
    struct options options;
    struct world world;
    struct random random;
    uint64_t kills[PARTY_KINDS], cuts, done; /* done: kills and cuts */
    uint64_t next_ms;                        /* of the next fault */
    uint64_t end_ms; /* 0: not decided yet; when the work has to be done */
    struct cut cut[WORLD_NODES_MAX];
    struct absence *absences; /* room for all faults */
    size_t absence_count;
    size_t absence_of[WORLD_NODES_MAX]; /* of a node that was killed, plus one */
    int signal_fd;
    bool is_work_done, is_bad, is_interrupted;
};

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int64_t unix_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static unsigned node_timeout_ms(const struct options *options)
{
    return options->has_network ? NODE_TIMEOUT_BAD_MS : NODE_TIMEOUT_MS;
}

static void bad(struct chaos *chaos, const char *what, const char *who, int number)
{
    printf("FAULT: %s %s (%d)\n", who, what, number);
    chaos->is_bad = true;
}

static size_t absence_begin(struct chaos *chaos, unsigned node)
{
    struct absence *absence = &chaos->absences[chaos->absence_count];

    *absence = (struct absence){ .from_us = unix_us() };
    snprintf(absence->node, sizeof absence->node, "%s", chaos->world.nodes[node].name);
    return chaos->absence_count++;
}

/* What was on its way may be noticed a while later. */
static void absence_end(struct chaos *chaos, size_t absence)
{
    chaos->absences[absence].to_us =
        unix_us() + (int64_t)node_timeout_ms(&chaos->options) * 2000;
}

static void begin(struct chaos *chaos, struct party *party)
{
    struct err err;

    if (party_start(party, &err) != RC_OK)
        bad(chaos, err.text, party->name, err.sys);
    if (party->kind == PARTY_NODE) {
        size_t *absence = &chaos->absence_of[party - chaos->world.nodes];

        if (*absence > 0)
            absence_end(chaos, *absence - 1);
        *absence = 0;
    }
}

static void kill_party(struct chaos *chaos, struct party *party)
{
    bool is_at_once = random_below(&chaos->random, 2) == 0;
    uint64_t delay_ms = random_below(&chaos->random, DELAY_MAX_MS);

    if (party->pid == 0)
        return;
    if (party->kind == PARTY_NODE) {
        unsigned node = (unsigned)(party - chaos->world.nodes);

        chaos->absence_of[node] = absence_begin(chaos, node) + 1;
    }
    party_kill(party);
    chaos->kills[party->kind]++;
    chaos->done++;
    party->is_started_later = true;
    party->start_ms = now_ms() + (is_at_once ? 0 : delay_ms);
}

static void kill_agent(struct chaos *chaos, const struct party *node)
{
    pid_t pid = party_agent(node);

    if (pid == 0 || kill(pid, SIGKILL) != 0)
        return;
    chaos->kills[PARTY_AGENT]++;
    chaos->done++;
}

static void cut_cable(struct chaos *chaos, unsigned node)
{
    struct cut *cut = &chaos->cut[node];
    enum network_cut kind = (enum network_cut)random_below(&chaos->random, 3);
    uint64_t max_ms = random_below(&chaos->random, 4) == 0 ? CUT_MAX_MS : CUT_MAX_MS / 4;
    uint64_t length_ms = CUT_MIN_MS + random_below(&chaos->random, max_ms - CUT_MIN_MS);
    struct err err;

    if (cut->is_cut)
        return;
    *cut = (struct cut){ .is_cut = true,
                         .kind = kind,
                         .mend_ms = now_ms() + length_ms,
                         .absence = absence_begin(chaos, node) };
    if (network_cut(&chaos->world.network, node, kind, &err) != RC_OK)
        bad(chaos, err.text, "network", 0);
    chaos->cuts++;
    chaos->done++;
}

static void mend_cable(struct chaos *chaos, unsigned node)
{
    struct cut *cut = &chaos->cut[node];
    struct err err;

    if (network_mend(&chaos->world.network, node, cut->kind, &err) != RC_OK)
        bad(chaos, err.text, "network", 0);
    absence_end(chaos, cut->absence);
    cut->is_cut = false;
}

static void do_fault(struct chaos *chaos)
{
    struct world *world = &chaos->world;
    unsigned node = (unsigned)random_below(&chaos->random, world->node_count);
    uint64_t choice =
        random_below(&chaos->random, chaos->options.has_network ? 120 : 100);

    if (choice < 25)
        kill_party(chaos, &world->broker);
    else if (choice < 50)
        kill_agent(chaos, &world->nodes[node]);
    else if (choice < 70)
        kill_party(chaos, &world->nodes[node]);
    else if (choice < 85)
        kill_party(chaos, &world->watchers[random_below(&chaos->random, WORLD_WATCHERS)]);
    else if (choice < 100)
        kill_party(chaos, &world->client);
    else
        cut_cable(chaos, node);
}

/* The client may end when there is this file. */
static void say_enough(struct chaos *chaos)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/enough", chaos->world.folder);

    scoped_fd int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        bad(chaos, "cannot be written", path, errno);
    chaos->end_ms = now_ms() + END_WAIT_MS;
}

/* Does what is due; gives when the next thing is. */
static uint64_t do_due(struct chaos *chaos)
{
    uint64_t now = now_ms(), next = chaos->end_ms ? chaos->end_ms : UINT64_MAX;
    struct party *party;

    for (size_t i = 0; (party = world_party(&chaos->world, i)); i++) {
        if (party->is_started_later && party->start_ms <= now)
            begin(chaos, party);
        if (party->is_started_later && party->start_ms < next)
            next = party->start_ms;
    }
    for (unsigned i = 0; i < chaos->world.node_count; i++) {
        if (chaos->cut[i].is_cut && chaos->cut[i].mend_ms <= now)
            mend_cable(chaos, i);
        if (chaos->cut[i].is_cut && chaos->cut[i].mend_ms < next)
            next = chaos->cut[i].mend_ms;
    }
    if (chaos->end_ms == 0 && chaos->next_ms <= now) {
        do_fault(chaos);
        chaos->next_ms = now + random_below(&chaos->random, 2 * chaos->options.pace_ms);
        if (chaos->done >= chaos->options.kills)
            say_enough(chaos);
        return now;
    }
    if (chaos->end_ms == 0 && chaos->next_ms < next)
        next = chaos->next_ms;
    if (chaos->end_ms && now >= chaos->end_ms)
        bad(chaos, "is not done after the last fault, in ms", "the work", END_WAIT_MS);
    return next;
}

/* Only what we kill may end, and the client when it is done. */
static void take_end(struct chaos *chaos, struct party *party)
{
    int status = party_reap(party);

    if (party->kind == PARTY_CLIENT && WIFEXITED(status) && WEXITSTATUS(status) == 0
        && chaos->end_ms)
        chaos->is_work_done = true;
    else
        bad(chaos, "ended by itself, status", party->name, status);
}

static void turn(struct chaos *chaos)
{
    uint64_t next = do_due(chaos), now = now_ms();
    struct pollfd items[PARTIES_MAX + 1] = { { chaos->signal_fd, POLLIN, 0 } };
    struct party *party;
    nfds_t count = 1;

    for (size_t i = 0; (party = world_party(&chaos->world, i)); i++)
        items[count++] = (struct pollfd){ party->fd, POLLIN, 0 };
    if (poll(items, count, next <= now ? 0 : (int)(next - now)) < 0 && errno != EINTR)
        bad(chaos, "failed", "poll", errno);
    for (size_t i = 0; (party = world_party(&chaos->world, i)); i++)
        if (items[i + 1].revents)
            take_end(chaos, party);
    if (items[0].revents)
        chaos->is_interrupted = true;
}

static void mend_cables(struct chaos *chaos)
{
    for (unsigned i = 0; i < chaos->world.node_count; i++)
        if (chaos->cut[i].is_cut)
            mend_cable(chaos, i);
}

/* Everything is up again, and nothing is cut. */
static void settle(struct chaos *chaos)
{
    struct party *party;

    mend_cables(chaos);
    for (size_t i = 0; (party = world_party(&chaos->world, i)); i++)
        if (party->is_started_later)
            begin(chaos, party);
}

static bool last_event(struct chaos *chaos, uint64_t *last)
{
    struct sluice_options options = { .insecure = true };
    struct sluice *sluice = NULL;
    struct sluice_info info;
    struct sluice_error error;
    int code = sluice_connect_with(chaos->world.endpoint, &options, &sluice, &error);

    if (code == SLUICE_OK)
        code = sluice_status(sluice, &info, &error);
    if (code == SLUICE_OK)
        *last = info.last_event;
    else
        bad(chaos, error.text, "broker", code);
    sluice_close(sluice);
    return code == SLUICE_OK;
}

/* The subscribers read to the end, and end. */
static void await_watchers(struct chaos *chaos)
{
    for (unsigned i = 0; i < WORLD_WATCHERS; i++) {
        struct party *watcher = &chaos->world.watchers[i];
        struct pollfd item = { watcher->fd, POLLIN, 0 };

        if (poll(&item, 1, END_WAIT_MS) <= 0)
            bad(chaos, "does not get the last event", watcher->name, 0);
        else if (party_reap(watcher) != 0)
            bad(chaos, "failed", watcher->name, 0);
    }
}

static size_t read_acked(const struct chaos *chaos, uint64_t *run_of)
{
    char path[PATH_MAX];
    uint64_t submission, run;
    size_t count = 0;

    snprintf(path, sizeof path, "%s/acked", chaos->world.folder);

    FILE *file = fopen(path, "re");

    while (file && count < KEPT_RUNS_MAX
           && fscanf(file, "%" SCNu64 " %" SCNu64, &submission, &run) == 2)
        if (submission == count)
            run_of[count++] = run;
    if (file)
        fclose(file);
    return count;
}

static void judge(struct chaos *chaos)
{
    struct history history = { 0 };
    struct verdict verdict = { 0 };
    uint64_t last = 0, wrong = 0;
    uint64_t *run_of = calloc(KEPT_RUNS_MAX, sizeof *run_of);
    char path[WORLD_PATH_MAX + 16];
    struct err err;
    enum rc rc;

    if (!run_of || !last_event(chaos, &last)
        || world_watch_until(&chaos->world, last, &err) != RC_OK) {
        free(run_of);
        chaos->is_bad = true;
        return;
    }
    await_watchers(chaos);
    snprintf(path, sizeof path, "%s/ledger", chaos->world.folder);
    rc = history_read(chaos->world.endpoint, last, &history, &err);
    for (unsigned i = 0; rc == RC_OK && i < WORLD_WATCHERS; i++) {
        char file[PATH_MAX];

        world_watched(&chaos->world, i, file);
        wrong += history_compare(&history, file);
    }
    if (rc == RC_OK)
        rc = verdict_reach(&history, chaos->absences, chaos->absence_count, run_of,
                           read_acked(chaos, run_of), path, &verdict, &err);
    if (rc != RC_OK)
        bad(chaos, err.text, "history", 0);
    verdict_print(&verdict);
    printf("  %-36s %8" PRIu64 "\n", "events", last);
    printf("  %-36s %8" PRIu64 "\n", "missed or doubled by subscribers (0)", wrong);
    chaos->is_bad |= wrong > 0 || !verdict_is_good(&verdict);
    history_fini(&history);
    free(run_of);
}

static void print_kills(const struct chaos *chaos)
{
    uint64_t all = 0;

    for (size_t i = 0; i < PARTY_KINDS; i++) {
        printf("  killed: %-28s %8" PRIu64 "\n", party_kind_name((enum party_kind)i),
               chaos->kills[i]);
        all += chaos->kills[i];
    }
    printf("  %-36s %8" PRIu64 "\n", "killed in all", all);
    if (chaos->options.has_network)
        printf("  %-36s %8" PRIu64 "\n", "cables cut", chaos->cuts);
}

/* Only after the end of the network are there numbers. */
static void print_packets(const struct chaos *chaos)
{
    const struct cable_counts *counts = chaos->world.network.counts;
    const struct cable_counts *down = &counts[SIDE_BROKER], *up = &counts[SIDE_NODE];
    const struct {
        const char *what;
        uint64_t down, up;
    } rows[] = {
        { "packets sent", down->taken, up->taken },
        { "lost", down->lost, up->lost },
        { "dropped", down->dropped, up->dropped },
        { "doubled", down->doubled, up->doubled },
        { "overtaken", down->overtaken, up->overtaken },
    };

    printf("  %-36s %8s %8s\n", "", "to nodes", "back");
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        printf("  %-36s %8" PRIu64 " %8" PRIu64 "\n", rows[i].what, rows[i].down,
               rows[i].up);
}

static int run_chaos(struct chaos *chaos)
{
    uint64_t start = now_ms();
    struct err err;

    chaos->next_ms = start + chaos->options.pace_ms;
    if (world_start(&chaos->world, &err) != RC_OK)
        bad(chaos, err.text, "start", 0);
    if (chaos->options.kills == 0)
        say_enough(chaos);
    while (!chaos->is_bad && !chaos->is_interrupted && !chaos->is_work_done)
        turn(chaos);
    if (!chaos->is_bad && !chaos->is_interrupted) {
        settle(chaos);
        judge(chaos);
    }
    print_kills(chaos);
    printf("  %-36s %8" PRIu64 "\n", "seconds", (now_ms() - start) / 1000);
    mend_cables(chaos);
    if (world_stop(&chaos->world) > 0)
        chaos->is_bad = true;
    world_destroy(&chaos->world, chaos->is_bad);
    if (chaos->options.has_network)
        print_packets(chaos);
    if (chaos->is_bad)
        printf("chaos: FAILED with seed %" PRIu64 "; the folder is kept: %s\n",
               chaos->options.seed, chaos->world.folder);
    else
        printf("chaos: seed %" PRIu64 ": %s\n", chaos->options.seed,
               chaos->is_interrupted ? "interrupted" : "nothing lost, nothing twice");
    return chaos->is_bad || chaos->is_interrupted;
}

static int chaos_main(const struct options *options)
{
    struct chaos chaos = { .options = *options, .random = { options->seed } };
    const char *lack = options->has_network ? network_lacks() : NULL;
    sigset_t signals;
    struct err err;
    int status;

    if (lack) {
        printf("chaos: skipped: %s\n", lack);
        return SKIPPED;
    }
    signal(SIGPIPE, SIG_IGN); /* what was started is ended, whoever reads this or not */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    chaos.signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    chaos.absences = calloc(options->kills + 1, sizeof *chaos.absences);
    if (chaos.signal_fd < 0 || !chaos.absences) {
        fprintf(stderr, "chaos: %s\n", strerror(errno));
        return 1;
    }

    struct world_options world = {
        .nodes = (unsigned)options->nodes,
        .slots = SLOTS,
        .runs = (options->tasks + WORK_TASKS - 1) / WORK_TASKS,
        .node_timeout_ms = node_timeout_ms(options),
        .has_network = options->has_network,
        .weather = { (unsigned)options->loss, (unsigned)options->doubles,
                     (unsigned)options->delay_ms, (unsigned)options->jitter_ms,
                     (unsigned)options->rate_kbit },
        .seed = options->seed
    };

    if (world_create(&chaos.world, &world, &err) == RC_OK) {
        printf("chaos: seed %" PRIu64 ", %s\n", options->seed, chaos.world.folder);
        if (options->has_network)
            printf("chaos: of packets %" PRIu64 " %% are lost and %" PRIu64
                   " %% doubled, each is %" PRIu64 " +- %" PRIu64 " ms late\n",
                   options->loss, options->doubles, options->delay_ms,
                   options->jitter_ms);
        fflush(stdout);
        status = run_chaos(&chaos);
    } else {
        fprintf(stderr, "chaos: %s\n", err.text);
        world_destroy(&chaos.world, false);
        status = 1;
    }
    free(chaos.absences);
    close(chaos.signal_fd);
    return status;
}

static const char usage[] =
    "usage: chaos [--kills N] [--seed S] [--tasks N] [--nodes N] [--pace MS] "
    "[--network]\n"
    "             [--loss PERCENT] [--double PERCENT] [--delay MS] [--jitter MS] "
    "[--rate KBIT]\n"
    "Kills brokerd, agents, nodes, subscribers and the client N times while at least "
    "that\n"
    "many tasks run, a fault every MS milliseconds on average; then counts. --network:\n"
    "nodes in network namespaces, whose cables are bad and are cut.\n";

static bool read_number(const char *text, uint64_t min, uint64_t max, uint64_t *number)
{
    char *end;
    unsigned long long read = strtoull(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || read < min || read > max)
        return false;
    *number = read;
    return true;
}

/* The number that an option sets, with its bounds; NULL for one that is not known. */
static uint64_t *number_of(struct options *options, int letter, uint64_t *min,
                           uint64_t *max)
{
    const struct {
        int letter;
        uint64_t min, max, *number;
    } numbers[] = {
        { 'k', 0, 1000000, &options->kills },
        { 's', 0, UINT64_MAX, &options->seed },
        { 't', 1, 1000000, &options->tasks },
        { 'n', 1, WORLD_NODES_MAX, &options->nodes },
        { 'p', 1, 3600000, &options->pace_ms },
        { 'l', 0, 50, &options->loss },
        { 'd', 0, 100, &options->doubles },
        { 'w', 0, 1000, &options->delay_ms },
        { 'j', 0, 1000, &options->jitter_ms },
        { 'r', 0, 1000000, &options->rate_kbit },
    };

    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        if (numbers[i].letter == letter) {
            *min = numbers[i].min;
            *max = numbers[i].max;
            return numbers[i].number;
        }
    return NULL;
}

int main(int argc, char **argv)
{
    static const struct option known[] = {
        { "kills", required_argument, NULL, 'k' },
        { "seed", required_argument, NULL, 's' },
        { "tasks", required_argument, NULL, 't' },
        { "nodes", required_argument, NULL, 'n' },
        { "pace", required_argument, NULL, 'p' },
        { "network", no_argument, NULL, 'x' },
        { "loss", required_argument, NULL, 'l' },
        { "double", required_argument, NULL, 'd' },
        { "delay", required_argument, NULL, 'w' },
        { "jitter", required_argument, NULL, 'j' },
        { "rate", required_argument, NULL, 'r' },
        { NULL, 0, NULL, 0 },
    };
    struct options options = { .kills = 300,
                               .seed = 1,
                               .tasks = 3000,
                               .nodes = 4,
                               .pace_ms = 250,
                               .loss = 5,
                               .doubles = 1,
                               .delay_ms = 50,
                               .jitter_ms = 30 };
    bool is_good = true;

    if (argc == 5 && strcmp(argv[1], "--submit") == 0)
        return role_submit(argv[2], argv[3], strtoull(argv[4], NULL, 10));
    if (argc == 5 && strcmp(argv[1], "--watch") == 0)
        return role_watch(argv[2], argv[3], strtoull(argv[4], NULL, 10));
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        uint64_t min = 0, max = 0, *number = number_of(&options, option, &min, &max);

        if (option == 'x')
            options.has_network = true;
        else
            is_good &= number && read_number(optarg, min, max, number);
    }
    if (is_good && optind == argc)
        return chaos_main(&options);
    fputs(usage, stderr);
    return 2;
}
