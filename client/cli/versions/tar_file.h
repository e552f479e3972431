/* tar_file.h - an exported run's file: a POSIX tar without compression, by libarchive.
 *
 * manifest.json, records, then objects/<64 hex digits>, in the order of the manifest, and
 * nothing else: no folder, no link, no other name, no hole. Anyone can look at it with
 * tar. */
#pragma once

#include "client/cli/cli.h"
#include "codecs/version/manifest.h"

#include <stdio.h>

struct tar_writer;
/* Writes to the open file, which stays open. */
NODISCARD enum rc tar_writer_create(int fd, struct tar_writer **writer, struct err *err);
void tar_writer_destroy(struct tar_writer *writer);
SCOPED(tar_writer)
NODISCARD enum rc tar_write_bytes(struct tar_writer *writer, const char *name,
                                  const void *bytes, size_t size, struct err *err);
/* The whole of the file. */
NODISCARD enum rc tar_write_file(struct tar_writer *writer, const char *name, int fd,
                                 struct err *err);
NODISCARD enum rc tar_write_end(struct tar_writer *writer, struct err *err);

/* "objects/<hex>" of a digest. */
enum { TAR_NAME_SIZE = 8 + 64 + 1 };
void tar_object_name(const char *digest, char name[TAR_NAME_SIZE]);

struct tar_reader;
NODISCARD enum rc tar_reader_create(const char *path, struct tar_reader **reader,
                                    struct err *err);
void tar_reader_destroy(struct tar_reader *reader);
SCOPED(tar_reader)
/* The next entry has to be a regular file of this name and of at most max bytes. Its
 * bytes go to out if that is not NULL, else to fd unless that is negative; digest gets
 * what they hash to. RC_INVALID: it is something else. */
NODISCARD enum rc tar_read(struct tar_reader *reader, const char *name, uint64_t max,
                           struct buf *out, int fd, char digest[DIGEST_TEXT_SIZE],
                           uint64_t *size, struct err *err);
NODISCARD enum rc tar_read_end(struct tar_reader *reader, struct err *err);
