/* process.c - see process.h. */
#include "bench/process.h"

#include "bench/measure.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void become(const char *const arguments[], const char *log, enum word word,
                   int told)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    int complaints = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(nothing, 0);
    dup2(word == WORD_ON_STDOUT && told >= 0 ? told : nothing, 1);
    dup2(complaints, 2);
    if (word == WORD_ON_3 && told > 3)
        dup2(told, 3);
    else if (word == WORD_ON_3 && told == 3)
        fcntl(3, F_SETFD, 0);
    execv(arguments[0], (char *const *)arguments);
    _exit(127);
}

pid_t process_begin(const char *const arguments[], const char *log, enum word word,
                    int *said)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        fail("cannot make a pipe: %s", strerror(errno));

    pid_t pid = fork();

    if (pid < 0)
        fail("cannot start %s: %s", arguments[0], strerror(errno));
    if (pid == 0)
        become(arguments, log, word, said ? ends[1] : -1);
    close(ends[1]);
    if (said)
        *said = ends[0];
    else
        close(ends[0]);
    return pid;
}

void process_await_line(int said, char *line, size_t size)
{
    size_t used = 0;
    char byte;

    for (;;) {
        if (read(said, &byte, 1) != 1)
            fail("a program ended before it said what was waited for");
        if (byte == '\n')
            break;
        if (used + 1 < size)
            line[used++] = byte;
    }
    if (size > 0)
        line[used] = '\0';
}

pid_t process_start(const char *const arguments[], const char *log, enum word word)
{
    int said;
    pid_t pid = process_begin(arguments, log, word, &said);

    process_await_line(said, NULL, 0);
    close(said);
    return pid;
}

static int wait_for(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            fail("cannot wait for %d: %s", (int)pid, strerror(errno));
    return status;
}

void process_end(pid_t pid)
{
    kill(pid, SIGTERM);

    int status = wait_for(pid);

    if (status != 0)
        fail("a daemon did not end well (wait status %d)", status);
}

void process_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    wait_for(pid);
}

double process_cpu_ms(pid_t pid)
{
    struct timespec used;
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
        fail("cannot tell the CPU time of %d", (int)pid);
    return (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
}

struct process_memory process_memory(pid_t pid)
{
    struct process_memory memory = { 0 };
    char path[64], line[256];
    unsigned long kib;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);

    FILE *file = fopen(path, "re");

    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "VmRSS: %lu", &kib) == 1)
            memory.resident = (uint64_t)kib << 10;
        else if (sscanf(line, "RssAnon: %lu", &kib) == 1)
            memory.own = (uint64_t)kib << 10;
    }
    if (!file || memory.resident == 0)
        fail("cannot tell the memory of %d", (int)pid);
    fclose(file);
    return memory;
}
