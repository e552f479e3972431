/* token.h - the tokens of Python's expression syntax, inside expression/ only. */
#pragma once

#include "codecs/value/value.h"

enum token_kind {
    TOKEN_END,
    TOKEN_NAME,   /* also a keyword that may stand for a name, and a name's text */
    TOKEN_NUMBER, /* value: int or float */
    TOKEN_STRING, /* value: one literal, unescaped */
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_NOT,
    TOKEN_IN,
    TOKEN_IS,
    TOKEN_FOR,
    TOKEN_TRUE,
    TOKEN_FALSE,
    TOKEN_NONE,
    TOKEN_EQUAL, /* == */
    TOKEN_NOT_EQUAL,
    TOKEN_LESS,
    TOKEN_LESS_EQUAL,
    TOKEN_GREATER,
    TOKEN_GREATER_EQUAL,
    TOKEN_PLUS,
    TOKEN_MINUS,
    TOKEN_STAR,
    TOKEN_SLASH,
    TOKEN_DOUBLE_SLASH,
    TOKEN_DOT,
    TOKEN_COMMA,
    TOKEN_OPEN,        /* ( */
    TOKEN_CLOSE,       /* ) */
    TOKEN_OPEN_BRACE,  /* { */
    TOKEN_CLOSE_BRACE, /* } */
};

struct token {
    enum token_kind kind;
    const char *text; /* borrowed from the expression's text */
    size_t size;
    struct value value;
};

struct lexer {
    struct arena *arena;
    struct err *err;
    const char *start, *at;
    unsigned brackets; /* open ones; inside them a line end is a blank */
};

enum { BRACKETS_MAX = 200 }; /* as in Python's own tokenizer */

/* Sets the error "column N: what" for the place at. */
enum rc lexer_fail(const struct lexer *lexer, const char *at, const char *what);
NODISCARD enum rc lexer_next(struct lexer *lexer, struct token *token);
