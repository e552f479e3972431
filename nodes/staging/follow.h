/* follow.h - watches what running attempts write, on one inotify instance for the whole
 * node.
 *
 * For each attempt it keeps the times index up to date, picks metadata lines out of
 * stdout (into the metadata stream and the map of latest values), evaluates the
 * stop-condition, knows when the last output came, and takes live outputs: a file under
 * outputs/ that loses its write bits is moved to taken/ at once. All state can be rebuilt
 * from the attempt's folder, so an agent that restarts simply adds the attempt again.
 * Single-threaded: the agent's loop. Each step does a bounded amount of work. */
#pragma once

#include "nodes/staging/staging.h"

struct follower;

struct follow_events { /* called from within follow_step and follow_finish */
    void *context;
    void (*stop_condition)(void *context, uint64_t token, const char *condition);
};

NODISCARD enum rc follower_create(const struct staging *staging,
                                  const struct follow_events *events,
                                  struct follower **follower, struct err *err);
void follower_destroy(struct follower *follower);
SCOPED(follower)

/* The descriptor to poll for reading. */
int follower_fd(const struct follower *follower);

/* stage is borrowed until remove. Must be added before the start, so that nothing is
 * missed. */
NODISCARD enum rc follow_add(struct follower *follower, uint64_t token,
                             uint64_t task_index, const struct plan_stage *stage,
                             struct err *err);
/* Handles what has happened; true when it wants to be called again at once (more to
 * read). */
bool follow_step(struct follower *follower, int64_t now_us);
/* After the attempt's exit: reads everything that is left, to the end. From then on the
 * follower leaves the attempt's files alone, so that they can be collected. */
NODISCARD enum rc follow_finish(struct follower *follower, uint64_t token, int64_t now_us,
                                struct err *err);
/* Unix time in microseconds of the last growth of stdout or stderr; 0 if there was none.
 */
int64_t follow_last_output_us(const struct follower *follower, uint64_t token);
/* The map of latest values, copied into arena. */
NODISCARD enum rc follow_metadata(const struct follower *follower, uint64_t token,
                                  struct arena *arena, struct value *map,
                                  struct err *err);
void follow_remove(struct follower *follower, uint64_t token);

/* After follow_finish: whether the attempt has written nothing at all, as far as it is
 * followed. Its files may then be those of another attempt of its stage, which is
 * followed in place of it. The folder has the new name already. */
bool follow_is_silent(const struct follower *follower, uint64_t token);
void follow_renew(struct follower *follower, uint64_t token, uint64_t new_token);
