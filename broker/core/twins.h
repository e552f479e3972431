/* twins.h - which stage works on what, and which stages wait for it to end. Pure.
 *
 * A stage that leads holds keys (numbers; two works of one number are held for equal,
 * which costs a wait and nothing else). One that finds a key of its own held waits for
 * the leader; it holds nothing meanwhile, so that waiting has no circles. Not stored:
 * after a restart it is made anew from the stages that are at work. */
#pragma once

#include "broker/core/core.h"

struct twin {
    uint64_t run;
    uint32_t stage;
};

struct twins;
struct twins *twins_create(void); /* NULL: no memory */
void twins_destroy(struct twins *twins);
SCOPED(twins)

/* Another stage that holds one of the keys; false if there is none. */
bool twins_find(const struct twins *twins, struct twin self, const uint64_t *keys,
                size_t count, struct twin *leader);
/* self leads from now on, and holds those of the keys (none is 0) that nobody holds. It
 * must not lead yet. Out of memory stops the process. */
void twins_lead(struct twins *twins, struct twin self, const uint64_t *keys,
                size_t count);
/* self waits for the leader's end. */
void twins_wait(struct twins *twins, struct twin self, struct twin leader);
/* Who self waits for; false if it waits for none. */
bool twins_leader(const struct twins *twins, struct twin self, struct twin *leader);
/* The stage has ended, whether it led, waited or neither. Gives those that waited for it,
 * in the order in which they came; the caller frees the list. */
size_t twins_end(struct twins *twins, struct twin self, struct twin **waiters);
