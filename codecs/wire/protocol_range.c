/* protocol_range.c - see protocol_range.h. */
#include "codecs/wire/protocol_range.h"

#include <stdio.h>

struct range_text {
    char text[32];
};

bool protocol_has(struct protocol_range range, uint32_t number)
{
    return number >= range.lowest && number <= range.highest;
}

static struct range_text range_text(struct protocol_range range)
{
    struct range_text out;

    if (range.lowest == range.highest)
        snprintf(out.text, sizeof out.text, "%u", range.lowest);
    else
        snprintf(out.text, sizeof out.text, "%u to %u", range.lowest, range.highest);
    return out;
}

enum rc protocol_agree(const char *us, struct protocol_range ours, const char *them,
                       struct protocol_range theirs, uint32_t *number, struct err *err)
{
    uint32_t highest = ours.highest < theirs.highest ? ours.highest : theirs.highest;

    must(ours.lowest > 0 && ours.lowest <= ours.highest);
    if (protocol_has(ours, highest) && protocol_has(theirs, highest)) {
        *number = highest;
        return RC_OK;
    }
    return err_set(err, RC_UNSUPPORTED,
                   "%s speaks protocol %s and %s protocol %s: upgrade %s", us,
                   range_text(ours).text, them, range_text(theirs).text,
                   ours.highest < theirs.highest ? us : them);
}

void protocol_range_pack(struct buf *buf, struct protocol_range range)
{
    pack_list(buf, 2);
    pack_uint(buf, range.lowest);
    pack_uint(buf, range.highest);
}

struct protocol_range protocol_range_read(struct reader *reader)
{
    size_t count = reader_list(reader);
    struct protocol_range range = { 0 };

    if (count < 2) {
        reader_fail(reader);
        return range;
    }
    range.lowest = (uint32_t)reader_uint_max(reader, UINT32_MAX);
    range.highest = (uint32_t)reader_uint_max(reader, UINT32_MAX);
    for (size_t i = 2; i < count && reader_ok(reader); i++)
        reader_skip(reader);
    if (range.lowest == 0 || range.lowest > range.highest)
        reader_fail(reader);
    return reader_ok(reader) ? range : (struct protocol_range){ 0 };
}
