/* literal.c - Python's literals: numbers with underscores and bases, strings with
 * prefixes, triple quotes and escapes. */
#include "codecs/expression/literal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit_of(char byte, unsigned base)
{
    unsigned digit = byte >= '0' && byte <= '9'   ? (unsigned)(byte - '0')
                     : byte >= 'a' && byte <= 'f' ? (unsigned)(byte - 'a') + 10
                     : byte >= 'A' && byte <= 'F' ? (unsigned)(byte - 'A') + 10
                                                  : 99;

    return digit < base;
}

/* Appends digits without the single underscores between them. false if an underscore
 * stands where none may. */
static bool take_digits(const char **at, unsigned base, struct buf *digits)
{
    if (!is_digit_of(**at, base))
        return false;
    while (is_digit_of(**at, base)) {
        buf_byte(digits, (unsigned char)*(*at)++);
        if (**at == '_' && !is_digit_of(*++(*at), base))
            return false;
    }
    return true;
}

/* A fraction and an exponent behind the whole digits. */
static bool take_float_parts(const char **at, struct buf *digits, bool *is_float)
{
    if (**at == '.') {
        *is_float = true;
        buf_byte(digits, (unsigned char)*(*at)++);
        if (is_digit_of(**at, 10) && !take_digits(at, 10, digits))
            return false;
    }
    if (**at != 'e' && **at != 'E')
        return true;

    bool has_sign = (*at)[1] == '+' || (*at)[1] == '-';

    if (!is_digit_of((*at)[has_sign ? 2 : 1], 10))
        return true; /* what follows decides: "1else" reads as a number and a keyword */
    *is_float = true;
    buf_add(digits, *at, has_sign ? 2 : 1);
    *at += has_sign ? 2 : 1;
    return take_digits(at, 10, digits);
}

/* Python still takes "1or 2", with a warning: these keywords may touch a number. */
static bool number_ends_at(const char *at)
{
    static const char *const followers[] = { "and", "in", "is", "or", "not" };

    for (size_t i = 0; i < COUNT_OF(followers); i++)
        if (strncmp(at, followers[i], strlen(followers[i])) == 0)
            return true;
    return !(*at == '_' || (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z')
             || (*at >= '0' && *at <= '9') || (unsigned char)*at >= 0x80);
}

static struct value integer_value(const char *digits, unsigned base)
{
    double real = 0;

    errno = 0;

    unsigned long long number = strtoull(digits, NULL, (int)base);

    if (errno == 0 && number <= INT64_MAX)
        return value_int((int64_t)number);
    if (base == 10)
        return value_float(strtod(digits, NULL));
    for (; *digits; digits++)
        real = real * base + (double)strtol((char[]){ *digits, '\0' }, NULL, (int)base);
    return value_float(real);
}

static unsigned base_of_prefix(const char *at)
{
    if (at[0] != '0')
        return 10;
    return at[1] == 'x' || at[1] == 'X'   ? 16
           : at[1] == 'o' || at[1] == 'O' ? 8
           : at[1] == 'b' || at[1] == 'B' ? 2
                                          : 10;
}

enum rc lex_number(struct lexer *lexer, struct token *token)
{
    scoped_buf digits = { 0 };
    const char *at = lexer->at;
    unsigned base = base_of_prefix(at);
    bool is_float = false, is_good;

    if (base != 10) {
        at += at[2] == '_' ? 3 : 2;
        is_good = take_digits(&at, base, &digits);
    } else {
        is_good = *at == '.' || take_digits(&at, 10, &digits);
        is_good = is_good && take_float_parts(&at, &digits, &is_float);
    }
    if (is_good && (*at == 'j' || *at == 'J'))
        return lexer_fail(lexer, lexer->at,
                          "complex numbers are not part of the language");
    if (!is_good || !number_ends_at(at) || !buf_ok(&digits))
        return lexer_fail(lexer, lexer->at, "this is not a number");

    const char *text = buf_string(&digits);

    if (!is_float && base == 10 && *text == '0' && text[strspn(text, "0")] != '\0')
        return lexer_fail(lexer, lexer->at, "a number may not start with 0");
    token->kind = TOKEN_NUMBER;
    token->value = is_float ? value_float(strtod(text, NULL)) : integer_value(text, base);
    token->size = (size_t)(at - lexer->at);
    lexer->at = at;
    return RC_OK;
}

static void add_utf8(struct buf *buf, uint32_t point)
{
    if (point < 0x80) {
        buf_byte(buf, (unsigned char)point);
    } else if (point < 0x800) {
        buf_byte(buf, (unsigned char)(0xc0 | point >> 6));
        buf_byte(buf, (unsigned char)(0x80 | (point & 0x3f)));
    } else {
        if (point < 0x10000) {
            buf_byte(buf, (unsigned char)(0xe0 | point >> 12));
        } else {
            buf_byte(buf, (unsigned char)(0xf0 | point >> 18));
            buf_byte(buf, (unsigned char)(0x80 | (point >> 12 & 0x3f)));
        }
        buf_byte(buf, (unsigned char)(0x80 | (point >> 6 & 0x3f)));
        buf_byte(buf, (unsigned char)(0x80 | (point & 0x3f)));
    }
}

/* Exactly count digits, or up to count of them where fewer will do (octal). */
static bool take_code(const char **at, unsigned base, size_t least, size_t most,
                      uint32_t *point)
{
    size_t taken = 0;

    *point = 0;
    for (; taken < most && is_digit_of(**at, base); taken++, (*at)++) {
        char digit[2] = { **at, '\0' };

        *point = *point * base + (uint32_t)strtoul(digit, NULL, (int)base);
    }
    return taken >= least && *point <= 0x10ffff;
}

/* The escape behind a backslash. An unknown one stays as it is, backslash included. */
static bool take_escape(const char **at, struct buf *buf)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    const char *known = strchr(from, **at);
    uint32_t point;
    char kind = **at;

    if (kind >= '0' && kind <= '7') {
        (void)take_code(at, 8, 1, 3, &point);
        add_utf8(buf, point);
        return true;
    }
    (*at)++;
    if (kind == '\n')
        return true;
    if (kind == '\r') {
        *at += **at == '\n';
        return true;
    }
    if (known) {
        buf_byte(buf, (unsigned char)to[known - from]);
        return true;
    }
    if (kind == 'x' || kind == 'u' || kind == 'U') {
        size_t count = kind == 'x' ? 2 : kind == 'u' ? 4 : 8;

        if (!take_code(at, 16, count, count, &point))
            return false;
        add_utf8(buf, point);
        return true;
    }
    buf_byte(buf, '\\');
    buf_byte(buf, (unsigned char)kind);
    return kind != 'N'; /* characters by name are left out */
}

/* From behind the opening quotes to behind the closing ones. NULL: what is wrong was
 * reported. */
static const char *take_string(struct lexer *lexer, const char *at, const char *quote,
                               bool is_raw, struct buf *buf)
{
    size_t quote_size = strlen(quote);

    while (strncmp(at, quote, quote_size) != 0) {
        if (*at == '\0' || (quote_size == 1 && (*at == '\n' || *at == '\r'))) {
            (void)lexer_fail(lexer, lexer->at, "a string is not closed");
            return NULL;
        }
        if (*at != '\\') {
            buf_byte(buf, (unsigned char)*at++);
        } else if (at[1] == '\0') {
            at++;
        } else if (is_raw) {
            buf_add(buf, at, 2);
            at += 2;
        } else {
            const char *escape = at++;

            if (!take_escape(&at, buf)) {
                (void)lexer_fail(lexer, escape, "this escape is not complete or unknown");
                return NULL;
            }
        }
    }
    return at + quote_size;
}

enum rc lex_string(struct lexer *lexer, size_t prefix_size, struct token *token,
                   bool *is_string)
{
    char prefix[3] = "", quote[4] = "";
    const char *at = lexer->at + prefix_size;
    scoped_buf buf = { 0 };

    *is_string = false;
    if (prefix_size > 2)
        return RC_OK;
    for (size_t i = 0; i < prefix_size; i++)
        prefix[i] = (char)(lexer->at[i] | 0x20);

    bool is_raw = strcmp(prefix, "r") == 0;
    bool is_other = strcmp(prefix, "b") == 0 || strcmp(prefix, "f") == 0
                    || strcmp(prefix, "br") == 0 || strcmp(prefix, "rb") == 0
                    || strcmp(prefix, "fr") == 0 || strcmp(prefix, "rf") == 0;

    if (is_other)
        return lexer_fail(lexer, lexer->at,
                          "bytes and formatted strings are not part of the language");
    if (prefix_size > 0 && !is_raw && strcmp(prefix, "u") != 0)
        return RC_OK;
    *is_string = true;
    memset(quote, *at, at[1] == *at && at[2] == *at ? 3 : 1);
    at = take_string(lexer, at + strlen(quote), quote, is_raw, &buf);
    if (!at)
        return RC_INVALID;
    token->kind = TOKEN_STRING;
    token->size = (size_t)(at - lexer->at);
    lexer->at = at;

    const char *data = buf_ok(&buf) ? arena_copy(lexer->arena, buf.data, buf.size) : NULL;

    if (!data)
        return err_set(lexer->err, RC_NO_MEMORY,
                       "the expression needs more memory than allowed");
    token->value = (struct value){ .kind = VALUE_STRING,
                                   .string = { .data = data, .size = buf.size } };
    return RC_OK;
}
