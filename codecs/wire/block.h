/* block.h - tasks of one stage that ended well one after the other, in a few bytes each.
 *
 * What has no command to run has no logs, outputs or messages: all that is left of such a
 * task is when it began and ended, and its exit code, which is 0. The times are unsigned
 * LEB128 numbers (base 128, least bits first: DWARF 5, section 7.6) of microseconds: from
 * the end of the task before (of the first: from started_us) to the start, and from the
 * start to the end. Documented in docs/protocol.md ("Block"). Pure. */
#pragma once

#include "codecs/pack/pack.h"

enum {
    BLOCK_TASKS_MAX = 1 << 16,
    BLOCK_TIME_BYTES_MAX = 10,
    BLOCKS_TASKS_MAX = 1000000 /* of all blocks of a message */
};

struct task_block {
    uint64_t token, count; /* token of the first; those of the others follow */
    int64_t started_us;    /* of the first, Unix time */
    struct bytes times;    /* borrowed */
};

/* Appends a task that began at started_us and ended at ended_us to times. last is where
 * the task before ended, at first started_us of the block; a clock that went back counts
 * as one that stood. */
void block_add(struct buf *times, int64_t *last, int64_t started_us, int64_t ended_us);
/* Whether the times are those of count tasks, 1 to BLOCK_TASKS_MAX, and nothing else. */
bool block_is_whole(const struct task_block *block);
/* The tasks of a block that is whole, one after the other. */
struct block_walk {
    const struct task_block *block;
    uint64_t next; /* place of the task that block_next gives */
    size_t at;
    int64_t last;
};
void block_walk_begin(struct block_walk *walk, const struct task_block *block);
void block_next(struct block_walk *walk, int64_t *started_us, int64_t *ended_us);
/* Of the task at place i below count. */
void block_times(const struct task_block *block, uint64_t i, int64_t *started_us,
                 int64_t *ended_us);

/* The block of count tasks of the walk's from place first on; its times are appended to
 * times. Parts that are taken in order cost one walk together. */
struct task_block block_part(struct block_walk *walk, uint64_t first, uint64_t count,
                             struct buf *times);

/* [token, count, started_us, times]; its hash is in the version of the tasks. */
void block_encode(struct buf *buf, const struct task_block *block);
/* Also checks that it is whole. Fails the reader. */
void block_read(struct reader *reader, struct task_block *block);

/* MESSAGE_BLOCKS: {blocks: [block]}, together of at most BLOCKS_TASKS_MAX tasks. */
void blocks_encode(struct buf *buf, const struct task_block *blocks, size_t count);
NODISCARD enum rc blocks_decode(const void *bytes, size_t size, struct arena *arena,
                                struct task_block **blocks, size_t *count,
                                struct err *err);
