/* attack.c - a peer that means harm: speaks to a broker's sockets and sees that it stays
 * up.
 *
 * attack FOLDER MODE..., where FOLDER holds the sockets (.sluice/run). After each mode a
 * new client must get an answer, and the broker's largest memory must stay below a bound.
 * Everything random comes from one seed, so that a failure repeats. */
#include "broker/link/link.h"
#include "codecs/base/buf.h"
#include "codecs/pack/pack.h"
#include "codecs/wire/block.h"
#include "codecs/wire/message.h"
#include "codecs/wire/result.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

enum { ANSWER_MS = 20000, MEMORY_MAX_KB = 1536 << 10, FRAME_HUGE = 60 << 20 };

struct attack {
    void *context;
    char requests[ENDPOINT_MAX], events[ENDPOINT_MAX], bulk[ENDPOINT_MAX];
    uint64_t seed;
    uint64_t broker_pid;
};

static void fail(const char *what)
{
    fprintf(stderr, "attack: %s\n", what);
    exit(1);
}

static uint64_t random_next(struct attack *attack)
{
    attack->seed = attack->seed * 6364136223846793005u + 1442695040888963407u;
    return attack->seed >> 33;
}

static void *peer_open(struct attack *attack, int type, const char *endpoint,
                       const char *identity)
{
    void *socket = zmq_socket(attack->context, type);
    int linger = 5000, wait = ANSWER_MS;

    if (!socket)
        fail("no socket");
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &wait, sizeof wait);
    zmq_setsockopt(socket, ZMQ_SNDTIMEO, &wait, sizeof wait);
    if (identity)
        zmq_setsockopt(socket, ZMQ_ROUTING_ID, identity, strlen(identity));
    if (zmq_connect(socket, endpoint) != 0)
        fail(zmq_strerror(errno));
    return socket;
}

/* Whether it left: a broker that does not take it is no failure of the attack. */
static bool say(void *socket, const void *header, size_t header_size, const void *body,
                size_t body_size)
{
    return zmq_send(socket, header, header_size, ZMQ_SNDMORE) >= 0
           && zmq_send(socket, body, body_size, 0) >= 0;
}

static bool say_message(void *socket, enum message_type type, uint64_t id,
                        const struct buf *body)
{
    scoped_buf header = { 0 };

    message_header_encode(
        &header,
        &(struct message_header){ .protocol = PROTOCOL_FIRST, .type = type, .id = id });
    return say(socket, header.data, header.size, body->data ? (void *)body->data : "",
               body->size);
}

/* One answer of any kind within ANSWER_MS. */
static bool hear(void *socket)
{
    char byte;
    int more = 1;
    size_t size = sizeof more;

    while (more) {
        if (zmq_recv(socket, &byte, 1, 0) < 0)
            return false;
        zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size);
    }
    return true;
}

static uint64_t memory_peak_kb(uint64_t pid)
{
    char path[64], line[256];
    unsigned long long peak = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%llu/status", (unsigned long long)pid);
    file = fopen(path, "r");
    if (!file)
        fail("the broker is gone");
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %llu", &peak) == 1)
            break;
    fclose(file);
    return peak;
}

/* A new client asks for the status; gives the broker's pid. */
static uint64_t status_pid(struct attack *attack)
{
    void *client = peer_open(attack, ZMQ_DEALER, attack->requests, NULL);
    scoped_buf map = { 0 };
    zmq_msg_t header, body;
    struct reader reader;
    uint64_t pid = 0;

    pack_map(&map, 0);
    zmq_msg_init(&header);
    zmq_msg_init(&body);
    if (!say_message(client, MESSAGE_STATUS, 7, &map)
        || zmq_msg_recv(&header, client, 0) < 0 || zmq_msg_recv(&body, client, 0) < 0)
        fail("the broker does not answer");
    reader_init(&reader, zmq_msg_data(&body), zmq_msg_size(&body));
    for (size_t n = reader_map(&reader); n > 0 && reader_ok(&reader); n--) {
        if (bytes_are(reader_string(&reader), "pid"))
            pid = reader_uint(&reader);
        else
            reader_skip(&reader);
    }
    zmq_msg_close(&header);
    zmq_msg_close(&body);
    zmq_close(client);
    return pid;
}

/* ---- what is done to it ---- */

static void random_bytes(struct attack *attack, unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)random_next(attack);
}

static void attack_garbage(struct attack *attack)
{
    void *client = peer_open(attack, ZMQ_DEALER, attack->requests, NULL);
    unsigned char bytes[512];

    for (int i = 0; i < 3000; i++) {
        size_t frames = 1 + random_next(attack) % 12;

        for (size_t f = 0; f < frames; f++) {
            size_t size = random_next(attack) % sizeof bytes;

            random_bytes(attack, bytes, size);
            zmq_send(client, bytes, size, f + 1 < frames ? ZMQ_SNDMORE : 0);
        }
    }
    zmq_close(client);
}

/* A right header of every type (and of some that there are not), with damaged bodies. */
static void attack_bodies(struct attack *attack)
{
    void *client = peer_open(attack, ZMQ_DEALER, attack->requests, NULL);
    unsigned char bytes[300];

    for (int i = 0; i < 200 * MESSAGE_TYPE_COUNT; i++) {
        scoped_buf body = { 0 };
        struct request request = { .run = random_next(attack) % 4,
                                   .index = random_next(attack),
                                   .limit = (uint32_t)random_next(attack),
                                   .first = random_next(attack),
                                   .since = random_next(attack) % 3,
                                   .attempt = (uint32_t)random_next(attack),
                                   .stage = "t",
                                   .text = "las",
                                   .submission = bytes,
                                   .plan = { (char *)bytes, sizeof bytes } };
        enum message_type type = (enum message_type)(i % MESSAGE_TYPE_COUNT);

        random_bytes(attack, bytes, sizeof bytes);
        if (type == MESSAGE_SHUTDOWN)
            continue;
        request_encode(&body, &request);
        if (i % 3 == 1)
            body.size = random_next(attack) % body.size;
        else if (i % 3 == 2)
            body.data[random_next(attack) % body.size] =
                (unsigned char)random_next(attack);
        say_message(client, type, (uint64_t)i, &body);
    }
    zmq_close(client);
}

static void attack_headers(struct attack *attack)
{
    static const char *const wrong[] = {
        "\x93\x02\xa6status\x01", /* protocol 2 */
        "\x93\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xa6status\x01",
        "\x93\x01\xa7nothing\x01",        /* unknown type */
        "\x93\x01\xdb\xff\xff\xff\xffxx", /* a type of 4 GiB */
        "\x93\x01",                       /* cut */
        "\x01",
        "\xdd\xff\xff\xff\xff\x01\xa6status\x01",
        "\xdf\xff\xff\xff\xff",
    };
    void *client = peer_open(attack, ZMQ_DEALER, attack->requests, NULL);

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        say(client, wrong[i], strlen(wrong[i]), "\x80", 1);
        if (!hear(client))
            fail("a wrong header got no answer");
    }
    zmq_close(client);
}

/* Counts that promise more than there is, and nesting, wherever a body can hold them. */
static void attack_bombs(struct attack *attack)
{
    static const enum message_type types[] = { MESSAGE_SUBMIT,  MESSAGE_VIEW,
                                               MESSAGE_JOIN,    MESSAGE_RESULTS,
                                               MESSAGE_STARTED, MESSAGE_BLOCKS };
    void *client = peer_open(attack, ZMQ_DEALER, attack->requests, NULL);
    void *node = peer_open(attack, ZMQ_DEALER, attack->requests, "bomber");
    enum { DEPTH = 4 << 20 };
    unsigned char *deep = malloc(DEPTH);

    must(deep != NULL);
    for (size_t t = 0; t < COUNT_OF(types); t++)
        for (int kind = 0; kind < 6; kind++) {
            static const unsigned char heads[] = { 0x91, 0x81, 0xdd, 0xdf, 0xdb, 0xc6 };
            struct buf body = { .data = deep, .size = DEPTH };

            memset(deep, kind < 2 ? heads[kind] : 0xff, DEPTH);
            deep[0] = 0x81;
            memcpy(deep + 1, "\xa4plan", 5);
            deep[6] = heads[kind];
            say_message(client, types[t], 1, &body);
            say_message(node, types[t], 1, &body);
        }
    free(deep);
    zmq_close(client);
    zmq_close(node);
}

static void join(void *node, const char *name, uint64_t *tokens, size_t count)
{
    scoped_buf body = { 0 };

    node_hello_encode(&body, &(struct node_hello){ .name = name,
                                                   .version = "0",
                                                   .session = 1,
                                                   .tokens = tokens,
                                                   .token_count = count });
    say_message(node, MESSAGE_JOIN, 0, &body);
}

/* Results and starts for every token that may be in use, by a node that was given none.
 */
static void attack_tokens(struct attack *attack)
{
    void *node = peer_open(attack, ZMQ_DEALER, attack->requests, "liar");
    struct task_result result = { .cause = CAUSE_EXIT,
                                  .exit_code = 0,
                                  .metadata = { .kind = VALUE_MAP } };
    scoped_buf encoded = { 0 }, body = { 0 }, began = { 0 };
    enum { TOKENS = 2000 };
    struct result_item items[TOKENS];
    struct started_item started[TOKENS];
    uint64_t tokens[TOKENS];

    result_encode(&encoded, &result);
    for (uint64_t i = 0; i < TOKENS; i++) {
        tokens[i] = i + 1;
        started[i] = (struct started_item){ .token = i + 1, .started_us = -1 };
        items[i] = (struct result_item){ i + 1, { (char *)encoded.data, encoded.size } };
    }
    join(node, "somebody-else", NULL, 0);
    join(node, "liar", tokens, TOKENS);
    started_encode(&began, started, TOKENS);
    say_message(node, MESSAGE_STARTED, 0, &began);
    results_encode(&body, items, TOKENS);
    say_message(node, MESSAGE_RESULTS, 0, &body);
    if (!hear(node))
        fail("a node that joined got no answer");
    zmq_close(node);
}

/* A message of millions of results that do not decode. */
static void attack_results(struct attack *attack)
{
    void *node = peer_open(attack, ZMQ_DEALER, attack->requests, "broken");
    enum { ITEMS = 1000000 };
    struct result_item *items = calloc(ITEMS, sizeof *items);
    scoped_buf body = { 0 };

    must(items != NULL);
    for (uint64_t i = 0; i < ITEMS; i++)
        items[i] = (struct result_item){ i + (1ull << 40), { "\xc1", 1 } };
    join(node, "broken", NULL, 0);
    results_encode(&body, items, ITEMS);
    for (int i = 0; i < 3; i++)
        say_message(node, MESSAGE_RESULTS, 0, &body);
    if (!hear(node))
        fail("a node that joined got no answer");
    free(items);
    zmq_close(node);
}

/* As many tasks as a message may have, in blocks of this size. */
static void say_blocks(struct attack *attack, void *node, uint64_t token, uint64_t count)
{
    size_t blocks = BLOCKS_TASKS_MAX / count;
    struct task_block *items = calloc(blocks, sizeof *items);
    char *times = calloc(2, count);
    scoped_buf body = { 0 };

    must(items && times);
    for (size_t i = 0; i < blocks; i++)
        items[i] = (struct task_block){ .token = token + i * count,
                                        .count = count,
                                        .times = { times, 2 * count } };
    blocks_encode(&body, items, blocks);
    say_message(node, MESSAGE_BLOCKS, 0, &body);
    for (int i = 0; i < 200; i++) { /* the same, with one byte wrong */
        body.data[random_next(attack) % 64] = (unsigned char)random_next(attack);
        say_message(node, MESSAGE_BLOCKS, 0, &body);
        if (blocks > 1000 && i == 5)
            break;
    }
    free(times);
    free(items);
}

/* Blocks of tokens that others may have, that nobody has, and that cannot be. */
static void attack_blocks(struct attack *attack)
{
    static const uint64_t wrong[][2] = { { 1, UINT64_MAX }, { UINT64_MAX, 1 }, { 0, 1 },
                                         { 1, 0 },          { 1, 1ull << 32 }, { 1, 3 } };
    void *node = peer_open(attack, ZMQ_DEALER, attack->requests, "builder");

    join(node, "builder", NULL, 0);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct task_block block = { .token = wrong[i][0],
                                    .count = wrong[i][1],
                                    .times = { "\xff\xff\xff\xff", 4 } };
        scoped_buf body = { 0 };

        blocks_encode(&body, &block, 1);
        say_message(node, MESSAGE_BLOCKS, 0, &body);
    }
    say_blocks(attack, node, 1, BLOCK_TASKS_MAX);
    say_blocks(attack, node, 1, 1);
    say_blocks(attack, node, 1ull << 50, 100);
    if (!hear(node))
        fail("a node that joined got no answer");
    zmq_close(node);
}

static void attack_huge(struct attack *attack)
{
    void *client = peer_open(attack, ZMQ_DEALER, attack->requests, NULL);
    char *huge = calloc(1, FRAME_HUGE);
    scoped_buf header = { 0 };

    must(huge != NULL);
    message_header_encode(&header, &(struct message_header){ .protocol = PROTOCOL_FIRST,
                                                             .type = MESSAGE_VIEW,
                                                             .id = 1 });
    for (int i = 0; i < 6; i++) {
        say(client, header.data, header.size, huge, FRAME_HUGE);
        if (!hear(client))
            fail("a huge body got no answer");
    }
    free(huge);
    zmq_close(client);
}

/* Asks and asks, and never listens; another client is answered in between. */
static void attack_flood(struct attack *attack)
{
    static const enum message_type types[] = { MESSAGE_RUNS, MESSAGE_EVENTS, MESSAGE_VIEW,
                                               MESSAGE_PLAN, MESSAGE_STATUS };
    void *deaf = peer_open(attack, ZMQ_DEALER, attack->requests, NULL);
    int one = 1, now = 0;

    zmq_setsockopt(deaf, ZMQ_RCVHWM, &one, sizeof one);
    zmq_setsockopt(deaf, ZMQ_LINGER, &now, sizeof now);
    for (int i = 0; i < 100000; i++) {
        scoped_buf body = { 0 };

        request_encode(&body, &(struct request){ .run = 1 });
        if (!say_message(deaf, types[i % 5], (uint64_t)i, &body))
            break;
        if (i % 25000 == 0)
            status_pid(attack);
    }
    status_pid(attack);
    zmq_close(deaf);
}

/* Many subscriptions, and ones so long that a tree of their bytes would fill memory. */
static void attack_events(struct attack *attack)
{
    enum { LONG = 32 << 10 };
    void *subscriber = peer_open(attack, ZMQ_XSUB, attack->events, NULL);
    unsigned char topic[LONG];
    int now = 0;

    zmq_setsockopt(subscriber, ZMQ_LINGER, &now, sizeof now);
    for (int i = 0; i < 5000; i++) {
        size_t size = 1 + random_next(attack) % 300;

        random_bytes(attack, topic, size);
        topic[0] = (unsigned char)(i % 4);
        zmq_send(subscriber, topic, size, ZMQ_DONTWAIT | (i % 7 == 0 ? ZMQ_SNDMORE : 0));
    }
    for (int i = 0; i < 300; i++) {
        random_bytes(attack, topic, sizeof topic);
        topic[0] = 1;
        zmq_send(subscriber, topic, sizeof topic, ZMQ_DONTWAIT);
    }
    zmq_close(subscriber);
}

static void attack_bulk(struct attack *attack)
{
    void *client = peer_open(attack, ZMQ_DEALER, attack->bulk, NULL);
    void *node = peer_open(attack, ZMQ_DEALER, attack->bulk, "liar");
    unsigned char bytes[600];

    for (int i = 0; i < 20000; i++) {
        scoped_buf header = { 0 }, body = { 0 };
        uint64_t type = random_next(attack) % 64;

        pack_list(&header, 3);
        pack_uint(&header, 1);
        pack_uint(&header, type);
        pack_uint(&header, random_next(attack) % 100);
        pack_map(&body, 10);
        pack_text(&body, "digest");
        pack_text(&body,
                  "sha256:"
                  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
        pack_text(&body, "digests");
        pack_list(&body, 0);
        pack_text(&body, "size");
        pack_uint(&body, i % 5 ? INT64_MAX - random_next(attack) : 600);
        pack_text(&body, "offset");
        pack_uint(&body, random_next(attack) % 3 * 200);
        pack_text(&body, "limit");
        pack_uint(&body, random_next(attack) % (256 << 10));
        pack_text(&body, "node");
        pack_bytes(&body, "liar", 4);
        pack_text(&body, "client");
        pack_bytes(&body, "liar", 4);
        pack_text(&body, "token");
        pack_uint(&body, random_next(attack));
        pack_text(&body, "stream");
        pack_uint(&body, random_next(attack) % 3);
        pack_text(&body, "final");
        pack_bool(&body, false);
        if (i % 9 == 0)
            body.data[random_next(attack) % body.size] ^= 1;
        random_bytes(attack, bytes, sizeof bytes);

        void *speaker = i % 4 ? client : node;

        zmq_send(speaker, header.data, header.size, ZMQ_SNDMORE | ZMQ_DONTWAIT);
        zmq_send(speaker, body.data, body.size, ZMQ_DONTWAIT | (i % 2 ? ZMQ_SNDMORE : 0));
        if (i % 2)
            zmq_send(speaker, bytes, random_next(attack) % sizeof bytes, ZMQ_DONTWAIT);
        while (zmq_recv(speaker, bytes, sizeof bytes, ZMQ_DONTWAIT) >= 0)
            ;
    }
    zmq_close(client);
    zmq_close(node);
}

/* Thousands of nodes, each with a name of its own. */
static void attack_names(struct attack *attack)
{
    for (int i = 0; i < 500; i++) {
        char name[32];
        void *node;

        snprintf(name, sizeof name, "n%d", i);
        node = peer_open(attack, ZMQ_DEALER, attack->requests, name);
        join(node, name, NULL, 0);
        if (!hear(node))
            fail("a node that joined got no answer");
        zmq_close(node);
    }
}

static const struct mode {
    const char *name;
    void (*run)(struct attack *attack);
} modes[] = {
    { "garbage", attack_garbage }, { "bodies", attack_bodies },
    { "headers", attack_headers }, { "bombs", attack_bombs },
    { "tokens", attack_tokens },   { "results", attack_results },
    { "huge", attack_huge },       { "flood", attack_flood },
    { "events", attack_events },   { "bulk", attack_bulk },
    { "names", attack_names },     { "blocks", attack_blocks },
};

static void run_mode(struct attack *attack, const struct mode *mode)
{
    uint64_t peak;

    attack->seed = 42;
    mode->run(attack);
    if (status_pid(attack) != attack->broker_pid)
        fail("the broker was started again");
    peak = memory_peak_kb(attack->broker_pid);
    printf("%s: answered, at most %llu KiB\n", mode->name, (unsigned long long)peak);
    fflush(stdout);
    if (peak > MEMORY_MAX_KB)
        fail("the broker's memory grew too large");
}

int main(int argc, char **argv)
{
    struct attack attack = { .context = zmq_ctx_new() };
    struct err err;

    if (argc < 2 || !attack.context) {
        fprintf(stderr, "usage: attack FOLDER [MODE...]\n");
        return 2;
    }
    zmq_ctx_set(attack.context, ZMQ_MAX_SOCKETS, 4096);
    if (link_ipc_endpoint(argv[1], "broker", attack.requests, &err) != RC_OK
        || link_ipc_endpoint(argv[1], "events", attack.events, &err) != RC_OK
        || link_ipc_endpoint(argv[1], "bulk", attack.bulk, &err) != RC_OK)
        fail(err.text);
    attack.broker_pid = status_pid(&attack);
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        bool is_chosen = argc == 2;

        for (int a = 2; a < argc; a++)
            is_chosen |= strcmp(argv[a], modes[i].name) == 0;
        if (is_chosen)
            run_mode(&attack, &modes[i]);
    }
    zmq_ctx_term(attack.context);
    return 0;
}
