/* texts.c - see texts.h. */
#include "client/cli/project/texts.h"

#include <stdlib.h>
#include <string.h>

void texts_fini(struct texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        free(texts->items[i]);
    free(texts->items);
    *texts = (struct texts){ 0 };
}

bool texts_add_bytes(struct texts *texts, const char *bytes, size_t size)
{
    if (texts->count == texts->capacity) {
        size_t capacity = texts->capacity ? 2 * texts->capacity : 16;
        char **items = reallocarray(texts->items, capacity, sizeof *items);

        if (!items)
            return false;
        texts->items = items;
        texts->capacity = capacity;
    }

    char *copy = malloc(size + 1);

    if (!copy)
        return false;
    if (size)
        memcpy(copy, bytes, size);
    copy[size] = '\0';
    texts->items[texts->count++] = copy;
    return true;
}

bool texts_add(struct texts *texts, const char *text)
{
    return texts_add_bytes(texts, text, strlen(text));
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void texts_sort(struct texts *texts)
{
    size_t kept = 0;

    if (texts->count)
        qsort(texts->items, texts->count, sizeof *texts->items, compare);
    for (size_t i = 0; i < texts->count; i++) {
        if (kept && strcmp(texts->items[kept - 1], texts->items[i]) == 0)
            free(texts->items[i]);
        else
            texts->items[kept++] = texts->items[i];
    }
    texts->count = kept;
}
