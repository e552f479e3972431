/* findings.c - blocks of findings in the arena, and the edit distance. */
#include "codecs/config/findings.h"

#include "codecs/value/utf8.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK_SIZE = 64, NEAREST_LENGTH_MAX = 48, NEAREST_CANDIDATES_MAX = 500 };

struct findings_block {
    struct findings_block *next;
    size_t count;
    struct finding findings[BLOCK_SIZE];
};

void findings_init(struct findings *findings, struct arena *arena)
{
    *findings = (struct findings){ .arena = arena };
}

void findings_clear(struct findings *findings)
{
    bool no_memory = findings->no_memory;

    findings_init(findings, findings->arena);
    findings->no_memory = no_memory;
}

static struct findings_block *block_with_room(struct findings *findings)
{
    struct findings_block *block = findings->last;

    if (block && block->count < BLOCK_SIZE)
        return block;
    if (!(block = arena_alloc(findings->arena, sizeof *block)))
        return NULL;
    if (findings->last)
        findings->last->next = block;
    else
        findings->first = block;
    findings->last = block;
    return block;
}

static bool is_shown(int32_t point)
{
    return point >= 0x20 && (point < 0x7f || point >= 0xa0);
}

/* Texts of the file stand in messages: a `?` takes the place of what would move a
 * terminal's cursor, and of a character that the cut at the end left half. */
static void make_printable(char *text)
{
    size_t size = strlen(text), step;

    for (size_t i = 0; i < size; i += step) {
        int32_t point = utf8_next(text + i, size - i, &step);

        if (!is_shown(point))
            memset(text + i, '?', step);
    }
}

static bool is_printable(const char *text)
{
    size_t size = strlen(text), step;

    for (size_t i = 0; i < size; i += step) {
        int32_t point = utf8_next(text + i, size - i, &step);

        if (!is_shown(point))
            return false;
    }
    return true;
}

void findings_add(struct findings *findings, const struct finding *finding)
{
    if (finding->level == FINDING_ERROR)
        findings->error_count++;
    else if (finding->level == FINDING_WARNING)
        findings->warning_count++;
    if (findings->count == CONFIG_FINDINGS_MAX)
        return;

    struct findings_block *block = block_with_room(findings);

    if (!block) {
        findings->no_memory = true;
        return;
    }

    struct finding *kept = &block->findings[block->count++];

    *kept = *finding;
    if (kept->nearest && !is_printable(kept->nearest))
        kept->nearest = NULL;
    findings->count++;
}

enum rc findings_take(struct findings *findings, const struct finding **array)
{
    struct finding *all = arena_array(findings->arena, findings->count, sizeof *all);
    size_t used = 0;

    if (!all || findings->no_memory)
        return RC_NO_MEMORY;
    for (struct findings_block *block = findings->first; block; block = block->next) {
        memcpy(all + used, block->findings, block->count * sizeof *all);
        used += block->count;
    }
    *array = all;
    return RC_OK;
}

const char *findings_text(struct findings *findings, const char *format, ...)
{
    va_list args;
    char small[512];
    const char *copy;

    va_start(args, format);
    vsnprintf(small, sizeof small, format, args);
    va_end(args);
    make_printable(small);
    copy = arena_text(findings->arena, small);
    if (!copy)
        findings->no_memory = true;
    return copy ? copy : "";
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance, letter case and `_` against `-` aside. */
static size_t edits(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t row[NEAREST_LENGTH_MAX + 1];

    for (size_t j = 0; j <= b_size; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t diagonal = row[0];
        int from = a[i - 1] == '_' ? '-' : tolower((unsigned char)a[i - 1]);

        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t above = row[j];
            bool same = tolower((unsigned char)b[j - 1]) == from;

            row[j] =
                min_size(min_size(row[j] + 1, row[j - 1] + 1), diagonal + (same ? 0 : 1));
            diagonal = above;
        }
    }
    return row[b_size];
}

const char *nearest_of(const char *text, const char *const *candidates, size_t count)
{
    size_t size = strlen(text);
    const char *best = NULL;
    size_t best_edits = size / 3 + 2;

    if (size > NEAREST_LENGTH_MAX)
        return NULL;
    for (size_t i = 0; i < min_size(count, NEAREST_CANDIDATES_MAX); i++) {
        size_t candidate_size = strlen(candidates[i]);

        if (candidate_size > NEAREST_LENGTH_MAX)
            continue;

        size_t distance = edits(text, size, candidates[i], candidate_size);

        if (distance < best_edits && distance < candidate_size) {
            best = candidates[i];
            best_edits = distance;
        }
    }
    return best;
}
