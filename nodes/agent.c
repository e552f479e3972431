/* agent.c - the loop of the agent. */
#include "nodes/agent_state.h"
#include "nodes/staging/facts.h"
#include "nodes/staging/shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum {
    TIMEOUT_DEFAULT_MS = 10000,
    CLOCK_JUMP_US = 1000000,
    GIVING_QUEUE_MAX = 64,
    SHELF_KEPT_US = 60000000,
    WARM_KEPT_US = 500000
};

int64_t agent_clock_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t monotonic_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void agent_input(struct agent *agent, const struct agent_input *input)
{
    struct agent_input stamped = *input;

    stamped.now_us = agent->now_us;
    agent_step(agent->core, &stamped, &agent->effects);
    effects_apply(agent);
}

uint32_t agent_cpu_of(const struct plan_stage *stage)
{
    uint32_t cpu = plan_amount(stage->cpu_min, PLAN_CPU_UNIT, PLAN_CPU_STEP);

    return cpu ? cpu : PLAN_CPU_DEFAULT;
}

uint32_t agent_memory_of(const struct plan_stage *stage)
{
    return plan_amount(stage->memory_min_mb, 1, 1);
}

void agent_offer(struct agent *agent)
{
    agent_input(agent, &(struct agent_input){ .kind = AGENT_IN_OFFER,
                                              .cpu_milli = agent->settings.slots * 1000,
                                              .memory_mb = agent->settings.memory_mb });
}

static enum rc read_stream(void *context, uint64_t token, enum stream stream,
                           uint64_t offset, uint32_t limit, struct buf *out,
                           struct stream_chunk *chunk, struct err *err)
{
    struct agent *agent = context;

    chunk->is_final = false;
    return attempt_stream_read(&agent->staging, token, stream, offset, limit, out,
                               &chunk->size, err);
}

static enum rc make_folder(char *path, size_t size, const char *base, const char *name,
                           struct err *err)
{
    if (snprintf(path, size, "%s/%s", base, name) >= (int)size)
        return err_set(err, RC_INVALID, "the folder's path is too long: %s", base);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot make the folder %s",
                           path);
    return RC_OK;
}

static enum rc open_local(struct agent *agent, struct err *err)
{
    struct follow_events events = { agent, on_stop_condition };
    char path[4200];
    enum rc rc =
        make_folder(path, sizeof path, agent->settings.directory, "attempts", err);

    if (rc == RC_OK)
        rc = make_folder(path, sizeof path, agent->settings.directory, "cache", err);
    if (rc == RC_OK)
        rc = cache_open(path, agent->settings.cache_size, &agent->cache, err);
    agent->staging =
        (struct staging){ .directory = agent->settings.directory,
                          .node_name = agent->settings.name,
                          .cache = agent->cache,
                          .stores = agent->settings.stores,
                          .shares_outputs = agent->settings.bulk_listen != NULL,
                          .keeps_outputs = agent->settings.keeps_outputs,
                          .has_namespaces = true };
    if (rc == RC_OK && !(agent->staging.facts = facts_create(agent->settings.devices)))
        rc = err_set(err, RC_NO_MEMORY, "no memory for what this machine is");
    if (rc == RC_OK && !(agent->staging.shelf = shelf_create()))
        rc = err_set(err, RC_NO_MEMORY, "no memory for folders that are used again");
    if (rc == RC_OK)
        rc = ended_open(agent->settings.directory, &agent->ended_log, err);
    if (rc == RC_OK)
        rc = follower_create(&agent->staging, &events, &agent->follower, err);
    return rc;
}

/* libzmq reconnects by itself; the agent wants to know, because the broker on the other
 * side may be a new one, which learns of this node by its next beat. */
static enum rc watch_connection(struct agent *agent, struct err *err)
{
    static const char endpoint[] = "inproc://connected";

    if (zmq_socket_monitor(agent->broker, endpoint, ZMQ_EVENT_HANDSHAKE_SUCCEEDED) < 0)
        return err_set_sys(err, RC_IO, errno, "cannot watch the connection");
    return link_connect(agent->context, ZMQ_PAIR, endpoint, NULL, &agent->monitor, err);
}

/* One for each task of one CPU, and one more that collects while all of them prepare. */
static unsigned workers_count(const struct agent *agent)
{
    unsigned count = agent->settings.slots + 1;

    return count < agent->settings.workers_max ? count : agent->settings.workers_max;
}

static void tick_streams(void *context, struct stream_server *server)
{
    struct agent *agent = context;

    announcer_step(agent->announcer, server);
}

/* Other nodes may get the files of the cache here, if the settings say so. */
static enum rc open_giving(struct agent *agent, struct err *err)
{
    static const struct bulk_limits limits = { .queue_max = GIVING_QUEUE_MAX,
                                               .is_read_only = true };
    const struct agent_settings *settings = &agent->settings;

    if (settings->bulk_listen) {
        enum rc rc =
            bulk_server_create(agent->context, settings->bulk_listen,
                               cache_objects(agent->cache), &limits, &agent->giving, err);

        if (rc != RC_OK)
            return rc;
        snprintf(agent->own_endpoint, ENDPOINT_MAX, "%s",
                 bulk_server_endpoint(agent->giving));
        if (settings->bulk_advertise)
            link_with_host(bulk_server_endpoint(agent->giving), settings->bulk_advertise,
                           agent->own_endpoint);
    }
    agent->announcer = announcer_create(agent->cache, agent->own_endpoint);
    agent->peers = (struct peer_options){ .own_endpoint = agent->own_endpoint,
                                          .connected_max = settings->peers_max,
                                          .timeout_ms = PEER_TIMEOUT_MS,
                                          .is_insecure = settings->insecure };
    return agent->announcer ? RC_OK
                            : err_set(err, RC_NO_MEMORY, "no memory for the agent");
}

static enum rc open_remote(struct agent *agent, struct err *err)
{
    enum rc rc;

    agent->context = zmq_ctx_new();
    if (!agent->context)
        return err_set(err, RC_NO_MEMORY, "no memory for sockets");
    rc = link_connect_bounded(
        agent->context, ZMQ_DEALER, agent->settings.requests, agent->settings.name,
        (struct link_bounds){ .queue_max = (int)agent->settings.queue_max,
                              .message_max = LINK_MESSAGE_MAX },
        &agent->broker, err);
    if (rc == RC_OK)
        rc = watch_connection(agent, err);
    if (rc == RC_OK)
        rc = open_giving(agent, err);
    if (rc == RC_OK)
        rc = workers_create(&agent->staging, agent->context, &agent->peers,
                            workers_count(agent), &agent->workers, err);
    if (rc == RC_OK && agent->settings.bulk)
        rc = agent_use_bulk(agent, agent->settings.bulk, err);
    return rc;
}

/* Once; threads hold the endpoint, so for another one another agent has to begin. */
enum rc agent_use_bulk(struct agent *agent, const char *endpoint, struct err *err)
{
    static const struct stream_calls calls = { read_stream, tick_streams };
    enum rc rc;

    if (strcmp(agent->bulk, endpoint) == 0)
        return RC_OK;
    if (agent->bulk[0])
        return err_set(err, RC_CONFLICT,
                       "the broker moves files at %s now and not at %s; beginning anew",
                       endpoint, agent->bulk);
    snprintf(agent->bulk, sizeof agent->bulk, "%s", endpoint);
    rc = stream_server_create(agent->context, agent->bulk, agent->settings.name, &calls,
                              agent, &agent->streams, err);
    if (rc == RC_OK)
        workers_connect(agent->workers, agent->bulk);
    return rc;
}

static enum rc catch_signals(struct agent *agent, struct err *err)
{
    sigset_t signals;
    int flags = fcntl(agent->settings.channel_fd, F_GETFL);

    if (flags < 0 || fcntl(agent->settings.channel_fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return err_set_sys(err, RC_IO, errno, "the channel to the supervisor");
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    agent->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return agent->signal_fd < 0 ? err_set_sys(err, RC_IO, errno, "signalfd") : RC_OK;
}

static int wait_ms(const struct agent *agent)
{
    int64_t until = agent_deadline_us(agent->core);
    int64_t now = agent_clock_us();
    int64_t own = agent->is_joined ? agent->next_beat_us : agent->next_join_us;

    if (agent->is_listed && own < until)
        until = own;
    if (agent->is_joined && empty_deadline_us(agent) < until)
        until = empty_deadline_us(agent);
    if (drain_deadline_us(agent) < until)
        until = drain_deadline_us(agent);
    if (broker_tell_us(agent) < until)
        until = broker_tell_us(agent);
    if (until == INT64_MAX)
        return -1;
    if (until <= now)
        return 0;
    return until - now > 60000000 ? 60000 : (int)((until - now + 999) / 1000);
}

static bool is_abandoned(const struct agent *agent)
{
    return agent->settings.idle_exit_ms > 0 && agent_count(agent->core) == 0
           && empty_count(agent) == 0
           && agent->now_us - agent->heard_us
                  > (int64_t)agent->settings.idle_exit_ms * 1000;
}

static void connection_drain(struct agent *agent)
{
    struct link_message message;
    struct err err;

    while (link_receive(agent->monitor, &message, &err) == RC_OK) {
        link_free(&message);
        agent->next_beat_us = agent->next_join_us = agent->now_us;
    }
}

/* Limits, beats and repeats are spans. When somebody sets the clock, or the machine
 * slept, all that is due moves with it, so that none of them is stretched or ends at
 * once. */
static void advance_clock(struct agent *agent)
{
    int64_t wall = agent_clock_us(), monotonic = monotonic_us();
    int64_t jump = wall - agent->now_us - (monotonic - agent->monotonic_us);

    agent->now_us = wall;
    agent->monotonic_us = monotonic;
    if (jump < CLOCK_JUMP_US && jump > -CLOCK_JUMP_US)
        return;
    agent->heard_us += jump;
    agent->next_beat_us += jump;
    agent->next_join_us += jump;
    agent->next_settle_us += jump;
    agent->drain_until_us += jump;
    agent_input(agent, &(struct agent_input){ .kind = AGENT_IN_CLOCK, .jump_us = jump });
}

/* What was used by nobody for so long is removed. */
static void shelf_clear(struct agent *agent, int64_t kept_us)
{
    uint64_t token;

    while ((token = shelf_drop(agent->staging.shelf, kept_us)) != 0)
        workers_remove(agent->workers, token);
}

/* is_told: the broker's socket has something; is_connected: its monitor has. Asking
 * libzmq costs some system calls each time. */
static void turn(struct agent *agent, bool is_told, bool is_connected)
{
    advance_clock(agent);
    agent->effects.count = agent->applied = 0;
    channel_drain(agent);
    if (is_connected)
        connection_drain(agent);
    if (is_told)
        broker_receive(agent);
    jobs_drain(agent);
    follow_drain(agent);
    agent_input(agent, &(struct agent_input){ .kind = AGENT_IN_TICK });
    broker_timers(agent);
    kept_step(agent);
    shelf_clear(agent, SHELF_KEPT_US);
    warm_drop(agent, WARM_KEPT_US);
    drain_step(agent);
    broker_tell(agent);
}

static void signals_drain(struct agent *agent)
{
    struct signalfd_siginfo info;

    while (read(agent->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo != SIGHUP) {
            drain_begin(agent);
        } else if (agent->settings.reload) {
            agent->settings.reload(agent->settings.reload_context, &agent->settings);
            agent_offer(agent);
            agent_tell_slots(agent);
        }
    }
}

static enum rc loop(struct agent *agent, struct err *err)
{
    while (!agent->is_ending && !is_abandoned(agent)) {
        zmq_pollitem_t items[] = {
            { agent->broker, 0, ZMQ_POLLIN, 0 },
            { NULL, agent->settings.channel_fd, ZMQ_POLLIN, 0 },
            { NULL, workers_fd(agent->workers), ZMQ_POLLIN, 0 },
            { NULL, follower_fd(agent->follower), ZMQ_POLLIN, 0 },
            { NULL, agent->signal_fd, ZMQ_POLLIN, 0 },
            { agent->monitor, 0, ZMQ_POLLIN, 0 },
        };

        if (zmq_poll(items, COUNT_OF(items), wait_ms(agent)) < 0 && errno != EINTR)
            return err_set_sys(err, RC_IO, errno, "waiting for messages");
        if (items[4].revents)
            signals_drain(agent);
        turn(agent, items[0].revents != 0, items[5].revents != 0);
        if (agent->failure.rc != RC_OK) {
            *err = agent->failure;
            return err->rc;
        }
    }
    return RC_OK;
}

static void agent_destroy(struct agent *agent)
{
    static const int goodbye_ms = 500; /* for the last words to leave */

    for (uint32_t i = 0; i < agent->hand_count; i++)
        agent->hands[i]->job.cancelled = true;
    agent->settling.cancelled = true;
    looks_cancel(agent);
    stream_server_destroy(agent->streams);
    bulk_server_destroy(agent->giving);
    /* While the monitor can be told: libzmq loses the memory of what it cannot say. */
    if (agent->monitor)
        zmq_socket_monitor(agent->broker, NULL, 0);
    /* Whoever waits for the broker's answer stops waiting; the next agent begins again.
     */
    if (agent->context)
        zmq_ctx_shutdown(agent->context);
    if (agent->workers) {
        shelf_clear(agent, 0);
        warm_drop(agent, 0);
    }
    workers_destroy(agent->workers);
    follower_destroy(agent->follower);
    link_close(agent->monitor);
    if (agent->broker)
        zmq_setsockopt(agent->broker, ZMQ_LINGER, &goodbye_ms, sizeof goodbye_ms);
    link_close(agent->broker);
    if (agent->context)
        zmq_ctx_term(agent->context);
    agent_core_destroy(agent->core);
    agent_effects_fini(&agent->effects);
    hands_fini(agent);
    removals_fini(agent);
    looks_fini(agent);
    empty_fini(agent);
    classes_fini(agent);
    facts_destroy(agent->staging.facts);
    shelf_destroy(agent->staging.shelf);
    cache_destroy(agent->cache);
    announcer_destroy(agent->announcer);
    ended_close(agent->ended_log);
    arena_destroy(agent->left_arena);
    free(agent->started);
    free(agent->reports);
    if (agent->signal_fd >= 0)
        close(agent->signal_fd);
    free(agent);
}
SCOPED(agent)

enum rc agent_run(const struct agent_settings *settings, struct err *err)
{
    scoped(agent) agent = calloc(1, sizeof *agent);
    enum rc rc;

    if (!agent)
        return err_set(err, RC_NO_MEMORY, "no memory for the agent");
    agent->settings = *settings;
    agent->signal_fd = -1;
    agent->timeout_ms = TIMEOUT_DEFAULT_MS;
    agent->now_us = agent->heard_us = agent_clock_us();
    agent->monotonic_us = monotonic_us();
    agent->core = agent_core_create((int64_t)agent->settings.stop_grace_ms * 1000);
    if (!agent->core)
        return err_set(err, RC_NO_MEMORY, "no memory for the agent's core");
    rc = catch_signals(agent, err);
    if (rc == RC_OK)
        rc = open_local(agent, err);
    if (rc == RC_OK)
        rc = open_remote(agent, err);
    if (rc == RC_OK)
        rc = adopt_all(agent, err);
    if (rc != RC_OK)
        return rc;
    agent_offer(agent);
    agent_session_load(agent);
    channel_tell(agent, CHANNEL_LIST, 0, 0);
    return loop(agent, err);
}
