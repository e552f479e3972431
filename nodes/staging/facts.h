/* facts.h - the environment object: what a command found on this machine.
 *
 * One line of JSON (docs/versions.md) that is the same for equal machines with equal
 * packages, so that it is stored once however many tasks name it. Nothing is started to
 * learn it: the system, its processor and memory are read once, the packages of the
 * interpreter are the names of folders, read again only when one of the folders has
 * changed. Any worker thread may ask. */
#pragma once

#include "nodes/staging/staging.h"

enum { FACTS_DEVICES_MAX = 64, FACTS_TEXT_MAX = 96, FACTS_ADDRESS_SIZE = 16 };

struct device_facts { /* of the devices that the node offers */
    char driver[FACTS_TEXT_MAX];
    struct {
        unsigned index;
        char model[FACTS_TEXT_MAX];
        uint64_t memory; /* bytes; 0: not known */
    } devices[FACTS_DEVICES_MAX];
    unsigned count;
};

struct facts;
/* Reads what does not change. NULL when out of memory. */
struct facts *facts_create(const struct device_facts *devices);
void facts_destroy(struct facts *facts);
SCOPED(facts)

/* The object that holds for a command of the stage now, in that folder: its digest, after
 * the store has got its bytes. Failures are those of port->put. */
NODISCARD enum rc facts_store(struct facts *facts, const struct store_port *port,
                              const struct plan_stage *stage, const char *folder,
                              char digest[DIGEST_TEXT_SIZE], struct err *err);

/* The same when the store has it already; false: ask facts_store. Never waits for the
 * store. */
bool facts_known(struct facts *facts, const struct plan_stage *stage, const char *folder,
                 char digest[DIGEST_TEXT_SIZE]);

/* The broker is there anew, perhaps with another store, as after the restore of a backup:
 * what was stored is stored again. Never waits. */
void facts_doubt_store(struct facts *facts);

/* The first IPv4 address of this machine that is not loopback, or 127.0.0.1, as it was at
 * most 10 s ago; facts NULL: as it is. */
void facts_address(struct facts *facts, char text[FACTS_ADDRESS_SIZE]);
