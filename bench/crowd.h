/* crowd.h - many light nodes in one process, which speak the protocol of nodes and start
 * no processes: a task is a result, made at once or after the time that its command names
 * (`sleep SECONDS`); tasks without a command are blocks, as noded's. What is measured
 * with them is the broker.
 *
 * They join, beat, and repeat in a new session what the broker did not take, as noded
 * does. */
#pragma once

#include "codecs/base/base.h"

enum { CROWD_NODES_MAX = 4000 };

struct crowd_options {
    const char *endpoint; /* of the broker */
    unsigned nodes, slots;
    unsigned empty_max; /* tasks without a command that each takes at once */
    bool sleeps;
    void (*joined)(void); /* called once, when all nodes have been welcomed */
    void (*tasked)(void); /* called once, when the first task with a command has come */
};

/* Runs until SIGTERM. */
NODISCARD enum rc crowd_run(const struct crowd_options *options, struct err *err);
