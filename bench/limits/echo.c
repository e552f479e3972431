/* echo.c - messages there and back between two processes, over bare ZeroMQ; see limits.h.
 */
#include "bench/limits/limits.h"

#include "bench/measure.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

enum { MESSAGE_MAX = 64 << 20 };

static void *open_socket(void *context, int type)
{
    void *socket = zmq_socket(context, type);
    int none = 0, no_linger = 0;

    if (!socket || zmq_setsockopt(socket, ZMQ_SNDHWM, &none, sizeof none) != 0
        || zmq_setsockopt(socket, ZMQ_RCVHWM, &none, sizeof none) != 0
        || zmq_setsockopt(socket, ZMQ_LINGER, &no_linger, sizeof no_linger) != 0)
        fail("cannot make a socket: %s", zmq_strerror(zmq_errno()));
    return socket;
}

/* Gives back count messages; then waits for one more, which says that all came. */
static void echo(const char *endpoint, size_t count)
{
    void *context = zmq_ctx_new();
    void *socket = open_socket(context, ZMQ_ROUTER);

    if (zmq_bind(socket, endpoint) != 0)
        _exit(1);
    for (size_t i = 0; i <= count; i++) {
        zmq_msg_t peer, body;

        zmq_msg_init(&peer);
        zmq_msg_init(&body);
        if (zmq_msg_recv(&peer, socket, 0) < 0 || zmq_msg_recv(&body, socket, 0) < 0)
            _exit(1);
        if (i < count
            && (zmq_msg_send(&peer, socket, ZMQ_SNDMORE) < 0
                || zmq_msg_send(&body, socket, 0) < 0))
            _exit(1);
    }
    _exit(0);
}

/* each: NULL, or with a window of 1 the time of every one. */
static double run(const char *folder, size_t count, size_t size, size_t window,
                  double *each)
{
    char endpoint[PATH_MAX];
    void *context, *socket, *bytes = calloc(1, size);
    size_t sent = 0, got = 0;
    double start = 0;
    int status = -1;

    snprintf(endpoint, sizeof endpoint, "ipc://%s/echo", folder);

    pid_t pid = fork();

    if (pid == 0)
        echo(endpoint, count + 1);
    context = zmq_ctx_new();
    socket = open_socket(context, ZMQ_DEALER);
    if (!bytes || size > MESSAGE_MAX || zmq_connect(socket, endpoint) != 0
        || zmq_send(socket, bytes, size, 0) < 0 || zmq_recv(socket, bytes, size, 0) < 0)
        fail("no echo at %s", endpoint);
    start = now_ms();
    while (got < count) {
        double began = now_ms();

        for (; sent < count && sent - got < window; sent++)
            if (zmq_send(socket, bytes, size, 0) < 0)
                fail("cannot send to %s", endpoint);
        if (zmq_recv(socket, bytes, size, 0) < 0)
            fail("no answer from %s", endpoint);
        if (each)
            each[got] = now_ms() - began;
        got++;
    }

    double took = now_ms() - start;

    if (zmq_send(socket, bytes, size, 0) < 0 || waitpid(pid, &status, 0) != pid
        || status != 0)
        fail("the echo at %s did not end well", endpoint);
    zmq_close(socket);
    zmq_ctx_term(context);
    free(bytes);
    return took;
}

double limit_echo_ms(const char *folder, size_t count, size_t size, size_t window)
{
    return run(folder, count, size, window, NULL);
}

void limit_echo_each(const char *folder, size_t count, size_t size, double *each)
{
    run(folder, count, size, 1, each);
}
