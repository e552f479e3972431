/* announcer.h - tells the broker which objects of the cache other nodes may get here.
 *
 * Hints only (broker/artifacts/places.h): all large ones after each welcome, then what
 * comes and goes. Listens to the cache from any thread; speaks on the stream server's. */
#pragma once

#include "broker/artifacts/bulk.h"
#include "nodes/cache/cache.h"

enum { ANNOUNCED_MAX = PLACES_OF_NODE_MAX /* told after a welcome; the rest is not */ };

struct announcer;
/* endpoint: where others get them, borrowed; "": nowhere, and nothing is told. Listens to
 * the cache from now on. NULL when out of memory. */
struct announcer *announcer_create(struct cache *cache, const char *endpoint);
/* Not before the cache is used by nobody. */
void announcer_destroy(struct announcer *announcer);
/* The broker may know nothing: all is told anew. Any thread. */
void announcer_begin(struct announcer *announcer);
/* Tells what there is to tell, as far as the queue takes it. */
void announcer_step(struct announcer *announcer, struct stream_server *server);
