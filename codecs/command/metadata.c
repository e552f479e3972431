/* metadata.c - two bytes tell nearly every line that is no metadata from one that may be.
 */
#include "codecs/command/metadata.h"

#include <stdio.h>

static bool is_blank(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

bool metadata_line_parse(struct arena *arena, const char *line, size_t size,
                         struct value *map)
{
    struct value value;

    if (size > METADATA_LINE_MAX)
        return false;
    while (size > 0 && is_blank(*line)) {
        line++;
        size--;
    }
    while (size > 0 && is_blank(line[size - 1]))
        size--;
    if (size < 2 || line[0] != '{' || line[size - 1] != '}')
        return false;
    if (value_from_json(arena, line, size, &value, NULL) != RC_OK)
        return false;
    must(value.kind == VALUE_MAP);
    *map = value;
    return true;
}

/* Days to a date of the Gregorian calendar. Years are counted from 1 March, so that the
 * leap day is the last of its year; 146097 days make 400 years. */
static void date_of_days(int64_t days, int *year, int *month, int *day)
{
    int64_t since = days + 719468; /* from 1 March of year 0 to 1 January 1970 */
    int64_t era = since / 146097, of_era = since % 146097;
    int64_t year_of_era =
        (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t from_march = (5 * of_year + 2) / 153;

    *day = (int)(of_year - (153 * from_march + 2) / 5) + 1;
    *month = (int)(from_march < 10 ? from_march + 3 : from_march - 9);
    *year = (int)(era * 400 + year_of_era) + (*month <= 2);
}

void metadata_time_text(int64_t unix_us, char text[METADATA_TIME_SIZE])
{
    const int64_t day_us = 86400000000;
    const int64_t first = -719468 * day_us, last = 2932897 * day_us - 1;
    int64_t us = unix_us < first ? first : unix_us > last ? last : unix_us;
    int64_t days = us / day_us - (us % day_us < 0);
    int64_t of_day = us - days * day_us, seconds = of_day / 1000000;
    int year, month, day;
    char room[64];

    date_of_days(days, &year, &month, &day);

    int written = snprintf(room, sizeof room, "%04d-%02d-%02dT%02d:%02d:%02d.%06d", year,
                           month, day, (int)(seconds / 3600), (int)(seconds / 60 % 60),
                           (int)(seconds % 60), (int)(of_day % 1000000));

    must(written == METADATA_TIME_SIZE - 1);
    snprintf(text, METADATA_TIME_SIZE, "%.26s", room);
}
