/* spawn.c - failures of the child travel through a pipe that exec closes. */
#include "nodes/supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "codecs/base/buf.h"
#include "nodes/supervisor/process.h"

/* First the child tells its start time, then, if it comes to that, why it failed. */
struct verdict {
    uint64_t start_ticks;
    struct err err;
};

static void signals_reset(void)
{
    sigset_t none;

    for (int signal_number = 1; signal_number < NSIG; signal_number++)
        if (signal_number != SIGKILL && signal_number != SIGSTOP)
            signal(signal_number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Opens a file and puts it at the given descriptor. */
static int stream_place(int directory_fd, const char *name, int flags, int at)
{
    int fd = openat(directory_fd, name, flags, 0644);

    if (fd < 0 || fd == at)
        return fd;

    int rc = dup2(fd, at);

    close(fd);
    return rc;
}

static enum rc child_prepare(const struct launch *launch, int directory_fd,
                             const struct rlimit *file_limit, pid_t parent,
                             struct err *err)
{
    int append = O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY;

    setsid();
    if (stream_place(directory_fd, "/dev/null", O_RDONLY, STDIN_FILENO) < 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "/dev/null");
    if (stream_place(directory_fd, "stdout", append, STDOUT_FILENO) < 0
        || stream_place(directory_fd, "stderr", append, STDERR_FILENO) < 0)
        return err_set_sys(err, rc_of_errno(errno), errno,
                           "stdout and stderr of the attempt");
    if (chdir(launch->working_directory) != 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "working directory %s",
                           launch->working_directory);
    setrlimit(RLIMIT_NOFILE, file_limit);
    /* After every change of credentials, as those clear it; and the parent may be gone
     * already. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(127);
    return RC_OK;
}

static const char *variable_find(const struct launch *launch, const char *name)
{
    size_t size = strlen(name);

    for (size_t i = 0; i < launch->variable_count; i++)
        if (strncmp(launch->variables[i], name, size) == 0
            && launch->variables[i][size] == '=')
            return launch->variables[i] + size + 1;
    return NULL;
}

static enum rc program_exec(const struct launch *launch, struct err *err)
{
    const char *program = launch->arguments[0];
    const char *path = variable_find(launch, "PATH");
    char *const *arguments = (char *const *)(uintptr_t)launch->arguments;
    char *const *variables = (char *const *)(uintptr_t)launch->variables;
    int sys;

    /* execvpe searches the PATH of the caller: make that the task's. */
    if (clearenv() != 0 || (path && setenv("PATH", path, 1) != 0))
        return err_set(err, RC_NO_MEMORY, "no memory to start %s", program);
    execvpe(program, arguments, variables);
    sys = errno;
    if (sys == ENOENT && !strchr(program, '/'))
        return err_set_sys(err, RC_NOT_FOUND, sys,
                           "command %s: not found in PATH (%s); install it on the node "
                           "or give its full path",
                           program, path ? path : "not set");
    if (sys == ENOENT && access(program, F_OK) == 0)
        return err_set_sys(err, RC_NOT_FOUND, sys,
                           "command %s: the interpreter named in its first line is not "
                           "there",
                           program);
    if (sys == EACCES)
        return err_set_sys(err, RC_DENIED, sys,
                           "command %s: not executable (chmod +x, or a mount with "
                           "noexec)",
                           program);
    if (sys == E2BIG)
        return err_set_sys(err, RC_INVALID, sys,
                           "command %s: arguments and variables are too large", program);
    return err_set_sys(err, rc_of_errno(sys), sys, "command %s: cannot be started",
                       program);
}

static _Noreturn void child_run(const struct launch *launch, int directory_fd,
                                const struct rlimit *file_limit, pid_t parent,
                                int verdict_fd)
{
    struct verdict verdict = { 0 };
    struct process self;

    if (process_read(getpid(), &self))
        verdict.start_ticks = self.start_ticks;
    if (write(verdict_fd, &verdict.start_ticks, sizeof verdict.start_ticks) < 0)
        _exit(127);
    signals_reset();

    enum rc rc = child_prepare(launch, directory_fd, file_limit, parent, &verdict.err);

    if (rc == RC_OK) {
        /* Closed by exec, which also is how the parent knows that it worked. */
        close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
        (void)!program_exec(launch, &verdict.err);
    }
    (void)!write(verdict_fd, &verdict.err, sizeof verdict.err);
    _exit(127);
}

/* Reads until size bytes are there or the other end is closed. */
static size_t read_fully(int fd, void *data, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t got = read(fd, (char *)data + done, size - done);

        if (got == 0 || (got < 0 && errno != EINTR))
            break;
        done += got > 0 ? (size_t)got : 0;
    }
    return done;
}

enum rc spawn_process(const struct launch *launch, int directory_fd,
                      const struct rlimit *file_limit, struct spawned *spawned,
                      struct err *err)
{
    struct verdict verdict = { 0 };
    pid_t parent = getpid();
    int ends[2];

    must(launch->argument_count > 0);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "a pipe to start %s",
                           launch->arguments[0]);

    pid_t pid = fork();

    if (pid == 0)
        child_run(launch, directory_fd, file_limit, parent, ends[1]);

    int sys = errno;

    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return err_set_sys(err, rc_of_errno(sys), sys, "a process for %s",
                           launch->arguments[0]);
    }
    read_fully(ends[0], &verdict.start_ticks, sizeof verdict.start_ticks);

    bool has_failed = read_fully(ends[0], &verdict.err, sizeof verdict.err) > 0;

    close(ends[0]);
    if (has_failed) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        *err = verdict.err;
        return verdict.err.rc;
    }
    *spawned = (struct spawned){ .pid = pid, .start_ticks = verdict.start_ticks };
    return RC_OK;
}
