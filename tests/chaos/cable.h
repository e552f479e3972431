/* cable.h - one direction of a bad cable: which packets are lost, which come twice, and
 * when each arrives. Pure: the time comes in, and the fate of the n-th packet depends on
 * the seed and n alone. Times are microseconds of any clock that does not go back. */
#pragma once

#include "codecs/base/base.h"

enum {
    CABLE_PACKET_MAX = 1500,    /* bytes */
    CABLE_QUEUE_MAX = 4096,     /* packets on their way; a further one is dropped */
    CABLE_LINE_MAX_US = 200000, /* a packet that would wait longer for the line, too */
};

#define CABLE_NEVER_US INT64_MAX

struct weather {
    unsigned loss, doubles;       /* per cent of the packets */
    unsigned delay_ms, jitter_ms; /* delay - jitter to delay + jitter; not below 0 */
    unsigned rate_kbit;           /* per second; 0: no limit */
};

struct cable_counts {
    uint64_t taken;              /* packets that came in */
    uint64_t lost, dropped;      /* by chance, and because too many were on their way */
    uint64_t doubled, overtaken; /* overtaken: gave way to a packet that came later */
};

struct cable;

struct cable *cable_create(const struct weather *weather, uint64_t seed,
                           struct err *err); /* NULL on failure */
void cable_destroy(struct cable *cable);     /* NULL is fine */
SCOPED(cable)

/* Copies a packet of 1 to CABLE_PACKET_MAX bytes. */
void cable_take(struct cable *cable, int64_t now_us, const void *packet, size_t size);
/* When the next packet arrives; CABLE_NEVER_US if none is on its way. */
int64_t cable_due_us(const struct cable *cable);
/* A packet that has arrived, and its size; 0 if none has. CABLE_NEVER_US gives all. */
size_t cable_give(struct cable *cable, int64_t now_us,
                  unsigned char packet[CABLE_PACKET_MAX]);
const struct cable_counts *cable_counts(const struct cable *cable); /* borrowed */
