/* names_key.h - keys that hold texts, and lists of numbers under such a key. Private to
 * this folder. */
#pragma once

#include "broker/store/names.h"
#include "broker/store/tables.h"

/* A text in a key is followed by a zero byte; so keys that begin with the same texts lie
 * together, and no text is the beginning of another. */
struct name_key {
    unsigned char bytes[511];
    size_t size;
};
/* Of a longer text the first max bytes. */
void name_key_text(struct name_key *key, const char *text, size_t max);
void name_key_number(struct name_key *key, uint64_t number, size_t size);
/* project and name, as aliases and datasets begin. */
struct name_key name_key_of(const char *project, const char *name);
bool name_key_begins(const MDB_val *found, const struct name_key *prefix);

/* The last 8 bytes of a key. */
uint64_t name_key_last(const MDB_val *found);
/* Numbers at the end of keys with the prefix, smaller than before (0: all), the greatest
 * first; gives how many. */
size_t name_numbers(struct store *store, enum table_id table,
                    const struct name_key *prefix, uint64_t before, uint64_t *numbers,
                    size_t limit);
NODISCARD enum rc name_put(struct store *store, enum table_id table,
                           const struct name_key *key, const struct buf *record,
                           struct err *err);

/* Visits records with the prefix whose key is greater than after (NULL: all), ascending,
 * until visit leaves RC_OK; RC_CANCELLED of it ends the visit without a failure. */
typedef enum rc name_visitor(void *context, const MDB_val *found, const MDB_val *data,
                             struct err *err);
NODISCARD enum rc name_visit(struct store *store, enum table_id table,
                             const struct name_key *prefix, const struct name_key *after,
                             name_visitor *visit, void *context, struct err *err);
