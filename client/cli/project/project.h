/* project.h - where the project is, and what its folder holds. */
#pragma once

#include "codecs/base/buf.h"

/* The folder itself, or its nearest parent, that holds valohai.yaml or .sluice; absolute,
 * without symbolic links, to be freed. start NULL: the working directory. NULL if there
 * is none (or start does not exist). */
char *project_find(const char *start);
bool project_has(const char *project, const char *name);   /* a file or folder of it */
char *project_path(const char *project, const char *name); /* joined, to be freed */

/* The file's bytes, appended; of a longer file the first max. RC_NOT_FOUND, RC_INVALID
 * when it is a folder, RC_DENIED, RC_IO: the text names the path. */
NODISCARD enum rc file_read(const char *path, size_t max, struct buf *bytes,
                            struct err *err);
