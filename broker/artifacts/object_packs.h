/* object_packs.h - small objects, many to a file; for the files of this folder only.
 *
 * A file for each would cost an inode, a block and two syncs. packs/<number>.pack has
 * bytes and nothing else, packs/<number>.index a record for each object in it, written
 * when the bytes are there (docs/store.md). Bytes are checked each time that they are
 * read, so that an index that says more than the disk kept does no harm. Any thread. One
 * process adds to one pack; what another process adds is seen at the next opening. */
#pragma once

#include "broker/artifacts/objects.h"

enum { PACK_BYTES = 64 << 20 /* a pack with so many gets no more */ };

struct packs;
/* directory: of the objects, borrowed, with its path shown for messages. Makes nothing
 * until something is added. */
NODISCARD enum rc packs_open(int directory, const char *shown, struct packs **packs,
                             struct err *err);
void packs_destroy(struct packs *packs);
SCOPED(packs)

/* digest must be one, here and below. size may be NULL. */
bool packs_has(struct packs *packs, const char *digest, uint64_t *size);
/* The object's bytes into room, which has OBJECT_SMALL_MAX. RC_NOT_FOUND; RC_CORRUPT: the
 * bytes are in room, and are not the object's. */
NODISCARD enum rc packs_read(struct packs *packs, const char *digest, void *room,
                             size_t *size, struct err *err);
/* Adds them, in their order; the bytes are known to be right. */
NODISCARD enum rc packs_add(struct packs *packs, const struct object_small *items,
                            size_t count, bool is_durable, struct err *err);
/* Forgets the object. Its bytes go when less than half of its pack is left: the rest is
 * then added anew and the files removed. */
NODISCARD enum rc packs_remove(struct packs *packs, const char *digest, struct err *err);
/* objects_use and objects_remove_unused, of what is in packs. After a restart all of a
 * pack was used when the last of it was. */
bool packs_use(struct packs *packs, const char *digest, uint64_t *size);
NODISCARD enum rc packs_remove_unused(struct packs *packs, const char *digest,
                                      int64_t since_ns, bool *was_removed,
                                      struct err *err);
NODISCARD enum rc packs_each(struct packs *packs,
                             enum rc (*take)(void *context,
                                             const struct object_seen *seen),
                             void *context);
