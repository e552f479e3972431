/* event_page.h - events as they are stored: those of a batch lie together in records of
 * many, since putting one record costs more than writing it. Private to this folder.
 *
 * A record is the body of one event; or a page: the list [1, body, body, ...], each body
 * as bytes, numbered from the record's key on; or a group (codecs/wire/event_group.h),
 * whose bodies are made when they are read (docs/store.md). */
#pragma once

#include "broker/store/tables.h"
#include "codecs/wire/event_group.h"

enum { EVENT_PAGE_BYTES = 32 << 10 }; /* a page that is as large gets no more */

/* Puts what the batch has gathered, so that reads see it. */
NODISCARD enum rc event_page_flush(struct store *store, struct err *err);

enum event_record { EVENT_RECORD_ONE, EVENT_RECORD_PAGE, EVENT_RECORD_GROUP };

struct event_walk { /* over the bodies of one record */
    struct reader reader;
    uint64_t next; /* number of the event that event_page_next gives */
    uint64_t left; /* bodies that follow */
    enum event_record kind;
    struct event_group group;
    struct event_group_walk members;
    struct buf topic, body; /* of a group */
};
/* False if the record does not decode. To be closed in any case. */
bool event_page_open(struct event_walk *walk, uint64_t first, const void *bytes,
                     size_t size);
/* False at the end, or if the bytes do not decode: then the walk's reader has failed. The
 * body is valid until the next move of the walk. */
bool event_page_next(struct event_walk *walk, struct bytes *body);
/* Goes on to the event of that number, or to the end. */
void event_page_skip(struct event_walk *walk, uint64_t number);
void event_page_close(struct event_walk *walk);
