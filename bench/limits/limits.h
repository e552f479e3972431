/* limits.h - what this machine can do at best, on the bare system: measured in the same
 * run as the workload that it is the limit of. */
#pragma once

#include <stddef.h>

double limit_spawn_ms(void); /* /bin/true: started and waited for */

/* 4 KiB written to a new file of the folder and synced. */
double limit_sync_ms(const char *folder);

/* The file read and hashed with SHA-256 on one core. */
double limit_sha_ms(const char *path);
/* The same with MD5, the slowest of the digests that outputs get. */
double limit_md5_ms(const char *path);
/* The file over TCP on loopback into a file of the folder, which is synced. */
double limit_copy_ms(const char *path, const char *folder);
/* What is in one folder into another, through two tars and a pipe. */
double limit_tar_ms(const char *from, const char *to);
/* count records of 1 KiB appended to a file, each after four looks at files that are
 * there; then one sync. */
double limit_lookup_ms(const char *folder, size_t count);

/* count messages of size bytes to another process and back, ZeroMQ over ipc://, with up
 * to window of them on their way at a time. */
double limit_echo_ms(const char *folder, size_t count, size_t size, size_t window);
/* One at a time: the time of each in ms. */
void limit_echo_each(const char *folder, size_t count, size_t size, double *each);

/* Batches of so many rows of size bytes appended to an LMDB, each batch one transaction
 * that is synced. */
double limit_commit_ms(const char *folder, size_t batches, size_t rows, size_t size);
/* The time of each in ms. */
void limit_commit_each(const char *folder, size_t batches, size_t rows, size_t size,
                       double *each);

/* count times the program, slots at once. */
double limit_spawn_loop_ms(const char *const arguments[], size_t count, size_t slots);
