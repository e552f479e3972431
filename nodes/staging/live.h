/* live.h - takes outputs while the command runs: files below outputs/ that become
 * read-only.
 *
 * A file is taken by renaming it to taken/<number>/<its name>, which is one step and
 * needs no copy; it is stored when the attempt is collected. Sidecars and
 * valohai.metadata.jsonl are never taken. Single-threaded. */
#pragma once

#include "nodes/staging/watch.h"

struct live_scan;

struct live {
    const struct staging *staging;
    uint64_t token;
    int folder; /* of the attempt, borrowed */
    struct watches *watches;
    struct watch_list *list;
    struct attempt *attempt;
    struct live_scan *scans; /* folders that are to be read */
    uint64_t next;           /* number in taken/ */
    unsigned said;
    bool is_blind; /* some folder could not be watched */
};

/* Finds the next free number in taken/, and reads outputs/ and all below it. */
void live_start(struct live *live);
void live_stop(struct live *live);
/* name in the folder path (below the attempt's folder) got new attributes or is new. */
void live_file(struct live *live, const char *path, const char *name);
/* The folder at path is new, or may have changed unseen: it is to be read. */
void live_folder(struct live *live, const char *path);
/* Reads some of the folders that are to be read; true: there are more. */
bool live_step(struct live *live);
