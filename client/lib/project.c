/* project.c - the private broker and node of a project: found, or started.
 *
 * A lock on run/start.lock lets one caller at a time look and start, so that two callers
 * get the same broker. Whether a daemon runs is seen by its own locks and sockets, never
 * by a remembered pid. */
#include "client/lib/client.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    READY_WAIT_MS = 20000,
    GOODBYE_WAIT_MS = 20000,
    NODE_DOUBT_MS = 1000, /* a node has its lock, or has ended, much sooner */
    LOG_BYTES_MAX = 10 << 20,
    PATH_ROOM = PATH_MAX + 64, /* bytes of a folder and a name in it */
};

extern char **environ;

static enum rc make_folder(const char *path, struct err *err)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return RC_OK;
    return err_set_sys(err, rc_of_errno(errno), errno, "cannot make the folder %s", path);
}

static enum rc make_folders(const char *folder, struct err *err)
{
    char path[PATH_ROOM];
    enum rc rc = make_folder(folder, err);

    if (rc != RC_OK)
        return rc;
    snprintf(path, sizeof path, "%s/.gitignore", folder);

    scoped_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0 && errno != EEXIST)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot write %s", path);
    if (fd >= 0 && write(fd, "*\n", 2) != 2)
        return err_set_sys(err, RC_FULL, errno, "cannot write %s", path);
    snprintf(path, sizeof path, "%s/run", folder);
    return make_folder(path, err);
}

/* Whether somebody listens on the broker's socket. */
static bool broker_listens(const char *endpoint)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const char *path = endpoint + strlen("ipc://");
    scoped_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || strlen(path) >= sizeof address.sun_path)
        return false;
    memcpy(address.sun_path, path, strlen(path) + 1);
    return connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

/* Whether the process that locks the file lives. */
static bool is_locked(const char *path)
{
    scoped_fd int fd = open(path, O_RDWR | O_CLOEXEC);

    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

static bool is_program(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

/* Looks for the daemon around a file of ours: as built, as installed, or in its folder.
 */
static bool find_around(const char *file, const char *name, const char *built,
                        char path[PATH_ROOM])
{
    const char *const places[] = { "", built, "../sbin/", "../../sbin/" };
    const char *slash = strrchr(file, '/');
    int size = slash ? (int)(slash + 1 - file) : 0;

    for (size_t i = 0; size > 0 && i < COUNT_OF(places); i++)
        if (snprintf(path, PATH_ROOM, "%.*s%s%s", size, file, places[i], name) < PATH_ROOM
            && is_program(path))
            return true;
    return false;
}

/* Around the program, around the library that it uses, where this was to be installed;
 * else by PATH. */
static void find_program(const char *variable, const char *name, const char *built,
                         char path[PATH_ROOM])
{
    static const char here; /* any address of this library */
    const char *named = getenv(variable);
    char self[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    Dl_info library;

    if (named && *named) {
        snprintf(path, PATH_ROOM, "%s", named);
        return;
    }
    self[size > 0 ? size : 0] = '\0';
    if (find_around(self, name, built, path)
        || (dladdr(&here, &library) != 0
            && find_around(library.dli_fname, name, built, path))
        || find_around(SLUICE_SBINDIR, name, "", path))
        return;
    snprintf(path, PATH_ROOM, "%s", name);
}

/* Starts a daemon in a session of its own, its words going to <folder>/<name>.log. */
static enum rc start_daemon(const char *folder, const char *name, char *const arguments[],
                            int ready_fd, pid_t *started, struct err *err)
{
    char log[PATH_ROOM];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    struct stat info;
    pid_t pid;
    int code;

    snprintf(log, sizeof log, "%s/%s.log", folder, name);
    if (stat(log, &info) == 0 && info.st_size > LOG_BYTES_MAX && truncate(log, 0) < 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot empty %s", log);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND,
                                     0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    if (ready_fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, ready_fd, 3);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    code = posix_spawnp(&pid, arguments[0], &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (code != 0)
        return err_set_sys(err, RC_UNREACHABLE, code, "cannot start %s (log: %s)",
                           arguments[0], log);
    *started = pid;
    return RC_OK;
}

static void last_log_line(const char *folder, const char *name, char line[400])
{
    char path[PATH_ROOM], text[400];

    snprintf(path, sizeof path, "%s/%s.log", folder, name);
    line[0] = '\0';

    scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    ssize_t got =
        size <= 0
            ? 0
            : pread(fd, text, sizeof text - 1,
                    size > (off_t)sizeof text - 1 ? size - (off_t)sizeof text + 1 : 0);

    if (got <= 0)
        return;
    text[got] = '\0';
    text[strcspn(text, "\0")] = '\0';
    for (char *end; (end = strrchr(text, '\n')) != NULL && end[1] == '\0';)
        *end = '\0';

    const char *start = strrchr(text, '\n');

    snprintf(line, 400, "%s", start ? start + 1 : text);
}

static enum rc await_ready(int fd, const char *folder, struct err *err)
{
    struct pollfd item = { fd, POLLIN, 0 };
    char word[8], line[400];

    if (poll(&item, 1, READY_WAIT_MS) == 0)
        return err_set(err, RC_TIMEOUT, "brokerd does not get ready; see %s/brokerd.log",
                       folder);
    if (read(fd, word, sizeof word) > 0)
        return RC_OK;
    last_log_line(folder, "brokerd", line);
    return err_set(err, RC_UNREACHABLE, "brokerd did not start: %s (see %s/brokerd.log)",
                   line, folder);
}

/* The settings of the project's broker: its own, if they are there, else the person's.
 * false: none. */
static bool broker_settings(const char *folder, char path[PATH_ROOM])
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int size = snprintf(path, PATH_ROOM, "%s/brokerd.yaml", folder);

    if (size < PATH_ROOM && access(path, F_OK) == 0)
        return true;
    size = PATH_ROOM;
    if (config && *config)
        size = snprintf(path, PATH_ROOM, "%s/sluice/brokerd.yaml", config);
    else if (home && *home)
        size = snprintf(path, PATH_ROOM, "%s/.config/sluice/brokerd.yaml", home);
    return size < PATH_ROOM && access(path, F_OK) == 0;
}

static enum rc start_broker(const char *folder, struct err *err)
{
    char program[PATH_ROOM], settings[PATH_ROOM];
    char private[] = "--private", ready[] = "--ready-fd", three[] = "3", file[] = "-c";
    char *arguments[] = { program,  private, (char *)(uintptr_t)folder,
                          ready,    three,   file,
                          settings, NULL };
    int ends[2];
    pid_t pid;
    enum rc rc;

    find_program("SLUICE_BROKERD", "brokerd", "../broker/", program);
    if (!broker_settings(folder, settings))
        arguments[COUNT_OF(arguments) - 3] = NULL;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_set_sys(err, RC_IO, errno, "pipe");
    rc = start_daemon(folder, "brokerd", arguments, ends[1], &pid, err);
    close(ends[1]);
    if (rc == RC_OK)
        rc = await_ready(ends[0], folder, err);
    close(ends[0]);
    return rc;
}

/* *pid is 0 when a node runs already. */
static enum rc start_node(const char *folder, pid_t *pid, struct err *err)
{
    char program[PATH_ROOM], lock[PATH_ROOM];
    char private[] = "--private";
    char *arguments[] = { program, private, (char *)(uintptr_t)folder, NULL };

    snprintf(lock, sizeof lock, "%s/node/lock", folder);
    *pid = 0;
    if (is_locked(lock))
        return RC_OK;
    find_program("SLUICE_NODED", "noded", "../nodes/", program);
    return start_daemon(folder, "noded", arguments, -1, pid, err);
}

/* Whether the node that was started has ended already, as one does that cannot use its
 * folder: a run would wait for it for ever. Another one may have been faster. */
static enum rc check_node(const char *folder, pid_t pid, struct err *err)
{
    scoped_fd int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    struct pollfd item = { fd, POLLIN, 0 };
    char lock[PATH_ROOM], line[400];

    snprintf(lock, sizeof lock, "%s/node/lock", folder);
    for (int ms = 0; fd >= 0 && ms < NODE_DOUBT_MS && !is_locked(lock); ms++)
        if (poll(&item, 1, 1) != 0)
            break;
    if (fd < 0 || is_locked(lock) || waitpid(pid, NULL, WNOHANG) != pid)
        return RC_OK;
    last_log_line(folder, "noded", line);
    return err_set(err, RC_UNREACHABLE, "noded did not start: %s (see %s/noded.log)",
                   line, folder);
}

static enum rc start_daemons(const char *folder, const char *endpoint, struct err *err)
{
    char path[PATH_ROOM];

    snprintf(path, sizeof path, "%s/run/start.lock", folder);

    scoped_fd int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (lock < 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot write %s", path);
    if (flock(lock, LOCK_EX) < 0)
        return err_set_sys(err, RC_IO, errno, "cannot lock %s", path);

    /* The node finds the broker by itself, so it may start first. */
    pid_t node;
    enum rc rc = start_node(folder, &node, err);

    if (rc == RC_OK && !broker_listens(endpoint)) {
        rc = start_broker(folder, err);
        if (rc != RC_OK && node > 0)
            kill(node, SIGTERM);
    }
    if (rc == RC_OK)
        rc = check_node(folder, node, err);
    return rc;
}

static enum rc endpoints(struct sluice *sluice, char broker[ENDPOINT_MAX],
                         const char *run, struct err *err)
{
    enum rc rc = link_ipc_endpoint(run, "broker", broker, err);

    if (rc == RC_OK && sluice)
        rc = link_ipc_endpoint(run, "bulk", sluice->bulk_endpoint, err);
    if (rc == RC_OK && sluice)
        rc = link_ipc_endpoint(run, "events", sluice->events_endpoint, err);
    return rc;
}

static enum rc open_project(const char *project, bool start, struct sluice **sluice,
                            struct err *err)
{
    char folder[PATH_MAX], run[PATH_ROOM], endpoint[ENDPOINT_MAX];
    char *whole = realpath(project, NULL);
    struct sluice *made;
    enum rc rc = RC_OK;

    if (!whole)
        return err_set_sys(err, rc_of_errno(errno), errno, "the project's folder %s",
                           project);
    bool fits = snprintf(folder, sizeof folder, "%s/.sluice", whole) < PATH_MAX - 64;

    free(whole);
    if (!fits)
        return err_set(err, RC_INVALID, "the project's path is too long: %s", project);
    snprintf(run, sizeof run, "%s/run", folder);
    if (start)
        rc = make_folders(folder, err);
    else if (access(run, X_OK) < 0)
        rc = err_set(err, RC_UNREACHABLE, "no broker runs for %s", project);
    if (rc == RC_OK)
        rc = endpoints(NULL, endpoint, run, err);
    if (rc == RC_OK && start)
        rc = start_daemons(folder, endpoint, err);
    else if (rc == RC_OK && !broker_listens(endpoint))
        rc = err_set(err, RC_UNREACHABLE, "no broker runs for %s", project);
    if (rc != RC_OK)
        return rc;
    made = sluice_create(endpoint, 0, err);
    if (!made)
        return err->rc;
    made->folder = strdup(folder);
    rc = made->folder ? endpoints(made, endpoint, run, err)
                      : err_set(err, RC_NO_MEMORY, "no memory for a connection");
    if (rc == RC_OK)
        *sluice = made;
    else
        sluice_close(made);
    return rc;
}

int sluice_open_project(const char *project, bool start, struct sluice **sluice,
                        struct sluice_error *error)
{
    struct err own;

    return (int)open_project(project, start, sluice, error_or(error, &own));
}

int sluice_keep(struct sluice *sluice, struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    char endpoint[ENDPOINT_MAX], run[PATH_ROOM];

    if (!sluice->folder)
        return SLUICE_OK;
    snprintf(run, sizeof run, "%s/run", sluice->folder);

    enum rc rc = link_ipc_endpoint(run, "broker", endpoint, err);

    return (int)(rc == RC_OK ? start_daemons(sluice->folder, endpoint, err) : rc);
}

/* Waits for the end of a process that is no child of ours. */
static void await_exit(uint32_t pid)
{
    scoped_fd int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    struct pollfd item = { fd, POLLIN, 0 };

    if (fd >= 0)
        poll(&item, 1, GOODBYE_WAIT_MS);
}

/* The node ends with its broker; one that did not hear of it in time is told by signal.
 * Its lock says that the number in it is still its own. */
static void end_node(const char *folder)
{
    char path[PATH_ROOM], text[24] = "";

    snprintf(path, sizeof path, "%s/node/lock", folder);

    scoped_fd int fd = open(path, O_RDWR | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : pread(fd, text, sizeof text - 1, 0);
    long pid = got > 0 ? strtol(text, NULL, 10) : 0;

    if (pid <= 1 || !is_locked(path))
        return;
    kill((pid_t)pid, SIGTERM);
    await_exit((uint32_t)pid);
}

/* The node ends after its broker. Until then it holds its lock, and whoever starts the
 * daemons again would take it for one that stays. */
static void await_node(const char *folder)
{
    char lock[PATH_ROOM];

    snprintf(lock, sizeof lock, "%s/node/lock", folder);
    for (int ms = 0; ms < GOODBYE_WAIT_MS && is_locked(lock); ms++)
        poll(NULL, 0, 1);
}

int sluice_shutdown(struct sluice *sluice, bool force, struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    struct sluice_info info;
    scoped_reply reply = { 0 };
    int code = sluice_status(sluice, &info, error);

    if (code != SLUICE_OK)
        return code;

    enum rc rc = sluice_call(sluice, MESSAGE_SHUTDOWN,
                             &(struct request){ .force = force }, &reply, err);

    if (rc == RC_OK && sluice->folder) {
        await_exit(info.pid);
        end_node(sluice->folder);
        await_node(sluice->folder);
    }
    return (int)rc;
}
