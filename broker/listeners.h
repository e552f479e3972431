/* listeners.h - which topics are subscribed to, so that events of thousands of stages are
 * not made one by one when nobody hears them. Who asks for stored events gets all in any
 * case. Single-threaded. */
#pragma once

#include "codecs/base/base.h"

struct listeners {
    char **topics;
    size_t count, capacity;
    bool are_unknown; /* there was no memory for one, or there are too many */
};

void listeners_fini(struct listeners *listeners);
/* A frame that an XPUB socket gave: 1 and the topic when the first subscriber comes to
 * it, 0 and the topic when the last has gone. Others are not looked at. */
void listeners_note(struct listeners *listeners, const void *frame, size_t size);
/* Whether a topic that begins with prefix may be heard by anybody. */
bool listeners_hear(const struct listeners *listeners, const char *prefix);
