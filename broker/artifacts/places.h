/* places.h - which nodes say that they have an object; any thread.
 *
 * Only hints: nodes tell what they have, and again after each welcome, so nothing of this
 * is stored, and whoever goes to a place may find that the object is gone. Bounded by
 * PLACES_MAX objects, PLACES_OF_NODE_MAX of one node and PLACE_NODES_MAX nodes an object;
 * what is beyond is not noted, and comes from the broker. */
#pragma once

#include "codecs/digest/digest.h"

enum {
    PLACES_MAX = 1000000,
    PLACES_OF_NODE_MAX = 100000,
    PLACE_NODES_MAX = 4,
    PLACE_NAME_MAX = 64,      /* bytes of a node's name */
    PLACE_ENDPOINT_MAX = 511, /* bytes */
};

struct places;
struct places *places_create(void); /* NULL when out of memory */
void places_destroy(struct places *places);
SCOPED(places)

/* The node begins to tell: what it told before is forgotten. endpoint: where it gives its
 * objects to other nodes; "" if nowhere. */
void places_begin(struct places *places, const char *node, const char *endpoint);
/* Nothing happens to a node that has not begun. */
void places_add(struct places *places, const char *node, const char *digest);
/* As places_add; a node that has not begun is noted, with no endpoint yet. */
void places_expect(struct places *places, const char *node, const char *digest);
void places_remove(struct places *places, const char *node, const char *digest);

struct node_place {
    char node[PLACE_NAME_MAX + 1];
    char endpoint[PLACE_ENDPOINT_MAX + 1];
};
/* Where the object may be; each time another of them is the first. Gives how many. */
size_t places_find(struct places *places, const char *digest,
                   struct node_place found[PLACE_NODES_MAX]);
