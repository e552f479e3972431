/* places.c - a table of digests, each with the numbers of a few nodes. */
#include "broker/artifacts/places.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS_FIRST = 1024 };

struct entry {
    unsigned char key[DIGEST_SIZE];
    uint32_t nodes[PLACE_NODES_MAX]; /* number of the node, plus 1; 0: none */
    struct entry *chain;
};

struct teller { /* a node that told */
    struct node_place place;
    uint32_t count; /* entries that name it */
};

struct places {
    pthread_mutex_t lock;
    struct entry **buckets;
    size_t bucket_count, count; /* buckets: a power of two */
    struct teller *tellers;
    uint32_t teller_count, teller_capacity;
    uint32_t turn; /* which place comes first */
};

struct places *places_create(void)
{
    struct places *self = calloc(1, sizeof *self);

    if (!self || !(self->buckets = calloc(BUCKETS_FIRST, sizeof *self->buckets))) {
        free(self);
        return NULL;
    }
    self->bucket_count = BUCKETS_FIRST;
    pthread_mutex_init(&self->lock, NULL);
    return self;
}

void places_destroy(struct places *places)
{
    if (!places)
        return;
    for (size_t i = 0; i < places->bucket_count; i++)
        while (places->buckets[i]) {
            struct entry *entry = places->buckets[i];

            places->buckets[i] = entry->chain;
            free(entry);
        }
    free(places->buckets);
    free(places->tellers);
    pthread_mutex_destroy(&places->lock);
    free(places);
}

static struct entry **bucket_of(const struct places *self, const unsigned char *key)
{
    uint64_t start;

    memcpy(&start, key, sizeof start);
    return &self->buckets[(size_t)start & (self->bucket_count - 1)];
}

/* Keeps chains short; without memory they only grow longer. */
static void buckets_grow(struct places *self)
{
    size_t before = self->bucket_count;
    struct entry **old = self->buckets;
    struct entry **made = self->count < before ? NULL : calloc(2 * before, sizeof *made);

    if (!made)
        return;
    self->buckets = made;
    self->bucket_count = 2 * before;
    for (size_t i = 0; i < before; i++)
        while (old[i]) {
            struct entry *entry = old[i], **at = bucket_of(self, entry->key);

            old[i] = entry->chain;
            entry->chain = *at;
            *at = entry;
        }
    free(old);
}

/* What points to the entry of the digest, or to the NULL where it would be. */
static struct entry **entry_at(const struct places *self, const char *digest)
{
    unsigned char key[DIGEST_SIZE];

    digest_raw(digest, key);

    struct entry **at = bucket_of(self, key);

    while (*at && memcmp((*at)->key, key, sizeof key) != 0)
        at = &(*at)->chain;
    return at;
}

/* The number of the node, plus 1; 0 if it never began. */
static uint32_t teller_find(const struct places *self, const char *node)
{
    for (uint32_t i = 0; i < self->teller_count; i++)
        if (strcmp(self->tellers[i].place.node, node) == 0)
            return i + 1;
    return 0;
}

static uint32_t teller_add(struct places *self, const char *node)
{
    if (self->teller_count == self->teller_capacity) {
        uint32_t capacity = self->teller_capacity ? 2 * self->teller_capacity : 8;
        struct teller *tellers =
            reallocarray(self->tellers, capacity, sizeof *self->tellers);

        if (!tellers)
            return 0;
        self->tellers = tellers;
        self->teller_capacity = capacity;
    }

    struct teller *teller = &self->tellers[self->teller_count++];

    *teller = (struct teller){ 0 };
    snprintf(teller->place.node, sizeof teller->place.node, "%s", node);
    return self->teller_count;
}

/* The node does not have it any more. Frees what nobody has; gives whether it did. */
static bool entry_forget(struct places *self, struct entry **at, uint32_t number)
{
    struct entry *entry = *at;
    bool is_anywhere = false;

    for (size_t i = 0; i < PLACE_NODES_MAX; i++) {
        if (entry->nodes[i] == number) {
            entry->nodes[i] = 0;
            self->tellers[number - 1].count--;
        }
        is_anywhere |= entry->nodes[i] != 0;
    }
    if (is_anywhere)
        return false;
    *at = entry->chain;
    free(entry);
    self->count--;
    return true;
}

static void teller_forget(struct places *self, uint32_t number)
{
    for (size_t i = 0; i < self->bucket_count; i++)
        for (struct entry **at = &self->buckets[i]; *at;)
            if (!entry_forget(self, at, number))
                at = &(*at)->chain;
}

void places_begin(struct places *places, const char *node, const char *endpoint)
{
    pthread_mutex_lock(&places->lock);

    uint32_t number = teller_find(places, node);

    if (!number)
        number = teller_add(places, node);
    else if (places->tellers[number - 1].count > 0)
        teller_forget(places, number);
    if (number) {
        struct node_place *place = &places->tellers[number - 1].place;

        snprintf(place->endpoint, sizeof place->endpoint, "%s", endpoint);
    }
    pthread_mutex_unlock(&places->lock);
}

static struct entry *entry_make(struct places *self, const char *digest)
{
    struct entry **at = entry_at(self, digest), *made = *at;

    if (made || self->count >= PLACES_MAX || !(made = calloc(1, sizeof *made)))
        return made;
    digest_raw(digest, made->key);
    *at = made;
    self->count++;
    buckets_grow(self);
    return made;
}

static void entry_note(struct places *self, struct entry *entry, uint32_t number)
{
    uint32_t *room = NULL;

    for (size_t i = 0; i < PLACE_NODES_MAX; i++) {
        if (entry->nodes[i] == number)
            return;
        if (entry->nodes[i] == 0)
            room = &entry->nodes[i];
    }
    if (!room)
        return;
    *room = number;
    self->tellers[number - 1].count++;
}

/* With the lock; number: of the node, plus 1, or 0. */
static void place_note(struct places *self, uint32_t number, const char *digest)
{
    struct entry *entry = number && self->tellers[number - 1].count < PLACES_OF_NODE_MAX
                              ? entry_make(self, digest)
                              : NULL;

    if (entry)
        entry_note(self, entry, number);
}

void places_add(struct places *places, const char *node, const char *digest)
{
    pthread_mutex_lock(&places->lock);
    place_note(places, teller_find(places, node), digest);
    pthread_mutex_unlock(&places->lock);
}

void places_expect(struct places *places, const char *node, const char *digest)
{
    pthread_mutex_lock(&places->lock);

    uint32_t number = teller_find(places, node);

    place_note(places, number ? number : teller_add(places, node), digest);
    pthread_mutex_unlock(&places->lock);
}

void places_remove(struct places *places, const char *node, const char *digest)
{
    pthread_mutex_lock(&places->lock);

    uint32_t number = teller_find(places, node);
    struct entry **at = entry_at(places, digest);

    if (number && *at)
        entry_forget(places, at, number);
    pthread_mutex_unlock(&places->lock);
}

size_t places_find(struct places *places, const char *digest,
                   struct node_place found[PLACE_NODES_MAX])
{
    size_t count = 0;

    pthread_mutex_lock(&places->lock);

    const struct entry *entry = *entry_at(places, digest);
    uint32_t turn = entry ? places->turn++ : 0;

    for (uint32_t i = 0; entry && i < PLACE_NODES_MAX; i++) {
        uint32_t number = entry->nodes[(turn + i) % PLACE_NODES_MAX];

        if (number)
            found[count++] = places->tellers[number - 1].place;
    }
    pthread_mutex_unlock(&places->lock);
    return count;
}
