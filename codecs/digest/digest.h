/* digest.h - content hashes, by OpenSSL's libcrypto (hardware SHA where there is any).
 *
 * An artifact is named "sha256:" and 64 lower-case hex digits of FIPS 180-4 SHA-256 over
 * its bytes, the same that sha256sum prints. md5 (RFC 1321) and sha1 are there only
 * because the in-task contract lists them for outputs. A digester is used by one thread
 * at a time. */
#pragma once

#include "codecs/base/base.h"

enum {
    DIGEST_TEXT_SIZE = 7 + 64 + 1,
    MD5_TEXT_SIZE = 33,
    SHA1_TEXT_SIZE = 41,
    DIGEST_SIZE = 32, /* bytes of a SHA-256 */
};

struct digest_set {
    char sha256[DIGEST_TEXT_SIZE];                 /* with "sha256:" */
    char md5[MD5_TEXT_SIZE], sha1[SHA1_TEXT_SIZE]; /* "" unless asked for */
};

enum { DIGEST_SHA256 = 1, DIGEST_MD5 = 2, DIGEST_SHA1 = 4 };

struct digester;
/* with_legacy: md5 and sha1 too. NULL when out of memory. */
struct digester *digester_create(bool with_legacy);
/* Only the digests that are asked for; the others are left "". */
struct digester *digester_create_of(unsigned digests);
void digester_destroy(struct digester *digester);
SCOPED(digester)
void digester_add(struct digester *digester, const void *bytes, size_t size);
/* Gives the result and makes the digester ready for the next file. */
void digester_end(struct digester *digester, struct digest_set *set);
/* The same, and gives the 32 bytes of the sha256 alone. */
void digester_end_raw(struct digester *digester, unsigned char sha256[32]);

/* The 32 bytes as text with "sha256:". */
void digest_text(const uint8_t sha256[DIGEST_SIZE], char text[DIGEST_TEXT_SIZE]);
/* The 32 bytes of a text that is a digest (digest_is_valid). */
void digest_raw(const char *text, uint8_t sha256[DIGEST_SIZE]);
/* HMAC-SHA256 (RFC 2104). */
void digest_keyed(const void *key, size_t key_size, const void *bytes, size_t size,
                  uint8_t mac[DIGEST_SIZE]);

/* sha256 of bytes in memory. */
void digest_bytes(const void *bytes, size_t size, char text[DIGEST_TEXT_SIZE]);
/* Hashes an open file from its start, by reading; *bytes gets its size. RC_IO. */
NODISCARD enum rc digest_file(int fd, bool with_legacy, struct digest_set *set,
                              uint64_t *bytes, struct err *err);
/* Whether text is "sha256:" and 64 lower-case hex digits. */
bool digest_is_valid(const char *text, size_t size);
