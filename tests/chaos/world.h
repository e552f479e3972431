/* world.h - a broker, its nodes, subscribers and a client, in a scratch folder. */
#pragma once

#include "tests/chaos/network.h"
#include "tests/chaos/party.h"

enum { WORLD_NODES_MAX = NETWORK_NODES_MAX, WORLD_WATCHERS = 2, WORLD_PATH_MAX = 256 };

struct world_options {
    unsigned nodes, slots; /* slots: of each node */
    uint64_t runs;         /* at least so many */
    unsigned node_timeout_ms;
    bool has_network;
    struct weather weather; /* of the network, and the seed of its chances */
    uint64_t seed;
};

struct world {
    char folder[WORLD_PATH_MAX], endpoint[64];
    unsigned node_count;
    struct party broker, nodes[WORLD_NODES_MAX], watchers[WORLD_WATCHERS], client;
    struct network network;
};

/* Makes the folder and all settings; starts nothing. */
NODISCARD enum rc world_create(struct world *world, const struct world_options *options,
                               struct err *err);
NODISCARD enum rc world_start(struct world *world, struct err *err);
/* Subscribers go on until they have that event, and end. */
NODISCARD enum rc world_watch_until(struct world *world, uint64_t last, struct err *err);
void world_watched(const struct world *world, unsigned watcher, char path[PATH_MAX]);

/* Every party, one after the other; NULL after the last. */
struct party *world_party(struct world *world, size_t index);
/* SIGTERM to nodes, then to the broker; SIGKILL to what does not end in time. The number
 * of those, of processes that were left behind by tasks, and of reports of sanitizers and
 * of must() in the logs. */
unsigned world_stop(struct world *world);
/* The namespaces, and the folder if it is not to be kept. */
void world_destroy(struct world *world, bool is_kept);
