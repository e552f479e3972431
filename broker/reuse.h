/* reuse.h - which tasks need not run, because an equal one has a result. Part of the
 * shell around the core; what is equal is codecs/key's business, what waits for what the
 * core's (twins.h).
 *
 * Every success is noted by its execution key, whether reuse was asked for or not. A
 * stage that asks for it is looked up when it is resolved; a hit counts only while its
 * result and all files that it names are there. A stage with a task that another stage is
 * at work on waits for that stage's end.
 *
 * A task with inputs that nodes fetch has two keys: the one with what was fetched, which
 * its result tells, and an open one with the URIs. A stage with such inputs finds an
 * earlier success by the open key; a node tells what they hold now, and only the key with
 * that decides. */
#pragma once

#include "broker/store/executions.h"
#include "codecs/plan/plan.h"

struct broker;
struct reuse;

enum { REUSE_TASKS_MAX = 1000000 }; /* of one stage; a larger one runs as a whole */

struct reuse *reuse_create(void); /* NULL: no memory */
void reuse_destroy(struct reuse *reuse);

/* Of a stage that was just resolved and stored: says in input which tasks are satisfied,
 * or makes it INPUT_TWIN, also when a node is to look at its inputs first (looks.h).
 * notes gets a line when the stage cannot be reused. */
void reuse_settle(struct broker *broker, const struct plan_stage *resolved,
                  struct core_input *input, struct buf *notes);
/* A task ended in success: others may use its result. */
void reuse_success(struct broker *broker, const struct origin *task);
/* The same of a task that ended elsewhere; an equal result that is here and whole goes
 * before it. Its rows must have been written. */
void reuse_imported(struct broker *broker, const struct origin *task);
/* A stage ended: those that waited for it are asked again. */
void reuse_ended(struct broker *broker, uint64_t run, uint32_t stage);

/* While the core is restored: first that it begins, then each run, before the core gets
 * it: its rows get what of them is reused, from arena. */
void reuse_begin_again(struct broker *broker);
NODISCARD enum rc reuse_restore(struct broker *broker, uint64_t run,
                                const struct plan *plan, struct stage_row *rows,
                                uint32_t count, struct arena *arena, struct err *err);
/* Whether stages wait for twins that nobody knows since then; asks for them again. */
bool reuse_is_due(const struct broker *broker);
void reuse_ask_again(struct broker *broker);

/* Whose result a task has: its own, or an earlier one's; true if it is another's. */
bool reuse_origin(struct broker *broker, uint64_t run, uint32_t stage, uint64_t index,
                  struct origin *origin);
/* The equal stage that a stage waits for; false if it waits for none. */
bool reuse_leader(const struct broker *broker, uint64_t run, uint32_t stage,
                  struct origin *leader);
/* "12/train/3", and without the task "12/train", in the turn's scratch; "" if there is no
 * memory. */
const char *reuse_reference(struct broker *broker, const struct origin *origin);
const char *reuse_stage_reference(struct broker *broker, const struct origin *origin);
/* The stage as the task had it: with what was fetched for it, as far as its result tells.
 * stage is the resolved one, or what is given if there is nothing to tell. */
const struct plan_stage *reuse_stage_of(struct broker *broker,
                                        const struct plan_stage *stage,
                                        const struct origin *task, struct arena *arena);
/* The hash by which a step's executions are found. */
void reuse_step_key(struct broker *broker, const struct plan *plan,
                    const struct plan_stage *stage, unsigned char step[STEP_KEY_SIZE]);
