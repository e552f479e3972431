/* bring.h - fetches into the broker's objects what it lacks and nodes say that they have.
 *
 * Threads of its own, so that neither the loop nor the bulk server waits. Bounded: at
 * most BRINGS_MAX objects wait or are under way, BRING_THREADS of them at once. */
#pragma once

#include "broker/artifacts/objects.h"
#include "broker/artifacts/places.h"

enum { BRINGS_MAX = 256, BRING_THREADS = 4, BRING_TIMEOUT_MS = 5000 };

struct bringer;
/* objects and places are borrowed. is_open: nodes on other machines are asked, too.
 * Writes to wake_fd, an eventfd, each time that one has ended. */
NODISCARD enum rc bringer_create(struct objects *objects, struct places *places,
                                 bool is_open, int wake_fd, struct bringer **bringer,
                                 struct err *err);
void bringer_destroy(struct bringer *bringer); /* gives up what is under way */
SCOPED(bringer)

/* Begins to fetch the object, unless that is under way. RC_NOT_FOUND: no node says that
 * it has it. RC_UNREACHABLE: too many are under way, ask again. */
NODISCARD enum rc bringer_ask(struct bringer *bringer, const char *digest,
                              struct err *err);
/* Whether it waits or is under way. */
bool bringer_is_at(struct bringer *bringer, const char *digest);
