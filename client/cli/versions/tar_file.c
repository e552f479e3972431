/* tar_file.c - see tar_file.h. */
#include "client/cli/versions/tar_file.h"

#include "client/lib/write_all.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 20, BLOCK = 1 << 16 };

struct tar_writer {
    struct archive *archive;
    unsigned char *piece;
};

void tar_object_name(const char *digest, char name[TAR_NAME_SIZE])
{
    snprintf(name, TAR_NAME_SIZE, "objects/%.64s", digest + 7);
}

static enum rc cannot_write(struct tar_writer *writer, struct err *err)
{
    int code = archive_errno(writer->archive);

    return err_set(err, code > 0 ? rc_of_errno(code) : RC_IO, "cannot write the file: %s",
                   archive_error_string(writer->archive));
}

enum rc tar_writer_create(int fd, struct tar_writer **writer, struct err *err)
{
    scoped(tar_writer) made = calloc(1, sizeof *made);

    if (made) {
        made->archive = archive_write_new();
        made->piece = malloc(PIECE);
    }
    if (!made || !made->archive || !made->piece)
        return err_set(err, RC_NO_MEMORY, "no memory to write the file");
    if (archive_write_set_format_pax_restricted(made->archive) != ARCHIVE_OK
        || archive_write_open_fd(made->archive, fd) != ARCHIVE_OK)
        return cannot_write(made, err);
    *writer = steal(&made);
    return RC_OK;
}

void tar_writer_destroy(struct tar_writer *writer)
{
    if (!writer)
        return;
    archive_write_free(writer->archive);
    free(writer->piece);
    free(writer);
}

static enum rc write_header(struct tar_writer *writer, const char *name, int64_t size,
                            struct err *err)
{
    struct archive_entry *entry = archive_entry_new();
    int code;

    if (!entry)
        return err_set(err, RC_NO_MEMORY, "no memory to write the file");
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0444);
    archive_entry_set_size(entry, size);
    code = archive_write_header(writer->archive, entry);
    archive_entry_free(entry);
    return code == ARCHIVE_OK ? RC_OK : cannot_write(writer, err);
}

static enum rc write_data(struct tar_writer *writer, const void *bytes, size_t size,
                          struct err *err)
{
    if (size == 0)
        return RC_OK;
    return archive_write_data(writer->archive, bytes, size) == (la_ssize_t)size
               ? RC_OK
               : cannot_write(writer, err);
}

enum rc tar_write_bytes(struct tar_writer *writer, const char *name, const void *bytes,
                        size_t size, struct err *err)
{
    enum rc rc = write_header(writer, name, (int64_t)size, err);

    return rc == RC_OK ? write_data(writer, bytes, size, err) : rc;
}

enum rc tar_write_file(struct tar_writer *writer, const char *name, int fd,
                       struct err *err)
{
    struct stat info;
    enum rc rc = RC_OK;

    if (fstat(fd, &info) != 0)
        return err_set_sys(err, RC_IO, errno, "cannot read a copy of an artifact");
    rc = write_header(writer, name, info.st_size, err);
    for (off_t at = 0; rc == RC_OK && at < info.st_size;) {
        ssize_t got = pread(fd, writer->piece, PIECE, at);

        if (got <= 0 && errno != EINTR)
            return err_set_sys(err, RC_IO, errno, "cannot read a copy of an artifact");
        if (got > 0)
            rc = write_data(writer, writer->piece, (size_t)got, err);
        at += got > 0 ? got : 0;
    }
    return rc;
}

enum rc tar_write_end(struct tar_writer *writer, struct err *err)
{
    return archive_write_close(writer->archive) == ARCHIVE_OK ? RC_OK
                                                              : cannot_write(writer, err);
}

struct tar_reader {
    struct archive *archive;
    struct digester *digester;
};

enum rc tar_reader_create(const char *path, struct tar_reader **reader, struct err *err)
{
    scoped(tar_reader) made = calloc(1, sizeof *made);

    if (made) {
        made->archive = archive_read_new();
        made->digester = digester_create(false);
    }
    if (!made || !made->archive || !made->digester)
        return err_set(err, RC_NO_MEMORY, "no memory to read the file");
    if (access(path, R_OK) != 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot read the file");
    if (archive_read_support_format_tar(made->archive) != ARCHIVE_OK
        || archive_read_open_filename(made->archive, path, BLOCK) != ARCHIVE_OK)
        return err_set(err, RC_INVALID, "this is no exported run: %s",
                       archive_error_string(made->archive));
    *reader = steal(&made);
    return RC_OK;
}

void tar_reader_destroy(struct tar_reader *reader)
{
    if (!reader)
        return;
    archive_read_free(reader->archive);
    digester_destroy(reader->digester);
    free(reader);
}

static enum rc broken(struct tar_reader *reader, struct err *err)
{
    const char *why = archive_error_string(reader->archive);

    return err_set(err, RC_INVALID, "this is no whole exported run: %s",
                   why ? why : "the file is cut or damaged");
}

static enum rc check_entry(struct archive_entry *entry, const char *name, uint64_t max,
                           struct err *err)
{
    const char *found = archive_entry_pathname(entry);

    if (!found || strcmp(found, name) != 0)
        return err_set(err, RC_INVALID,
                       "this is no exported run: it has %s where %s should be",
                       found ? found : "an entry without a name", name);
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry)
        || archive_entry_symlink(entry) || !archive_entry_size_is_set(entry))
        return err_set(err, RC_INVALID, "this is no exported run: %s is no plain file",
                       name);
    if (archive_entry_size(entry) < 0 || (uint64_t)archive_entry_size(entry) > max)
        return err_set(err, RC_INVALID, "this is no exported run: %s is too large", name);
    return RC_OK;
}

/* A file with holes would be as large as it says without being there: its pieces have to
 * follow each other. */
static enum rc read_data(struct tar_reader *reader, uint64_t size, struct buf *out,
                         int fd, struct err *err)
{
    uint64_t at = 0;

    for (;;) {
        const void *bytes;
        size_t got;
        la_int64_t offset;
        int code = archive_read_data_block(reader->archive, &bytes, &got, &offset);

        if (code == ARCHIVE_EOF)
            return at == size ? RC_OK : broken(reader, err);
        if (code != ARCHIVE_OK || (uint64_t)offset != at || got > size - at)
            return broken(reader, err);
        digester_add(reader->digester, bytes, got);
        if (out)
            buf_add(out, bytes, got);
        else if (fd >= 0 && file_write_all(fd, bytes, got, "a copy", err) != RC_OK)
            return err ? err->rc : RC_IO;
        at += got;
    }
}

enum rc tar_read(struct tar_reader *reader, const char *name, uint64_t max,
                 struct buf *out, int fd, char digest[DIGEST_TEXT_SIZE], uint64_t *size,
                 struct err *err)
{
    struct archive_entry *entry;
    struct digest_set set;
    enum rc rc;

    if (archive_read_next_header(reader->archive, &entry) != ARCHIVE_OK)
        return broken(reader, err);
    rc = check_entry(entry, name, max, err);
    if (rc != RC_OK)
        return rc;
    *size = (uint64_t)archive_entry_size(entry);
    rc = read_data(reader, *size, out, fd, err);
    if (rc != RC_OK)
        return rc;
    digester_end(reader->digester, &set);
    memcpy(digest, set.sha256, DIGEST_TEXT_SIZE);
    if (out && !buf_ok(out))
        return err_set(err, RC_NO_MEMORY, "%s is too large", name);
    return RC_OK;
}

enum rc tar_read_end(struct tar_reader *reader, struct err *err)
{
    struct archive_entry *entry;
    int code = archive_read_next_header(reader->archive, &entry);

    if (code == ARCHIVE_EOF)
        return RC_OK;
    return code == ARCHIVE_OK
               ? err_set(err, RC_INVALID, "this is no exported run: more follows")
               : broken(reader, err);
}
