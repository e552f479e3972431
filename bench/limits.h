/* limits.h - what this machine can do at best, on the bare system: measured in the same
 * run as the workload that it is the limit of. */
#pragma once

#include <stddef.h>

double limit_spawn_ms(void); /* /bin/true: started and waited for */

/* 4 KiB written to a new file of the folder and synced. */
double limit_sync_ms(const char *folder);

/* count times /bin/true, slots at once. */
double limit_spawn_loop_ms(size_t count, size_t slots);
