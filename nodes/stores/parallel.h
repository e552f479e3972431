/* parallel.h - several slow things at once. */
#pragma once

#include "codecs/base/base.h"

/* Calls work for every index below count, in order, from at most threads threads, of
 * which the caller's is one. After one returned false, no further one is begun. Returns
 * when all that were begun have ended. */
void parallel_each(size_t count, unsigned threads,
                   bool (*work)(void *context, size_t index), void *context);
