/* outputs.c - the walk over outputs/ and taken/, one open folder at a time. */
#include "nodes/staging/outputs.h"

#include "codecs/plan/tree.h"
#include "codecs/value/utf8.h"
#include "codecs/value/value.h"
#include "nodes/staging/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COMPLAINTS_MAX = 100 /* status lines about outputs of one attempt */ };

struct waiting { /* a folder that is still to be read */
    const char *path;
    struct waiting *next;
};

struct walk {
    int folder;
    struct arena *arena;
    struct complaints *complaints;
    struct waiting *waiting;
    const char *root; /* "outputs" or "taken/<number>" */
    uint64_t batch;
    struct found_output *found;
    size_t count, capacity;
    struct err *err;
};

void complain(struct complaints *complaints, bool is_failure, const char *format, ...)
{
    char text[sizeof complaints->first];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (is_failure && complaints->failures++ == 0)
        memcpy(complaints->first, text, sizeof text);
    complaints->said++;
    if (complaints->said < COMPLAINTS_MAX)
        attempt_say(complaints->staging, complaints->token, "%s", text);
    else if (complaints->said == COMPLAINTS_MAX)
        attempt_say(complaints->staging, complaints->token,
                    "there is more to say about outputs, but this was enough");
}

const char *name_shown(struct arena *arena, const char *name)
{
    scoped_buf buf = { 0 };

    value_json_string(&buf, name, strlen(name));

    const char *text = arena_text(arena, buf_string(&buf));

    return text ? text : "?";
}

static bool is_utf8(const char *text)
{
    size_t size = strlen(text);

    for (size_t i = 0, length = 1; i < size; i += length)
        if (utf8_next(text + i, size - i, &length) == UTF8_BAD)
            return false;
    return true;
}

static enum rc out_of_memory(struct err *err)
{
    return err_set(err, RC_NO_MEMORY, "no memory for the list of outputs");
}

static enum rc found_add(struct walk *walk, const char *path)
{
    if (walk->count == walk->capacity) {
        size_t capacity = walk->capacity ? walk->capacity * 2 : 64;
        struct found_output *found = arena_array(walk->arena, capacity, sizeof *found);

        if (!found)
            return out_of_memory(walk->err);
        if (walk->count > 0)
            memcpy(found, walk->found, walk->count * sizeof *found);
        walk->found = found;
        walk->capacity = capacity;
    }

    const char *name = path + strlen(walk->root) + 1;

    walk->found[walk->count++] = (struct found_output){
        .name = name,
        .path = path,
        .batch = walk->batch,
        .is_bad = !tree_path_is_safe(name) || !is_utf8(name),
    };
    return RC_OK;
}

static enum rc waiting_add(struct walk *walk, const char *path)
{
    struct waiting *waiting = arena_alloc(walk->arena, sizeof *waiting);

    if (!waiting)
        return out_of_memory(walk->err);
    *waiting = (struct waiting){ path, walk->waiting };
    walk->waiting = waiting;
    return RC_OK;
}

static enum rc entry_visit(struct walk *walk, int folder, const char *parent,
                           const char *name)
{
    const char *path = arena_printf(walk->arena, "%s/%s", parent, name);
    struct stat found;

    if (!path)
        return out_of_memory(walk->err);
    if (fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) != 0) {
        complain(walk->complaints, true, "cannot look at %s: %s",
                 name_shown(walk->arena, path), strerrordesc_np(errno));
        return RC_OK;
    }
    if (S_ISREG(found.st_mode))
        return found_add(walk, path);
    if (!S_ISDIR(found.st_mode)) {
        complain(walk->complaints, false, "%s is %s: it is no output",
                 name_shown(walk->arena, path),
                 S_ISLNK(found.st_mode) ? "a symbolic link" : "a special file");
        return RC_OK;
    }
    if (strlen(path) > TREE_PATH_MAX) {
        complain(walk->complaints, true, "folders in outputs/ are nested too deep: %.80s",
                 path);
        return RC_OK;
    }
    return waiting_add(walk, path);
}

static enum rc folder_visit(struct walk *walk, const char *path)
{
    int fd = open_beneath(walk->folder, path, O_RDONLY | O_DIRECTORY);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    enum rc rc = RC_OK;

    if (!entries) {
        complain(walk->complaints, true, "cannot read the folder %s: %s",
                 name_shown(walk->arena, path), strerrordesc_np(fd < 0 ? -fd : errno));
        if (fd >= 0)
            close(fd);
        return RC_OK;
    }
    while (rc == RC_OK && (errno = 0, entry = readdir(entries)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            rc = entry_visit(walk, fd, path, entry->d_name);
    if (rc == RC_OK && errno != 0)
        rc = err_set_sys(walk->err, RC_IO, errno, "cannot read the folder %s", path);
    closedir(entries);
    return rc;
}

static enum rc root_walk(struct walk *walk, const char *root, uint64_t batch)
{
    enum rc rc = waiting_add(walk, root);

    walk->root = root;
    walk->batch = batch;
    while (rc == RC_OK && walk->waiting) {
        const char *path = walk->waiting->path;

        walk->waiting = walk->waiting->next;
        rc = folder_visit(walk, path);
    }
    return rc;
}

/* Each folder in taken/ is named by a number and holds one output with its path. */
static enum rc taken_walk(struct walk *walk)
{
    int fd = open_beneath(walk->folder, "taken", O_RDONLY | O_DIRECTORY);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    enum rc rc = RC_OK;

    if (!entries) {
        if (fd >= 0)
            close(fd);
        return RC_OK;
    }
    while (rc == RC_OK && (entry = readdir(entries)) != NULL) {
        char *end;
        uint64_t batch = strtoull(entry->d_name, &end, 10);

        if (entry->d_name[0] < '0' || entry->d_name[0] > '9' || *end != '\0')
            continue;

        const char *root = arena_printf(walk->arena, "taken/%" PRIu64, batch);

        rc = root ? root_walk(walk, root, batch) : out_of_memory(walk->err);
    }
    closedir(entries);
    return rc;
}

static int compare_outputs(const void *a, const void *b)
{
    const struct found_output *left = a, *right = b;
    int order = strcmp(left->name, right->name);

    if (order != 0)
        return order;
    return left->batch < right->batch ? -1 : left->batch > right->batch;
}

static bool is_named(const struct walk *walk, const char *name, size_t size)
{
    size_t low = 0, high = walk->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *other = walk->found[middle].name;
        int order = strncmp(other, name, size);

        if (order == 0 && other[size] == '\0')
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* A file beside an output that tells its properties, or the list of all properties. */
static bool is_about_others(const struct walk *walk, const struct found_output *output)
{
    size_t size = strlen(output->name), ending = strlen(SIDECAR_ENDING);

    if (strcmp(output->name, PROPERTIES_FILE) == 0)
        return true;
    return size > ending && strcmp(output->name + size - ending, SIDECAR_ENDING) == 0
           && is_named(walk, output->name, size - ending);
}

enum rc outputs_find(int folder, struct arena *arena, struct complaints *complaints,
                     struct found_outputs *found, struct err *err)
{
    struct walk walk = {
        .folder = folder, .arena = arena, .complaints = complaints, .err = err
    };
    struct stat outputs;
    enum rc rc = taken_walk(&walk);

    if (rc == RC_OK && fstatat(folder, "outputs", &outputs, AT_SYMLINK_NOFOLLOW) == 0)
        rc = root_walk(&walk, "outputs", UINT64_MAX);
    if (rc != RC_OK)
        return rc;
    if (walk.count > 0)
        qsort(walk.found, walk.count, sizeof *walk.found, compare_outputs);

    struct found_output *kept = arena_array(arena, walk.count, sizeof *kept);
    size_t count = 0;

    if (!kept)
        return out_of_memory(err);
    for (size_t i = 0; i < walk.count; i++)
        if (!is_about_others(&walk, &walk.found[i]))
            kept[count++] = walk.found[i];
    *found = (struct found_outputs){ kept, count };
    return RC_OK;
}
