/* subscriber.c - what a service in another process sees: a plain SUB socket, and the two
 * frames of an event, its topic and its body in msgpack.
 *
 *   subscriber ENDPOINT PREFIX LAST
 *
 * Says "ready" once the connection stands. Then prints "number topic" of each event whose
 * topic begins with PREFIX, until one ends with LAST. Exit: 0; 1 nothing came for a
 * minute, or an event was not as documented; 2 wrong usage or no connection. */
#include <msgpack.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

enum { PATIENCE_MS = 60000, BODY_MAX = 65536, TOPIC_MAX = 1024 };

static bool number_of(const char *body, size_t size, uint64_t *number)
{
    msgpack_unpacked unpacked;
    bool found = false;

    msgpack_unpacked_init(&unpacked);
    if (msgpack_unpack_next(&unpacked, body, size, NULL) == MSGPACK_UNPACK_SUCCESS
        && unpacked.data.type == MSGPACK_OBJECT_MAP)
        for (uint32_t i = 0; i < unpacked.data.via.map.size; i++) {
            const msgpack_object_kv *pair = &unpacked.data.via.map.ptr[i];

            if (pair->key.type == MSGPACK_OBJECT_STR && pair->key.via.str.size == 1
                && pair->key.via.str.ptr[0] == 'n'
                && pair->val.type == MSGPACK_OBJECT_POSITIVE_INTEGER) {
                *number = pair->val.via.u64;
                found = true;
            }
        }
    msgpack_unpacked_destroy(&unpacked);
    return found;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), wanted = strlen(end);

    return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

static int read_events(void *socket, const char *last)
{
    for (;;) {
        char topic[TOPIC_MAX], body[BODY_MAX];
        int more = 0;
        size_t size = sizeof more;
        int topic_size = zmq_recv(socket, topic, sizeof topic - 1, 0);
        uint64_t number = 0;

        if (topic_size < 0 || topic_size >= TOPIC_MAX)
            return 1;
        topic[topic_size] = '\0';
        if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) != 0 || !more)
            return 1;

        int body_size = zmq_recv(socket, body, sizeof body, 0);

        if (body_size < 0 || body_size > BODY_MAX
            || !number_of(body, (size_t)body_size, &number))
            return 1;
        printf("%llu %s\n", (unsigned long long)number, topic);
        fflush(stdout);
        if (ends_with(topic, last))
            return 0;
    }
}

/* The subscription is with the broker when its handshake is done: it is sent first. */
static bool await_connection(void *context, void *socket, const char *endpoint)
{
    char event[64];
    int patience = PATIENCE_MS;

    if (zmq_socket_monitor(socket, "inproc://monitor", ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
        != 0)
        return false;

    void *monitor = zmq_socket(context, ZMQ_PAIR);

    zmq_setsockopt(monitor, ZMQ_RCVTIMEO, &patience, sizeof patience);

    bool stands = zmq_connect(monitor, "inproc://monitor") == 0
                  && zmq_connect(socket, endpoint) == 0
                  && zmq_recv(monitor, event, sizeof event, 0) >= 0;

    zmq_socket_monitor(socket, NULL, 0);
    zmq_close(monitor);
    return stands;
}

int main(int argc, char **argv)
{
    int patience = PATIENCE_MS, unlimited = 0, linger = 0, status = 2;

    if (argc != 4) {
        fprintf(stderr, "usage: subscriber ENDPOINT PREFIX LAST\n");
        return 2;
    }

    void *context = zmq_ctx_new();
    void *socket = zmq_socket(context, ZMQ_SUB);

    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &patience, sizeof patience);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &unlimited, sizeof unlimited);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(socket, ZMQ_SUBSCRIBE, argv[2], strlen(argv[2]));
    if (await_connection(context, socket, argv[1])) {
        puts("ready");
        fflush(stdout);
        status = read_events(socket, argv[3]);
    } else {
        fprintf(stderr, "subscriber: nobody answers at %s\n", argv[1]);
    }
    zmq_close(socket);
    zmq_ctx_term(context);
    return status;
}
