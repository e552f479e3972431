/* next.c - what the release after this one will speak: its own numbers, and today's. */
#include "codecs/wire/protocol_range.h"

struct protocol_range protocol_ours(void)
{
    return (struct protocol_range){ 1, 2 };
}

struct protocol_range channel_ours(void)
{
    return (struct protocol_range){ 1, 2 };
}
