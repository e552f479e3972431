/* file_digest.c - the digests of a whole file: md5 on one thread, the rest on another.
 *
 * Each reads the file by itself; who comes second finds the bytes in the file cache. */
#include "broker/artifacts/hasher.h"

#include <string.h>
#include <sys/stat.h>

static enum rc hash_begin(int fd, uint64_t size, unsigned digests, struct hasher **hasher,
                          struct err *err)
{
    scoped(digester) digester = digester_create_of(digests);

    if (!digester)
        return err_set(err, RC_NO_MEMORY, "no memory to hash a file");

    enum rc rc = hasher_start(fd, 0, size, digester, -1, hasher, err);

    if (rc == RC_OK)
        steal(&digester);
    return rc;
}

static enum rc hash_end(struct hasher *hasher, struct digest_set *set, struct err *err)
{
    scoped(digester) digester = NULL;
    enum rc rc = hasher_end(hasher, &digester, err);

    if (rc == RC_OK)
        digester_end(digester, set);
    return rc;
}

enum rc file_digest(int fd, bool with_legacy, struct digest_set *set, uint64_t *bytes,
                    struct err *err)
{
    scoped(hasher) md5 = NULL;
    scoped(hasher) rest = NULL;
    struct digest_set of_md5, of_rest;
    struct stat status;

    if (!with_legacy || fstat(fd, &status) != 0 || status.st_size < FILE_DIGEST_SPLIT
        || hash_begin(fd, (uint64_t)status.st_size, DIGEST_MD5, &md5, err) != RC_OK
        || hash_begin(fd, (uint64_t)status.st_size, DIGEST_SHA256 | DIGEST_SHA1, &rest,
                      err)
               != RC_OK)
        return digest_file(fd, with_legacy, set, bytes, err);

    enum rc rc = hash_end(steal(&md5), &of_md5, err);

    if (rc == RC_OK)
        rc = hash_end(steal(&rest), &of_rest, err);
    if (rc != RC_OK)
        return rc;
    memcpy(of_rest.md5, of_md5.md5, sizeof of_rest.md5);
    *set = of_rest;
    *bytes = (uint64_t)status.st_size;
    return RC_OK;
}
