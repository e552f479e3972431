/* spawn.c - the child shares our memory until its exec, and we stand still meanwhile: so
 * what it fails with is simply left there, and nothing is copied for it. */
#include "nodes/supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "codecs/base/buf.h"
#include "nodes/supervisor/process.h"

enum { NS_PER_S = 1000000000 };

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

static char *const *exec_list(const char *const *texts)
{
    return (char *const *)(uintptr_t)texts;
}

static enum rc program_exec(const struct launch *launch, struct err *err)
{
    const char *program = launch->arguments[0];
    const char *path = variable_find(launch, "PATH");
    int sys;

    /* Whatever is wrong with it, the shell knows what is to be said and done. */
    if (launch->direct_count > 0)
        execvpe(launch->direct[0], exec_list(launch->direct),
                exec_list(launch->variables));
    execvpe(program, exec_list(launch->arguments), exec_list(launch->variables));
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
                                struct err *err)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (child_prepare(launch, directory_fd, file_limit, parent, err) == RC_OK) {
        close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
        (void)!program_exec(launch, err);
    }
    _exit(127);
}

void spawn_signals_reset(void)
{
    for (int signal_number = 1; signal_number < NSIG; signal_number++)
        if (signal_number != SIGKILL && signal_number != SIGSTOP)
            signal(signal_number, SIG_DFL);
}

/* execvpe searches the PATH of the caller: make that the task's. Not in the child, which
 * has our memory. */
static enum rc path_set(const struct launch *launch, struct err *err)
{
    const char *path = variable_find(launch, "PATH");

    if (clearenv() != 0 || (path && setenv("PATH", path, 1) != 0))
        return err_set(err, RC_NO_MEMORY, "no memory to start %s", launch->arguments[0]);
    return RC_OK;
}

static uint64_t boottime_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Field 22 of /proc/<pid>/stat, which is dear to read: the tick in which the process was
 * made, and so the present one, if that has not changed since. Nobody else reaps the
 * process, so the number is still its own when it has ended. */
static uint64_t start_ticks(pid_t pid, uint64_t before_ns)
{
    long per_s = sysconf(_SC_CLK_TCK);
    uint64_t tick_ns = NS_PER_S / (per_s > 0 ? (uint64_t)per_s : 1);
    struct process child = { 0 };

    if (before_ns / tick_ns == boottime_ns() / tick_ns)
        return before_ns / tick_ns;
    (void)!process_read(pid, &child);
    return child.start_ticks;
}

enum rc spawn_process(const struct launch *launch, int directory_fd,
                      const struct rlimit *file_limit, struct spawned *spawned,
                      struct err *err)
{
    struct err failure = { .rc = RC_OK };
    struct err *volatile left = &failure; /* or the compiler sees nobody change it */
    uint64_t before_ns = boottime_ns();
    pid_t parent = getpid();

    must(launch->argument_count > 0);

    enum rc rc = path_set(launch, err);

    if (rc != RC_OK)
        return rc;

    pid_t pid = vfork();

    if (pid == 0)
        child_run(launch, directory_fd, file_limit, parent, left);
    if (pid < 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "a process for %s",
                           launch->arguments[0]);
    if (left->rc != RC_OK) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        *err = *left;
        return left->rc;
    }
    *spawned = (struct spawned){ .pid = pid, .start_ticks = start_ticks(pid, before_ns) };
    return RC_OK;
}
