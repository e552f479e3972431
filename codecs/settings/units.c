/* units.c - whole numbers with units; there are no fractions, so nothing is rounded. */
#include "codecs/settings/units.h"

#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit durations[] = {
    { "w", 604800000 }, { "d", 86400000 }, { "h", 3600000 },
    { "m", 60000 },     { "s", 1000 },     { "ms", 1 },
};

static const struct unit sizes[] = {
    { "TiB", 1ull << 40 },   { "GiB", 1ull << 30 },
    { "MiB", 1ull << 20 },   { "KiB", 1ull << 10 },
    { "TB", 1000000000000 }, { "GB", 1000000000 },
    { "MB", 1000000 },       { "KB", 1000 },
    { "kB", 1000 },          { "B", 1 },
};

static const uint64_t sum_max = INT64_MAX;

/* One number and its unit at *text, which is moved behind them. */
static bool read_part(const char **text, const struct unit *units, size_t count,
                      uint64_t *sum)
{
    uint64_t number = 0;
    size_t digits = strspn(*text, "0123456789"), letters;

    if (digits == 0 || digits > 18)
        return false;
    for (size_t i = 0; i < digits; i++)
        number = number * 10 + (uint64_t)((*text)[i] - '0');
    *text += digits + strspn(*text + digits, " ");
    letters = strcspn(*text, " 0123456789");
    if (letters == 0 && number == 0 && **text == '\0')
        return true;
    for (size_t i = 0; i < count; i++) {
        if (strlen(units[i].name) != letters
            || memcmp(units[i].name, *text, letters) != 0)
            continue;
        if (number > (sum_max - *sum) / units[i].factor)
            return false;
        *sum += number * units[i].factor;
        *text += letters + strspn(*text + letters, " ");
        return true;
    }
    return false;
}

static bool parse(const char *text, const struct unit *units, size_t count,
                  uint64_t *value)
{
    uint64_t sum = 0;

    text += strspn(text, " ");
    do {
        if (!read_part(&text, units, count, &sum))
            return false;
    } while (*text);
    *value = sum;
    return true;
}

bool duration_ms_parse(const char *text, uint64_t *ms)
{
    return parse(text, durations, COUNT_OF(durations), ms);
}

bool size_parse(const char *text, uint64_t *bytes)
{
    return parse(text, sizes, COUNT_OF(sizes), bytes);
}

static void show(uint64_t value, const struct unit *units, size_t count, struct buf *out)
{
    size_t i = 0;

    if (value == 0) {
        buf_text(out, "0");
        return;
    }
    while (i + 1 < count && value % units[i].factor != 0)
        i++;
    buf_printf(out, "%llu%s", (unsigned long long)(value / units[i].factor),
               units[i].name);
}

void duration_ms_show(uint64_t ms, struct buf *out)
{
    show(ms, durations, COUNT_OF(durations), out);
}

void size_show(uint64_t bytes, struct buf *out)
{
    show(bytes, sizes, COUNT_OF(sizes), out);
}
