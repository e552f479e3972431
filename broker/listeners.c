/* listeners.c - see listeners.h. */
#include "broker/listeners.h"

#include <stdlib.h>
#include <string.h>

enum { TOPICS_MAX = 100000 };

void listeners_fini(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++)
        free(listeners->topics[i]);
    free(listeners->topics);
    *listeners = (struct listeners){ 0 };
}

static bool make_room(struct listeners *listeners)
{
    size_t capacity = listeners->capacity ? listeners->capacity * 2 : 16;
    char **topics;

    if (listeners->count < listeners->capacity)
        return true;
    topics = listeners->count < TOPICS_MAX
                 ? reallocarray(listeners->topics, capacity, sizeof *topics)
                 : NULL;
    if (!topics)
        return false;
    listeners->topics = topics;
    listeners->capacity = capacity;
    return true;
}

static void add(struct listeners *listeners, const char *topic, size_t size)
{
    char *kept = make_room(listeners) ? malloc(size + 1) : NULL;

    if (!kept) {
        listeners->are_unknown = true;
        return;
    }
    memcpy(kept, topic, size);
    kept[size] = '\0';
    listeners->topics[listeners->count++] = kept;
}

static void drop(struct listeners *listeners, const char *topic, size_t size)
{
    for (size_t i = 0; i < listeners->count; i++) {
        if (strlen(listeners->topics[i]) != size
            || memcmp(listeners->topics[i], topic, size) != 0)
            continue;
        free(listeners->topics[i]);
        listeners->topics[i] = listeners->topics[--listeners->count];
        return;
    }
}

void listeners_note(struct listeners *listeners, const void *frame, size_t size)
{
    const char *bytes = frame;

    if (size == 0 || (bytes[0] != 0 && bytes[0] != 1)
        || memchr(bytes + 1, '\0', size - 1))
        return; /* no topic of ours holds a zero */
    if (bytes[0] == 1)
        add(listeners, bytes + 1, size - 1);
    else
        drop(listeners, bytes + 1, size - 1);
}

/* A subscription is to all that begins with it. */
bool listeners_hear(const struct listeners *listeners, const char *prefix)
{
    size_t size = strlen(prefix);

    if (listeners->are_unknown)
        return true;
    for (size_t i = 0; i < listeners->count; i++) {
        size_t common = strlen(listeners->topics[i]);

        if (strncmp(listeners->topics[i], prefix, common < size ? common : size) == 0)
            return true;
    }
    return false;
}
