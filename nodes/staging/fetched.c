/* fetched.c - the folders of runs in fetched/, by the time of the last change in each. */
#include "nodes/staging/fetched.h"

#include "nodes/staging/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct fetched_run {
    char name[40]; /* a UUID */
    time_t used_s;
};

static int by_age(const void *a, const void *b)
{
    const struct fetched_run *one = a, *other = b;

    return (one->used_s > other->used_s) - (one->used_s < other->used_s);
}

/* The runs in the folder, the oldest first; at most twice as many as are kept. */
static size_t runs_list(DIR *folder, struct fetched_run *runs, size_t room)
{
    const struct dirent *entry;
    size_t count = 0;

    while (count < room && (entry = readdir(folder)) != NULL) {
        struct fetched_run *run = &runs[count];
        struct stat status;

        if (entry->d_name[0] == '.'
            || snprintf(run->name, sizeof run->name, "%s", entry->d_name)
                   >= (int)sizeof run->name
            || fstatat(dirfd(folder), run->name, &status, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        run->used_s = status.st_mtime;
        count++;
    }
    if (count > 0)
        qsort(runs, count, sizeof *runs, by_age);
    return count;
}

void fetched_trim(const char *directory)
{
    char path[FOLDER_PATH_SIZE];
    const size_t room = 2 * FETCHED_RUNS_MAX;

    if (snprintf(path, sizeof path, "%s/fetched", directory) >= (int)sizeof path)
        return;

    DIR *folder = opendir(path);
    struct fetched_run *runs = folder ? calloc(room, sizeof *runs) : NULL;
    size_t count = runs ? runs_list(folder, runs, room) : 0;
    size_t surplus =
        count > FETCHED_RUNS_MAX ? count - FETCHED_RUNS_MAX + FETCHED_RUNS_MAX / 10 : 0;

    for (size_t i = 0; i < count; i++)
        if (i < surplus || time(NULL) - runs[i].used_s > FETCHED_KEPT_S)
            folder_remove(dirfd(folder), runs[i].name);
    free(runs);
    if (folder)
        closedir(folder);
}
