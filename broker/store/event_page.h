/* event_page.h - events as they are stored: those of a batch lie together in records of
 * many, since putting one record costs more than writing it. Private to this folder.
 *
 * A record is the body of one event, or a page: the list [1, body, body, ...], each body
 * as bytes, numbered from the record's key on (docs/store.md). */
#pragma once

#include "broker/store/tables.h"

enum { EVENT_PAGE_BYTES = 32 << 10 }; /* a page that is as large gets no more */

/* Puts what the batch has gathered, so that reads see it. */
NODISCARD enum rc event_page_flush(struct store *store, struct err *err);

struct event_walk { /* over the bodies of one record */
    struct reader reader;
    uint64_t next; /* number of the event that event_page_next gives */
    size_t left;   /* bodies that follow */
    bool is_one;   /* the record is the body of one event */
};
/* False if the record does not decode. */
bool event_page_open(struct event_walk *walk, uint64_t first, const void *bytes,
                     size_t size);
/* False at the end, or if the bytes do not decode: then the walk's reader has failed. */
bool event_page_next(struct event_walk *walk, struct bytes *body);
