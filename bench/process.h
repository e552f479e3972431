/* process.h - the daemons of a workload: started, looked at, ended. They end with the
 * workload, however that ends. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Starts a program; what it prints to stderr goes to the file. said: what it writes to
 * descriptor 3 or to stdout; NULL: both are thrown away. Close it. */
enum word { WORD_ON_3, WORD_ON_STDOUT };
pid_t process_begin(const char *const arguments[], const char *log, enum word word,
                    int *said);
/* Waits for a line, which is given without its end (line NULL: to nobody); fails the
 * workload if the program ends before. */
void process_await_line(int said, char *line, size_t size);
/* Both: the program runs, and has said that it is ready. */
pid_t process_start(const char *const arguments[], const char *log, enum word word);

/* Asks it to end (SIGTERM), waits, and expects the exit status 0. */
void process_end(pid_t pid);
/* As a crash would: SIGKILL. */
void process_kill(pid_t pid);

double process_cpu_ms(pid_t pid); /* of all its threads so far */

struct process_memory { /* bytes */
    uint64_t resident;  /* all, with what is mapped of files */
    uint64_t own;       /* without that */
};
struct process_memory process_memory(pid_t pid);
