/* space.h - what holds how much, and removing what nothing needs, on a thread of its own.
 *
 * A file is removed when nothing refers to it (space_mark.h) and it was neither stored
 * nor asked for since some time before the walk began. Whoever makes a reference first
 * asks for the file, by objects_use, so a walk that did not see the reference does not
 * remove it. Why and when stands in the store before the bytes go.
 *
 * What only nodes have goes in the same way: the nodes are told when that is on disk, and
 * again whenever they join, until they have said that it is gone (space_nodes.c). */
#pragma once

#include "codecs/base/base.h"

struct broker;
struct space;
struct space_order {     /* what is to be done; zeros: count */
    bool is_gc, is_real; /* look for what may go; remove it */
    uint64_t grace_s;    /* what was stored or used since stays; at least five minutes,
                            but for what only nodes have */
    uint64_t
        older_than_s;   /* files of runs that ended so long ago may go; 0: of any age */
    uint64_t keep_last; /* but not of the last so many of a pipeline; 0: no matter */
    const char *const *runs; /* numbers: only files of these; 0 of them: of all */
    size_t run_count;        /* with none of the last three no run's files may go */
};

/* NULL: no memory. The loop is woken through space_fd. */
struct space *space_create(struct broker *broker);
void space_destroy(struct space *space); /* ends a walk that is under way */
int space_fd(const struct space *space);

/* Loop: begins. RC_CONFLICT: one is under way, or files must stay because of a backup.
 */
NODISCARD enum rc space_begin(struct broker *broker, const struct space_order *order,
                              struct err *err);
/* Loop: removing by the settings gc-every, gc-older-than, gc-keep-last and gc-grace. When
 * it is due (INT64_MAX: never), and doing it if it is. */
int64_t space_due_us(const struct broker *broker);
void space_step(struct broker *broker);
/* Loop: the run gets a tag; a removal that is under way leaves its files. */
void space_hold_run(struct broker *broker, uint64_t run);
/* Loop: the file is used, or made anew, by whoever is served in this turn: a removal that
 * is under way leaves it if only nodes have it. */
void space_use(struct broker *broker, const char *digest);
/* Loop: a node keeps an output, by the result in hand. */
void space_kept(struct broker *broker, uint32_t node, const char *digest);
/* Loop: the node has joined, and is told what it is to remove; and its answer. */
void space_node_joined(struct broker *broker, uint32_t node);
void space_node_removed(struct broker *broker, uint32_t node, const void *bytes,
                        size_t size);
/* Loop: before its commit, writes what the thread is about to remove; after it, lets the
 * thread go on, or not. */
void space_write(struct broker *broker);
void space_committed(struct broker *broker, bool is_stored);
