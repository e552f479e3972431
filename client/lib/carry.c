/* carry.c - a run's records out of one broker and into another. */
#include "client/lib/client.h"
#include "client/lib/write_all.h"
#include "codecs/version/bundle.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum { AFTER_MAX = 128, TIME_OF_MIB_MS = 250, TRIES_MAX = 3 };

/* The rows of a page stand in the answer as they will in the bundle: their bytes are
 * copied whole. */
static enum rc add_page(const struct reply *reply, struct buf *rows, size_t *count,
                        char after[AFTER_MAX], struct err *err)
{
    struct reader reader = reply_field(reply, "after");
    struct bytes next = reader_string(&reader);
    size_t found, start;

    if (!reader_ok(&reader) || next.size >= AFTER_MAX)
        return err_set(err, RC_PROTOCOL, "the broker's answer does not decode");
    memcpy(after, next.data, next.size);
    after[next.size] = '\0';
    reader = reply_field(reply, "rows");
    found = reader_list(&reader);
    start = reader.at;
    for (size_t i = 0; i < found && reader_ok(&reader); i++)
        reader_skip(&reader);
    if (!reader_ok(&reader))
        return err_set(err, RC_PROTOCOL, "the broker's answer does not decode");
    buf_add(rows, reader.data + start, reader.at - start);
    *count += found;
    return RC_OK;
}

static enum rc write_piece(void *context, const void *bytes, size_t size, struct err *err)
{
    const int *fd = context;

    return file_write_all(*fd, bytes, size, "the records", err);
}

/* All rows as they come, into scratch. */
static enum rc fetch_rows(struct sluice *sluice, uint64_t run, int scratch, size_t *count,
                          size_t *size, struct err *err)
{
    char after[AFTER_MAX] = "";
    enum rc rc;

    do {
        scoped_reply reply = { 0 };
        scoped_buf rows = { 0 };

        rc = sluice_call(
            sluice, MESSAGE_RECORDS,
            &(struct request){
                .run = run, .after = *after ? after : NULL, .yes = true, .force = true },
            &reply, err);
        if (rc == RC_OK)
            rc = add_page(&reply, &rows, count, after, err);
        if (rc == RC_OK && !buf_ok(&rows))
            rc = err_set(err, RC_NO_MEMORY, "no memory for records");
        if (rc == RC_OK)
            rc = write_piece(&scratch, rows.data, rows.size, err);
        *size += rows.size;
    } while (rc == RC_OK && *after);
    return rc;
}

int sluice_run_records(struct sluice *sluice, uint64_t run, int scratch, int fd,
                       struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    size_t count = 0, size = 0;
    enum rc rc = fetch_rows(sluice, run, scratch, &count, &size, err);
    void *rows;

    if (rc != RC_OK)
        return (int)rc;
    rows = mmap(NULL, size ? size : 1, PROT_READ, MAP_PRIVATE, scratch, 0);
    if (rows == MAP_FAILED)
        return (int)err_set_sys(err, rc_of_errno(errno), errno, "cannot read records");
    rc = bundle_sort(rows, size, count, write_piece, &fd, err);
    munmap(rows, size ? size : 1);
    return (int)rc;
}

/* Checking and storing many records takes longer than an answer usually does; and a store
 * that makes room says so, and has it at the next try. */
static enum rc call_import(struct sluice *sluice, const struct request *request,
                           uint64_t size, struct reply *reply, struct err *err)
{
    uint32_t timeout_ms = sluice->timeout_ms;
    enum rc rc = RC_FULL;

    sluice->timeout_ms += (uint32_t)(size >> 20) * TIME_OF_MIB_MS;
    for (int i = 0; rc == RC_FULL && i < TRIES_MAX; i++) {
        reply_fini(reply);
        *reply = (struct reply){ .size = 0 };
        rc = sluice_call(sluice, MESSAGE_IMPORT, request, reply, err);
    }
    sluice->timeout_ms = timeout_ms;
    return rc;
}

/* What a message cannot carry is stored as an object before. */
static enum rc import_file(struct sluice *sluice, int fd, const void *records,
                           uint64_t size, struct reply *reply, struct err *err)
{
    char digest[DIGEST_TEXT_SIZE];
    struct request request = { .records = { records, size } };
    enum rc rc;

    if (size > BUNDLE_BYTES_MAX) {
        digest_bytes(records, size, digest);
        rc = (enum rc)sluice_put(sluice, fd, digest, size, NULL, NULL,
                                 (struct sluice_error *)err);
        if (rc != RC_OK)
            return rc;
        request = (struct request){ .text = digest };
    }
    return call_import(sluice, &request, size, reply, err);
}

int sluice_import(struct sluice *sluice, int fd, uint64_t size, uint64_t *run,
                  struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    scoped_reply reply = { 0 };
    void *records = size > 0 ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    struct reader reader;
    uint64_t number;
    enum rc rc;

    if (records == MAP_FAILED)
        return (int)err_set_sys(err, rc_of_errno(errno), errno, "cannot read records");
    rc = import_file(sluice, fd, records, size, &reply, err);
    if (records)
        munmap(records, size);
    if (rc != RC_OK)
        return (int)rc;
    reader = reply_field(&reply, "run");
    number = reader_uint(&reader);
    if (!reader_ok(&reader))
        return (int)err_set(err, RC_PROTOCOL, "the broker's answer does not decode");
    *run = number;
    return SLUICE_OK;
}
