/* message.c - whole multi-frame messages in and out of a link.
 *
 * A message leaves whole or not at all: libzmq looks for the peer and for room in its
 * queue at the first frame, and takes back what was written if the peer goes away between
 * two frames. */
#include "broker/link/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

static enum rc send_failed(struct err *err, int sys)
{
    enum rc rc = sys == EAGAIN         ? RC_FULL
                 : sys == EHOSTUNREACH ? RC_UNREACHABLE
                 : sys == ETERM        ? RC_CANCELLED
                                       : rc_of_errno(sys);

    err_set(err, rc, "send: %s",
            rc == RC_FULL          ? "the peer's queue is full"
            : rc == RC_UNREACHABLE ? "the peer is not connected"
                                   : zmq_strerror(sys));
    if (err)
        err->sys = sys;
    return rc;
}

/* Gives a message of libzmq away. 0, or an errno. */
static int part_send(void *socket, zmq_msg_t *message, int flags)
{
    while (zmq_msg_send(message, socket, ZMQ_DONTWAIT | flags) < 0) {
        int sys = zmq_errno();

        if (sys == EINTR)
            continue;
        zmq_msg_close(message);
        return sys;
    }
    return 0;
}

static int frame_send(void *socket, const struct link_frame *frame, int flags)
{
    zmq_msg_t message;

    if (zmq_msg_init_size(&message, frame->size) != 0)
        return zmq_errno();
    if (frame->size > 0)
        memcpy(zmq_msg_data(&message), frame->data, frame->size);
    return part_send(socket, &message, flags);
}

static enum rc frames_check(const struct link_frame *frames, size_t count,
                            struct err *err)
{
    must(count > 0);
    must(count <= LINK_FRAMES_MAX);

    for (size_t i = 0; i < count; i++)
        if (frames[i].size > LINK_MESSAGE_MAX)
            return err_set(err, RC_INVALID, "send: a frame of %zu bytes, at most %d",
                           frames[i].size, LINK_MESSAGE_MAX);
    return RC_OK;
}

enum rc link_send(void *socket, const struct link_frame *frames, size_t count,
                  struct err *err)
{
    enum rc rc = frames_check(frames, count, err);
    int sys = 0;

    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; i < count && sys == 0; i++)
        sys = frame_send(socket, &frames[i], i + 1 < count ? ZMQ_SNDMORE : 0);
    return sys == 0 ? RC_OK : send_failed(err, sys);
}

enum rc link_send_given(void *socket, const struct link_frame *frames, size_t count,
                        void *bytes, link_release *release, void *owner, struct err *err)
{
    enum rc rc = frames_check(frames, count, err);
    zmq_msg_t last;
    int sys = 0;

    if (rc != RC_OK
        || zmq_msg_init_data(&last, bytes, frames[count - 1].size, release, owner) != 0) {
        release(bytes, owner);
        return rc != RC_OK ? rc : send_failed(err, zmq_errno());
    }
    for (size_t i = 0; i + 1 < count && sys == 0; i++)
        sys = frame_send(socket, &frames[i], ZMQ_SNDMORE);
    if (sys == 0)
        sys = part_send(socket, &last, 0);
    else
        zmq_msg_close(&last);
    return sys == 0 ? RC_OK : send_failed(err, sys);
}

static int part_receive(zmq_msg_t *part, void *socket)
{
    int size;

    do
        size = zmq_msg_recv(part, socket, ZMQ_DONTWAIT);
    while (size < 0 && zmq_errno() == EINTR);
    return size < 0 ? zmq_errno() : 0;
}

/* Reads and forgets what is left of a message. */
static void rest_drop(void *socket)
{
    zmq_msg_t part;
    bool has_more = true;

    while (has_more) {
        zmq_msg_init(&part);
        has_more = part_receive(&part, socket) == 0 && zmq_msg_more(&part);
        zmq_msg_close(&part);
    }
}

static enum rc receive_failed(struct err *err, int sys)
{
    if (sys == EAGAIN)
        return RC_NOT_FOUND;

    enum rc rc = sys == ETERM ? RC_CANCELLED : rc_of_errno(sys);
    err_set(err, rc, "receive: %s", zmq_strerror(sys));
    if (err)
        err->sys = sys;
    return rc;
}

enum rc link_receive(void *socket, struct link_message *message, struct err *err)
{
    struct link_message got = { 0 };
    zmq_msg_t *parts = malloc(LINK_FRAMES_MAX * sizeof *parts);
    bool has_more = true;

    if (!parts)
        return err_set(err, RC_NO_MEMORY, "receive: out of memory");
    got.owned = parts;

    while (has_more && got.count < LINK_FRAMES_MAX) {
        zmq_msg_t *part = &parts[got.count];

        zmq_msg_init(part);
        got.count++;
        int sys = part_receive(part, socket);
        if (sys != 0) {
            link_free(&got);
            return receive_failed(err, sys);
        }
        got.frames[got.count - 1] =
            (struct link_frame){ zmq_msg_data(part), zmq_msg_size(part) };
        has_more = zmq_msg_more(part);
    }
    if (has_more) {
        rest_drop(socket);
        link_free(&got);
        return err_set(err, RC_PROTOCOL, "receive: a message of more than %d frames",
                       LINK_FRAMES_MAX);
    }
    *message = got;
    return RC_OK;
}

void link_free(struct link_message *message)
{
    zmq_msg_t *parts = message->owned;

    for (size_t i = 0; parts && i < message->count; i++)
        zmq_msg_close(&parts[i]);
    free(parts);
    *message = (struct link_message){ 0 };
}
