/* sandbox.c - a helper process builds the root, tells by a pipe, and ends. */
#include "nodes/supervisor/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct sandbox {
    int user_fd; /* -1: none was needed, or we are in it */
    int mount_fd;
};

/* What the helper tells of itself; the text only on failure. */
struct report {
    bool ready, has_user;
    struct err err;
};

static const char own_entry[] = "valohai";
static const char old_root[] = "/.host";

static enum rc text_write(const char *path, const char *text, struct err *err)
{
    scoped_fd int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "%s", path);
    return RC_OK;
}

/* ThreadSanitizer gives every process a second thread, and the kernel lets none with two
 * threads enter namespaces. */
#ifdef __SANITIZE_THREAD__
static const bool has_own_thread = true;
#else
static const bool has_own_thread = false;
#endif

/* A mount namespace of our own, inside a user namespace if it takes one. */
static enum rc namespaces_unshare(bool *has_user, struct err *err)
{
    unsigned user = geteuid(), group = getegid();
    char map[64];

    if (has_own_thread)
        return err_set(err, RC_UNSUPPORTED, "no namespaces under ThreadSanitizer");
    *has_user = unshare(CLONE_NEWNS) != 0;
    if (*has_user) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
            return err_set_sys(err, RC_DENIED, errno, "user and mount namespaces");

        enum rc rc = text_write("/proc/self/setgroups", "deny", err);

        snprintf(map, sizeof map, "%u %u 1", user, user);
        rc = rc != RC_OK ? rc : text_write("/proc/self/uid_map", map, err);
        snprintf(map, sizeof map, "%u %u 1", group, group);
        rc = rc != RC_OK ? rc : text_write("/proc/self/gid_map", map, err);
        if (rc != RC_OK)
            return rc;
    }
    /* Slave: what the host mounts comes in, nothing goes out. */
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0)
        return err_set_sys(err, RC_DENIED, errno, "cutting mounts off from the host");
    return RC_OK;
}

/* An empty thing of the same kind for a bind to cover. */
static int place_make(const char *path, bool is_directory)
{
    if (is_directory)
        return mkdir(path, 0755) == 0 || errno == EEXIST ? 0 : -1;

    scoped_fd int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    return fd < 0 && errno != EEXIST ? -1 : 0;
}

static enum rc entry_show(const char *name, struct err *err)
{
    char source[NAME_MAX + 16], target[NAME_MAX + 16], link[PATH_MAX];
    struct stat state;

    snprintf(source, sizeof source, "%s/%s", old_root, name);
    snprintf(target, sizeof target, "/%s", name);
    if (lstat(source, &state) != 0)
        return RC_OK;
    if (S_ISLNK(state.st_mode)) {
        ssize_t size = readlink(source, link, sizeof link - 1);

        link[size < 0 ? 0 : size] = '\0';
        if (symlink(link, target) != 0)
            return err_set_sys(err, RC_IO, errno, "%s in the new root", target);
        return RC_OK;
    }
    if (!S_ISDIR(state.st_mode) && !S_ISREG(state.st_mode))
        return RC_OK;
    if (place_make(target, S_ISDIR(state.st_mode)) != 0
        || mount(source, target, NULL, MS_BIND | MS_REC, NULL) != 0)
        return err_set_sys(err, RC_DENIED, errno, "%s in the new root", target);
    return RC_OK;
}

static enum rc entries_show(struct err *err)
{
    DIR *host = opendir(old_root);
    enum rc rc = RC_OK;
    struct dirent *entry;

    if (!host)
        return err_set_sys(err, RC_IO, errno, "%s", old_root);
    while (rc == RC_OK && (entry = readdir(host)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0
            && strcmp(entry->d_name, own_entry) != 0)
            rc = entry_show(entry->d_name, err);
    closedir(host);
    return rc;
}

/* The new root is first mounted over `directory`; pivot_root takes it away from there, so
 * that the host's own tree, moved below it, is whole again. */
static enum rc root_build(const char *directory, struct err *err)
{
    if (mount("sluice", directory, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=0755")
            != 0
        || chdir(directory) != 0)
        return err_set_sys(err, RC_DENIED, errno, "tmpfs on %s", directory);
    if (mkdir(old_root + 1, 0700) != 0 || syscall(SYS_pivot_root, ".", old_root + 1) != 0
        || chdir("/") != 0)
        return err_set_sys(err, RC_DENIED, errno, "pivot_root");

    enum rc rc = entries_show(err);

    if (rc != RC_OK)
        return rc;
    if (umount2(old_root, MNT_DETACH) != 0 || rmdir(old_root) != 0)
        return err_set_sys(err, RC_DENIED, errno, "leaving the old root");
    return RC_OK;
}

/* The helper: reports, then lives until the parent has opened its namespaces. */
static _Noreturn void helper_run(const char *directory, int report_fd, int release_fd)
{
    struct report report = { 0 };
    char byte;

    report.ready = namespaces_unshare(&report.has_user, &report.err) == RC_OK
                   && root_build(directory, &report.err) == RC_OK;
    if (write(report_fd, &report, sizeof report) == (ssize_t)sizeof report)
        while (read(release_fd, &byte, 1) < 0 && errno == EINTR)
            continue;
    _exit(0);
}

static int namespace_open(pid_t pid, const char *name)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static enum rc sandbox_take(struct sandbox *sandbox, pid_t helper,
                            const struct report *report, struct err *err)
{
    if (!report->ready) {
        *err = report->err;
        return err->rc;
    }
    sandbox->mount_fd = namespace_open(helper, "mnt");
    if (report->has_user)
        sandbox->user_fd = namespace_open(helper, "user");
    if (sandbox->mount_fd < 0 || (report->has_user && sandbox->user_fd < 0))
        return err_set_sys(err, RC_IO, errno, "namespaces of process %d", (int)helper);
    return RC_OK;
}

struct sandbox *sandbox_create(const char *directory, struct err *err)
{
    scoped(sandbox) sandbox = malloc(sizeof *sandbox);
    struct report report = { 0 };
    int up[2], down[2];

    if (!sandbox || pipe2(up, O_CLOEXEC) != 0) {
        err_set(err, RC_NO_MEMORY, "no memory or descriptors for namespaces");
        return NULL;
    }
    *sandbox = (struct sandbox){ .user_fd = -1, .mount_fd = -1 };
    if (pipe2(down, O_CLOEXEC) != 0) {
        err_set_sys(err, RC_NO_MEMORY, errno, "descriptors for namespaces");
        close(up[0]);
        close(up[1]);
        return NULL;
    }

    pid_t helper = fork();

    if (helper == 0) {
        close(up[0]);
        close(down[1]);
        helper_run(directory, up[1], down[0]);
    }
    close(up[1]);
    close(down[0]);

    enum rc rc = RC_OK;

    if (helper < 0 || read(up[0], &report, sizeof report) != (ssize_t)sizeof report)
        rc = err_set_sys(err, RC_IO, errno, "a process to build namespaces");
    if (rc == RC_OK)
        rc = sandbox_take(sandbox, helper, &report, err);
    close(up[0]);
    close(down[1]);
    while (helper > 0 && waitpid(helper, NULL, 0) < 0 && errno == EINTR)
        continue;
    return rc == RC_OK ? steal(&sandbox) : NULL;
}

void sandbox_destroy(struct sandbox *sandbox)
{
    if (!sandbox)
        return;
    fd_scoped(&sandbox->user_fd);
    fd_scoped(&sandbox->mount_fd);
    free(sandbox);
}

/* Makes the directories above path, and path itself as the kind of thing given. */
static int target_make(const char *path, bool is_directory)
{
    char part[PATH_MAX];
    size_t size = strlen(path);

    if (size == 0 || size >= sizeof part || path[0] != '/') {
        errno = EINVAL;
        return -1;
    }
    memcpy(part, path, size + 1);
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST && access(part, F_OK) != 0)
            return -1;
        *slash = '/';
    }
    return place_make(path, is_directory);
}

static enum rc bind_show(const struct launch_bind *bind, struct err *err)
{
    struct mount_attr attributes = { .attr_set = MOUNT_ATTR_RDONLY };
    struct stat state;

    if (stat(bind->source, &state) != 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "%s, to be shown as %s",
                           bind->source, bind->target);
    if (target_make(bind->target, S_ISDIR(state.st_mode)) != 0
        || mount(bind->source, bind->target, NULL, MS_BIND | MS_REC, NULL) != 0
        || (bind->readonly
            && mount_setattr(AT_FDCWD, bind->target, AT_RECURSIVE, &attributes,
                             sizeof attributes)
                   != 0))
        return err_set_sys(err, RC_IO, errno, "%s cannot be shown as %s", bind->source,
                           bind->target);
    return RC_OK;
}

/* What was there is closed in any case: it may be a lock of the parent. */
static int descriptor_move(int *fd, int at)
{
    if (*fd < 0) {
        close(at);
        return 0;
    }
    if (*fd != at && dup3(*fd, at, O_CLOEXEC) < 0)
        return -1;
    *fd = at;
    return 0;
}

enum rc sandbox_move(struct sandbox *sandbox, int at, struct err *err)
{
    /* Neither may be where the other goes. */
    int mount_fd = fcntl(sandbox->mount_fd, F_DUPFD_CLOEXEC, at + 2);

    sandbox->mount_fd = mount_fd;
    if (mount_fd < 0 || descriptor_move(&sandbox->user_fd, at) < 0
        || descriptor_move(&sandbox->mount_fd, at + 1) < 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "descriptors of namespaces");
    return RC_OK;
}

enum rc sandbox_enter(struct sandbox *sandbox, const struct launch *launch,
                      struct err *err)
{
    struct mount_attr attributes = { .attr_set = MOUNT_ATTR_RDONLY };

    if (sandbox->user_fd >= 0 && setns(sandbox->user_fd, CLONE_NEWUSER) != 0)
        return err_set_sys(err, RC_DENIED, errno, "entering the namespaces");
    fd_scoped(&sandbox->user_fd);
    sandbox->user_fd = -1;
    if (setns(sandbox->mount_fd, CLONE_NEWNS) != 0 || unshare(CLONE_NEWNS) != 0)
        return err_set_sys(err, RC_DENIED, errno, "entering the namespaces");
    for (size_t i = 0; i < launch->bind_count; i++) {
        enum rc rc = bind_show(&launch->binds[i], err);

        if (rc != RC_OK)
            return rc;
    }
    /* The tmpfs is one for all attempts: nobody may leave anything in it. */
    if (mount_setattr(AT_FDCWD, "/", 0, &attributes, sizeof attributes) != 0)
        return err_set_sys(err, RC_DENIED, errno, "making the root directory read-only");
    return RC_OK;
}
