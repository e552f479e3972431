/* own_file.h - small files in an attempt's folder, which may be one that was used before.
 *
 * Making a file costs more than writing it, so one that is there already is written over
 * in place. What the attempt before may have put there instead, a link, a name of some
 * other file, a folder, is not written to: it is removed first. A writer that dies leaves
 * a file that is half old; nobody reads one before the attempt is prepared, and then all
 * of them are whole. */
#pragma once

#include "codecs/base/base.h"

#include <sys/types.h>

/* name has one part. RC_FULL, RC_IO, RC_DENIED; the text names the file. */
NODISCARD enum rc own_file_write(int folder, const char *name, const void *bytes,
                                 size_t size, mode_t mode, struct err *err);
