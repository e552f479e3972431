/* event.h - the body of an event, and the cursor by which a subscriber takes every event
 * once, in order, from two sources: live ones, which may be missing, doubled or late, and
 * stored ones, which are asked for by number. Pure. docs/protocol.md, "Events". */
#pragma once

#include "codecs/pack/pack.h"

struct announcement {
    const char *kind; /* run stage task attempt artifact node alias tag datum dataset */
    uint64_t run;
    const char *stage;                          /* name, or NULL */
    const char *name;                           /* of the artifact or node, or NULL */
    const char *digest, *node, *cause, *reason; /* or NULL */
    bool has_index;
    uint64_t index, count, size, token;
    uint32_t attempt;
    int32_t exit_code;
    bool has_exit;
    const char *state;
    const char *subject;               /* not NULL: the topic is kind/subject/state */
    const char *target, *project, *by; /* of names, or NULL */
};

/* Appends topic and body of event number, at time_us on the broker's clock. */
void event_encode(const struct announcement *what, uint64_t number, int64_t time_us,
                  struct buf *topic, struct buf *body);

struct event_head { /* what every event has; topic borrows from the body */
    uint64_t number;
    int64_t time_us;
    struct bytes topic;
};

/* False, and head untouched, if the body does not decode or has no number. */
NODISCARD bool event_decode(const void *body, size_t size, struct event_head *head);

struct event_cursor {
    uint64_t last;     /* the last event that was taken, or that a snapshot stands for */
    uint64_t live_max; /* live events after which a pause means asking, see below */
    uint64_t live;     /* heard live, also doubles, since the store was asked */
    bool asks;         /* the store may have more than was taken */
};

enum event_verdict { EVENT_TAKE, EVENT_SKIP, EVENT_ASK };

/* A queue that is full for a subscriber skips events without a word, and if nothing
 * follows them, no jump in the numbers tells. A full queue holds live_max events or more,
 * so after that many, doubles of what was stored among them, a pause is reason enough to
 * ask. */
void event_cursor_begin(struct event_cursor *cursor, uint64_t since, uint64_t live_max);
/* Of a live event; number 0: a hello. EVENT_ASK: something is missing before it, and it
 * will come again with what is stored. */
enum event_verdict event_cursor_live(struct event_cursor *cursor, uint64_t number);
/* Of a stored one: EVENT_TAKE or EVENT_SKIP. */
enum event_verdict event_cursor_stored(struct event_cursor *cursor, uint64_t number);
/* An answer with count events is here, whose snapshot stands for all before first; first
 * 0: it has none. */
void event_cursor_page(struct event_cursor *cursor, uint64_t first, uint64_t count);
/* Nothing more is here now. */
void event_cursor_pause(struct event_cursor *cursor);
