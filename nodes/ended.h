/* ended.h - results that have no folder any more, until the broker has them.
 *
 * An attempt that left nothing gives its folder to the next one at once (warm.h). Its
 * result is appended to a file of the node before that, so that an agent that starts anew
 * can tell it. Nothing is synced: a power loss makes the node lost anyway, and only the
 * broker's store counts after it.
 *
 * Two files are written in turn, <directory>/ended.0 and ended.1: each is cut to nothing
 * when the broker has all results in it. Format: records of a length (little-endian, 32
 * bits) and so many bytes: a msgpack list of version, token, run, stage, index, number of
 * the attempt, result. A record that is not whole ends a file. Single-threaded. */
#pragma once

#include "codecs/base/arena.h"
#include "codecs/pack/pack.h"

struct ended_log;

struct ended_item {
    uint64_t token, run, index;
    uint32_t stage, number;
    struct bytes encoded; /* the result */
    unsigned file;        /* that has it */
};

/* Opens the files, which may hold what an earlier agent has written. */
NODISCARD enum rc ended_open(const char *directory, struct ended_log **log,
                             struct err *err);
void ended_close(struct ended_log *log); /* NULL is fine */
static inline void ended_log_scoped(struct ended_log **log)
{
    ended_close(*log);
}

/* Before the first append: what is in the files, the newest last, in arena. Those that
 * count still are to be told by ended_keep, then comes ended_begin. */
NODISCARD enum rc ended_read(struct ended_log *log, struct arena *arena,
                             struct ended_item **items, size_t *count, struct err *err);
void ended_keep(struct ended_log *log, unsigned file);
void ended_begin(struct ended_log *log);

/* item->file is set. On failure (RC_FULL, RC_IO, RC_NO_MEMORY) nothing was written. */
NODISCARD enum rc ended_append(struct ended_log *log, struct ended_item *item,
                               struct err *err);
/* One of the file's results counts no more. */
void ended_forget(struct ended_log *log, unsigned file);
