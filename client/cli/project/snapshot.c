/* snapshot.c - see snapshot.h. */
#include "client/cli/project/snapshot.h"

#include "client/cli/project/project.h"
#include "client/cli/project/spawn.h"
#include "client/cli/project/walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GIT_BYTES_MAX = 512 << 20, IGNORE_BYTES_MAX = 1 << 20, LINK_BYTES_MAX = 4096 };

/* Whether the folder lies in a git repository: asking git costs a process. */
static bool is_in_git(const char *project)
{
    char *folder = strdup(project);
    bool found = getenv("GIT_DIR") != NULL;

    while (folder && !found) {
        char *slash = strrchr(folder, '/');

        found = project_has(folder, ".git");
        if (!slash || !slash[1])
            break;
        slash[slash == folder] = '\0';
    }
    free(folder);
    return found;
}

/* Reads what `git status --porcelain=v2 --branch -z` prints: a header "# branch.oid X",
 * "# branch.head X", then an entry for each file that differs. */
static enum rc read_status(const struct buf *out, struct arena *arena,
                           struct plan_code *code)
{
    const char *text = (const char *)out->data;

    for (size_t at = 0; at < out->size;) {
        size_t size = strnlen(text + at, out->size - at);
        const char *line = arena_copy(arena, text + at, size);

        if (!line)
            return RC_NO_MEMORY;
        if (strncmp(line, "# branch.oid ", 13) == 0 && line[13] != '(')
            code->commit = line + 13;
        else if (strncmp(line, "# branch.head ", 14) == 0 && line[14] != '(')
            code->branch = line + 14;
        else if (line[0] != '#' && line[0])
            code->is_dirty = true;
        at += size + 1;
    }
    return RC_OK;
}

static enum rc list_names(const struct buf *out, struct texts *names)
{
    const char *text = (const char *)out->data;

    for (size_t at = 0; at < out->size;) {
        size_t size = strnlen(text + at, out->size - at);

        if (size && !texts_add_bytes(names, text + at, size))
            return RC_NO_MEMORY;
        at += size + 1;
    }
    return RC_OK;
}

/* The two questions go to two processes that work at the same time. */
static enum rc ask_git(const char *project, struct arena *arena, struct texts *names,
                       struct plan_code *code, struct err *err)
{
    const char *const list[] = { "git",
                                 "-C",
                                 project,
                                 "ls-files",
                                 "-z",
                                 "--cached",
                                 "--others",
                                 "--exclude-standard",
                                 "--exclude=.sluice",
                                 "--deduplicate",
                                 NULL };
    const char *const status[] = { "git",
                                   "-C",
                                   project,
                                   "--no-optional-locks",
                                   "status",
                                   "--porcelain=v2",
                                   "--branch",
                                   "-z",
                                   "--",
                                   ".",
                                   ":(exclude).sluice",
                                   ":(exclude)*.sluice",
                                   NULL };
    struct spawned listing, looking;
    scoped_buf listed = { .limit = GIT_BYTES_MAX }, looked = { .limit = GIT_BYTES_MAX };
    enum rc rc = spawn_start(list, &listing, err);

    if (rc != RC_OK)
        return rc;
    rc = spawn_start(status, &looking, err);

    enum rc list_rc = spawn_finish(&listing, &listed, err);

    if (rc == RC_OK)
        rc = spawn_finish(&looking, &looked, err);
    if (rc == RC_OK)
        rc = list_rc;
    if (rc == RC_OK)
        rc = read_status(&looked, arena, code);
    return rc == RC_OK ? list_names(&listed, names) : rc;
}

static enum rc add_file(struct snapshot *snapshot, const char *name, const char *path,
                        const struct stat *status, struct digests *digests,
                        struct arena *arena, struct err *err)
{
    struct tree_entry *entry = &snapshot->tree.entries[snapshot->tree.entry_count];
    struct digest_set set = { .sha256 = "" };
    char target[LINK_BYTES_MAX] = "";

    if (!tree_path_is_safe(name))
        return err_set(
            err, RC_INVALID,
            "the file name \"%s\" cannot be kept (too long, or with a newline); "
            "rename it or name it in .vhignore",
            name);
    *entry = (struct tree_entry){ .mode = status->st_mode & 0111 ? 0755 : 0644 };
    if (S_ISLNK(status->st_mode)) {
        ssize_t size = readlink(path, target, sizeof target - 1);

        if (size < 0)
            return err_set_sys(err, rc_of_errno(errno), errno, "cannot read link %s",
                               path);
        target[size] = '\0';
        entry->mode = 0120000;
    } else {
        enum rc rc = digests_get(digests, path, false, &set, &entry->size, err);

        if (rc != RC_OK)
            return rc;
    }
    entry->path = arena_text(arena, name);
    entry->digest = arena_text(arena, set.sha256);
    entry->target = arena_text(arena, target);
    snapshot->paths[snapshot->tree.entry_count] = arena_text(arena, path);
    if (!entry->path || !entry->digest || !entry->target
        || !snapshot->paths[snapshot->tree.entry_count])
        return err_set(err, RC_NO_MEMORY, "out of memory");
    snapshot->tree.entry_count++;
    snapshot->code.file_count++;
    snapshot->code.bytes += entry->size;
    return RC_OK;
}

/* Takes one name that git or the walk gave. A folder is a repository inside of this one:
 * its files are added to names, to be taken after. */
static enum rc take(struct snapshot *snapshot, const char *project, const char *name,
                    const struct vhignore *vhignore, struct texts *nested,
                    struct digests *digests, struct arena *arena, struct err *err)
{
    char *path = project_path(project, name);
    struct stat status;
    enum rc rc = RC_OK;

    if (!path)
        return err_set(err, RC_NO_MEMORY, "out of memory");
    if (lstat(path, &status) < 0)
        rc = errno == ENOENT || errno == ENOTDIR
                 ? RC_OK
                 : err_set_sys(err, rc_of_errno(errno), errno, "cannot read %s", path);
    else if (vhignore_matches(vhignore, name, S_ISDIR(status.st_mode)))
        rc = RC_OK;
    else if (S_ISDIR(status.st_mode))
        rc = nested ? walk(project, name, vhignore, nested, err) : RC_OK;
    else if (S_ISREG(status.st_mode) || S_ISLNK(status.st_mode))
        rc = add_file(snapshot, name, path, &status, digests, arena, err);
    free(path);
    return rc;
}

/* .sluice, at any depth: it may have been added to git by mistake. And exported runs,
 * which `sluice export` writes beside the code: a new one would look like changed code.
 */
static bool is_ours(const char *name)
{
    static const char suffix[] = ".sluice";
    size_t size = strlen(name);

    if (size >= sizeof suffix && strcmp(name + size - (sizeof suffix - 1), suffix) == 0)
        return true;
    for (const char *part = name; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, ".sluice", 7) == 0 && (!part[7] || part[7] == '/'))
            return true;
    }
    return false;
}

static enum rc take_all(struct snapshot *snapshot, const char *project,
                        const struct texts *names, const struct vhignore *vhignore,
                        struct texts *nested, struct digests *digests,
                        struct arena *arena, struct err *err)
{
    size_t room = snapshot->tree.entry_count + names->count;
    struct tree_entry *entries = arena_array(arena, room, sizeof *entries);
    const char **paths = arena_array(arena, room, sizeof *paths);

    if (!entries || !paths)
        return err_set(err, RC_NO_MEMORY, "out of memory for %zu files", room);
    for (size_t i = 0; i < snapshot->tree.entry_count; i++) {
        entries[i] = snapshot->tree.entries[i];
        paths[i] = snapshot->paths[i];
    }
    snapshot->tree.entries = entries;
    snapshot->paths = paths;
    for (size_t i = 0; i < names->count; i++) {
        char *name = names->items[i];
        size_t size = strlen(name);

        if (size && name[size - 1] == '/')
            name[size - 1] = '\0';
        if (is_ours(name))
            continue;

        enum rc rc = take(snapshot, project, name, vhignore, nested, digests, arena, err);

        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

static enum rc read_ignore(const char *project, struct vhignore **vhignore,
                           struct err *err)
{
    char *path = project_path(project, ".vhignore");
    scoped_buf text = { 0 };
    enum rc rc = path ? file_read(path, IGNORE_BYTES_MAX + 1, &text, err) : RC_NO_MEMORY;

    free(path);
    if (rc == RC_NOT_FOUND) {
        *vhignore = NULL;
        return RC_OK;
    }
    if (rc != RC_OK)
        return rc;
    if (text.size > IGNORE_BYTES_MAX)
        return err_set(err, RC_INVALID, "%s/.vhignore has more than %d bytes", project,
                       IGNORE_BYTES_MAX);
    *vhignore = vhignore_create((const char *)text.data, text.size);
    return *vhignore ? RC_OK : err_set(err, RC_NO_MEMORY, "out of memory");
}

enum rc snapshot_take(const char *project, struct digests *digests, struct arena *arena,
                      struct snapshot *snapshot, struct err *err)
{
    scoped_texts names = { 0 }, nested = { 0 };
    scoped(vhignore) vhignore = NULL;
    bool has_git = is_in_git(project);
    enum rc rc = read_ignore(project, &vhignore, err);

    *snapshot = (struct snapshot){ 0 };
    if (rc != RC_OK)
        return rc;
    if (has_git && ask_git(project, arena, &names, &snapshot->code, err) != RC_OK) {
        texts_fini(&names);
        snapshot->code = (struct plan_code){ 0 };
        snapshot->git_failed = true;
        has_git = false;
    }
    if (!has_git)
        rc = walk(project, "", vhignore, &names, err);
    if (rc == RC_OK)
        rc = take_all(snapshot, project, &names, vhignore, &nested, digests, arena, err);
    if (rc == RC_OK && nested.count)
        rc = take_all(snapshot, project, &nested, vhignore, NULL, digests, arena, err);
    return rc;
}
