/* key.h - the execution key: a hash over everything that a task's command can see and
 * that is not just its name, place or date. Equal keys: an earlier result may be used.
 * Pure.
 *
 * What counts is a list of named fields (fields.c says which and why; docs/reuse.md says
 * it to people). A key is SHA-256 over "sluice-key-1", H(fields of the class),
 * H(parameter), H(parameter), ... where H is SHA-256, a field is the msgpack list [name,
 * value], the class has all fields but the parameters, and both are in the bytewise order
 * of the names. So the tasks of a sweep share all work but that for the parameters that
 * vary. */
#pragma once

#include "codecs/plan/plan.h"

enum { KEY_SIZE = 32 };

struct key_field {
    const char *name;  /* "code", "command", "parameter:lr", "input:images/a.png", ... */
    const char *text;  /* for people; secrets are masked */
    const void *value; /* what is hashed; not NUL-terminated */
    size_t size;
    size_t place; /* among fields of the same name */
};

struct key_fields { /* sorted by name; of equal names, in the stage's order */
    struct key_field *fields;
    size_t count;
};

/* The fields of one task of a resolved stage; tree is the digest of the run's code, which
 * counts when the stage has none of its own. Everything in arena, or borrowed from stage
 * and tree. RC_INVALID for a task that is not there, RC_NO_MEMORY. */
NODISCARD enum rc key_fields_of_task(const struct plan_stage *stage, const char *tree,
                                     uint64_t index, struct arena *arena,
                                     struct key_fields *fields, struct err *err);

/* The first file whose content is not known before the run, because the node fetches its
 * URI; NULL if there is none. With such a file the key of a task is an open one: it has
 * the URI in place of the content, and no other than open keys equals it. Equal ones tell
 * that the results may be equal, not that they are. *input gets whose it is. */
const struct plan_source *key_unsettled(const struct plan_stage *stage,
                                        const struct plan_input **input);

/* What the tasks of a stage have in common; borrows stage and the digester, of sha256
 * alone and between two files, until it is destroyed. */
struct digester;
struct key_class;
NODISCARD enum rc key_class_create(const struct plan_stage *stage, const char *tree,
                                   struct digester *digester, struct key_class **made,
                                   struct err *err);
void key_class_destroy(struct key_class *class);
SCOPED(key_class)
/* index below plan_stage_task_count. RC_NO_MEMORY, or RC_INVALID for a value that its
 * parameter cannot take. */
NODISCARD enum rc key_of_task(struct key_class *class, uint64_t index,
                              unsigned char key[KEY_SIZE], struct err *err);

struct key_difference {
    const char *name, *before,
        *after; /* texts of the fields; NULL: there is no such field */
};
/* Writes up to limit differences, sorted by name, and returns how many there are. */
size_t key_compare(const struct key_fields *before, const struct key_fields *after,
                   struct key_difference *differences, size_t limit);
