/* layer.h - plain stages of a run that go the same way in one step of the core: thousands
 * of them become ready, are handed out and end together. What is stored and said of them
 * is gathered, and written for all: a row for the attempts (broker/store/layers.h), which
 * another with their ends replaces; one version of these; one record of events.
 *
 * Gathered are stages with one task at its first attempt, whose rows follow from it
 * (stage_row_follows). All others go the way of tasks and stages alone. What one step
 * brings is written at its end, or before whatever else it announces. */
#pragma once

#include "broker/core/core.h"
#include "codecs/base/buf.h"

struct broker;

struct layer_member {
    uint64_t run, token;
    uint32_t stage, node;
    int64_t started_us, ended_us; /* of those that ended: the task */
};

struct layer_list {
    struct layer_member *members;
    size_t count, capacity;
};

struct layer {
    struct layer_list queued, assigned, ended; /* the last two in the order of tokens */
    struct buf texts, places, times, bytes;
    bool is_flushing;
};

void layer_fini(struct layer *layer);
/* What was gathered is dropped: the turn has failed. */
void layer_forget(struct layer *layer);

/* CHANGE_STAGE, CHANGE_ASSIGN, CHANGE_BLOCK. False: it is not gathered. */
bool layer_takes_stage(struct broker *broker, const struct change *change);
bool layer_takes_assigned(struct broker *broker, const struct change *change);
bool layer_takes_ended(struct broker *broker, const struct change *change);
/* Takes a stage out of the layer in which it lives; false: it is in none. */
bool layer_leave(struct broker *broker, uint64_t run, uint32_t stage);
/* Stores and announces all that was gathered. */
void layer_flush(struct broker *broker);
