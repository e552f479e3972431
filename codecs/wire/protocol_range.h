/* protocol_range.h - which protocol numbers a program speaks, and which of them it uses
 * with a peer: the highest that both speak. docs/protocol.md, "Versions and ranges".
 * Pure.
 */
#pragma once

#include "codecs/pack/pack.h"

enum { PROTOCOL_FIRST = 1 }; /* before there were ranges */

struct protocol_range {
    uint32_t lowest, highest; /* 1 <= lowest <= highest; both 0: not told */
};

/* What this release speaks: with clients, nodes and brokers; between agent and
 * supervisor. Both stand alone in protocol_ours.c, so that tests link those of another
 * release. */
struct protocol_range protocol_ours(void);
struct protocol_range channel_ours(void);

bool protocol_has(struct protocol_range range, uint32_t number);
/* RC_UNSUPPORTED names both sides, their ranges, and whose release is too old. */
NODISCARD enum rc protocol_agree(const char *us, struct protocol_range ours,
                                 const char *them, struct protocol_range theirs,
                                 uint32_t *number, struct err *err);

/* A list [lowest, highest]; further elements are skipped. Reads {0, 0} and fails the
 * reader when it is no range. */
void protocol_range_pack(struct buf *buf, struct protocol_range range);
struct protocol_range protocol_range_read(struct reader *reader);
