/* words.h - commands that need no shell. */
#pragma once

#include "codecs/base/arena.h"

/* Splits a command that a shell would start as it stands: words of plain characters,
 * the first being a program and no builtin, keyword or assignment. true: *words, without
 * a NULL at the end, is what the program gets. */
bool words_split(const char *command, struct arena *arena, const char *const **words,
                 size_t *count);
