/* follow.h - stays with a run until it ends, and shows it. */
#pragma once

#include "client/cli/cli.h"

/* Shows the run on stdout: redrawn in place on a terminal, a line per change in a pipe,
 * an object per change with --json; then a summary. Ctrl-C asks whether to leave the run
 * or to cancel it. Returns the exit code. */
int follow_run(struct cli *cli, uint64_t run);
