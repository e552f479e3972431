/* uuid.c - see uuid.h. */
#include "codecs/digest/uuid.h"

#include "codecs/base/buf.h"
#include "codecs/digest/digest.h"

#include <stdio.h>
#include <string.h>

void uuid_derive(const char *kind, const char *first, const char *second,
                 char uuid[UUID_TEXT_SIZE])
{
    char digest[DIGEST_TEXT_SIZE];
    scoped_buf text = { 0 };

    buf_printf(&text, "%s\n%s\n%s", kind, first, second);
    digest_bytes(text.data, text.size, digest);

    const char *hex = strchr(digest, ':') + 1;
    char variant = "89ab"[(hex[16] >= 'a' ? hex[16] - 'a' + 10 : hex[16] - '0') & 3];

    snprintf(uuid, UUID_TEXT_SIZE, "%.8s-%.4s-8%.3s-%c%.3s-%.12s", hex, hex + 8, hex + 13,
             variant, hex + 17, hex + 20);
}

void datum_id_derive(const char *digest, const char *name, char uuid[UUID_TEXT_SIZE])
{
    uuid_derive("datum", digest, name, uuid);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

bool uuid_read(const char *text, uint8_t bytes[UUID_BYTES])
{
    uint8_t read[UUID_BYTES] = { 0 };
    size_t digits = 0;

    if (strlen(text) != UUID_TEXT_SIZE - 1)
        return false;
    for (size_t i = 0; i < UUID_TEXT_SIZE - 1; i++) {
        int digit = hex_digit(text[i]);

        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i] != '-')
                return false;
            continue;
        }
        if (digit < 0)
            return false;
        read[digits / 2] = (uint8_t)(read[digits / 2] << 4 | digit);
        digits++;
    }
    memcpy(bytes, read, sizeof read);
    return true;
}

void uuid_write(const uint8_t bytes[UUID_BYTES], char text[UUID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;

    for (size_t i = 0; i < UUID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[at++] = '-';
        text[at++] = digits[bytes[i] >> 4];
        text[at++] = digits[bytes[i] & 15];
    }
    text[at] = '\0';
}
