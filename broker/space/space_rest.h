/* space_rest.h - files in the folder of objects that are none: damaged ones that were set
 * aside (bad/), and those that are being written or were left so (tmp/). */
#pragma once

#include "codecs/base/base.h"

struct space_rest {
    uint64_t files, bytes;
};

/* Calls take for each file, whose name is valid until take returns; true: remove it. take
 * NULL: counts alone. What cannot be read is not counted. */
typedef bool space_rest_take(void *context, const char *name, uint64_t size,
                             int64_t changed_ns);
struct space_rest space_rest_walk(const char *folder, space_rest_take *take,
                                  void *context);
