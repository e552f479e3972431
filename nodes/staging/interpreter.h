/* interpreter.h - the Python that a command would find, and its packages, from the names
 * of files alone. */
#pragma once

#include "codecs/base/arena.h"
#include "codecs/base/buf.h"

#include <stdint.h>

enum { INTERPRETER_FOLDERS_MAX = 16, INTERPRETER_PATH_MAX = 4096 };

struct interpreter {
    char path[INTERPRETER_PATH_MAX]; /* as found in PATH; "" if there is none */
    char version[32];                /* 3.11, or 3.11.2 where a file tells; "" */
    char folders[INTERPRETER_FOLDERS_MAX][INTERPRETER_PATH_MAX]; /* of packages */
    unsigned folder_count;
};

struct interpreter_search {    /* all but path may be NULL */
    const char *path;          /* as PATH */
    const char *python_path;   /* as PYTHONPATH */
    const char *pyenv_version; /* as PYENV_VERSION */
    const char *folder;        /* where the command begins */
};
/* Behind a shim of pyenv is the version that pyenv would choose; where that is not there,
 * neither version nor packages are known. */
void interpreter_find(const struct interpreter_search *search,
                      struct interpreter *interpreter);
/* A number that changes when a package comes or goes. */
uint64_t interpreter_stamp(const struct interpreter *interpreter);

struct packages {
    const char **names; /* "name==version", sorted, each once */
    size_t count, capacity;
    struct arena *arena;
};
/* From folders named NAME-VERSION.dist-info or .egg-info. RC_NO_MEMORY. */
NODISCARD enum rc interpreter_packages(const struct interpreter *interpreter,
                                       struct packages *packages, struct err *err);
