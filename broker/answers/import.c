/* import.c - a run of another store becomes one of this one, in one commit.
 *
 * Its records come in the request, or, when they are too large for a message, in an
 * object that was stored before; then they are read from the file itself. */
#include "broker/answers/import_state.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum {
    ROWS_TIMES = 4, /* what the rows need in the store beside their bytes, at most */
    ROWS_MORE = 64 << 20,
};

struct mapped {
    void *bytes;
    size_t size;
};

static void mapped_fini(struct mapped *mapped)
{
    if (mapped->size > 0)
        munmap(mapped->bytes, mapped->size);
}

/* The object's bytes, checked. */
static enum rc map_object(struct broker *broker, const char *digest,
                          struct mapped *mapped, struct err *err)
{
    scoped_fd int fd = -1;
    uint64_t size = 0;
    enum rc rc = digest_is_valid(digest, strlen(digest))
                     ? objects_verify(broker->objects, digest, err)
                     : err_set(err, RC_INVALID, "import: '%.80s' is no digest", digest);

    if (rc == RC_OK)
        rc = objects_read(broker->objects, digest, &fd, &size, err);
    if (rc != RC_OK)
        return rc;
    if (size == 0 || size >> 20 > BUNDLE_FILE_MIB_MAX)
        return err_set(err, RC_INVALID, "import: records have 1 byte to %d MiB",
                       BUNDLE_FILE_MIB_MAX);
    mapped->bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (mapped->bytes == MAP_FAILED)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot read the records");
    mapped->size = size;
    return RC_OK;
}

static enum rc import_run(struct broker *broker, const void *bytes, size_t size,
                          struct buf *body, struct err *err)
{
    scoped(arena) arena = arena_create(IMPORT_ARENA_MAX);
    struct import import = { .broker = broker, .arena = arena };
    enum rc rc = arena ? bundle_decode(arena, bytes, size, &import.bundle, err)
                       : err_set(err, RC_NO_MEMORY, "no memory for an import");

    if (rc == RC_OK)
        rc = import_check(&import, err);
    if (rc == RC_OK)
        rc = store_reserve(broker->store, ROWS_TIMES * (uint64_t)size + ROWS_MORE, err);
    if (rc != RC_OK)
        return rc;
    pack_map(body, 1);
    pack_text(body, "run");
    pack_uint(body, import_write(&import));
    return RC_OK;
}

enum rc request_import(struct broker *broker, const struct request *request,
                       struct buf *body, struct err *err)
{
    struct mapped mapped = { NULL, 0 };
    enum rc rc;

    if (!request->text)
        return import_run(broker, request->records.data, request->records.size, body,
                          err);
    rc = map_object(broker, request->text, &mapped, err);
    if (rc == RC_OK)
        rc = import_run(broker, mapped.bytes, mapped.size, body, err);
    mapped_fini(&mapped);
    return rc;
}
