/* recovery.c - passes over /proc until one finds nothing. */
#include "nodes/supervisor/recovery.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nodes/supervisor/process.h"

enum { PASS_MAX = 100 };

struct suspect {
    pid_t session;
    uint64_t start_ticks;
    struct stat streams[2]; /* st_ino 0: no such file */
};

struct search {
    const char *directory;
    struct suspect *suspects;
    size_t count, ended;
};

static void stream_look(const struct search *search, uint64_t token, const char *name,
                        struct stat *state)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/attempts/%" PRIu64 "/%s", search->directory, token,
             name);
    if (stat(path, state) != 0)
        *state = (struct stat){ 0 };
}

static void suspect_add(void *context, struct attempt *attempt)
{
    struct search *search = context;

    if (attempt_has_ended(attempt))
        return;

    struct suspect *suspect = &search->suspects[search->count++];

    *suspect = (struct suspect){ .session = attempt->fact.pid,
                                 .start_ticks = attempt->fact.start_ticks };
    stream_look(search, attempt->fact.token, "stdout", &suspect->streams[0]);
    stream_look(search, attempt->fact.token, "stderr", &suspect->streams[1]);
}

static bool is_in_session(const struct suspect *suspect, const struct process *process)
{
    struct process leader;

    if (suspect->session == 0 || process->session != suspect->session
        || process->start_ticks < suspect->start_ticks)
        return false;
    return !process_read(suspect->session, &leader)
           || leader.start_ticks == suspect->start_ticks;
}

static bool writes_to(const struct suspect *suspect, const struct stat *open_file)
{
    for (size_t i = 0; i < COUNT_OF(suspect->streams); i++)
        if (suspect->streams[i].st_ino != 0
            && suspect->streams[i].st_ino == open_file->st_ino
            && suspect->streams[i].st_dev == open_file->st_dev)
            return true;
    return false;
}

/* What fd 1 and 2 of the process are, as far as we may know. */
static void files_look(pid_t pid, struct stat files[2])
{
    char path[64];

    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, i + 1);
        if (stat(path, &files[i]) != 0)
            files[i] = (struct stat){ 0 };
    }
}

static void process_judge(void *context, const struct process *process)
{
    struct search *search = context;
    struct stat files[2];

    if (process->is_zombie || process->pid == getpid())
        return;
    files_look(process->pid, files);
    for (size_t i = 0; i < search->count; i++) {
        const struct suspect *suspect = &search->suspects[i];

        if (is_in_session(suspect, process) || writes_to(suspect, &files[0])
            || writes_to(suspect, &files[1])) {
            process_end(process);
            search->ended++;
            return;
        }
    }
}

enum rc recovery_end_strays(const char *directory, const struct attempts *attempts,
                            struct err *err)
{
    struct search search = { .directory = directory };
    enum rc rc = RC_OK;

    search.suspects = calloc(attempts_count(attempts) + 1, sizeof *search.suspects);
    if (!search.suspects)
        return err_set(err, RC_NO_MEMORY, "no memory to look for processes left behind");
    attempts_each(attempts, suspect_add, &search);
    for (int pass = 0; pass < PASS_MAX && rc == RC_OK && search.count > 0; pass++) {
        search.ended = 0;
        rc = process_each(process_judge, &search, err);
        if (search.ended == 0)
            break;
    }
    free(search.suspects);
    return rc;
}
