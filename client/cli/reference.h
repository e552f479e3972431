/* reference.h - RUN[/STAGE[/N]] as people write it. */
#pragma once

#include "client/cli/cli.h"

/* Splits "RUN/REST" at the first slash; rest is NULL without one. false: the run's part
 * is empty or has more than REFERENCE_RUN_MAX bytes. Pure. */
enum { REFERENCE_RUN_MAX = 64 };
struct reference {
    char run[REFERENCE_RUN_MAX + 1];
    const char *rest; /* borrowed from the text */
};
bool reference_split(const char *text, struct reference *reference);

/* Whether the text can name a run: its first part is "last", a number, or looks like (the
 * beginning of) an id. Pure. */
bool reference_is_run(const char *text);

/* Finds "STAGE" or "STAGE/N" among the names: an exact name first (also one that ends
 * with a slash and digits), then a unique prefix. RC_NOT_FOUND with the names there are,
 * RC_INVALID when several fit. Pure. */
struct stage_match {
    size_t stage;
    bool has_task;
    uint64_t task;
};
NODISCARD enum rc reference_stage(const char *rest, const char *const *names,
                                  size_t count, struct stage_match *match,
                                  struct err *err);

/* A reference looked up: connects (CONNECT_STORE), finds the run, reads its view, finds
 * the stage. */
struct target {
    uint64_t run;
    struct sluice_view *view;
    const struct sluice_stage *stage; /* NULL: the reference named only a run */
    bool has_task;
    uint64_t task;
};
/* TARGET_STAGE: a run by itself will do where it has one stage only. */
enum target_depth { TARGET_RUN, TARGET_RUN_OR_STAGE, TARGET_STAGE };
int target_open(struct cli *cli, const char *text, enum target_depth depth,
                struct target *target);
/* The same of a run whose number is known, over the connection that there is; rest is
 * "STAGE[/N]" or NULL. */
int target_of_run(struct cli *cli, uint64_t run, const char *rest, struct target *target);
void target_fini(struct target *target);
#define scoped_target __attribute__((cleanup(target_fini))) struct target
/* For verbs that need one task: takes the only one if none was named. */
int target_need_task(struct cli *cli, struct target *target);
/* The number of a run: connects, unless there is a connection, and asks. */
int run_find(struct cli *cli, const char *text, uint64_t *run);
/* The tasks [first, first + limit) of the target's stage; only the named one if there
 * is one. sluice_tasks_free them. */
int target_tasks(struct cli *cli, const struct target *target, uint64_t first,
                 uint32_t limit, struct sluice_tasks **tasks);
