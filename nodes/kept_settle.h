/* kept_settle.h - what this node keeps, and the broker has or gets by now. */
#pragma once

#include "nodes/cache/cache.h"

/* Keeps no more what the broker has. copies: what it lacks is put there before.
 * Gives up when *cancelled becomes true, between files. RC_OK: all was asked, or copied.
 */
NODISCARD enum rc kept_settle(struct cache *cache, struct bulk_client *broker,
                              bool copies, const atomic_bool *cancelled, struct err *err);
