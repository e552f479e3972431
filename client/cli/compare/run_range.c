/* run_range.c - see run_range.h. */
#include "client/cli/compare/run_range.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_MAX = 19, ID_DIGITS = 8 };

/* Decimal digits only; how many, 0 if there are none or too many. */
static size_t read_number(const char *text, uint64_t *number)
{
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > DIGITS_MAX)
        return 0;
    *number = strtoull(text, NULL, 10);
    return digits;
}

bool run_range_read(const char *text, struct run_range *range, struct err *err)
{
    struct run_range read;
    size_t first = read_number(text, &read.first), between, last;

    if (first == 0)
        return false;
    between = strncmp(text + first, "..", 2) == 0                ? 2
              : text[first] == '-' && first != (size_t)ID_DIGITS ? 1
                                                                 : 0;
    last = between ? read_number(text + first + between, &read.last) : 0;
    if (last == 0 || strcspn(text, "/") != first + between + last)
        return false;
    if (read.first == 0 || read.first > read.last)
        err_set(err, RC_INVALID,
                "\"%.60s\" is no range of runs: it goes from a smaller number to a "
                "greater one, and the first run is 1",
                text);
    *range = read;
    return true;
}
