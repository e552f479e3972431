/* bounds.c - peers that ask for more than they should, against a broker over TCP.
 *
 *   bounds crowd URL BIG SMALL CLIENTS RUNS
 *     CLIENTS clients at once submit RUNS copies each of run SMALL, as fast as they can.
 *     Meanwhile one asks for the plan of run BIG again and again and reads no answer, one
 *     subscribes to all events and reads none, and one asks for the status and notes how
 *     long that took. In the end every acknowledged run must be there.
 *   bounds silent URL NAME
 *     A node that joins with room for 4 tasks, and then neither reads nor speaks, until
 *     its standard input ends.
 *   bounds deaf URL NAME
 *     The same, but it goes on sending beats, which say that it has heard nothing.
 *   bounds greedy URL NAME RUN COUNT
 *     A node without room that wants the class of the first stage of a run COUNT times
 * and reads none, says "asked" when the broker has taken that, then goes on as a deaf
 * one. bounds ask URL COUNT A client that asks for the status COUNT times before it reads
 * an answer, and prints how many came. bounds large URL BYTES A client that sends one
 * message of so many bytes. Exit 0 if that ends the connection, 1 if it is answered.
 *
 * Exit: 0; 1 something was lost or took too long; 2 wrong usage. */
#include "client/lib/sluice.h"
#include "codecs/base/buf.h"
#include "codecs/pack/pack.h"
#include "codecs/wire/session.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum {
    PATIENCE_MS = 60000,
    DEAF_REQUESTS = 500,
    BEAT_MS = 100,
    QUIET_MS = 2000,      /* then no further answer is expected */
    STATUS_MAX_MS = 5000, /* loosely: the machine may be busy */
    CLIENTS_MAX = 100,
};

struct crowd {
    const char *url;
    void *context;
    void *plan; /* of the small run */
    size_t plan_size;
    uint64_t big, runs_each;
    atomic_uint working;
};

struct member {
    struct crowd *crowd;
    uint64_t *runs; /* what was acknowledged */
};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "bounds: %s: %s\n", what, why);
    exit(1);
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct sluice *connect_to(const char *url)
{
    struct sluice *sluice;
    struct sluice_error error;

    if (sluice_connect(url, PATIENCE_MS, &sluice, &error))
        fail("connect", error.text);
    return sluice;
}

static void *socket_open(void *context, int type, const char *identity, const char *url)
{
    void *socket = zmq_socket(context, type);
    int one = 1, linger = 0, wait = PATIENCE_MS;

    zmq_setsockopt(socket, ZMQ_RCVHWM, &one, sizeof one);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(socket, ZMQ_SNDTIMEO, &wait, sizeof wait);
    if (identity)
        zmq_setsockopt(socket, ZMQ_ROUTING_ID, identity, strlen(identity));
    if (type == ZMQ_SUB)
        zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0);
    if (zmq_connect(socket, url) != 0)
        fail(url, zmq_strerror(zmq_errno()));
    return socket;
}

static void say(void *socket, enum message_type type, uint64_t id, const struct buf *body)
{
    scoped_buf header = { 0 };

    message_header_encode(
        &header,
        &(struct message_header){ .protocol = PROTOCOL_FIRST, .type = type, .id = id });
    if (zmq_send(socket, header.data, header.size, ZMQ_SNDMORE) < 0
        || zmq_send(socket, body->data, body->size, 0) < 0)
        fail("the broker does not take what is sent", zmq_strerror(zmq_errno()));
}

/* Asks and never reads. The socket stays open. */
static void *deaf_ask(void *argument)
{
    struct crowd *crowd = argument;
    void *socket = socket_open(crowd->context, ZMQ_DEALER, NULL, crowd->url);
    scoped_buf body = { 0 };

    request_encode(&body, &(struct request){ .run = crowd->big });
    for (uint64_t i = 1; i <= DEAF_REQUESTS; i++)
        say(socket, MESSAGE_PLAN, i, &body);
    return socket;
}

static void *submit_all(void *argument)
{
    struct member *member = argument;
    struct crowd *crowd = member->crowd;
    struct sluice *sluice = connect_to(crowd->url);
    struct sluice_error error;

    for (uint64_t i = 0; i < crowd->runs_each; i++) {
        uint8_t submission[16];

        if (getrandom(submission, sizeof submission, 0) != sizeof submission)
            fail("submit", "no random bytes");
        if (sluice_submit(sluice, submission, crowd->plan, crowd->plan_size,
                          &member->runs[i], &error))
            fail("submit", error.text);
    }
    sluice_close(sluice);
    atomic_fetch_sub(&crowd->working, 1);
    return NULL;
}

/* How long the slowest answer took, until all have submitted. */
static int64_t status_slowest_ms(struct crowd *crowd, uint64_t *asked)
{
    struct sluice *sluice = connect_to(crowd->url);
    struct sluice_info info;
    struct sluice_error error;
    int64_t slowest = 0;

    do {
        int64_t began = now_ms(), took;

        if (sluice_status(sluice, &info, &error))
            fail("status", error.text);
        took = now_ms() - began;
        slowest = took > slowest ? took : slowest;
        (*asked)++;
    } while (atomic_load(&crowd->working) > 0);
    sluice_close(sluice);
    return slowest;
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

/* Each number was given once, and is in the list of runs. */
static void check_runs(const struct crowd *crowd, uint64_t *runs, size_t count)
{
    struct sluice *sluice = connect_to(crowd->url);
    struct sluice_runs *list;
    struct sluice_error error;
    size_t left = count;

    qsort(runs, count, sizeof *runs, compare);
    for (size_t i = 1; i < count; i++)
        if (runs[i] == runs[i - 1])
            fail("submit", "two submissions got the same run");
    for (uint64_t before = 0; left > 0; sluice_runs_free(list)) {
        if (sluice_runs(sluice, before, 1000, &list, &error))
            fail("runs", error.text);
        if (list->count == 0)
            fail("runs", "an acknowledged run is not there");
        for (size_t i = 0; i < list->count && left > 0; i++)
            if (list->runs[i].number == runs[left - 1])
                left--;
        before = list->runs[list->count - 1].number;
    }
    sluice_close(sluice);
}

static void crowd_prepare(struct crowd *crowd, uint64_t small, void **subscriber)
{
    struct sluice *sluice = connect_to(crowd->url);
    struct sluice_info info;
    struct sluice_error error;

    if (sluice_plan(sluice, small, &crowd->plan, &crowd->plan_size, &error)
        || sluice_status(sluice, &info, &error))
        fail("the small run", error.text);
    *subscriber = socket_open(crowd->context, ZMQ_SUB, NULL, info.events_endpoint);
    sluice_close(sluice);
}

static int crowd_run(struct crowd *crowd, uint64_t small, unsigned clients)
{
    size_t count = clients * crowd->runs_each;
    uint64_t *runs = calloc(count, sizeof *runs), asked = 0;
    pthread_t threads[CLIENTS_MAX], deaf;
    struct member members[CLIENTS_MAX];
    void *subscriber, *deaf_socket;
    int64_t began = now_ms(), slowest;

    must(runs != NULL);
    crowd_prepare(crowd, small, &subscriber);
    atomic_store(&crowd->working, clients);
    must(pthread_create(&deaf, NULL, deaf_ask, crowd) == 0);
    for (unsigned i = 0; i < clients; i++) {
        members[i] = (struct member){ crowd, runs + i * crowd->runs_each };
        must(pthread_create(&threads[i], NULL, submit_all, &members[i]) == 0);
    }
    slowest = status_slowest_ms(crowd, &asked);
    for (unsigned i = 0; i < clients; i++)
        pthread_join(threads[i], NULL);
    pthread_join(deaf, &deaf_socket);
    printf("%zu runs acknowledged in %lld ms, %llu times status, the slowest %lld ms\n",
           count, (long long)(now_ms() - began), (unsigned long long)asked,
           (long long)slowest);
    check_runs(crowd, runs, count);
    zmq_close(deaf_socket);
    zmq_close(subscriber);
    zmq_ctx_term(crowd->context);
    free(crowd->plan);
    free(runs);
    if (slowest > STATUS_MAX_MS)
        fail("status", "others held it up");
    return 0;
}

struct node { /* that does not read */
    void *context, *socket;
    uint64_t said; /* messages with a number */
};

static struct node node_open(const char *url, const char *name, uint32_t cpu_milli)
{
    struct node node = { .context = zmq_ctx_new() };
    scoped_buf body = { 0 };

    node.socket = socket_open(node.context, ZMQ_DEALER, name, url);
    node_hello_encode(
        &body, &(struct node_hello){
                   .name = name, .version = "0", .session = 1, .cpu_milli = cpu_milli });
    say(node.socket, MESSAGE_JOIN, 0, &body);
    return node;
}

static void node_say(struct node *node, enum message_type type, const struct buf *body)
{
    scoped_buf header = { 0 };

    node->said += message_is_numbered(type);
    message_header_encode(&header, &(struct message_header){ .protocol = PROTOCOL_FIRST,
                                                             .type = type,
                                                             .id = node->said,
                                                             .session = 1 });
    if (zmq_send(node->socket, header.data, header.size, ZMQ_SNDMORE) < 0
        || zmq_send(node->socket, body->data, body->size, 0) < 0)
        fail("the broker does not take what a node says", zmq_strerror(zmq_errno()));
}

/* Until standard input ends, with a beat every BEAT_MS; 0: none. */
static int node_linger(struct node *node, int beat_ms)
{
    struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
    scoped_buf beat = { 0 };
    char byte;

    beat_encode(&beat, &(struct beat){ .has_heard = true });
    do
        while (beat_ms > 0 && poll(&input, 1, beat_ms) == 0)
            node_say(node, MESSAGE_BEAT, &beat);
    while (read(STDIN_FILENO, &byte, 1) > 0);
    zmq_close(node->socket);
    zmq_ctx_term(node->context);
    return 0;
}

/* A new client's question is answered after what was said before it. */
static void await_broker(const char *url)
{
    struct sluice *sluice = connect_to(url);
    struct sluice_info info;
    struct sluice_error error;

    if (sluice_status(sluice, &info, &error))
        fail("status", error.text);
    sluice_close(sluice);
}

static int greedy_run(const char *url, const char *name, uint64_t run, uint64_t count)
{
    struct node node = node_open(url, name, 0);
    scoped_buf want = { 0 };

    class_encode(&want, &(struct class_message){ .run = run });
    for (uint64_t i = 0; i < count; i++)
        node_say(&node, MESSAGE_WANT, &want);
    await_broker(url);
    puts("asked");
    fflush(stdout);
    return node_linger(&node, BEAT_MS);
}

static int ask_run(const char *url, uint64_t count)
{
    void *context = zmq_ctx_new();
    void *socket = socket_open(context, ZMQ_DEALER, NULL, url);
    int wait = QUIET_MS;
    uint64_t answers = 0;
    scoped_buf body = { 0 };
    char byte;

    pack_map(&body, 0);
    for (uint64_t i = 1; i <= count; i++)
        say(socket, MESSAGE_STATUS, i, &body);
    await_broker(url);
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &wait, sizeof wait);
    while (answers < count && zmq_recv(socket, &byte, 1, 0) >= 0
           && zmq_recv(socket, &byte, 1, 0) >= 0)
        answers++;
    printf("%llu\n", (unsigned long long)answers);
    zmq_close(socket);
    zmq_ctx_term(context);
    return 0;
}

static int large_run(const char *url, size_t size)
{
    void *context = zmq_ctx_new();
    void *socket = socket_open(context, ZMQ_DEALER, NULL, url);
    void *monitor = zmq_socket(context, ZMQ_PAIR);
    scoped_buf body = { .data = calloc(1, size), .size = size };
    zmq_pollitem_t items[] = { { socket, 0, ZMQ_POLLIN, 0 },
                               { monitor, 0, ZMQ_POLLIN, 0 } };
    int linger = 0;

    must(body.data != NULL);
    zmq_socket_monitor(socket, "inproc://monitor", ZMQ_EVENT_DISCONNECTED);
    zmq_connect(monitor, "inproc://monitor");
    zmq_setsockopt(monitor, ZMQ_LINGER, &linger, sizeof linger);
    say(socket, MESSAGE_VIEW, 1, &body);
    if (zmq_poll(items, COUNT_OF(items), PATIENCE_MS) <= 0)
        fail("large", "neither an answer nor the end of the connection came");
    zmq_close(monitor);
    zmq_close(socket);
    zmq_ctx_term(context);
    return items[1].revents ? 0 : 1;
}

static int node_run(int argc, char **argv)
{
    struct node node;

    if (argc == 4 && strcmp(argv[1], "silent") == 0) {
        node = node_open(argv[2], argv[3], 4000);
        return node_linger(&node, 0);
    }
    if (argc == 4 && strcmp(argv[1], "deaf") == 0) {
        node = node_open(argv[2], argv[3], 4000);
        return node_linger(&node, BEAT_MS);
    }
    if (argc == 6 && strcmp(argv[1], "greedy") == 0)
        return greedy_run(argv[2], argv[3], strtoull(argv[4], NULL, 10),
                          strtoull(argv[5], NULL, 10));
    return -1;
}

int main(int argc, char **argv)
{
    int status;

    if (argc == 7 && strcmp(argv[1], "crowd") == 0) {
        struct crowd crowd = { .url = argv[2],
                               .context = zmq_ctx_new(),
                               .big = strtoull(argv[3], NULL, 10),
                               .runs_each = strtoull(argv[6], NULL, 10) };
        unsigned long clients = strtoul(argv[5], NULL, 10);

        if (clients >= 1 && clients <= CLIENTS_MAX && crowd.runs_each >= 1)
            return crowd_run(&crowd, strtoull(argv[4], NULL, 10), (unsigned)clients);
    }
    if (argc == 4 && strcmp(argv[1], "ask") == 0)
        return ask_run(argv[2], strtoull(argv[3], NULL, 10));
    if (argc == 4 && strcmp(argv[1], "large") == 0)
        return large_run(argv[2], strtoull(argv[3], NULL, 10));
    status = node_run(argc, argv);
    if (status >= 0)
        return status;
    fprintf(stderr, "usage: bounds crowd URL BIG SMALL CLIENTS RUNS\n"
                    "       bounds silent|deaf URL NAME\n"
                    "       bounds greedy URL NAME RUN COUNT\n"
                    "       bounds ask URL COUNT\n"
                    "       bounds large URL BYTES\n");
    return 2;
}
