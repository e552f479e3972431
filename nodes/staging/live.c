/* live.c - from a changed mode to a file in taken/. */
#include "nodes/staging/live.h"

#include "codecs/plan/tree.h"
#include "nodes/staging/folder.h"
#include "nodes/staging/outputs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDERS_MAX = 10000, SAID_MAX = 50, SCANS_AT_ONCE = 64 };

static const char root[] = "outputs";

struct live_scan {
    struct live_scan *next;
    char path[];
};

void live_folder(struct live *live, const char *path)
{
    size_t size = strlen(path) + 1;
    struct live_scan *scan =
        size <= FOLDER_PATH_SIZE ? malloc(sizeof *scan + size) : NULL;

    if (!scan)
        return; /* its files are taken at the end */
    memcpy(scan->path, path, size);
    scan->next = live->scans;
    live->scans = scan;
}

static bool is_kept_back(const char *name)
{
    size_t size = strlen(name), ending = strlen(SIDECAR_ENDING);

    return strcmp(name, PROPERTIES_FILE) == 0
           || (size > ending && strcmp(name + size - ending, SIDECAR_ENDING) == 0);
}

static void file_take(struct live *live, int folder, const char *path, const char *name)
{
    const char *below = path[strlen(root)] == '/' ? path + strlen(root) + 1 : "", *last;
    char output[FOLDER_PATH_SIZE], to[FOLDER_PATH_SIZE + 64];
    int size =
        snprintf(output, sizeof output, "%s%s%s", below, below[0] ? "/" : "", name);

    if (size < 0 || size >= FOLDER_PATH_SIZE || !tree_path_is_safe(output)
        || is_kept_back(output))
        return;
    snprintf(to, sizeof to, "taken/%" PRIu64 "/%s", live->next, output);

    scoped_fd int parent = open_parent(live->folder, to, &last);

    if (parent < 0 || renameat(folder, name, parent, last) != 0)
        return;
    live->next++;
    if (live->said++ < SAID_MAX)
        attempt_say(live->staging, live->token,
                    "the output %s was made read-only and is taken", output);
}

static void entry_look(struct live *live, int folder, const char *path, const char *name)
{
    char below[FOLDER_PATH_SIZE];
    struct stat found;

    if (fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    if (S_ISDIR(found.st_mode)) {
        int size = snprintf(below, sizeof below, "%s/%s", path, name);

        if (size > 0 && size < FOLDER_PATH_SIZE)
            live_folder(live, below);
    } else if (S_ISREG(found.st_mode) && !(found.st_mode & 0222)) {
        file_take(live, folder, path, name);
    }
}

void live_file(struct live *live, const char *path, const char *name)
{
    scoped_fd int folder = open_beneath(live->folder, path, O_RDONLY | O_DIRECTORY);

    if (folder >= 0)
        entry_look(live, folder, path, name);
}

static void folder_watch(struct live *live, int fd, const char *path)
{
    if (live->list->count < FOLDERS_MAX
        && watch_add(live->watches, live->list, fd, WATCH_FOLDER, live->attempt, path))
        return;
    if (!live->is_blind)
        attempt_say(
            live->staging, live->token,
            "not all folders in outputs/ can be watched: outputs in %s and others "
            "are taken at the end",
            path);
    live->is_blind = true;
}

static void folder_scan(struct live *live, const char *path)
{
    int fd = open_beneath(live->folder, path, O_RDONLY | O_DIRECTORY);
    struct dirent *entry;

    if (fd < 0)
        return;
    folder_watch(live, fd, path);

    DIR *entries = fdopendir(fd);

    if (!entries) {
        close(fd);
        return;
    }
    while ((entry = readdir(entries)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            entry_look(live, fd, path, entry->d_name);
    closedir(entries);
}

bool live_step(struct live *live)
{
    for (unsigned i = 0; live->scans && i < SCANS_AT_ONCE; i++) {
        struct live_scan *scan = live->scans;

        live->scans = scan->next;
        folder_scan(live, scan->path);
        free(scan);
    }
    return live->scans != NULL;
}

static void number_find(struct live *live)
{
    int fd = open_beneath(live->folder, "taken", O_RDONLY | O_DIRECTORY);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!entries) {
        fd_scoped(&fd);
        return;
    }
    while ((entry = readdir(entries)) != NULL) {
        uint64_t number = strtoull(entry->d_name, NULL, 10);

        if (number >= live->next && number < UINT64_MAX - 1)
            live->next = number + 1;
    }
    closedir(entries);
}

void live_start(struct live *live)
{
    live->next = 1;
    number_find(live);
    live_folder(live, root);
    live_step(live);
}

void live_stop(struct live *live)
{
    while (live->scans) {
        struct live_scan *scan = live->scans;

        live->scans = scan->next;
        free(scan);
    }
}
