/* event_group.h - events of many stages that went the same way in one batch, as one
 * record: what differs between them is the stage's name and the token. Expanded again
 * they are the events that they would have been one by one. Pure.
 *
 * A msgpack list [2, kind, time, run, token, count, texts]; texts are the node's name
 * ("" if it has none) and then the names of count stages, each followed by a zero byte.
 * Documented in docs/store.md ("Groups of events"). */
#pragma once

#include "codecs/wire/event.h"

enum { EVENT_GROUP_FORMAT = 2, EVENT_GROUP_STAGES_MAX = 4096 };

enum event_group_kind {
    EVENTS_QUEUED,   /* of each stage: it is queued */
    EVENTS_ASSIGNED, /* its task is assigned */
    EVENTS_ENDED,    /* its task is complete, it has started, it is complete */
    EVENT_GROUP_KIND_COUNT
};

struct event_group {
    enum event_group_kind kind;
    int64_t time_us;
    uint64_t run;
    uint64_t token; /* of the first stage's task; those of the others follow; 0: none */
    uint64_t count; /* stages */
    struct bytes texts; /* borrowed */
};

/* Events of all stages together. */
uint64_t event_group_events(const struct event_group *group);
void event_group_encode(struct buf *buf, const struct event_group *group);
/* False, and group untouched, if the bytes are not the whole of one. */
NODISCARD bool event_group_decode(const void *bytes, size_t size,
                                  struct event_group *group);

struct event_group_walk { /* over the events of a group that was decoded, in order */
    const struct event_group *group;
    const char *node, *stage;
    uint64_t place; /* of the stage in the group */
    unsigned part;  /* of the stage's events, the next */
};
void event_group_begin(struct event_group_walk *walk, const struct event_group *group);
/* Texts borrow from the group. False at the end. */
bool event_group_next(struct event_group_walk *walk, struct announcement *what);
