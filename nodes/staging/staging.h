/* staging.h - the folder of an attempt: filled before the start, emptied after the end.
 *
 * The in-task contract (docs/task-contract.md) made real: directories, variables, config
 * files, inputs, script before; outputs, sidecars, metadata and logs after. Slow, so it
 * runs on worker threads: prepare and collect of one attempt never run at the same time,
 * those of different attempts do. No ZeroMQ here: bytes come and go through the store
 * port.
 *
 * <directory>/attempts/<token>/
 *   identity                               what this attempt is; see attempt_load
 *   launch                                 how to start it, see nodes/supervisor/launch.h
 *   repository/ inputs/ outputs/ config/   the four directories of the contract
 *   tmp/                                   TMPDIR of the command
 *   script                                 when the command is a file
 *   stdout stderr times metadata status    the streams, see codecs/wire/result.h; the
 *                                          last three once they hold something
 *   sources                                inputs that this node fetched from their URIs,
 *                                          if there are any
 *   taken/<number>/<output name>           live outputs waiting to be stored
 *   result                                 the encoded result, once collected, unless it
 *                                          would be the same again: a plain end without
 *                                          outputs
 * <directory>/fetched/<run id>/            what URIs gave in that run, see fetch.h */
#pragma once

#include "codecs/wire/result.h"
#include "nodes/cache/cache.h"
#include "nodes/supervisor/launch.h"

#include <stdatomic.h>

struct store_port { /* one per worker thread */
    void *context;
    struct cache_sources sources; /* where the node's cache gets objects from */
    /* Makes sure that the broker's store has the bytes of fd. */
    enum rc (*put)(void *context, int fd, const char *digest, uint64_t size,
                   struct err *err);
};

struct staging {
    const char *directory; /* absolute */
    const char *node_name;
    struct cache *cache;
    struct facts *facts; /* facts.h; NULL: results name no environment */
    struct shelf *shelf; /* shelf.h; NULL: no folder is used again */
    const char *stores;  /* the file of object stores, or NULL */
    bool shares_outputs; /* large ones, in the cache, for this and other nodes */
    bool keeps_outputs;  /* those are not put to the broker */
    bool has_namespaces; /* show /valohai/...: binds are written into launch */
};

struct attempt_identity {
    uint64_t token; /* names the folder */
    uint64_t run_number, task_index, task_count, execution_counter;
    uint64_t gpus;           /* bit i: device i of the node is its own */
    bool has_devices;        /* the node hands out devices: it may see no others */
    uint32_t attempt_number; /* 1 for the first try */
    const char *run_id, *execution_id, *project_id; /* UUID text */
    const char *project, *title;                    /* pipeline or step name */
    bool is_pipeline;
    int64_t created_us;
    struct plan_code code;
};

/* Creates and fills the folder and writes launch. On failure the folder holds what was
 * done, with the reason also in the status stream; collect may still be called.
 * RC_CANCELLED when *cancelled becomes true (checked between files and while
 * downloading). Failures: RC_NOT_FOUND, RC_INVALID, RC_UNREACHABLE (URL and HTTP status
 * in the text), RC_FULL, RC_IO. */
NODISCARD enum rc attempt_prepare(const struct staging *staging,
                                  const struct store_port *port,
                                  const struct attempt_identity *identity,
                                  const struct plan_stage *stage,
                                  const atomic_bool *cancelled, struct err *err);

/* After a restart of the agent: pins in the cache what a running attempt uses, as
 * attempt_prepare did. stage is what attempt_load gave. */
void attempt_pin(const struct staging *staging, uint64_t token,
                 const struct plan_stage *stage);

/* Reads identity and stage of a folder back, after a restart of the agent. The stage is
 * what this one task sees of it: its parameters have the task's values, and it has no
 * sweep. RC_NOT_FOUND, RC_CORRUPT, RC_PROTOCOL; RC_UNSUPPORTED: a newer
 * release made it. */
NODISCARD enum rc attempt_load(const struct staging *staging, uint64_t token,
                               struct arena *arena, struct attempt_identity *identity,
                               struct plan_stage **stage, struct err *err);

/* Appends one line with the present time to the attempt's status stream. Any thread. */
void attempt_say(const struct staging *staging, uint64_t token, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* After the end: hashes and stores every output (also those in taken/), reads sidecars
 * and valohai.metadata.jsonl, stores the streams, and completes result, whose cause,
 * exit, times, usage, message and metadata the caller has set; pointers of the result go
 * to arena. The encoded result is also written to <attempt>/result, as said above. An
 * output that cannot be taken (its name has a newline or bad UTF-8, it is unreadable, the
 * store refuses) makes a complete result CAUSE_OUTPUT_FAILED with a message naming it;
 * the others are kept. RC_FULL and RC_UNREACHABLE: nothing is decided, call again later.
 */
NODISCARD enum rc attempt_collect(const struct staging *staging,
                                  const struct store_port *port,
                                  const struct plan_stage *stage, uint64_t token,
                                  struct arena *arena, struct task_result *result,
                                  struct err *err);

/* Removes the folder, and what it pinned in the cache. RC_OK if there is none. */
NODISCARD enum rc attempt_remove(const struct staging *staging, uint64_t token,
                                 struct err *err);

/* Reads a piece of a stream's file; for the stream server. is_final is always false. */
NODISCARD enum rc attempt_stream_read(const struct staging *staging, uint64_t token,
                                      enum stream stream, uint64_t offset, uint32_t limit,
                                      struct buf *out, uint64_t *size, struct err *err);
