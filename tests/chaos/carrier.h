/* carrier.h - a process that carries packets between pairs of TUN devices, over a bad
 * cable in each direction. It ends with its owner, however that ends, and the devices go
 * with it. */
#pragma once

#include "tests/chaos/cable.h"

#include <sys/types.h>

enum { CARRIER_CABLES_MAX = 32 };

/* The two sides of a cable, and so its directions. */
enum { SIDE_BROKER, SIDE_NODE, SIDE_COUNT };

struct carrier {
    pid_t pid; /* 0: does not run */
    int fd;    /* its end is the end of the process, which says its counts there */
};

/* A new TUN device in the network namespace that is a file (NULL: ours); it is gone when
 * the descriptor and all its copies are closed. */
NODISCARD enum rc carrier_device(const char *name, const char *space, int *fd,
                                 struct err *err);
/* Takes the devices: they are closed here, also on failure. */
NODISCARD enum rc carrier_start(struct carrier *carrier, int devices[][SIDE_COUNT],
                                size_t count, const struct weather *weather,
                                uint64_t seed, struct err *err);
/* Delivers what is on its way at once, and ends the process. counts: those of all cables
 * from that side; zero if the process had ended by itself.
 * Does nothing the second time. */
void carrier_end(struct carrier *carrier, struct cable_counts counts[SIDE_COUNT]);
/* What decides about the packets that come in at a side of a cable. */
uint64_t carrier_seed(uint64_t seed, size_t cable, unsigned side);
