/* project.h - what the workloads that measure `sluice` itself do in a project. */
#pragma once

#include "bench/workload.h"

/* Makes the workload's folder a project: the steps `one` (the command true) and `many`
 * (/bin/true for a parameter i), and the pipeline `many`, a sweep of so many tasks. */
void project_write(const struct bench *bench, size_t tasks);

/* Runs `sluice` with these words in the project, and expects success; ms. */
double project_sluice(const struct bench *bench, const char *const words[]);
#define SLUICE(bench, ...)                                                               \
    project_sluice((bench), (const char *const[]){ __VA_ARGS__, NULL })

/* Writes a file of the project. */
FILE *project_file(const struct bench *bench, const char *name);
void project_file_close(FILE *file);
