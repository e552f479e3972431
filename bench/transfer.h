/* transfer.h - the workloads that move files, see README.md. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* One large file: hashed, stored, fetched. folder: of the project, empty but for it. */
void bench_transfer(const char *folder, size_t repeats, bool as_json);
/* 10,000 small files from a folder into the folder of a task, by `sluice run`. */
void bench_files(const char *folder, size_t repeats, bool as_json);
