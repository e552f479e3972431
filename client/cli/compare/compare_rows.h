/* compare_rows.h - fills a comparison with runs and tasks that a person names. */
#pragma once

#include "client/cli/cli.h"
#include "client/cli/compare/comparison.h"

struct compare_filter {
    const char *pipeline; /* only runs of it; NULL: any */
    const char *step;     /* rows are the tasks that execute it; NULL: as named */
    uint64_t last;        /* only the newest so many runs; 0: all */
};

/* words: RUN, RUN/STAGE[/N], FIRST-LAST, FIRST..LAST, each range also with /STAGE;
 * without words all runs are meant, the newest first. A word with a stage gives a row for
 * each of its tasks, one without it a row for the run: with the values of its stages that
 * have one task. Connects. */
int compare_gather(struct cli *cli, const struct compare_filter *filter,
                   struct comparison *into);
