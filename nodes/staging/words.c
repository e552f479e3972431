/* words.c - see words.h. */
#include "nodes/staging/words.h"

#include <string.h>

/* None of these means anything to a shell within a word that is no builtin's. */
static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                            "0123456789_-./:,@%+=";

/* What the shells that /bin/sh may be do themselves, beyond what a program would. */
static const char *const builtins[] = {
    ".",         "alias",    "bg",      "bind",    "break",   "builtin",  "caller",
    "case",      "cd",       "chdir",   "command", "compgen", "complete", "compopt",
    "continue",  "coproc",   "declare", "dirs",    "disown",  "do",       "done",
    "echo",      "elif",     "else",    "enable",  "esac",    "eval",     "exec",
    "exit",      "export",   "false",   "fc",      "fg",      "fi",       "for",
    "function",  "getopts",  "hash",    "help",    "history", "if",       "in",
    "jobs",      "kill",     "let",     "local",   "login",   "logout",   "mapfile",
    "newgrp",    "popd",     "print",   "printf",  "pushd",   "pwd",      "read",
    "readarray", "readonly", "return",  "select",  "set",     "shift",    "shopt",
    "source",    "suspend",  "test",    "then",    "time",    "times",    "trap",
    "true",      "type",     "typeset", "ulimit",  "umask",   "unalias",  "unset",
    "until",     "wait",     "whence",  "while",   ":",
};

static bool is_program(const char *word)
{
    if (strchr(word, '='))
        return false;
    for (size_t i = 0; i < COUNT_OF(builtins); i++)
        if (strcmp(word, builtins[i]) == 0)
            return false;
    return true;
}

bool words_split(const char *command, struct arena *arena, const char *const **words,
                 size_t *count)
{
    char *text = arena_text(arena, command);
    size_t most = strlen(command) / 2 + 1, found = 0;
    const char **list = arena_array(arena, most, sizeof *list);
    char *at = text, *rest;

    if (!text || !list)
        return false;
    text[strcspn(text, "\n")] = '\0';
    if (command[strlen(text)] != '\0' && command[strlen(text) + 1] != '\0')
        return false;
    for (char *word; (word = strtok_r(at, " \t", &rest)) != NULL; at = NULL) {
        if (word[strspn(word, plain)] != '\0')
            return false;
        list[found++] = word;
    }
    if (found == 0 || !is_program(list[0]))
        return false;
    *words = list;
    *count = found;
    return true;
}
