/* instance.h - a recorded run of a workflow: its graph and run times, read from a file in
 * WfFormat 1.5 (https://wfcommons.org/format). */
#pragma once

#include "bench/plans.h"

#include <stddef.h>

struct instance {
    size_t tasks, link_count;
    double *run_ms;          /* of each task, scaled */
    struct plan_link *links; /* parent, child */
};

/* The run times are those of the file divided by scale. Ends the workload when the file
 * is not of that format. */
void instance_read(const char *path, double scale, struct instance *instance);
void instance_fini(struct instance *instance);

/* What no runtime can do better: the longer of the critical path and the work spread
 * evenly over the slots. */
double instance_bound_ms(const struct instance *instance, unsigned slots);
/* What one that costs nothing does when it starts whatever is ready, first what has the
 * longest way to the end. */
double instance_schedule_ms(const struct instance *instance, unsigned slots);
