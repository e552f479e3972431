/* classes.h - the keys of stages at work, a few of them kept. Part of the shell around
 * the core. */
#pragma once

#include "codecs/key/key.h"

struct broker;
struct classes;

struct classes *classes_create(void); /* NULL: no memory */
void classes_destroy(struct classes *classes);
void classes_forget(
    struct classes *classes); /* all of them: stored stages may be others */

struct stage_class {
    const struct plan_stage *stage; /* as it was resolved */
    struct key_class *class;        /* NULL: its tasks are too many for a key each */
    bool is_open;   /* its keys are open (codecs/key/key.h): what its inputs hold is not
                       known   before nodes fetch it */
    bool is_listed; /* for the caller: noted under its step */
};
/* The stage's, from its stored form; valid until the next call. NULL: it cannot be read.
 */
struct stage_class *classes_get(struct classes *classes, struct broker *broker,
                                uint64_t run, uint32_t stage);
