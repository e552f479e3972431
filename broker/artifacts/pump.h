/* pump.h - a thread that owns one socket and hands its messages to a function.
 *
 * Stopped through a descriptor of its own, so it ends at once and never while a message
 * is being worked on. */
#pragma once

#include "broker/link/link.h"

enum { PUMP_TICK_MS = 2000 };

struct pump;

/* All are called on the thread. message: frames are valid until the call returns. tick:
 * about every PUMP_TICK_MS, NULL for none. */
struct pump_calls {
    void (*message)(void *context, const struct link_message *message);
    void (*refused)(void *context); /* a message that could not be received whole */
    void (*tick)(void *context, uint64_t now_ms);
    /* Called when wake_fd, an eventfd, was written to; NULL: it is not looked at. */
    void (*woken)(void *context);
    int wake_fd;
};

/* Takes socket on success. */
NODISCARD enum rc pump_create(void *socket, struct pump_calls calls, void *context,
                              struct pump **pump, struct err *err);
void pump_destroy(struct pump *pump); /* waits for the thread; closes the socket */
SCOPED(pump)

uint64_t pump_now_ms(void); /* the monotonic clock */
