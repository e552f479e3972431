/* mark.h - the time of modification that says that a file's bytes were checked.
 *
 * A second in the past that no clock gives any more, with nanoseconds derived from
 * digest, size and inode. Writing, truncating or replacing the file gives another time.
 * What it does not show: bytes that the disk lost by itself, and somebody who sets the
 * time back on purpose. The time of access is the last use of the object. */
#pragma once

#include "codecs/digest/digest.h"

#include <sys/stat.h>

bool mark_is_on(const struct stat *status, const char *digest);
/* Marks the file and notes its use; checked is what fstat gave before its bytes were
 * read, and nothing is marked when the file is another by now. */
void mark_set(const char *path, const struct stat *checked, const char *digest);
/* Notes the use of a marked file, at most once a minute. */
void mark_use(const char *path, const struct stat *status);
