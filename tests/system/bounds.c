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
 *
 * Exit: 0; 1 something was lost or took too long; 2 wrong usage. */
#include "client/lib/sluice.h"
#include "codecs/base/buf.h"
#include "codecs/wire/message.h"

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

static int silent_run(const char *url, const char *name)
{
    void *context = zmq_ctx_new();
    void *socket = socket_open(context, ZMQ_DEALER, name, url);
    scoped_buf body = { 0 };
    char byte;

    node_hello_encode(
        &body, &(struct node_hello){
                   .name = name, .version = "0", .session = 1, .cpu_milli = 4000 });
    say(socket, MESSAGE_JOIN, 0, &body);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    zmq_close(socket);
    zmq_ctx_term(context);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 7 && strcmp(argv[1], "crowd") == 0) {
        struct crowd crowd = { .url = argv[2],
                               .context = zmq_ctx_new(),
                               .big = strtoull(argv[3], NULL, 10),
                               .runs_each = strtoull(argv[6], NULL, 10) };
        unsigned long clients = strtoul(argv[5], NULL, 10);

        if (clients >= 1 && clients <= CLIENTS_MAX && crowd.runs_each >= 1)
            return crowd_run(&crowd, strtoull(argv[4], NULL, 10), (unsigned)clients);
    }
    if (argc == 4 && strcmp(argv[1], "silent") == 0)
        return silent_run(argv[2], argv[3]);
    fprintf(stderr, "usage: bounds crowd URL BIG SMALL CLIENTS RUNS\n"
                    "       bounds silent URL NAME\n");
    return 2;
}
