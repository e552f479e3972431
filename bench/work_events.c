/* work_events.c - every event of a sweep of tasks without a command, read live by ten
 * subscribers, the same of a sweep of tasks with a result each, which have three events
 * each, and all of these once more from the first number, without a gap or a double. */
#include "bench/limits/limits.h"
#include "bench/plans.h"
#include "bench/world.h"

#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SUBSCRIBERS = 10, SLOTS = 16000, PAGE_EVENTS = 1000, WAIT_MS = 60000 };

static const struct metric metrics[] = {
    { "alone", "tasks/s", BOUND_NONE, 0 }, { "heard", "tasks/s", AT_LEAST_LIMITS, 0.9 },
    { "each", "tasks/s", BOUND_NONE, 0 },  { "each-heard", "tasks/s", BOUND_NONE, 0 },
    { "replay", "/s", AT_LEAST, 1000000 },
};

struct listener {
    struct sluice *sluice;
    struct sluice_events *events;
    uint64_t last; /* number of the event that was read last */
    uint64_t bytes;
    bool is_done;
};

/* Takes what has come; it is done when it has read that the run is complete. */
static void listen_on(struct listener *listener, const char *until)
{
    struct sluice_event event;
    struct sluice_error error;
    int code;

    while (!listener->is_done
           && (code = sluice_events_next(listener->events, 0, &event, &error))
                  != SLUICE_TIMEOUT) {
        world_must(code, &error);
        bench_check(event.number == listener->last + 1, "event %lu came after %lu",
                    (unsigned long)event.number, (unsigned long)listener->last);
        listener->last = event.number;
        listener->bytes += event.body_size;
        listener->is_done = strcmp(event.topic, until) == 0;
    }
}

static void listener_open(struct listener *listener, const struct world *world,
                          uint64_t since)
{
    struct sluice_error error;

    *listener = (struct listener){ .sluice = world_connect(world), .last = since };
    world_must(sluice_events_open(listener->sluice, since, "", &listener->events, &error),
               &error);
}

static void listener_close(struct listener *listener)
{
    sluice_events_close(listener->events);
    sluice_close(listener->sluice);
}

/* A process of its own, which says by a byte that all have begun. */
static void subscribe_all(const struct world *world, uint64_t since, const char *until,
                          int ready)
{
    struct listener listeners[SUBSCRIBERS];
    struct pollfd items[SUBSCRIBERS];
    size_t done = 0;

    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        listener_open(&listeners[i], world, since);
        listen_on(&listeners[i], until); /* which greets the broker */
        items[i] = (struct pollfd){ sluice_events_fd(listeners[i].events), POLLIN, 0 };
    }
    if (write(ready, "", 1) != 1)
        fail("nobody waits for the subscribers");
    while (done < SUBSCRIBERS) {
        if (poll(items, SUBSCRIBERS, WAIT_MS) <= 0)
            fail("only %zu of the subscribers have heard all", done);
        done = 0;
        for (size_t i = 0; i < SUBSCRIBERS; i++) {
            listen_on(&listeners[i], until);
            done += listeners[i].is_done;
            if (listeners[i].is_done)
                items[i].fd = -1;
        }
    }
    _exit(0);
}

static pid_t subscribers_start(const struct world *world, uint64_t since,
                               const char *until)
{
    int ends[2];
    char byte;

    if (pipe(ends) != 0)
        fail("cannot make a pipe");

    pid_t pid = fork();

    if (pid == 0)
        subscribe_all(world, since, until, ends[1]);
    close(ends[1]);
    if (pid < 0 || read(ends[0], &byte, 1) != 1)
        fail("the subscribers have not begun");
    close(ends[0]);
    return pid;
}

static double rate(struct world *world, const struct buf *plan, size_t tasks,
                   bool is_heard)
{
    struct sluice_error error;
    struct sluice_info info;
    char until[64];
    pid_t pid = 0;
    int status = 0;
    uint64_t run;
    double took;

    world_must(sluice_status(world->sluice, &info, &error), &error);
    snprintf(until, sizeof until, "run/%lu/run/complete", (unsigned long)info.runs + 1);
    if (is_heard)
        pid = subscribers_start(world, info.last_event, until);
    took = world_run(world, plan, &run);
    if (is_heard && (waitpid(pid, &status, 0) != pid || status != 0))
        fail("the subscribers have failed");
    return (double)tasks / took * 1e3;
}

/* From the first number to the last; events a second, and that of bare messages of the
 * same size. */
static double replay(struct world *world, double *limit)
{
    struct listener listener;
    struct sluice_error error;
    struct sluice_info info;
    char until[64];
    double start, took, pages;

    world_must(sluice_status(world->sluice, &info, &error), &error);
    snprintf(until, sizeof until, "run/%lu/run/complete", (unsigned long)info.runs);
    start = now_ms();
    listener_open(&listener, world, 0);
    while (!listener.is_done && now_ms() - start < WAIT_MS)
        listen_on(&listener, until);
    bench_check(listener.is_done, "no event %s in the log", until);
    took = now_ms() - start;
    pages = (double)listener.last / PAGE_EVENTS + 1;
    *limit = (double)listener.last * 1e3
             / limit_echo_ms(world->bench->folder, (size_t)pages,
                             (size_t)((double)listener.bytes / pages), 1);
    listener_close(&listener);
    return (double)listener.last / took * 1e3;
}

static void run(const struct bench *bench)
{
    size_t repeats = bench_repeats(bench, 3);
    size_t empty = bench_size(bench, 2000000, 20000);
    size_t each = bench_size(bench, 100000, 3000);
    double alone[REPEATS_MAX], heard[REPEATS_MAX], replayed[REPEATS_MAX],
        limit[REPEATS_MAX], each_alone[REPEATS_MAX], each_heard[REPEATS_MAX];
    scoped_buf plan = { 0 }, each_plan = { 0 };
    struct world world;

    plan_sweep(&plan, empty, 0, ":");
    plan_sweep(&each_plan, each, 0, "true");
    world_open(&world, bench, "broker");
    world_crowd(&world, 1, SLOTS);
    for (size_t i = 0; i < repeats; i++) {
        alone[i] = rate(&world, &plan, empty, false);
        heard[i] = rate(&world, &plan, empty, true);
        each_alone[i] = rate(&world, &each_plan, each, false);
        each_heard[i] = rate(&world, &each_plan, each, true);
        replayed[i] = replay(&world, &limit[i]);
    }
    world_close(&world);
    bench_tell(bench, "alone", median(alone, repeats), 0);
    bench_tell(bench, "heard", median(heard, repeats), median(alone, repeats));
    bench_tell(bench, "each", median(each_alone, repeats), 0);
    bench_tell(bench, "each-heard", median(each_heard, repeats),
               median(each_alone, repeats));
    bench_tell_medians(bench, "replay", replayed, limit, repeats);
}

const struct workload work_events = {
    "events", "ten live subscribers and one from the first number", METRICS(metrics), run
};
