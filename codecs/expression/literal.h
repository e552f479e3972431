/* literal.h - numbers and strings, inside expression/ only. */
#pragma once

#include "codecs/expression/token.h"

/* The number that starts at lexer->at with a digit, or a dot and a digit. */
NODISCARD enum rc lex_number(struct lexer *lexer, struct token *token);
/* The string whose quote stands behind prefix_size bytes; *is_string is false, and
 * nothing is consumed, if those bytes are no prefix of strings. */
NODISCARD enum rc lex_string(struct lexer *lexer, size_t prefix_size, struct token *token,
                             bool *is_string);
