/* layer.h - stages of a run that go the same way in one step of the core: thousands of
 * them become ready, are handed out and end together. What is stored and said of them is
 * gathered, and written for all.
 *
 * Only plain stages (plan_plain_stages): one task without a command, at its first
 * attempt. Gathered is what one step brings; whatever else is announced comes behind it.
 */
#pragma once

#include "broker/core/core.h"
#include "codecs/base/buf.h"

struct broker;

struct layer_member {
    uint64_t run, token;
    uint32_t stage, node;
    bool has_started, is_complete; /* of those that ended: the stage */
};

struct layer_list {
    struct layer_member *members;
    size_t count, capacity;
};

struct layer {
    struct layer_list queued, assigned, ended; /* the last two in the order of tokens */
    struct buf texts;
    bool is_flushing;
};

void layer_fini(struct layer *layer);
/* What was gathered is dropped: the turn has failed. */
void layer_forget(struct layer *layer);

/* CHANGE_STAGE. False: it is not gathered, and to be announced by itself. */
bool layer_takes_stage(struct broker *broker, const struct change *change);
/* CHANGE_ASSIGN, CHANGE_BLOCK: announces it later. False: not gathered. */
bool layer_takes_assigned(struct broker *broker, const struct change *change);
bool layer_takes_ended(struct broker *broker, const struct change *change);
/* Announces all that was gathered. */
void layer_flush(struct broker *broker);
