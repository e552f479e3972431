/* glob.c - the pattern as a small automaton whose states are its positions. */
#include "codecs/glob/glob.h"

#include <string.h>

bool glob_has_wildcard(const char *text)
{
    return strpbrk(text, "*?[") != NULL;
}

struct automaton {
    const char *pattern;
    size_t size;
    bool wide;
    bool here[GLOB_PATTERN_MAX + 1], next[GLOB_PATTERN_MAX + 1];
};

static bool is_part_start(const struct automaton *a, size_t at)
{
    return at == 0 || a->pattern[at - 1] == '/';
}

static size_t stars(const struct automaton *a, size_t at)
{
    return strspn(a->pattern + at, "*");
}

/* Whether the stars at `at` may stand for slashes too. */
static bool crosses(const struct automaton *a, size_t at)
{
    size_t count = stars(a, at), behind = at + count;

    return count > 1
           && (a->wide
               || (is_part_start(a, at)
                   && (behind == a->size || a->pattern[behind] == '/')));
}

/* Marks a state and those that are reached from it without reading anything. */
static void enter(struct automaton *a, bool *states, size_t at)
{
    while (at <= a->size && !states[at]) {
        size_t count = at < a->size ? stars(a, at) : 0;

        states[at] = true;
        if (!count)
            return;
        if (crosses(a, at) && is_part_start(a, at) && a->pattern[at + count] == '/')
            enter(a, states, at + count + 1);
        at += count;
    }
}

/* "[...]" at `at`: whether c is in it, and where it ends; 0 when it never does. */
static size_t set_end(const struct automaton *a, size_t at, char c, bool *is_in)
{
    size_t i = at + 1;
    bool is_negated = a->pattern[i] == '!' || a->pattern[i] == '^', found = false;

    i += is_negated;
    for (size_t first = i; i < a->size && (a->pattern[i] != ']' || i == first); i++) {
        unsigned char low, high;

        if (a->pattern[i] == '\\' && i + 1 < a->size)
            i++;
        low = high = (unsigned char)a->pattern[i];
        if (a->pattern[i + 1] == '-' && i + 2 < a->size && a->pattern[i + 2] != ']') {
            high = (unsigned char)a->pattern[i + 2];
            i += 2;
        }
        found |= (unsigned char)c >= low && (unsigned char)c <= high;
    }
    *is_in = found != is_negated && c != '/';
    return i < a->size ? i + 1 : 0;
}

static void step(struct automaton *a, size_t at, char c)
{
    bool is_in;
    size_t end;

    switch (a->pattern[at]) {
    case '*':
        if (c != '/' || crosses(a, at))
            enter(a, a->next, at);
        return;
    case '?':
        if (c != '/')
            enter(a, a->next, at + 1);
        return;
    case '[':
        end = set_end(a, at, c, &is_in);
        if (end && is_in)
            enter(a, a->next, end);
        if (end)
            return;
        break;
    case '\\':
        at += at + 1 < a->size;
        break;
    }
    if (a->pattern[at] == c)
        enter(a, a->next, at + 1);
}

bool glob_matches(const char *pattern, const char *path, bool wide)
{
    struct automaton a = { .pattern = pattern, .size = strlen(pattern), .wide = wide };

    if (a.size > GLOB_PATTERN_MAX)
        return false;
    enter(&a, a.here, 0);
    for (; *path; path++) {
        memset(a.next, 0, a.size + 1);
        for (size_t at = 0; at < a.size; at++)
            if (a.here[at])
                step(&a, at, *path);
        memcpy(a.here, a.next, a.size + 1);
    }
    return a.here[a.size];
}
