/* folder.h - files and folders below an attempt's folder, reached by descriptors.
 *
 * The attempt's code may turn any folder of its own into a symbolic link, so nothing here
 * follows one: a path is walked part by part from an open folder. Functions giving int
 * return a descriptor or 0, else a negative errno. Any thread. */
#pragma once

#include "codecs/base/buf.h"
#include "nodes/staging/staging.h"

#include <sys/types.h>

enum { FOLDER_PATH_SIZE = 4096 };

/* The text of the path of name (NULL: the folder itself). RC_INVALID: it is too long. */
NODISCARD enum rc folder_path(const struct staging *staging, uint64_t token,
                              const char *name, char path[FOLDER_PATH_SIZE],
                              struct err *err);
/* Makes an empty folder, in place of one that is there. */
NODISCARD enum rc folder_create(const struct staging *staging, uint64_t token, int *fd,
                                struct err *err);
NODISCARD enum rc folder_open(const struct staging *staging, uint64_t token, int *fd,
                              struct err *err);
/* Whether the open folder is the attempt's still: it may have gone to another. */
bool folder_is_of(const struct staging *staging, uint64_t token, int fd);
/* Gives the folder of one attempt, which is no more, to another, which has none. */
NODISCARD enum rc folder_rename(const struct staging *staging, uint64_t from, uint64_t to,
                                struct err *err);
/* Removes name with all below it, read-only folders and any depth included; none is fine.
 */
int folder_remove(int parent, const char *name);

/* Opens a path of '/'-separated parts; flags as for openat, always with O_CLOEXEC. */
int open_beneath(int folder, const char *path, int flags);
/* Opens the folder that path's last part is in, making what is missing; last gets that
 * part. */
int open_parent(int folder, const char *path, const char **last);
/* Opens a regular file for reading, without waiting on a pipe; -ENXIO for other kinds. */
int open_regular(int folder, const char *path);

/* Writes the file anew, so that it is there whole or not at all. name has one part. */
NODISCARD enum rc file_write(int folder, const char *name, const void *bytes, size_t size,
                             mode_t mode, struct err *err);
/* Appends the whole file. RC_NOT_FOUND, RC_INVALID: no regular file, or above max bytes.
 */
NODISCARD enum rc file_read(int folder, const char *path, size_t max, struct buf *out,
                            struct err *err);
/* Writes all of the bytes; 0 or a negative errno. */
int write_all(int fd, const void *bytes, size_t size);
