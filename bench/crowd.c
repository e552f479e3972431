/* crowd.c - the loop of a crowd, see crowd.h. One epoll set holds the descriptors of all
 * sockets: zmq_poll would look at each of them every time. */
#include "bench/crowd.h"

#include "bench/light_node.h"
#include "bench/measure.h"
#include "codecs/plan/plan.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum {
    TIMEOUT_MS = 10000,
    EVENTS_MAX = 256,
    EARLY_MAX = 8,
    START_WAIT_US = 5000,
    ARENA_MAX = 64 << 20
};

struct sleeper { /* a task that goes on */
    struct light_node *node;
    struct done done; /* ended_us: when it will; while it waits for a slot: its length */
    bool is_told;     /* that it has started */
};

struct length { /* of the tasks of a stage */
    uint64_t run;
    uint32_t stage;
    int64_t us;
};

struct crowd {
    const struct crowd_options *options;
    void *context;
    struct light_node *nodes;
    int epoll, signals;
    bool is_ending, has_joined, is_tasked;
    int64_t next_beat_us, now_us; /* of any node */
    struct sleeper *sleepers;
    size_t sleeper_count, sleeper_capacity;
    struct sleeper *waiting; /* for a slot, the first first */
    size_t waiting_count, waiting_capacity;
    struct length *lengths;
    size_t length_count, length_capacity;
};

/* The array with room for one more. */
static void *grown(void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return array;
    *capacity = *capacity ? *capacity * 2 : 64;
    array = reallocarray(array, *capacity, size);
    must(array != NULL);
    return array;
}

static void on_class(void *context, const struct class_message *class)
{
    struct crowd *crowd = context;
    scoped(arena) arena = arena_create(ARENA_MAX);
    struct plan_stage *stage;
    double seconds = 0;
    struct err err;

    if (!crowd->options->sleeps)
        return;
    must(arena != NULL);
    if (plan_stage_decode(arena, class->resolved.data, class->resolved.size, &stage, &err)
        != RC_OK)
        fail("a class does not decode: %s", err.text);
    if (stage->command_count > 0
        && sscanf(stage->commands[0], "sleep %lf", &seconds) != 1)
        fail("a crowd cannot run \"%s\"", stage->commands[0]);
    crowd->lengths = grown(crowd->lengths, crowd->length_count, &crowd->length_capacity,
                           sizeof *crowd->lengths);
    crowd->lengths[crowd->length_count++] =
        (struct length){ class->run, class->stage, (int64_t)(seconds * 1e6 + 0.5) };
}

static int64_t length_of(const struct crowd *crowd, const struct assignment *task)
{
    for (size_t i = crowd->length_count; i > 0; i--)
        if (crowd->lengths[i - 1].run == task->run
            && crowd->lengths[i - 1].stage == task->stage)
            return crowd->lengths[i - 1].us;
    fail("a task came before its class");
}

static void sleep_begin(struct crowd *crowd, const struct sleeper *sleeper)
{
    struct sleeper *begun;

    crowd->sleepers = grown(crowd->sleepers, crowd->sleeper_count,
                            &crowd->sleeper_capacity, sizeof *crowd->sleepers);
    begun = &crowd->sleepers[crowd->sleeper_count++];
    *begun = *sleeper;
    begun->done.started_us = wall_us();
    begun->done.ended_us += begun->done.started_us;
    begun->node->running++;
}

/* As of noded: of a short task only the end is told. */
static int64_t tell_at_us(const struct sleeper *sleeper)
{
    return sleeper->is_told ? INT64_MAX : sleeper->done.started_us + START_WAIT_US;
}

/* The first that waits for a slot of the node gets the one that has become free. */
static void slot_pass(struct crowd *crowd, const struct light_node *node)
{
    for (size_t i = 0; i < crowd->waiting_count; i++)
        if (crowd->waiting[i].node == node) {
            struct sleeper next = crowd->waiting[i];

            crowd->waiting_count--;
            memmove(&crowd->waiting[i], &crowd->waiting[i + 1],
                    (crowd->waiting_count - i) * sizeof next);
            sleep_begin(crowd, &next);
            return;
        }
}

static void on_task(void *context, struct light_node *node, const struct assignment *task,
                    uint64_t token)
{
    struct crowd *crowd = context;
    struct done done = { .token = token, .started_us = wall_us() };

    if (!crowd->is_tasked) {
        crowd->is_tasked = true;
        crowd->options->tasked();
    }
    if (!crowd->options->sleeps) {
        done.ended_us = done.started_us;
        light_node_done(node, &done);
        return;
    }
    done.ended_us = length_of(crowd, task);
    if (node->running < node->slots) {
        sleep_begin(crowd, &(struct sleeper){ .node = node, .done = done });
        return;
    }
    crowd->waiting = grown(crowd->waiting, crowd->waiting_count, &crowd->waiting_capacity,
                           sizeof *crowd->waiting);
    crowd->waiting[crowd->waiting_count++] =
        (struct sleeper){ .node = node, .done = done };
}

static void join(struct crowd *crowd, struct light_node *node)
{
    uint64_t *tokens =
        calloc(crowd->sleeper_count + crowd->waiting_count + 1, sizeof *tokens);
    size_t count = 0;

    must(tokens != NULL);
    for (size_t i = 0; i < crowd->sleeper_count; i++)
        if (crowd->sleepers[i].node == node)
            tokens[count++] = crowd->sleepers[i].done.token;
    for (size_t i = 0; i < crowd->waiting_count; i++)
        if (crowd->waiting[i].node == node)
            tokens[count++] = crowd->waiting[i].done.token;
    light_node_join(node, tokens, count, crowd->now_us);
    free(tokens);
}

/* Until nothing is left to hear or say: to send may take notice of what has arrived, and
 * the descriptor does not tell of it again. */
static void serve(struct crowd *crowd, struct light_node *node)
{
    const struct light_calls calls = { on_task, on_class, crowd };
    bool rejoins = false;

    do {
        light_node_receive(node, &calls, &rejoins);
        if (rejoins)
            join(crowd, node);
        rejoins = false;
    } while (light_node_tell(node));
}

static void wake(struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->sleeper_count;) {
        struct sleeper *sleeper = &crowd->sleepers[i];
        struct light_node *node = sleeper->node;

        if (sleeper->done.ended_us > crowd->now_us) {
            i++;
            continue;
        }
        sleeper->done.ended_us = crowd->now_us;
        light_node_done(node, &sleeper->done);
        *sleeper = crowd->sleepers[--crowd->sleeper_count];
        node->running--;
        slot_pass(crowd, node);
        serve(crowd, node);
    }
}

static void starts_tell(struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->sleeper_count; i++) {
        struct sleeper *sleeper = &crowd->sleepers[i];

        if (tell_at_us(sleeper) > crowd->now_us)
            continue;
        sleeper->is_told = true;
        light_node_started(sleeper->node, sleeper->done.token, sleeper->done.started_us);
        serve(crowd, sleeper->node);
    }
}

static void beat(struct crowd *crowd)
{
    if (crowd->next_beat_us > crowd->now_us)
        return;
    crowd->next_beat_us = INT64_MAX;
    for (unsigned i = 0; i < crowd->options->nodes; i++) {
        struct light_node *node = &crowd->nodes[i];

        if (node->next_us <= crowd->now_us) {
            if (node->is_joined)
                light_node_beat(node);
            else
                join(crowd, node);
            node->next_us = session_next_beat_us(crowd->now_us, TIMEOUT_MS);
            serve(crowd, node);
        }
        if (node->next_us < crowd->next_beat_us)
            crowd->next_beat_us = node->next_us;
    }
}

static struct timespec until_next(const struct crowd *crowd)
{
    int64_t due = crowd->next_beat_us, left;

    for (size_t i = 0; i < crowd->sleeper_count; i++) {
        const struct sleeper *sleeper = &crowd->sleepers[i];

        due = sleeper->done.ended_us < due ? sleeper->done.ended_us : due;
        due = tell_at_us(sleeper) < due ? tell_at_us(sleeper) : due;
    }
    left = due - wall_us();
    left = left > 0 ? left : 0;
    return (struct timespec){ left / 1000000, left % 1000000 * 1000 };
}

static bool all_joined(const struct crowd *crowd)
{
    for (unsigned i = 0; i < crowd->options->nodes; i++)
        if (!crowd->nodes[i].is_joined)
            return false;
    return true;
}

static void turn(struct crowd *crowd)
{
    struct epoll_event events[EVENTS_MAX];
    struct timespec wait = until_next(crowd);
    int count = epoll_pwait2(crowd->epoll, events, EVENTS_MAX, &wait, NULL);

    if (count < 0 && errno != EINTR)
        fail("cannot wait: %s", strerror(errno));
    crowd->now_us = wall_us();
    for (int i = 0; i < count; i++)
        if (events[i].data.u32 < crowd->options->nodes)
            serve(crowd, &crowd->nodes[events[i].data.u32]);
        else
            crowd->is_ending = true;
    wake(crowd);
    starts_tell(crowd);
    beat(crowd);
}

static void watch(struct crowd *crowd, int fd, uint32_t number)
{
    struct epoll_event event = { .events = EPOLLIN, .data.u32 = number };

    if (epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        fail("cannot watch a socket: %s", strerror(errno));
}

/* A socket needs some three descriptors. */
static void allow_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void open_signals(struct crowd *crowd)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    crowd->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    crowd->epoll = epoll_create1(EPOLL_CLOEXEC);
    watch(crowd, crowd->signals, crowd->options->nodes);
}

static enum rc open_nodes(struct crowd *crowd, struct err *err)
{
    const struct crowd_options *options = crowd->options;
    enum rc rc = RC_OK;

    for (unsigned i = 0; rc == RC_OK && i < options->nodes; i++) {
        struct light_node *node = &crowd->nodes[i];
        int fd = -1;
        size_t size = sizeof fd;

        rc = light_node_open(node, crowd->context, options->endpoint, i, options->slots,
                             options->empty_max, err);
        if (rc != RC_OK)
            break;
        if (zmq_getsockopt(node->socket, ZMQ_FD, &fd, &size) < 0)
            return err_set_sys(err, RC_IO, errno, "a socket without descriptor");
        watch(crowd, fd, i);
        node->early = options->sleeps ? EARLY_MAX : 0;
        crowd->now_us = wall_us();
        node->next_us = session_next_beat_us(crowd->now_us, TIMEOUT_MS);
        join(crowd, node);
        serve(crowd, node);
    }
    return rc;
}

static void close_all(struct crowd *crowd)
{
    for (unsigned i = 0; i < crowd->options->nodes; i++)
        if (crowd->nodes[i].socket)
            light_node_close(&crowd->nodes[i]);
    zmq_ctx_term(crowd->context);
    close(crowd->epoll);
    close(crowd->signals);
    free(crowd->nodes);
    free(crowd->sleepers);
    free(crowd->waiting);
    free(crowd->lengths);
}

enum rc crowd_run(const struct crowd_options *options, struct err *err)
{
    struct crowd crowd = { .options = options, .now_us = wall_us() };
    enum rc rc;

    allow_descriptors();
    crowd.context = zmq_ctx_new();
    crowd.nodes = calloc(options->nodes, sizeof *crowd.nodes);
    must(crowd.context && crowd.nodes);
    zmq_ctx_set(crowd.context, ZMQ_MAX_SOCKETS, (int)options->nodes + 16);
    open_signals(&crowd);
    rc = open_nodes(&crowd, err);
    while (rc == RC_OK && !crowd.is_ending) {
        turn(&crowd);
        if (!crowd.has_joined && all_joined(&crowd)) {
            crowd.has_joined = true;
            options->joined();
        }
    }
    close_all(&crowd);
    return rc;
}
