/* digest.c - EVP with the algorithms fetched once: an implicit fetch at every file would
 * cost more than hashing a small one. */
#include "codecs/digest/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_BYTES = 256 << 10, SMALL_BYTES = 8 << 10 };

enum algorithm { SHA256, MD5, SHA1, ALGORITHM_COUNT };

static const char *const algorithm_names[ALGORITHM_COUNT] = { "SHA256", "MD5", "SHA1" };

_Static_assert(DIGEST_SHA256 == 1 << SHA256 && DIGEST_MD5 == 1 << MD5
                   && DIGEST_SHA1 == 1 << SHA1,
               "a bit for each");

struct digester {
    EVP_MD *algorithms[ALGORITHM_COUNT];
    EVP_MD_CTX *contexts[ALGORITHM_COUNT]; /* NULL: not asked for */
};

static bool is_started(struct digester *digester, unsigned i)
{
    return EVP_DigestInit_ex2(digester->contexts[i], digester->algorithms[i], NULL) == 1;
}

struct digester *digester_create_of(unsigned digests)
{
    scoped(digester) digester = calloc(1, sizeof *digester);

    if (!digester)
        return NULL;
    for (unsigned i = 0; i < ALGORITHM_COUNT; i++) {
        if (!(digests & 1u << i))
            continue;
        digester->algorithms[i] = EVP_MD_fetch(NULL, algorithm_names[i], NULL);
        digester->contexts[i] = EVP_MD_CTX_new();
        if (!digester->algorithms[i] || !digester->contexts[i]
            || !is_started(digester, i))
            return NULL;
    }
    return steal(&digester);
}

struct digester *digester_create(bool with_legacy)
{
    return digester_create_of(with_legacy ? DIGEST_SHA256 | DIGEST_MD5 | DIGEST_SHA1
                                          : DIGEST_SHA256);
}

void digester_destroy(struct digester *digester)
{
    if (!digester)
        return;
    for (unsigned i = 0; i < ALGORITHM_COUNT; i++) {
        EVP_MD_CTX_free(digester->contexts[i]);
        EVP_MD_free(digester->algorithms[i]);
    }
    free(digester);
}

void digester_add(struct digester *digester, const void *bytes, size_t size)
{
    for (unsigned i = 0; i < ALGORITHM_COUNT; i++)
        if (digester->contexts[i])
            must(EVP_DigestUpdate(digester->contexts[i], bytes, size) == 1);
}

static void hex(char *text, const unsigned char *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        *text++ = digits[bytes[i] >> 4];
        *text++ = digits[bytes[i] & 15];
    }
    *text = '\0';
}

static void sha256_text(char text[DIGEST_TEXT_SIZE], const unsigned char *bytes)
{
    memcpy(text, "sha256:", 7);
    hex(text + 7, bytes, 32);
}

static void end(struct digester *digester,
                unsigned char bytes[ALGORITHM_COUNT][EVP_MAX_MD_SIZE])
{
    for (unsigned i = 0; i < ALGORITHM_COUNT; i++) {
        if (!digester->contexts[i])
            continue;
        must(EVP_DigestFinal_ex(digester->contexts[i], bytes[i], NULL) == 1);
        must(is_started(digester, i));
    }
}

void digester_end_raw(struct digester *digester, unsigned char sha256[32])
{
    unsigned char bytes[ALGORITHM_COUNT][EVP_MAX_MD_SIZE];

    must(digester->contexts[SHA256]);
    end(digester, bytes);
    memcpy(sha256, bytes[SHA256], 32);
}

void digester_end(struct digester *digester, struct digest_set *set)
{
    unsigned char bytes[ALGORITHM_COUNT][EVP_MAX_MD_SIZE];

    *set = (struct digest_set){ 0 };
    end(digester, bytes);
    if (digester->contexts[SHA256])
        sha256_text(set->sha256, bytes[SHA256]);
    if (digester->contexts[MD5])
        hex(set->md5, bytes[MD5], 16);
    if (digester->contexts[SHA1])
        hex(set->sha1, bytes[SHA1], 20);
}

void digest_text(const uint8_t sha256[DIGEST_SIZE], char text[DIGEST_TEXT_SIZE])
{
    sha256_text(text, sha256);
}

void digest_keyed(const void *key, size_t key_size, const void *bytes, size_t size,
                  uint8_t mac[DIGEST_SIZE])
{
    must(HMAC(EVP_sha256(), key, (int)key_size, bytes, size, mac, NULL) != NULL);
}

static unsigned hex_value(char digit)
{
    return (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

void digest_raw(const char *text, uint8_t sha256[DIGEST_SIZE])
{
    const char *at = text + strlen("sha256:");

    for (size_t i = 0; i < DIGEST_SIZE; i++, at += 2)
        sha256[i] = (uint8_t)(hex_value(at[0]) << 4 | hex_value(at[1]));
}

void digest_bytes(const void *bytes, size_t size, char text[DIGEST_TEXT_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];

    must(EVP_Digest(bytes, size, digest, NULL, EVP_sha256(), NULL) == 1);
    sha256_text(text, digest);
}

/* New pages for each of many small files would cost more than hashing them: only a larger
 * one gets *large, and without memory it does without. */
static enum rc add_file(struct digester *digester, int fd, unsigned char **large,
                        uint64_t *bytes, struct err *err)
{
    unsigned char small[SMALL_BYTES], *room = small;
    size_t size = sizeof small;

    for (off_t at = 0;;) {
        ssize_t got = pread(fd, room, size, at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set_sys(err, RC_IO, errno, "cannot read the file to hash it");
        if (got == 0) {
            *bytes = (uint64_t)at;
            return RC_OK;
        }
        digester_add(digester, room, (size_t)got);
        at += got;
        if (got == SMALL_BYTES && !*large
            && (*large = aligned_alloc(COPY_ALIGN, READ_BYTES)) != NULL) {
            room = *large;
            size = READ_BYTES;
        }
    }
}

enum rc digest_file(int fd, bool with_legacy, struct digest_set *set, uint64_t *bytes,
                    struct err *err)
{
    scoped(digester) digester = digester_create(with_legacy);
    unsigned char *large = NULL;
    enum rc rc = digester ? add_file(digester, fd, &large, bytes, err)
                          : err_set(err, RC_NO_MEMORY, "no memory to hash a file");

    free(large);
    if (rc == RC_OK)
        digester_end(digester, set);
    return rc;
}

bool digest_is_valid(const char *text, size_t size)
{
    if (size != DIGEST_TEXT_SIZE - 1 || memcmp(text, "sha256:", 7) != 0)
        return false;
    for (size_t i = 7; i < size; i++)
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
    return true;
}
