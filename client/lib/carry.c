/* carry.c - a run's records out of one broker and into another. */
#include "client/lib/client.h"
#include "codecs/version/bundle.h"

#include <stdlib.h>
#include <string.h>

enum { AFTER_MAX = 128 };

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

int sluice_run_records(struct sluice *sluice, uint64_t run, void **records, size_t *size,
                       struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    scoped_buf rows = { 0 };
    struct buf whole = { 0 };
    char after[AFTER_MAX] = "";
    size_t count = 0;
    enum rc rc;

    buf_init(&rows, BUNDLE_BYTES_MAX - AFTER_MAX);
    buf_init(&whole, BUNDLE_BYTES_MAX);
    do {
        scoped_reply reply = { 0 };

        rc = sluice_call(
            sluice, MESSAGE_RECORDS,
            &(struct request){ .run = run, .after = *after ? after : NULL, .yes = true },
            &reply, err);
        if (rc == RC_OK)
            rc = add_page(&reply, &rows, &count, after, err);
    } while (rc == RC_OK && *after && buf_ok(&rows));
    if (rc == RC_OK && buf_ok(&rows))
        rc = bundle_sort(&whole, &rows, count, err);
    if (rc == RC_OK && !buf_ok(&rows))
        rc = err_set(err, RC_FULL,
                     "the records of run %lu are larger than %d MiB, which is as much as "
                     "can be imported",
                     (unsigned long)run, BUNDLE_BYTES_MAX >> 20);
    if (rc != RC_OK) {
        buf_fini(&whole);
        return (int)rc;
    }
    *records = whole.data;
    *size = whole.size;
    return SLUICE_OK;
}

int sluice_import(struct sluice *sluice, const void *records, size_t size, uint64_t *run,
                  struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    scoped_reply reply = { 0 };
    enum rc rc =
        sluice_call(sluice, MESSAGE_IMPORT,
                    &(struct request){ .records = { records, size } }, &reply, err);

    if (rc != RC_OK)
        return (int)rc;

    struct reader reader = reply_field(&reply, "run");
    uint64_t number = reader_uint(&reader);

    if (!reader_ok(&reader))
        return (int)err_set(err, RC_PROTOCOL, "the broker's answer does not decode");
    *run = number;
    return SLUICE_OK;
}
