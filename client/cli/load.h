/* load.h - what the broker keeps as msgpack, fetched and decoded. */
#pragma once

#include "client/cli/cli.h"
#include "codecs/wire/result.h"

enum { LOAD_ARENA_MAX = 1 << 30 }; /* limit for an arena given to these */

/* The stage as it was resolved, or as the plan has it before that. */
int load_stage(struct cli *cli, uint64_t run, const char *name, struct arena *arena,
               struct plan_stage **stage);
/* *result is NULL while there is none. attempt 0: the last one. */
int load_result(struct cli *cli, uint64_t run, const char *stage, uint64_t task,
                uint32_t attempt, struct arena *arena, struct task_result **result);

/* Calls visit for each task from first up to (not with) last, in order, with its last
 * result, or NULL while there is none. What a result refers to lives in the arena, or,
 * where that is NULL, until visit returns. Ends at the first visit that does not return
 * EXIT_GO_ON, with what it returned. */
typedef int result_visit(void *context, uint64_t task, const struct task_result *result);
int load_results(struct cli *cli, uint64_t run, const char *stage, uint64_t first,
                 uint64_t last, struct arena *arena, result_visit *visit, void *context);

/* Appends why an attempt ended otherwise than well, in one line: "exit code 3", "killed
 * by signal 9 (Killed)", "time-limit: ...". result may be NULL. */
void load_reason(struct buf *buf, const struct sluice_task *task,
                 const struct task_result *result);
/* Appends the last lines (at most line_max of them, none of more than 400 bytes) of a
 * stream of the last attempt, each with '\n'; nothing when it is empty or away. */
void load_tail(struct cli *cli, uint64_t run, const char *stage, uint64_t task,
               enum sluice_stream stream, unsigned line_max, struct buf *buf);
