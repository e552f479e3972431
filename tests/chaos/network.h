/* network.h - nodes in network namespaces of their own, joined to this one by a cable
 * each: it loses, delays, doubles and reorders packets as the weather says, and can be
 * cut. Needs root, TUN devices and the program ip (Debian package iproute2).
 *
 * Node i is at 10.<net>.i.2, and reaches this side at 10.<net>.i.1. */
#pragma once

#include "tests/chaos/carrier.h"

enum { NETWORK_NODES_MAX = CARRIER_CABLES_MAX, NETWORK_NAME_MAX = 24 };

enum network_cut { CUT_BOTH, CUT_TO_NODE, CUT_TO_BROKER };

struct network {
    unsigned nodes;
    int salt; /* of the names; two tests at once have different ones */
    int net;  /* the second byte of the addresses */
    struct carrier carrier;
    struct cable_counts counts[SIDE_COUNT]; /* of all cables, after network_destroy */
};

/* NULL, or why there is no such network here. */
const char *network_lacks(void);
/* Call it before there are threads: it forks. */
NODISCARD enum rc network_create(struct network *network, unsigned nodes, int salt,
                                 const struct weather *weather, uint64_t seed,
                                 struct err *err);
/* Removes all that network_create made; safe after half of it, and twice. */
void network_destroy(struct network *network);
/* The name of a node's namespace, for `ip netns exec`. */
void network_name(const struct network *network, unsigned node,
                  char name[NETWORK_NAME_MAX]);
NODISCARD enum rc network_cut(const struct network *network, unsigned node,
                              enum network_cut cut, struct err *err);
NODISCARD enum rc network_mend(const struct network *network, unsigned node,
                               enum network_cut cut, struct err *err);
