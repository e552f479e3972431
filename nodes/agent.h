/* agent.h - the part of noded that talks: to the broker, to the supervisor, to worker
 * threads.
 *
 * One thread runs the loop: it drains the broker's messages, the supervisor's channel,
 * the follower and finished jobs, steps the agent's core and carries out its effects.
 * Filling and emptying folders happens on worker threads (workers.h); reads of running
 * streams on the stream server's thread. */
#pragma once

#include "codecs/base/base.h"

struct device_facts;

struct agent_settings {
    const char *directory;       /* of the node, absolute */
    const char *name;            /* of the node; its socket identity */
    const char *requests, *bulk; /* the broker's endpoints; bulk NULL: the broker tells */
    bool insecure;               /* the bulk endpoint that it tells may be remote */
    uint32_t slots;              /* CPUs offered: as many attempts of one CPU at once */
    uint32_t memory_mb;          /* offered; 0: not limited */
    uint64_t gpus;               /* bit i: device i is offered */
    const struct device_facts *devices; /* what they are, for records; or NULL */
    const char **labels;                /* environments that the node serves */
    size_t label_count;
    bool takes_any_label;
    uint32_t classes_max;    /* kept, besides those in use */
    uint32_t workers_max;    /* threads */
    uint32_t queue_max;      /* messages between the broker and here, each way */
    uint64_t results_max;    /* bytes of one message, unless one result alone is larger */
    uint64_t cache_size;     /* bytes; 0: no limit */
    const char *stores;      /* the file of object stores, or NULL */
    const char *bulk_listen; /* where other nodes get files; NULL: nowhere */
    bool keeps_outputs;      /* large ones stay here until asked for */
    const char *bulk_advertise; /* host by which they reach it; NULL: the one bound */
    uint32_t peers_max;         /* other nodes that a worker is connected with at once */
    uint64_t drain_timeout_ms;  /* how long attempts may go on after SIGTERM */
    uint64_t stop_grace_ms;     /* from SIGTERM to SIGKILL */
    uint64_t idle_exit_ms; /* ends when it heard no broker for so long and runs nothing;
                              0: never */
    int channel_fd;        /* to the supervisor */
    /* Called on SIGHUP: changes slots and drain_timeout_ms as they shall be from now on.
     * NULL: SIGHUP does nothing. */
    void (*reload)(void *context, struct agent_settings *settings);
    void *reload_context;
};

/* Runs until SIGTERM (then drains, see agent_drain.c), the broker's QUIT, or the end of
 * the channel. RC_OK: the node shall
 * end with it; everything else: the supervisor should start another. */
NODISCARD enum rc agent_run(const struct agent_settings *settings, struct err *err);
