/* launch.h - what it takes to start one attempt, as a file in the attempt's directory.
 *
 * The agent writes it (launch_write), the supervisor reads it and starts the process.
 * Format: a msgpack map, version 1, in <directory>/launch; internal to one node, so it
 * has no promise beyond the version byte. Paths are absolute. */
#pragma once

#include "codecs/base/arena.h"

struct launch_bind { /* source is shown at target inside the task's mount namespace */
    const char *source, *target;
    bool readonly;
};

struct launch {
    const char *const
        *arguments; /* arguments[0] is the program, looked up in the task's PATH */
    size_t argument_count;
    const char *const *direct; /* the same command without the shell in arguments, for
                                  when it can be started; or none */
    size_t direct_count;
    const char *const *variables; /* "NAME=value", the whole environment */
    size_t variable_count;
    const char *working_directory;
    const struct launch_bind *binds; /* shown if namespaces are allowed, else left out */
    size_t bind_count;
    /* stdin is /dev/null; stdout and stderr are appended to <directory>/stdout and
     * /stderr. */
};

NODISCARD enum rc launch_write(const char *directory, const struct launch *launch,
                               struct err *err);
/* A NULL follows the last argument and the last variable, as execve wants it. */
NODISCARD enum rc launch_read(const char *directory, struct arena *arena,
                              struct launch *launch, struct err *err);
