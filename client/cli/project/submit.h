/* submit.h - hands a plan to the broker, with who asks for it. */
#pragma once

#include "client/cli/cli.h"
#include "codecs/plan/plan.h"

/* Fills plan->asked and submits; parent: id of the run that this one is made from, why:
 * what is done with it, one word; both NULL for a run of its own. */
int submit_plan(struct cli *cli, struct arena *arena, struct plan *plan,
                const char *parent, const char *why, uint64_t *run);
