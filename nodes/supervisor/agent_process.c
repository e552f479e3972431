/* agent_process.c - fork, exec and back-off. */
#include "nodes/supervisor/agent_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CRASH_MS = 1000, WAIT_MAX_MS = 10000 };

static _Noreturn void agent_run(const struct supervisor_options *options, int channel,
                                pid_t parent)
{
    char *const *arguments = (char *const *)(uintptr_t)options->agent;
    sigset_t none;

    if (channel == SUPERVISOR_CHANNEL_FD)
        fcntl(channel, F_SETFD, 0);
    else
        dup2(channel, SUPERVISOR_CHANNEL_FD);
    close_range(SUPERVISOR_CHANNEL_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    execvp(arguments[0], arguments);
    fprintf(stderr, "supervisor: cannot start the agent %s: %s\n", arguments[0],
            strerror(errno));
    _exit(127);
}

enum rc agent_process_start(struct agent_process *agent,
                            const struct supervisor_options *options, uint64_t now_ms,
                            struct err *err)
{
    pid_t parent = getpid();
    int ends[2];

    must(agent->pid == 0 && agent->fd < 0);
    agent->next_ms = now_ms + WAIT_MAX_MS;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "channel of the agent");

    pid_t pid = fork();

    if (pid == 0)
        agent_run(options, ends[1], parent);

    int sys = errno;

    close(ends[1]);
    if (pid < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
        close(ends[0]);
        return err_set_sys(err, rc_of_errno(sys), sys, "process of the agent");
    }
    agent->pid = pid;
    agent->fd = ends[0];
    agent->started_ms = now_ms;
    return RC_OK;
}

void agent_process_ended(struct agent_process *agent,
                         const struct supervisor_options *options, uint64_t now_ms)
{
    fd_scoped(&agent->fd);
    agent->fd = -1;
    agent->pid = 0;
    if (now_ms - agent->started_ms >= CRASH_MS || agent->wait_ms == 0)
        agent->wait_ms = options->restart_wait_ms;
    else
        agent->wait_ms *= 2;
    if (agent->wait_ms > WAIT_MAX_MS)
        agent->wait_ms = WAIT_MAX_MS;
    agent->next_ms = now_ms + agent->wait_ms;
}
