/* compile_name.c - names that a person typed, and what they may have meant. */
#include "codecs/plan/draft.h"

#include <string.h>

enum { LISTED_MAX = 12, COMPARED_MAX = 64 };

/* Edit distance of the first COMPARED_MAX bytes. */
static size_t distance(const char *a, const char *b)
{
    size_t a_size = strnlen(a, COMPARED_MAX), b_size = strnlen(b, COMPARED_MAX);
    size_t row[COMPARED_MAX + 1];

    for (size_t j = 0; j <= b_size; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b_size];
}

/* Appends the names that fit, at most LISTED_MAX of them. */
static size_t names_list(struct buf *buf, const char *given, const char *const *names,
                         size_t count, bool only_prefixed, size_t distance_max)
{
    size_t listed = 0;

    for (size_t i = 0; i < count && listed < LISTED_MAX; i++) {
        if (only_prefixed && strncmp(names[i], given, strlen(given)) != 0)
            continue;
        if (distance(given, names[i]) > distance_max)
            continue;
        buf_printf(buf, "%s'%.60s'", listed > 0 ? ", " : "", names[i]);
        listed++;
    }
    return listed;
}

static enum rc name_unknown(struct compiler *compiler, const char *noun,
                            const char *given, const char *const *names, size_t count)
{
    scoped_buf buf = { 0 };
    const char *lead = "there are: ";

    if (count == 0)
        return err_set(compiler->err, RC_INVALID, "there is no %s '%.80s', nor any other",
                       noun, given);
    if (count <= LISTED_MAX) {
        names_list(&buf, given, names, count, false, SIZE_MAX);
    } else if (names_list(&buf, given, names, count, false, 1 + strlen(given) / 4) > 0) {
        lead = "did you mean ";
    } else {
        names_list(&buf, given, names, LISTED_MAX, false, SIZE_MAX);
        buf_printf(&buf, " and %zu more", count - LISTED_MAX);
    }
    return err_set(compiler->err, RC_INVALID, "there is no %s '%.80s'; %s%s", noun, given,
                   lead, buf_string(&buf));
}

enum rc name_pick(struct compiler *compiler, const char *noun, const char *given,
                  const char *const *names, size_t count, bool with_prefixes,
                  size_t *index)
{
    scoped_buf buf = { 0 };
    size_t found = count, matches = 0;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], given) == 0) {
            *index = i;
            return RC_OK;
        }
        if (with_prefixes && strncmp(names[i], given, strlen(given)) == 0) {
            found = i;
            matches++;
        }
    }
    if (matches == 0)
        return name_unknown(compiler, noun, given, names, count);
    if (matches > 1) {
        names_list(&buf, given, names, count, true, SIZE_MAX);
        return err_set(compiler->err, RC_INVALID,
                       "%s '%.80s' is the beginning of several names: %s", noun, given,
                       buf_string(&buf));
    }
    *index = found;
    return RC_OK;
}
