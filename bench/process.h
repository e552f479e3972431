/* process.h - the daemons of a workload: started, looked at, ended. They end with the
 * workload, however that ends. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* Starts a program; what it prints to stderr goes to the file. Descriptor 3 is for its
 * first word: the call returns when a line was written there (or on stdout, if the
 * program is told nothing of 3), and fails the workload if the program ends before. */
enum word { WORD_NONE, WORD_ON_3, WORD_ON_STDOUT };
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
