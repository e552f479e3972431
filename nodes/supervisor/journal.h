/* journal.h - what became of each attempt, as an append-only file.
 *
 * Owns <directory>/journal. It protects the rule that an exit survives the death of the
 * supervisor. Nothing is synced to disk: a written record is in the kernel's page cache,
 * which kill -9 does not touch, and a power loss or reboot ends the tasks and makes the
 * node lost anyway (the header's boot id then differs).
 *
 * Format: 8 bytes "sluicej1", 40 bytes boot id padded with NUL, then records: length and
 * CRC-32 (both little-endian 32 bit; the CRC of the body) and the body, a message as in
 * channel.h. Kinds: START (accepted, no process yet), STARTED, FAILED, EXITED, LOST,
 * FORGET. Bytes after the last whole record are cut when the file is opened. Records are
 * written under the lowest version of the channel that we speak, so that an older release
 * reads them, too; one of a version that is not known is refused, and the file stays as
 * it is. */
#pragma once

#include "nodes/supervisor/channel.h"

struct journal;

enum { JOURNAL_ROOM = 1100 }; /* bytes, above the size of every record */

/* Calls visit for each record, oldest first. *same_boot: the records were written since
 * the last boot. RC_CORRUPT when the file is something else, RC_UNSUPPORTED when a newer
 * release wrote it; RC_IO, RC_NO_MEMORY. */
struct journal *journal_open(const char *path,
                             void (*visit)(void *context,
                                           const struct channel_message *record),
                             void *context, bool *same_boot, struct err *err);
void journal_close(struct journal *journal); /* NULL is fine */
static inline void journal_scoped(struct journal **journal)
{
    journal_close(*journal);
}

/* A record that cannot be written whole leaves the file as it was. RC_FULL, RC_IO. */
NODISCARD enum rc journal_append(struct journal *journal,
                                 const struct channel_message *record, struct err *err);
/* Takes disk space for `count` more records, so that the ends of what runs can be
 * written when the disk is full. RC_FULL. */
NODISCARD enum rc journal_reserve(struct journal *journal, size_t count, struct err *err);

uint64_t journal_size(const struct journal *journal); /* bytes */

/* Compaction: between begin and end the caller appends all that is still true, which then
 * replaces the file at once. When begin or end fails the old file stays in use. */
NODISCARD enum rc journal_compact_begin(struct journal *journal, struct err *err);
NODISCARD enum rc journal_compact_end(struct journal *journal, struct err *err);
