/* labels.c - see labels.h. The key of a text is the first 64 bits of its SHA-256, which
 * are hard to make collide; after a collision it is the next free key. */
#include "broker/labels.h"

#include "codecs/digest/digest.h"

#include <stdlib.h>
#include <string.h>

enum { TIDY_MIN = 1024, PREFIX_SIZE = 7 /* "sha256:" */, KEY_DIGITS = 16 };

void labels_fini(struct labels *labels)
{
    for (uint32_t i = 0; i < labels->capacity; i++)
        free(labels->texts[i]);
    free(labels->texts);
    table_clear(&labels->numbers);
    *labels = (struct labels){ 0 };
}

static uint64_t key_of(const char *text)
{
    char digest[DIGEST_TEXT_SIZE];

    digest_bytes(text, strlen(text), digest);
    digest[PREFIX_SIZE + KEY_DIGITS] = '\0';
    return strtoull(digest + PREFIX_SIZE, NULL, 16);
}

/* The number of the text, or 0 and the key that a new one gets. */
static uint32_t find(char *const *texts, const struct table *numbers, const char *text,
                     uint64_t *key)
{
    uint32_t number;

    for (*key = key_of(text);; ++*key) {
        if (*key == 0)
            continue;
        if (!table_find(numbers, *key, &number))
            return 0;
        if (strcmp(texts[number - 1], text) == 0)
            return number;
    }
}

static enum rc grow(struct labels *labels)
{
    uint32_t capacity = labels->capacity ? labels->capacity * 2 : 16;
    char **texts = reallocarray(labels->texts, capacity, sizeof *texts);

    if (!texts)
        return RC_NO_MEMORY;
    memset(texts + labels->capacity, 0, (capacity - labels->capacity) * sizeof *texts);
    labels->texts = texts;
    labels->capacity = capacity;
    return RC_OK;
}

enum rc labels_number(struct labels *labels, const char *text, uint32_t *number)
{
    uint64_t key;
    uint32_t found = find(labels->texts, &labels->numbers, text, &key);
    uint32_t slot = labels->free_from;
    char *copy;

    if (found) {
        *number = found;
        return RC_OK;
    }
    if (table_reserve(&labels->numbers) != RC_OK)
        return RC_NO_MEMORY;
    while (slot < labels->capacity && labels->texts[slot])
        slot++;
    if (slot == labels->capacity && grow(labels) != RC_OK)
        return RC_NO_MEMORY;
    copy = strdup(text);
    if (!copy)
        return RC_NO_MEMORY;
    labels->texts[slot] = copy;
    labels->free_from = slot + 1;
    labels->count++;
    table_put(&labels->numbers, key, slot + 1);
    *number = slot + 1;
    return RC_OK;
}

static void mark(void *context, uint32_t label)
{
    bool *is_used = context;

    is_used[label - 1] = true;
}

/* A table of those in use alone, as a hash table has no holes; false: no memory for it.
 */
static bool table_of(const struct labels *labels, const bool *is_used, struct table *made,
                     uint32_t *count)
{
    uint64_t key;

    for (uint32_t i = 0; i < labels->capacity; i++) {
        if (!labels->texts[i] || !is_used[i])
            continue;
        if (table_reserve(made) != RC_OK)
            return false;
        find(labels->texts, made, labels->texts[i], &key);
        table_put(made, key, i + 1);
        ++*count;
    }
    return true;
}

void labels_tidy(struct labels *labels, const struct core *core)
{
    struct table numbers = { 0 };
    uint32_t count = 0;
    bool *is_used;

    if (labels->count < TIDY_MIN || labels->count < labels->tidy_at)
        return;
    is_used = calloc(labels->capacity, sizeof *is_used);
    if (is_used)
        core_labels(core, mark, is_used);
    if (!is_used || !table_of(labels, is_used, &numbers, &count)) {
        table_clear(&numbers);
        free(is_used);
        return;
    }
    for (uint32_t i = 0; i < labels->capacity; i++)
        if (labels->texts[i] && !is_used[i]) {
            free(labels->texts[i]);
            labels->texts[i] = NULL;
        }
    table_clear(&labels->numbers);
    labels->numbers = numbers;
    labels->count = count;
    labels->free_from = 0;
    labels->tidy_at = 2 * count + TIDY_MIN;
    free(is_used);
}
