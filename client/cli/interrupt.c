/* interrupt.c - see interrupt.h. */
#include "client/cli/interrupt.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

int interrupt_open(void)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGWINCH);
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd >= 0)
        sigprocmask(SIG_BLOCK, &set, NULL);
    return fd;
}

int interrupt_next(int fd)
{
    struct signalfd_siginfo info;

    return fd >= 0 && read(fd, &info, sizeof info) == sizeof info ? (int)info.ssi_signo
                                                                  : 0;
}

enum answer interrupt_ask(int fd)
{
    struct pollfd waits[2] = { { .fd = STDIN_FILENO, .events = POLLIN },
                               { .fd = fd, .events = POLLIN } };
    char line[64];

    if (!isatty(STDIN_FILENO))
        return ANSWER_CANCEL;
    fputs("\n[d]etach, [c]ancel the run, anything else goes on: ", stderr);
    fflush(stderr);
    for (;;) {
        if (poll(waits, COUNT_OF(waits), -1) < 0)
            continue;
        if (waits[1].revents) {
            int signal = interrupt_next(fd);

            if (signal == SIGINT || signal == SIGTERM)
                return ANSWER_CANCEL;
        }
        if (waits[0].revents)
            break;
    }

    ssize_t got = read(STDIN_FILENO, line, sizeof line);

    if (got <= 0)
        return ANSWER_GO_ON;
    return line[0] == 'd' || line[0] == 'D'   ? ANSWER_DETACH
           : line[0] == 'c' || line[0] == 'C' ? ANSWER_CANCEL
                                              : ANSWER_GO_ON;
}
