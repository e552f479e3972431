/* later.c - a release that has forgotten what today's speaks. */
#include "codecs/wire/protocol_range.h"

struct protocol_range protocol_ours(void)
{
    return (struct protocol_range){ 2, 2 };
}

struct protocol_range channel_ours(void)
{
    return (struct protocol_range){ 2, 2 };
}
