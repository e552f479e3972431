/* space.h - what holds how much, and removing what nothing needs, on a thread of its own.
 *
 * A file is removed when nothing refers to it (space_mark.h) and it was neither stored
 * nor asked for since some time before the walk began. Whoever makes a reference first
 * asks for the file, by objects_use, so a walk that did not see the reference does not
 * remove it. Why and when stands in the store before the bytes go. */
#pragma once

#include "codecs/base/base.h"

struct broker;
struct space;

/* NULL: no memory. The loop is woken through space_fd. */
struct space *space_create(struct broker *broker);
void space_destroy(struct space *space); /* ends a walk that is under way */
int space_fd(const struct space *space);

/* Loop: before its commit, writes what the thread is about to remove; after it, lets the
 * thread go on, or not. */
void space_write(struct broker *broker);
void space_committed(struct broker *broker, bool is_stored);
