/* roles.h - what the children of the test do. Each returns the exit status. */
#pragma once

#include <stdint.h>

/* Submits the work of folder/valohai.yaml run by run, three at a time, until at least
 * runs were submitted and folder/enough is there; ends when all have ended. Started again
 * it repeats every submission: folder/acked has a line "<submission> <run>" for each that
 * was acknowledged, and the broker must tell the same again. 3: it told otherwise. */
int role_submit(const char *folder, const char *endpoint, uint64_t runs);

/* Appends "<number> <topic>" of every event to file, going on after the last one there.
 * Ends when it has the event of that number. */
int role_watch(const char *file, const char *endpoint, uint64_t last);

/* The number of the last whole line of a subscriber's file; 0 if there is none. */
uint64_t watched_last(const char *file);
