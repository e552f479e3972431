/* history.h - all events of a broker, and what they say happened. */
#pragma once

#include "codecs/base/base.h"

#include <stddef.h>
#include <stdint.h>

enum { FACT_TEXT_MAX = 24, FACT_TOPIC_MAX = 96 };

struct fact { /* an event, as far as it is looked at */
    uint64_t number, run, index, count, attempt, token;
    int64_t time_us;
    char topic[FACT_TOPIC_MAX];
    char kind[FACT_TEXT_MAX], stage[FACT_TEXT_MAX], state[FACT_TEXT_MAX],
        node[FACT_TEXT_MAX];
};

struct history {
    struct fact *facts; /* facts[i].number is i + 1: checked when read */
    size_t count;
};

/* Asks the broker for events 1 to last. RC_CORRUPT: a gap or a double. */
NODISCARD enum rc history_read(const char *endpoint, uint64_t last,
                               struct history *history, struct err *err);
void history_fini(struct history *history); /* a zeroed struct is fine */

/* Compares a subscriber's file with the history; prints what differs. The number of
 * events that are missing, wrong or there twice. */
uint64_t history_compare(const struct history *history, const char *file);
