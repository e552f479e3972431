/* soak_main.c - the daemons left alone with small runs, one after the other, for long:
 * does their memory grow, or the number of their open files?
 *
 * Measured is memory of their own (RssAnon): pages of the mapped store belong to the
 * kernel, which takes them back when it wants. What comes with more history (LMDB's pages
 * in use, the folders of the cache) is on disk and not counted. A straight line is laid
 * through what was measured after half of the time; it may rise, from there to the
 * end, by a 20th of the mean and 1 MiB, or by two open files. Both go up and down with
 * the tasks that happen to run: three standard errors of the slope (of a least-squares
 * line, as any textbook of statistics has it) are granted besides. */
#include "tests/chaos/roles.h"
#include "tests/chaos/work.h"
#include "tests/chaos/world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    SAMPLES = 90,
    WARM_SAMPLES = SAMPLES / 2,
    SLOTS = 4,
    NODE_TIMEOUT_MS = 10000,
    SECONDS_MAX = 10000000,
    SLACK_KB = 1024,
    SLACK_FILES = 2,
    ERRORS = 3,
    DAEMONS = 3,
};

/* What AddressSanitizer keeps of freed memory, and of who asked for it, grows for long:
 * no line can be laid through that. */
#ifdef __SANITIZE_ADDRESS__
static const bool is_memory_judged = false;
#else
static const bool is_memory_judged = true;
#endif

static const char *const names[DAEMONS] = { "brokerd", "supervisor", "agent" };

struct sample {
    double seconds, own_kb[DAEMONS], all_kb[DAEMONS], files[DAEMONS];
};

struct soak {
    struct world world;
    struct sample samples[SAMPLES];
    size_t count;
    int signal_fd, timer_fd;
    pid_t agent; /* when it was first seen */
    bool is_bad, is_interrupted;
};

/* A value in kB of /proc/<pid>/status; 0 if it is not there. */
static double status_kb(pid_t pid, const char *key)
{
    char path[64], line[256];
    double kb = 0;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);

    FILE *file = fopen(path, "re");

    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':')
            kb = strtod(line + strlen(key) + 1, NULL);
    if (file)
        fclose(file);
    return kb;
}

static double count_files(pid_t pid)
{
    char path[64];
    double count = -2; /* "." and ".." */

    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);

    DIR *folder = opendir(path);

    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

static void take_sample(struct soak *soak, double seconds)
{
    struct sample *sample = &soak->samples[soak->count++];
    pid_t agent = party_agent(&soak->world.nodes[0]);
    pid_t pids[DAEMONS] = { soak->world.broker.pid, soak->world.nodes[0].pid, agent };

    if (soak->agent == 0)
        soak->agent = agent;
    if (agent != soak->agent) {
        printf("FAULT: the agent ended, and another one began\n");
        soak->is_bad = true;
    }
    sample->seconds = seconds;
    printf("%8.1f s", seconds);
    for (size_t i = 0; i < DAEMONS; i++) {
        sample->own_kb[i] = status_kb(pids[i], "RssAnon");
        sample->all_kb[i] = status_kb(pids[i], "VmRSS");
        sample->files[i] = count_files(pids[i]);
        printf("  %s %5.0f kB (%6.0f) %3.0f files", names[i], sample->own_kb[i],
               sample->all_kb[i], sample->files[i]);
    }
    putchar('\n');
    fflush(stdout);
}

/* Only the client may be asked to end, and it is not before the time is over. */
static bool turn(struct soak *soak)
{
    struct pollfd items[3 + WORLD_NODES_MAX + WORLD_WATCHERS + 2] = {
        { soak->signal_fd, POLLIN, 0 }, { soak->timer_fd, POLLIN, 0 }
    };
    struct party *party;
    uint64_t ticks;
    nfds_t count = 2;

    for (size_t i = 0; (party = world_party(&soak->world, i)); i++)
        items[count++] = (struct pollfd){ party->fd, POLLIN, 0 };
    poll(items, count, -1);
    for (size_t i = 0; (party = world_party(&soak->world, i)); i++)
        if (items[i + 2].revents) {
            printf("FAULT: %s ended by itself, status %d\n", party->name,
                   party_reap(party));
            soak->is_bad = true;
        }
    soak->is_interrupted |= items[0].revents != 0;
    return items[1].revents != 0
           && read(soak->timer_fd, &ticks, sizeof ticks) == (ssize_t)sizeof ticks;
}

struct line {
    double mean, rise, error; /* the rise from the first point to the last one */
};

static struct line line_through(const double *x, const double *y, size_t count)
{
    double mean_x = 0, mean_y = 0, xy = 0, xx = 0, squares = 0;

    for (size_t i = 0; i < count; i++) {
        mean_x += x[i] / (double)count;
        mean_y += y[i] / (double)count;
    }
    for (size_t i = 0; i < count; i++) {
        xy += (x[i] - mean_x) * (y[i] - mean_y);
        xx += (x[i] - mean_x) * (x[i] - mean_x);
    }

    double slope = xx > 0 ? xy / xx : 0, length = x[count - 1] - x[0];

    for (size_t i = 0; i < count; i++) {
        double off = y[i] - mean_y - slope * (x[i] - mean_x);

        squares += off * off;
    }
    return (struct line){ .mean = mean_y,
                          .rise = slope * length,
                          .error = xx > 0 && count > 2
                                       ? sqrt(squares / (double)(count - 2) / xx) * length
                                       : 0 };
}

static void judge(struct soak *soak)
{
    double x[SAMPLES], own[SAMPLES], files[SAMPLES];
    size_t count = 0;

    for (size_t d = 0; d < DAEMONS; d++) {
        count = 0;
        for (size_t i = WARM_SAMPLES; i < soak->count; i++, count++) {
            x[count] = soak->samples[i].seconds;
            own[count] = soak->samples[i].own_kb[d];
            files[count] = soak->samples[i].files[d];
        }

        struct line kb = line_through(x, own, count);
        struct line open = line_through(x, files, count);
        double seconds = x[count - 1] - x[0];
        bool is_flat =
            (kb.rise - ERRORS * kb.error <= kb.mean / 20 + SLACK_KB || !is_memory_judged)
            && open.rise - ERRORS * open.error <= SLACK_FILES;

        printf("%-10s  memory %7.0f kB, %+6.0f kB +- %.0f in %.0f s (%+.1f kB a minute); "
               "files %3.0f, %+.1f +- %.1f: %s\n",
               names[d], kb.mean, kb.rise, kb.error, seconds, kb.rise / seconds * 60,
               open.mean, open.rise, open.error, is_flat ? "flat" : "NOT FLAT");
        soak->is_bad |= !is_flat;
    }
}

static uint64_t count_runs(const struct soak *soak)
{
    char path[WORLD_PATH_MAX + 16];
    uint64_t lines = 0;
    int byte;

    snprintf(path, sizeof path, "%s/acked", soak->world.folder);

    FILE *file = fopen(path, "re");

    while (file && (byte = fgetc(file)) != EOF)
        lines += byte == '\n';
    if (file)
        fclose(file);
    return lines;
}

static int run_soak(struct soak *soak, double seconds)
{
    double step = seconds / SAMPLES;
    struct itimerspec every = {
        .it_interval = { (time_t)step, (long)((step - (double)(time_t)step) * 1e9) }
    };
    struct err err;

    every.it_value = every.it_interval;
    if (timerfd_settime(soak->timer_fd, 0, &every, NULL) < 0
        || world_start(&soak->world, &err) != RC_OK)
        soak->is_bad = true;
    while (!soak->is_bad && !soak->is_interrupted && soak->count < SAMPLES)
        if (turn(soak))
            take_sample(soak, step * (double)(soak->count + 1));
    if (!soak->is_bad && !soak->is_interrupted)
        judge(soak);
    printf("%" PRIu64 " runs of %d tasks were begun\n", count_runs(soak), WORK_TASKS);
    soak->is_bad |= world_stop(&soak->world) > 0;
    world_destroy(&soak->world, soak->is_bad);
    if (soak->is_bad)
        printf("soak: FAILED; the folder is kept: %s\n", soak->world.folder);
    return soak->is_bad || soak->is_interrupted;
}

int main(int argc, char **argv)
{
    static struct soak soak;
    struct world_options options = {
        .nodes = 1, .slots = SLOTS, .runs = UINT64_MAX, .node_timeout_ms = NODE_TIMEOUT_MS
    };
    double seconds = argc == 2 ? strtod(argv[1], NULL) : 0;
    sigset_t signals;
    struct err err;
    int status;

    if (argc == 5 && strcmp(argv[1], "--submit") == 0)
        return role_submit(argv[2], argv[3], strtoull(argv[4], NULL, 10));
    if (argc == 5 && strcmp(argv[1], "--watch") == 0)
        return role_watch(argv[2], argv[3], strtoull(argv[4], NULL, 10));
    if (!(seconds >= 1 && seconds <= SECONDS_MAX)) {
        fprintf(stderr, "usage: soak SECONDS\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN); /* what was started is ended, whoever reads this or not */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    soak.signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    soak.timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (soak.signal_fd < 0 || soak.timer_fd < 0) {
        fprintf(stderr, "soak: %s\n", strerror(errno));
        return 1;
    }
    if (world_create(&soak.world, &options, &err) == RC_OK) {
        status = run_soak(&soak, seconds);
    } else {
        fprintf(stderr, "soak: %s\n", err.text);
        world_destroy(&soak.world, false);
        status = 1;
    }
    close(soak.signal_fd);
    close(soak.timer_fd);
    return status;
}
