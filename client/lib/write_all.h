/* write_all.h - all of some bytes into a file, for the library and the command line. */
#pragma once

#include "codecs/base/base.h"

/* Goes on where the system took only a part. what: the file, for the error. */
NODISCARD enum rc file_write_all(int fd, const void *bytes, size_t size, const char *what,
                                 struct err *err);
