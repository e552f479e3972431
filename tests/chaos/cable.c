/* cable.c - see cable.h. Packets lie in slots; a heap of slots is ordered by arrival. */
#include "tests/chaos/cable.h"

#include "tests/chaos/random.h"

#include <stdlib.h>
#include <string.h>

struct packet {
    int64_t due_us;
    uint64_t number; /* of the packets taken, from 1 */
    uint32_t size;
    unsigned char bytes[CABLE_PACKET_MAX];
};

struct cable {
    struct weather weather;
    struct random random;
    struct cable_counts counts;
    int64_t free_us;   /* when the line has sent what it was given */
    uint64_t furthest; /* the highest number that has arrived */
    struct packet *packets;
    uint32_t order[CABLE_QUEUE_MAX]; /* first count: the heap; the others: free slots */
    uint32_t count;
};

struct cable *cable_create(const struct weather *weather, uint64_t seed, struct err *err)
{
    scoped(cable) cable = calloc(1, sizeof *cable);

    if (!cable || !(cable->packets = calloc(CABLE_QUEUE_MAX, sizeof *cable->packets))) {
        err_set(err, RC_NO_MEMORY, "a cable for %d packets", CABLE_QUEUE_MAX);
        return NULL;
    }
    cable->weather = *weather;
    cable->random = (struct random){ seed };
    for (uint32_t i = 0; i < CABLE_QUEUE_MAX; i++)
        cable->order[i] = i;
    return steal(&cable);
}

void cable_destroy(struct cable *cable)
{
    if (!cable)
        return;
    free(cable->packets);
    free(cable);
}

static bool is_before(const struct cable *cable, uint32_t a, uint32_t b)
{
    const struct packet *left = &cable->packets[cable->order[a]];
    const struct packet *right = &cable->packets[cable->order[b]];

    return left->due_us != right->due_us ? left->due_us < right->due_us
                                         : left->number < right->number;
}

static void swap(struct cable *cable, uint32_t a, uint32_t b)
{
    uint32_t held = cable->order[a];

    cable->order[a] = cable->order[b];
    cable->order[b] = held;
}

static void push(struct cable *cable, int64_t due_us, const void *bytes, size_t size)
{
    if (cable->count == CABLE_QUEUE_MAX) {
        cable->counts.dropped++;
        return;
    }

    uint32_t at = cable->count++;
    struct packet *packet = &cable->packets[cable->order[at]];

    packet->due_us = due_us;
    packet->number = cable->counts.taken;
    packet->size = (uint32_t)size;
    memcpy(packet->bytes, bytes, size);
    for (; at > 0 && is_before(cable, at, (at - 1) / 2); at = (at - 1) / 2)
        swap(cable, at, (at - 1) / 2);
}

static void pop(struct cable *cable)
{
    uint32_t at = 0, next;

    swap(cable, 0, --cable->count);
    while ((next = 2 * at + 1) < cable->count) {
        if (next + 1 < cable->count && is_before(cable, next + 1, next))
            next++;
        if (!is_before(cable, next, at))
            return;
        swap(cable, at, next);
        at = next;
    }
}

static int64_t delay_us(const struct weather *weather, uint64_t random)
{
    int64_t jitter = (int64_t)weather->jitter_ms * 1000;
    int64_t delay = (int64_t)weather->delay_ms * 1000 - jitter
                    + (int64_t)(random % (uint64_t)(2 * jitter + 1));

    return delay > 0 ? delay : 0;
}

void cable_take(struct cable *cable, int64_t now_us, const void *packet, size_t size)
{
    const struct weather *weather = &cable->weather;
    bool is_lost = random_below(&cable->random, 100) < weather->loss;
    bool is_doubled = random_below(&cable->random, 100) < weather->doubles;
    uint64_t first = random_next(&cable->random), second = random_next(&cable->random);
    int64_t sent_us = cable->free_us > now_us ? cable->free_us : now_us;

    must(size > 0 && size <= CABLE_PACKET_MAX);
    cable->counts.taken++;
    if (is_lost) {
        cable->counts.lost++;
        return;
    }
    if (weather->rate_kbit > 0)
        sent_us += (int64_t)(size * 8000 / weather->rate_kbit);
    if (sent_us - now_us > CABLE_LINE_MAX_US) {
        cable->counts.dropped++;
        return;
    }
    cable->free_us = sent_us;
    push(cable, sent_us + delay_us(weather, first), packet, size);
    if (is_doubled) {
        cable->counts.doubled++;
        push(cable, sent_us + delay_us(weather, second), packet, size);
    }
}

int64_t cable_due_us(const struct cable *cable)
{
    return cable->count > 0 ? cable->packets[cable->order[0]].due_us : CABLE_NEVER_US;
}

size_t cable_give(struct cable *cable, int64_t now_us,
                  unsigned char packet[CABLE_PACKET_MAX])
{
    if (cable->count == 0 || cable_due_us(cable) > now_us)
        return 0;

    const struct packet *first = &cable->packets[cable->order[0]];
    size_t size = first->size;

    memcpy(packet, first->bytes, size);
    if (first->number < cable->furthest)
        cable->counts.overtaken++;
    else
        cable->furthest = first->number;
    pop(cable);
    return size;
}

const struct cable_counts *cable_counts(const struct cable *cable)
{
    return &cable->counts;
}
