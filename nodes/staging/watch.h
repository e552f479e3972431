/* watch.h - which inotify watch stands for what. Single-threaded. */
#pragma once

#include "nodes/staging/staging.h"

#include <sys/queue.h>

enum watch_kind { WATCH_STREAM, WATCH_FOLDER };

struct attempt;

struct watch {
    int number; /* inotify's; first, so that it can be searched for */
    enum watch_kind kind;
    struct attempt *attempt;
    char *path; /* WATCH_FOLDER: below the attempt's folder, owned */
    struct watch_list *list;
    LIST_ENTRY(watch) link;
};

struct watch_list { /* those of one attempt */
    LIST_HEAD(, watch) watches;
    size_t count;
};

struct watches { /* zeroed but for inotify is empty */
    int inotify;
    void *tree;
};

/* Watches the open file or folder, in place of an earlier watch of the same one. false:
 * it cannot be watched, mostly because the user's limit is reached. */
bool watch_add(struct watches *watches, struct watch_list *list, int fd,
               enum watch_kind kind, struct attempt *attempt, const char *path);
struct watch *watch_find(const struct watches *watches, int number);
/* is_gone: the kernel has dropped it already. */
void watch_remove(struct watches *watches, struct watch *watch, bool is_gone);
