/* import_state.h - a run of another store on its way into this one; shared by import*.c.
 *
 * Everything is decoded and checked, and every hash given anew, before the first row is
 * written: what is refused has changed nothing. The run never enters the core; it has
 * ended. Nothing here may trust a row: later readers do. What needs memory for each row
 * is the list of rows alone. */
#pragma once

#include "broker/broker_state.h"
#include "broker/store/bundle.h"
#include "codecs/version/version.h"

enum { IMPORT_ARENA_MAX = 1 << 30, IMPORT_TAGS_MAX = 1 << 20 };

struct import {
    struct broker *broker;
    struct arena *arena;
    struct bundle bundle;
    struct run_head head;
    struct run_row row;
    struct plan *plan;
    struct stage_row *stages;
    struct plan_stage **resolved; /* NULL: not resolved */
    bool *in_layer;               /* of each stage */
    uint8_t head_hash[DIGEST_SIZE], plan_hash[DIGEST_SIZE];
    uint8_t class_hash[DIGEST_SIZE]; /* of class_stage */
    const struct bundle_row *class_stage;
};

/* A big-endian number in a key. */
static inline uint64_t import_number(struct bytes key, size_t at, size_t size)
{
    uint64_t number = 0;

    for (size_t i = 0; i < size; i++)
        number = number << 8 | (unsigned char)key.data[at + i];
    return number;
}

/* import_check.c: all of it; nothing has been written. */
NODISCARD enum rc import_check(struct import *import, struct err *err);
/* import_names.c: aliases and versions of datasets. */
bool import_names_hold(const struct import *import);
NODISCARD enum rc import_names(struct import *import, uint64_t run, struct err *err);
/* import_write.c: after import_check; gives the run's number here. A failure is that of
 * the batch. */
uint64_t import_write(struct import *import);
