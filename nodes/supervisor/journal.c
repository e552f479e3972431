/* journal.c - one file, written at a known end; compaction writes a second and renames.
 */
#include "nodes/supervisor/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BOOT_SIZE = 40,
    HEADER_SIZE = 8 + BOOT_SIZE,
    RECORD_HEAD = 8,
    RESERVE_STEP = 64 << 10,
};

static const char magic[8] = "sluicej1";

struct file {
    int fd; /* -1: none */
    uint64_t size, reserved;
};

struct journal {
    char *path, *fresh_path;
    struct file file;
    struct file old; /* during compaction, the file that is still the true one */
    bool failed;     /* during compaction, an append failed */
    char boot[BOOT_SIZE];
};

/* CRC-32 of IEEE 802.3, bit by bit: a record is about a hundred bytes. */
static uint32_t crc32_of(const unsigned char *data, size_t size)
{
    uint32_t crc = ~0u;

    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xEDB88320u & -(crc & 1u));
    }
    return ~crc;
}

static void put32(unsigned char *at, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(number >> 8 * i);
}

static uint32_t get32(const unsigned char *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Appends all or nothing. */
static enum rc file_append(struct file *file, const char *path, const void *data,
                           size_t size, struct err *err)
{
    size_t done = 0;

    while (done < size) {
        ssize_t wrote = pwrite(file->fd, (const char *)data + done, size - done,
                               (off_t)(file->size + done));
        int sys = errno;

        if (wrote < 0 && sys == EINTR)
            continue;
        if (wrote <= 0) {
            /* A part left behind fails its check when read, and is written over. */
            if (done > 0 && ftruncate(file->fd, (off_t)file->size) != 0)
                sys = errno;
            return err_set_sys(err, rc_of_errno(sys), sys, "%s: cannot append", path);
        }
        done += (size_t)wrote;
    }
    file->size += size;
    return RC_OK;
}

static void boot_read(char boot[BOOT_SIZE])
{
    scoped_fd int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

    memset(boot, 0, BOOT_SIZE);
    if (fd >= 0 && read(fd, boot, BOOT_SIZE - 4) < 0)
        boot[0] = '\0';
}

static enum rc header_append(struct journal *journal, struct err *err)
{
    unsigned char header[HEADER_SIZE];

    memcpy(header, magic, sizeof magic);
    memcpy(header + sizeof magic, journal->boot, BOOT_SIZE);
    return file_append(&journal->file, journal->path, header, sizeof header, err);
}

/* Reads one record at journal->file.size and moves behind it; RC_NOT_FOUND at the end of
 * what is whole. One that is whole and cannot be read is not an end: a newer release may
 * have written it. */
static enum rc record_read(struct journal *journal, struct channel_message *record,
                           struct err *err)
{
    unsigned char head[RECORD_HEAD], body[JOURNAL_ROOM];
    struct file *file = &journal->file;
    struct reader reader;

    if (pread(file->fd, head, sizeof head, (off_t)file->size) != RECORD_HEAD)
        return RC_NOT_FOUND;

    uint32_t size = get32(head);

    if (size == 0 || size > sizeof body - RECORD_HEAD
        || pread(file->fd, body, size, (off_t)file->size + RECORD_HEAD) != (ssize_t)size
        || crc32_of(body, size) != get32(head + 4))
        return RC_NOT_FOUND;
    reader_init(&reader, body, size);
    if (!channel_unpack(&reader, record)) {
        if (record->version > channel_ours().highest)
            return err_set(
                err, RC_UNSUPPORTED,
                "%s: a record has version %u, and this noded reads %u at most: "
                "start the newer noded again",
                journal->path, record->version, channel_ours().highest);
        return err_set(err, RC_CORRUPT, "%s: the record at byte %lu does not decode",
                       journal->path, (unsigned long)file->size);
    }
    file->size += RECORD_HEAD + size;
    return RC_OK;
}

static enum rc journal_load(struct journal *journal,
                            void (*visit)(void *context,
                                          const struct channel_message *record),
                            void *context, bool *same_boot, struct err *err)
{
    char header[HEADER_SIZE];
    struct channel_message record;
    ssize_t got = pread(journal->file.fd, header, sizeof header, 0);
    enum rc rc;

    if (got < 0)
        return err_set_sys(err, RC_IO, errno, "%s", journal->path);
    /* Less than a header: it was being created, so nothing had been started. */
    if (got < HEADER_SIZE) {
        *same_boot = true;
        return header_append(journal, err);
    }
    if (memcmp(header, magic, sizeof magic) != 0)
        return err_set(err, RC_CORRUPT,
                       "%s: not a journal of this version; move it away if no task of "
                       "this node runs any more",
                       journal->path);
    *same_boot = memcmp(header + sizeof magic, journal->boot, BOOT_SIZE) == 0;
    journal->file.size = HEADER_SIZE;
    while ((rc = record_read(journal, &record, err)) == RC_OK)
        visit(context, &record);
    if (rc != RC_NOT_FOUND)
        return rc;
    if (ftruncate(journal->file.fd, (off_t)journal->file.size) != 0)
        return err_set_sys(err, RC_IO, errno, "%s: cannot cut the tail", journal->path);
    return RC_OK;
}

struct journal *journal_open(const char *path,
                             void (*visit)(void *context,
                                           const struct channel_message *record),
                             void *context, bool *same_boot, struct err *err)
{
    scoped(journal) journal = calloc(1, sizeof *journal);

    if (!journal) {
        err_set(err, RC_NO_MEMORY, "no memory for the journal");
        return NULL;
    }
    journal->file.fd = journal->old.fd = -1;
    if (!(journal->path = strdup(path))
        || asprintf(&journal->fresh_path, "%s.new", path) < 0) {
        journal->fresh_path = NULL;
        err_set(err, RC_NO_MEMORY, "no memory for the journal");
        return NULL;
    }
    boot_read(journal->boot);
    journal->file.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (journal->file.fd < 0) {
        err_set_sys(err, rc_of_errno(errno), errno, "%s", path);
        return NULL;
    }
    if (journal_load(journal, visit, context, same_boot, err) != RC_OK)
        return NULL;
    return steal(&journal);
}

void journal_close(struct journal *journal)
{
    if (!journal)
        return;
    fd_scoped(&journal->file.fd);
    fd_scoped(&journal->old.fd);
    free(journal->path);
    free(journal->fresh_path);
    free(journal);
}

enum rc journal_append(struct journal *journal, const struct channel_message *record,
                       struct err *err)
{
    unsigned char head[RECORD_HEAD] = { 0 };
    scoped_buf buf = { 0 };

    buf_init(&buf, JOURNAL_ROOM);
    buf_add(&buf, head, sizeof head);
    channel_pack(&buf, record);
    if (!buf_ok(&buf))
        return err_set(err, RC_NO_MEMORY, "%s: no memory to append", journal->path);
    put32(buf.data, (uint32_t)(buf.size - RECORD_HEAD));
    put32(buf.data + 4, crc32_of(buf.data + RECORD_HEAD, buf.size - RECORD_HEAD));

    enum rc rc = file_append(&journal->file, journal->path, buf.data, buf.size, err);

    if (rc != RC_OK)
        journal->failed = true;
    return rc;
}

enum rc journal_reserve(struct journal *journal, size_t count, struct err *err)
{
    struct file *file = &journal->file;
    uint64_t need = file->size + count * JOURNAL_ROOM;

    if (need <= file->reserved)
        return RC_OK;
    need += RESERVE_STEP;
    if (fallocate(file->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)need) != 0
        && (errno == ENOSPC || errno == EDQUOT))
        return err_set_sys(err, RC_FULL, errno, "%s: no room to record another attempt",
                           journal->path);
    file->reserved = need;
    return RC_OK;
}

uint64_t journal_size(const struct journal *journal)
{
    return journal->file.size;
}

/* Back to the file as it was before compaction began. */
static void compact_abort(struct journal *journal)
{
    fd_scoped(&journal->file.fd);
    journal->file = journal->old;
    journal->old.fd = -1;
    unlink(journal->fresh_path);
}

enum rc journal_compact_begin(struct journal *journal, struct err *err)
{
    must(journal->old.fd < 0);
    int fd = open(journal->fresh_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "%s", journal->fresh_path);
    journal->old = journal->file;
    journal->file = (struct file){ .fd = fd };
    journal->failed = false;

    enum rc rc = header_append(journal, err);

    if (rc != RC_OK)
        compact_abort(journal);
    return rc;
}

enum rc journal_compact_end(struct journal *journal, struct err *err)
{
    must(journal->old.fd >= 0);
    if (journal->failed) {
        compact_abort(journal);
        return err_set(err, RC_FULL, "%s: cannot be written anew, kept as it is",
                       journal->path);
    }
    if (rename(journal->fresh_path, journal->path) != 0) {
        int sys = errno;

        compact_abort(journal);
        return err_set_sys(err, rc_of_errno(sys), sys, "%s", journal->path);
    }
    fd_scoped(&journal->old.fd);
    journal->old.fd = -1;
    return RC_OK;
}
