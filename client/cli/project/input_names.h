/* input_names.h - inputs that are named by datum:// and dataset://, looked up. */
#pragma once

#include "client/cli/cli.h"
#include "codecs/plan/plan.h"

/* Puts the files that they stand for at this moment in the place of such sources: digest,
 * name, size, metadata and id, with the URI as it was named. Files whose bytes are gone,
 * and names that stand for nothing, are told with stage and input; the latter are left
 * out where an edge brings files. Memory from arena. EXIT_GO_ON, or the exit code. */
int input_names_resolve(struct cli *cli, struct plan *plan, struct arena *arena);
