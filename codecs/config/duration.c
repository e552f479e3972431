/* duration.c - scans for pairs of a number and a unit, skipping what stands between. */
#include "codecs/config/duration.h"

#include <stdlib.h>
#include <string.h>

static const char blanks[] = " \t\n\r\v\f";

static double unit_seconds(char unit)
{
    switch (unit) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 3600;
    case 'd':
        return 86400;
    case 'w':
        return 604800;
    default:
        return 0;
    }
}

/* One pair at *p, which is moved behind it. */
static enum rc read_pair(const char **p, double *seconds, struct err *err)
{
    char number[64], *end;
    size_t size = strspn(*p, "0123456789.");

    if (size >= sizeof number)
        return err_set(err, RC_INVALID, "a number has too many digits");
    memcpy(number, *p, size);
    number[size] = '\0';
    *p += size;
    *p += strspn(*p, blanks);

    double factor = unit_seconds(**p);

    if (**p < 'a' || **p > 'z')
        return err_set(err, RC_INVALID, "`%s` has no unit; write s, m, h, d or w",
                       number);
    if (factor == 0)
        return err_set(err, RC_INVALID, "the unit `%c` is not one of s, m, h, d, w", **p);
    *p += strspn(*p, "abcdefghijklmnopqrstuvwxyz");

    double count = strtod(number, &end);

    if (*end || end == number)
        return err_set(err, RC_INVALID, "`%s` is not a number", number);
    *seconds = count * factor;
    return RC_OK;
}

enum rc duration_parse(const char *text, int64_t *seconds, struct err *err)
{
    double sum = 0;

    if (text[strspn(text, blanks)] == '\0') {
        *seconds = 0;
        return RC_OK;
    }
    for (const char *p = text; *(p += strcspn(p, "0123456789."));) {
        double part = 0;
        enum rc rc = read_pair(&p, &part, err);

        if (rc != RC_OK)
            return rc;
        sum += part;
    }
    if (!(sum > 0))
        return err_set(err, RC_INVALID, "the sum is not above zero");
    if (sum > DURATION_DAYS_MAX * 86400.0)
        return err_set(err, RC_INVALID, "the sum is too large");
    *seconds = (int64_t)sum;
    return RC_OK;
}
