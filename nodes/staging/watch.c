/* watch.c - a search tree of watches by inotify's number. */
#include "nodes/staging/watch.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

static int compare_watches(const void *a, const void *b)
{
    const struct watch *left = a, *right = b;

    return left->number < right->number ? -1 : left->number > right->number;
}

struct watch *watch_find(const struct watches *watches, int number)
{
    struct watch wanted = { .number = number };
    void *const *node = tfind(&wanted, &watches->tree, compare_watches);

    return node ? *node : NULL;
}

static bool watch_keep(struct watches *watches, struct watch_list *list, int number,
                       const struct watch *made)
{
    struct watch *watch = calloc(1, sizeof *watch);

    if (!watch)
        return false;
    *watch = *made;
    watch->number = number;
    watch->list = list;
    if (!tsearch(watch, &watches->tree, compare_watches)) {
        free(watch);
        return false;
    }
    LIST_INSERT_HEAD(&list->watches, watch, link);
    list->count++;
    return true;
}

bool watch_add(struct watches *watches, struct watch_list *list, int fd,
               enum watch_kind kind, struct attempt *attempt, const char *path)
{
    /* By descriptor, so that what is watched is what was opened without following links.
     */
    char opened[64];
    uint32_t mask = kind == WATCH_STREAM
                        ? IN_MODIFY
                        : IN_ATTRIB | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR;
    char *copy = path ? strdup(path) : NULL;

    snprintf(opened, sizeof opened, "/proc/self/fd/%d", fd);

    int number = path && !copy ? -1 : inotify_add_watch(watches->inotify, opened, mask);
    struct watch *known = number < 0 ? NULL : watch_find(watches, number);
    struct watch made = { .kind = kind, .attempt = attempt, .path = copy };

    if (known && known->attempt == attempt) {
        free(known->path);
        known->path = copy;
        return true;
    }
    if (known)
        watch_remove(watches, known, true);
    if (number >= 0 && watch_keep(watches, list, number, &made))
        return true;
    if (number >= 0)
        inotify_rm_watch(watches->inotify, number);
    free(copy);
    return false;
}

void watch_remove(struct watches *watches, struct watch *watch, bool is_gone)
{
    if (!is_gone)
        inotify_rm_watch(watches->inotify, watch->number);
    tdelete(watch, &watches->tree, compare_watches);
    LIST_REMOVE(watch, link);
    watch->list->count--;
    free(watch->path);
    free(watch);
}
