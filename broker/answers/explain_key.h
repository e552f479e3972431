/* explain_key.h - why a task was run although others were there, or whose result it uses.
 * Part of the shell around the core; reads only. */
#pragma once

#include "broker/store/executions.h"
#include "codecs/key/key.h"

struct broker;

enum { DIFFERENCES_SHOWN = 100, KEY_STORY_FIELDS = 7 };

struct key_story {
    const char *origin;  /* reference of the task whose result it uses, or "" */
    const char *nearest; /* reference of the nearest earlier success, or "" */
    struct key_difference differences[DIFFERENCES_SHOWN]; /* to that one */
    size_t count, total;     /* count: of differences; total: also those not shown */
    const char *code_before; /* digests of the trees, if code differs; else "" */
    const char *code_after;
    bool environment_differs; /* of the nodes; it does not count */
    const char *unsettled;    /* the input that left the key open, or "" */
    const char
        *anew; /* why nothing was reused, as noted when it was looked up; or NULL */
    bool is_told, reuses; /* reuses: reuse was asked for */
    bool is_empty;        /* there was nothing to run */
};

/* Texts in arena. A stage that is not resolved has an empty story. May move the broker's
 * run plans. */
void key_story_tell(struct broker *broker, uint64_t run, uint32_t stage, uint64_t index,
                    struct arena *arena, struct key_story *story);
/* Goes on with a sentence: "; the nearest earlier success is ...". */
void key_story_say(const struct key_story *story, struct buf *text);
/* KEY_STORY_FIELDS fields of a map (docs/protocol.md, "explain"). A story that was not
 * told is empty. */
void key_story_write(const struct key_story *story, struct buf *body);
