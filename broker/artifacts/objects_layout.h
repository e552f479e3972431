/* objects_layout.h - how a directory of objects is laid out; for the files of this folder
 * only. */
#pragma once

#include "broker/artifacts/object_packs.h"
#include "broker/artifacts/objects.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    OBJECT_SHARDS = 256,
    OBJECT_SHARDS_SINGLE = 8, /* made one by one before the rest is made together */
    OBJECT_MODE = 0444,
    HASHERS_MAX = 64,                  /* threads that hash what earlier writers left */
    OBJECT_NAME_SIZE = 2 + 1 + 62 + 1, /* "ab/cdef...", with the NUL */
};

/* A file in tmp that a later writer of the same object goes on with begins so. */
#define OBJECT_PART "part-"

struct objects {
    char *directory; /* absolute */
    int fd, tmp_fd;  /* of the directory and of tmp, -1 when not open */
    struct packs *packs;
    pthread_mutex_t use; /* held while a file's last use is looked at or set */
    atomic_uint shards_made;
    atomic_uint hashers;                         /* threads at work */
    atomic_bool cannot_clone;                    /* the file system has no reflinks */
    atomic_bool is_shard_durable[OBJECT_SHARDS]; /* there, and its entry is on disk */
};

/* The object's path below the directory; false if digest is not a digest. */
bool object_name(const char *digest, char name[OBJECT_NAME_SIZE]);
/* Has the folder that will hold the name there, and its own entry on disk. */
NODISCARD enum rc objects_make_shard(struct objects *objects,
                                     const char name[OBJECT_NAME_SIZE], struct err *err);
/* fsync of the folder that holds the name. */
NODISCARD enum rc objects_sync_shard(struct objects *objects,
                                     const char name[OBJECT_NAME_SIZE], struct err *err);
