/* removal_lock.h - a backup and the removal of files exclude each other, in whatever
 * processes they are: by flock on a file of the broker's folder, which the death of a
 * process lets go. */
#pragma once

#include "codecs/base/base.h"

/* *lock is held until it is closed; several backups may hold it at once. RC_CONFLICT:
 * files are being removed. *lock is -1 where nobody could write: nothing is removed. */
NODISCARD enum rc removal_prevent(const char *directory, int *lock, struct err *err);
/* RC_CONFLICT: a backup is being made. */
NODISCARD enum rc removal_begin(const char *directory, int *lock, struct err *err);
