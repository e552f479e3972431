/* network.h - nodes in network namespaces of their own, joined to this one by a cable
 * each that can be cut. Needs root and the programs ip and tc (Debian package iproute2).
 *
 * Node i is at 10.<net>.i.2, and reaches this side at 10.<net>.i.1. */
#pragma once

#include "codecs/base/base.h"

enum { NETWORK_NODES_MAX = 32, NETWORK_NAME_MAX = 24 };

enum network_loss {
    LOSS_NONE,   /* the kernel can do neither */
    LOSS_RANDOM, /* netem: 3 % of packets, the others are 5 to 15 ms late */
    LOSS_QUEUE,  /* 2 Mbit/s; packets that would wait for more than 30 ms are lost */
};
enum network_cut { CUT_BOTH, CUT_TO_NODE, CUT_TO_BROKER };

struct network {
    unsigned nodes;
    int salt; /* of the names; two tests at once have different ones */
    int net;  /* the second byte of the addresses */
    enum network_loss loss;
};

/* NULL, or why there are no namespaces here. */
const char *network_lacks(void);
NODISCARD enum rc network_create(struct network *network, unsigned nodes, int salt,
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
