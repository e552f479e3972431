/* token.c - names, operators and the blanks between them. */
#include "codecs/expression/token.h"
#include "codecs/expression/literal.h"
#include "codecs/value/utf8.h"

#include <string.h>

enum rc lexer_fail(const struct lexer *lexer, const char *at, const char *what)
{
    size_t column = 1 + utf8_count(lexer->start, (size_t)(at - lexer->start));

    return err_set(lexer->err, RC_INVALID, "column %zu: %s", column, what);
}

/* Blocks of code points from 0x80 on that hold no letters: punctuation, symbols, marks of
 * layout, pictures. Python refuses them in names. */
static bool is_letter(int32_t point)
{
    static const struct {
        int32_t first, last;
    } others[] = {
        { 0x80, 0xa9 },        { 0xab, 0xb4 },       { 0xb6, 0xb6 },
        { 0xb8, 0xb9 },        { 0xbb, 0xbf },       { 0xd7, 0xd7 },
        { 0xf7, 0xf7 },        { 0x2000, 0x203e },   { 0x2041, 0x2053 },
        { 0x2055, 0x2070 },    { 0x2072, 0x207e },   { 0x2080, 0x208f },
        { 0x20a0, 0x20cf },    { 0x2190, 0x2bff },   { 0x2e00, 0x2fff },
        { 0x3000, 0x3004 },    { 0x3008, 0x3020 },   { 0xe000, 0xf8ff },
        { 0xfeff, 0xfeff },    { 0xff01, 0xff0f },   { 0xff1a, 0xff20 },
        { 0xffe0, 0xffff },    { 0x1d000, 0x1d1ff }, { 0x1f000, 0x1fbef },
        { 0xe0000, 0x10ffff },
    };

    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (point >= others[i].first && point <= others[i].last)
            return false;
    return point >= 0x80;
}

/* The length of the name at text, 0 if there is none. */
static size_t name_length(const char *text)
{
    size_t size = 0, length;

    while (text[size] != '\0') {
        int32_t point = utf8_next(text + size, strnlen(text + size, 4), &length);
        bool is_digit = point >= '0' && point <= '9';

        if (!(point == '_' || (point >= 'a' && point <= 'z')
              || (point >= 'A' && point <= 'Z') || (is_digit && size > 0)
              || is_letter(point)))
            break;
        size += length;
    }
    return size;
}

static enum token_kind kind_of_name(const char *text, size_t size)
{
    static const struct {
        const char *text;
        enum token_kind kind;
    } keywords[] = {
        { "and", TOKEN_AND },   { "or", TOKEN_OR },       { "not", TOKEN_NOT },
        { "in", TOKEN_IN },     { "is", TOKEN_IS },       { "for", TOKEN_FOR },
        { "True", TOKEN_TRUE }, { "False", TOKEN_FALSE }, { "None", TOKEN_NONE },
    };

    for (size_t i = 0; i < COUNT_OF(keywords); i++)
        if (strlen(keywords[i].text) == size && memcmp(keywords[i].text, text, size) == 0)
            return keywords[i].kind;
    return TOKEN_NAME;
}

static const struct {
    const char *text;
    enum token_kind kind;
} operators[] = {
    /* the longer first */
    { "==", TOKEN_EQUAL },        { "!=", TOKEN_NOT_EQUAL },
    { "<=", TOKEN_LESS_EQUAL },   { ">=", TOKEN_GREATER_EQUAL },
    { "//", TOKEN_DOUBLE_SLASH }, { "<", TOKEN_LESS },
    { ">", TOKEN_GREATER },       { "+", TOKEN_PLUS },
    { "-", TOKEN_MINUS },         { "*", TOKEN_STAR },
    { "/", TOKEN_SLASH },         { ".", TOKEN_DOT },
    { ",", TOKEN_COMMA },         { "(", TOKEN_OPEN },
    { ")", TOKEN_CLOSE },         { "{", TOKEN_OPEN_BRACE },
    { "}", TOKEN_CLOSE_BRACE },
};

/* Operators of Python that the language leaves out, and look like two of those that it
 * has: "**" must not read as two stars. */
static bool is_foreign_operator(const char *at)
{
    static const char *const foreign[] = { "**", "<<", ">>", "->",  "+=",
                                           "-=", "*=", "/=", "//=", "..." };

    for (size_t i = 0; i < COUNT_OF(foreign); i++)
        if (strncmp(at, foreign[i], strlen(foreign[i])) == 0)
            return true;
    return false;
}

static enum rc lex_operator(struct lexer *lexer, struct token *token)
{
    const char *at = lexer->at;

    if (is_foreign_operator(at))
        return lexer_fail(lexer, at, "this operator is not part of the language");
    for (size_t i = 0; i < COUNT_OF(operators); i++) {
        if (strncmp(at, operators[i].text, strlen(operators[i].text)) != 0)
            continue;
        token->kind = operators[i].kind;
        token->size = strlen(operators[i].text);
        lexer->at += token->size;
        if (token->kind == TOKEN_OPEN || token->kind == TOKEN_OPEN_BRACE) {
            if (++lexer->brackets > BRACKETS_MAX)
                return lexer_fail(lexer, at, "too many brackets are open");
        } else if (token->kind == TOKEN_CLOSE || token->kind == TOKEN_CLOSE_BRACE) {
            if (lexer->brackets-- == 0)
                return lexer_fail(lexer, at, "this bracket closes nothing");
        }
        return RC_OK;
    }
    return lexer_fail(lexer, at,
                      *at == '[' || *at == ']' ? "lists and subscripts are not part of "
                                                 "the language; a tuple (1, 2) is"
                                               : "unexpected character");
}

/* Skips comments, and blanks of the kind that do not end a line outside brackets. */
static void skip_blanks(struct lexer *lexer)
{
    for (;;) {
        const char *at = lexer->at;

        at += strspn(at, lexer->brackets > 0 ? " \t\f\r\n" : " \t\f");
        if (*at == '#')
            at += strcspn(at, "\r\n");
        else if (at[0] == '\\' && at[1] == '\n')
            at += 2;
        else if (at[0] == '\\' && at[1] == '\r' && at[2] == '\n')
            at += 3;
        if (at == lexer->at)
            return;
        lexer->at = at;
    }
}

/* After the end of the only line nothing but blank lines and comments may follow. */
static enum rc lex_end(struct lexer *lexer)
{
    while (*lexer->at != '\0') {
        lexer->at += strspn(lexer->at, " \t\f\r\n");
        if (*lexer->at == '#')
            lexer->at += strcspn(lexer->at, "\r\n");
        else if (*lexer->at != '\0')
            return lexer_fail(lexer, lexer->at,
                              "the expression goes on in another line; put it into "
                              "parentheses");
    }
    return RC_OK;
}

enum rc lexer_next(struct lexer *lexer, struct token *token)
{
    skip_blanks(lexer);
    *token = (struct token){ .kind = TOKEN_END, .text = lexer->at };

    char byte = *lexer->at;

    if (byte == '\0')
        return lexer->brackets == 0
                   ? RC_OK
                   : lexer_fail(lexer, lexer->at, "a bracket is not closed");
    if (byte == '\r' || byte == '\n')
        return lex_end(lexer);
    if ((byte >= '0' && byte <= '9')
        || (byte == '.' && lexer->at[1] >= '0' && lexer->at[1] <= '9'))
        return lex_number(lexer, token);

    size_t size = name_length(lexer->at);

    if (lexer->at[size] == '\'' || lexer->at[size] == '"') {
        bool is_string;
        enum rc rc = lex_string(lexer, size, token, &is_string);

        if (rc != RC_OK || is_string)
            return rc;
    }
    if (size == 0)
        return lex_operator(lexer, token);
    token->kind = kind_of_name(lexer->at, size);
    token->size = size;
    lexer->at += size;
    return RC_OK;
}
