/* world.h - a broker, nodes and a client as separate processes, for the workloads that
 * measure them: the broker with its defaults, all durability on, over ipc:// in the
 * workload's folder if not said otherwise. This process is the client. */
#pragma once

#include "bench/process.h"
#include "bench/workload.h"
#include "client/lib/sluice.h"
#include "codecs/base/buf.h"

enum { WORLD_OTHERS_MAX = 64, WORLD_ENDPOINT_MAX = 512 };

struct world {
    const struct bench *bench;
    struct sluice *sluice; /* a connection to the broker */
    bool loses_nodes;      /* tasks may have had more than one attempt */
    pid_t broker;
    pid_t others[WORLD_OTHERS_MAX];
    size_t other_count;
    char folder[WORLD_ENDPOINT_MAX]; /* of the broker */
    char endpoint[WORLD_ENDPOINT_MAX], events[WORLD_ENDPOINT_MAX];
};

/* A broker in the folder of the workload with this name: on the store that is there, or
 * an empty one. */
void world_open(struct world *world, const struct bench *bench, const char *name);
/* The same over tcp:// on loopback, as between machines. */
void world_open_tcp(struct world *world, const struct bench *bench, const char *name);
/* As world_open without a broker, a connection, and what needs them. */
void world_prepare(struct world *world, const struct bench *bench, const char *name);
void world_start_broker(struct world *world);
/* As a crash would; the next one is on the same store. */
void world_kill_broker(struct world *world);
/* Ends all that runs and expects it to end well; the store stays. */
void world_close(struct world *world);

/* noded with so many slots. It is there when the first task reaches it. */
pid_t world_node(struct world *world, unsigned slots);
/* nodes light nodes in one process (crowd.h) of so many slots each; they have joined. Of
 * tasks without a command each takes as many at once as noded. */
pid_t world_crowd(struct world *world, unsigned nodes, unsigned slots);
/* The same, each with one slot and so many tasks without a command at once. */
pid_t world_crowd_sharing(struct world *world, unsigned nodes, unsigned empty_max);
/* The same, without waiting; said: a line when all have joined, one when the first task
 * has come. Close it. */
pid_t world_crowd_begin(struct world *world, unsigned nodes, unsigned slots, int *said);
/* As world_crowd; a task takes as long as its command says (`sleep SECONDS`). */
pid_t world_sleepers(struct world *world, unsigned nodes, unsigned slots);
/* Ends one of these. */
void world_end(struct world *world, pid_t pid);

/* Another connection to the broker; sluice_close it. */
struct sluice *world_connect(const struct world *world);

/* The number of the run; the plan's buffer stays. */
uint64_t world_submit(struct world *world, const struct buf *plan);
/* So many runs of the plan, each submitted by itself, by that many clients at once; all
 * are on disk when it returns. */
void world_submit_many(struct world *world, const struct buf *plan, size_t runs,
                       size_t clients);
/* The same by one client, with several on their way; runs: their numbers, or NULL. */
void world_submit_several(struct sluice *sluice, const struct buf *plan, size_t count,
                          uint64_t *runs);
/* Waits until no run goes on. */
void world_await_all(struct world *world);
/* Submits and waits for the durable completion event of the run, which has to end well;
 * from the submission to the event in ms. */
double world_run(struct world *world, const struct buf *plan, uint64_t *run);

/* Expects that each task of the stage has ended well by itself: its own index, times,
 * exit code and node. */
void world_check_stage(struct world *world, uint64_t run, const char *stage,
                       uint64_t tasks);
/* Expects the same of all stages of the run, and that they are so many. */
void world_check_run(struct world *world, uint64_t run, size_t stages);

/* Fails the workload with the text of the error, if there is one. */
void world_must(int code, const struct sluice_error *error);
