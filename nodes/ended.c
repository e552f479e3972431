/* ended.c - see ended.h. */
#include "nodes/ended.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILES = 2,
    ENDED_VERSION = 1,
    ENDED_FIELDS = 7,
    RECORD_HEAD = 4,
    RECORD_MAX = 1 << 20,
    FILE_FULL = 1 << 20,  /* bytes: then the other is written, as soon as it can be */
    FILE_LARGE = 64 << 10 /* below, an empty one is not worth cutting */
};

struct file {
    int fd;
    uint64_t size;
    size_t live; /* results that count still */
};

struct ended_log {
    struct file files[FILES];
    unsigned current;
};

enum rc ended_open(const char *directory, struct ended_log **log, struct err *err)
{
    scoped(ended_log) made = calloc(1, sizeof *made);
    char path[4200];
    struct stat found;

    if (!made)
        return err_set(err, RC_NO_MEMORY, "no memory for results");
    for (unsigned i = 0; i < FILES; i++)
        made->files[i].fd = -1;
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/ended.%u", directory, i);
        made->files[i].fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (made->files[i].fd < 0 || fstat(made->files[i].fd, &found) != 0)
            return err_set_sys(err, rc_of_errno(errno), errno, "cannot open %s", path);
        made->files[i].size = (uint64_t)found.st_size;
    }
    *log = steal(&made);
    return RC_OK;
}

void ended_close(struct ended_log *log)
{
    if (!log)
        return;
    for (unsigned i = 0; i < FILES; i++)
        fd_scoped(&log->files[i].fd);
    free(log);
}

static bool item_unpack(const unsigned char *bytes, size_t size, struct ended_item *item)
{
    struct reader reader;

    reader_init(&reader, bytes, size);

    size_t count = reader_list(&reader);

    if (count < ENDED_FIELDS || reader_uint(&reader) != ENDED_VERSION)
        return false;
    item->token = reader_uint(&reader);
    item->run = reader_uint(&reader);
    item->stage = (uint32_t)reader_uint_max(&reader, UINT32_MAX);
    item->index = reader_uint(&reader);
    item->number = (uint32_t)reader_uint_max(&reader, UINT32_MAX);
    item->encoded = reader_bytes(&reader);
    for (size_t i = ENDED_FIELDS; i < count && reader_ok(&reader); i++)
        reader_skip(&reader);
    return reader_at_end(&reader);
}

static uint32_t size_at(const unsigned char *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Adds what the bytes of one file hold; *count is at most size / RECORD_HEAD. Returns
 * where the last whole record ends. */
static size_t file_take(const unsigned char *bytes, size_t size, unsigned file,
                        struct ended_item *items, size_t *count)
{
    size_t at = 0;

    while (size - at > RECORD_HEAD) {
        uint32_t body = size_at(bytes + at);
        struct ended_item item = { .file = file };

        if (body > size - at - RECORD_HEAD)
            break;
        if (item_unpack(bytes + at + RECORD_HEAD, body, &item))
            items[(*count)++] = item;
        at += RECORD_HEAD + body;
    }
    return at;
}

static unsigned char *file_load(const struct file *file, struct arena *arena)
{
    unsigned char *bytes = arena_alloc(arena, (size_t)file->size + 1);
    size_t done = 0;

    while (bytes && done < file->size) {
        ssize_t got =
            pread(file->fd, bytes + done, (size_t)file->size - done, (off_t)done);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return NULL;
        done += (size_t)got;
    }
    return bytes;
}

enum rc ended_read(struct ended_log *log, struct arena *arena, struct ended_item **items,
                   size_t *count, struct err *err)
{
    size_t most = 0, found = 0;

    for (unsigned i = 0; i < FILES; i++)
        most += (size_t)log->files[i].size / RECORD_HEAD;

    struct ended_item *made = arena_array(arena, most, sizeof *made);

    if (!made)
        return err_set(err, RC_NO_MEMORY, "no memory for results");
    for (unsigned i = 0; i < FILES; i++) {
        struct file *file = &log->files[i];
        unsigned char *bytes = file_load(file, arena);

        if (!bytes)
            return err_set(err, RC_IO, "cannot read the node's results in ended.%u", i);
        file->size = file_take(bytes, (size_t)file->size, i, made, &found);
        if (ftruncate(file->fd, (off_t)file->size) != 0)
            return err_set_sys(err, RC_IO, errno, "cannot cut ended.%u", i);
    }
    *items = made;
    *count = found;
    return RC_OK;
}

void ended_keep(struct ended_log *log, unsigned file)
{
    must(file < FILES);
    log->files[file].live++;
}

/* A file that cannot be cut is written on. */
static void file_clear(struct file *file)
{
    if (file->size > 0 && ftruncate(file->fd, 0) == 0)
        file->size = 0;
}

void ended_begin(struct ended_log *log)
{
    for (unsigned i = 0; i < FILES; i++)
        if (log->files[i].live == 0) {
            file_clear(&log->files[i]);
            log->current = i;
        }
}

static bool is_writable(const struct ended_log *log)
{
    const struct file *other = &log->files[1 - log->current];

    return log->files[log->current].size < FILE_FULL || other->live > 0;
}

static enum rc file_append(struct file *file, const struct buf *buf, struct err *err)
{
    ssize_t wrote = pwrite(file->fd, buf->data, buf->size, (off_t)file->size);
    int sys = wrote < 0 ? errno : ENOSPC;

    if (wrote == (ssize_t)buf->size) {
        file->size += buf->size;
        return RC_OK;
    }
    if (wrote > 0 && ftruncate(file->fd, (off_t)file->size) != 0)
        sys = errno;
    return err_set_sys(err, rc_of_errno(sys), sys, "cannot write down a result");
}

enum rc ended_append(struct ended_log *log, struct ended_item *item, struct err *err)
{
    static const unsigned char head[RECORD_HEAD];
    scoped_buf buf = { 0 };

    buf_init(&buf, RECORD_MAX);
    buf_add(&buf, head, sizeof head);
    pack_list(&buf, ENDED_FIELDS);
    pack_uint(&buf, ENDED_VERSION);
    pack_uint(&buf, item->token);
    pack_uint(&buf, item->run);
    pack_uint(&buf, item->stage);
    pack_uint(&buf, item->index);
    pack_uint(&buf, item->number);
    pack_bytes(&buf, item->encoded.data, item->encoded.size);
    if (!buf_ok(&buf))
        return err_set(err, RC_NO_MEMORY, "no memory to write down a result");
    for (unsigned i = 0; i < RECORD_HEAD; i++)
        buf.data[i] = (unsigned char)((buf.size - RECORD_HEAD) >> 8 * i);
    if (!is_writable(log)) {
        log->current = 1 - log->current;
        file_clear(&log->files[log->current]);
    }

    struct file *file = &log->files[log->current];
    enum rc rc = file_append(file, &buf, err);

    if (rc == RC_OK) {
        file->live++;
        item->file = log->current;
    }
    return rc;
}

void ended_forget(struct ended_log *log, unsigned file)
{
    must(file < FILES && log->files[file].live > 0);
    if (--log->files[file].live == 0 && log->files[file].size > FILE_LARGE)
        file_clear(&log->files[file]);
}
