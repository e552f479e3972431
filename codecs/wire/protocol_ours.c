/* protocol_ours.c - the numbers that this release speaks, and nothing else: a program
 * that is linked with another such file is another release. */
#include "codecs/wire/protocol_range.h"

struct protocol_range protocol_ours(void)
{
    return (struct protocol_range){ 1, 1 };
}

struct protocol_range channel_ours(void)
{
    return (struct protocol_range){ 1, 1 };
}
