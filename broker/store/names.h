/* names.h - what data is called: datums, aliases, tags, dataset versions.
 *
 * A datum is a file with a name: its id follows from digest and name (uuid.h), so that it
 * is the same whoever makes it. Each has a number, in the order in which they came, by
 * which lists go. Aliases and datasets belong to a project; tags do not. Whoever writes
 * has checked names with codecs/names. Records are never removed: the bytes may go, what
 * they were stays. Format: docs/store.md; failures as in store.h. */
#pragma once

#include "broker/store/store.h"
#include "codecs/names/names.h"

enum { PROJECT_BYTES_MAX = 128 /* of a longer name the first ones count */ };

/* ---- Datums */

struct datum {
    uint64_t number; /* from 1 */
    uint8_t id[UUID_BYTES];
    const char *digest, *name, *md5, *sha1; /* hex; "" if not known */
    const char *stage;         /* with run and index: the first task that made it */
    uint64_t size, run, index; /* run 0: no task did */
    int64_t created_us;
    const char *by;          /* who added it, if no task did; else "" */
    struct value properties; /* VALUE_MAP, or VALUE_ABSENT */
};
/* Sets datum->number. A known id keeps what it has; properties are merged, the given ones
 * winning. Also notes that datum->run made it. *is_new may be NULL. */
NODISCARD enum rc store_datum_put(struct store *store, struct datum *datum, bool *is_new,
                                  struct err *err);
NODISCARD enum rc store_datum(struct store *store, uint64_t number, struct arena *arena,
                              struct datum *datum, struct err *err);
NODISCARD enum rc store_datum_find(struct store *store, const uint8_t id[UUID_BYTES],
                                   uint64_t *number, struct err *err);
/* Numbers below before (0: from the newest), newest first, of datums that run made (0:
 * of all). Returns how many were written. */
size_t store_datums(struct store *store, uint64_t run, uint64_t before, uint64_t *numbers,
                    size_t limit);

/* ---- Aliases: a name for datum://ID, or "dataset://NAME/X" for a version of NAME */

struct alias {
    const char *name, *target; /* target "": removed */
    const char *by;
    int64_t changed_us;
    uint64_t changes; /* so far; in a history, the number of this one from 1 on */
};
/* target "": removes it. *changed: it pointed elsewhere before. */
NODISCARD enum rc store_alias_put(struct store *store, const char *project,
                                  const struct alias *alias, bool *changed,
                                  struct err *err);
NODISCARD enum rc store_alias(struct store *store, const char *project, const char *name,
                              struct arena *arena, struct alias *alias, struct err *err);
/* By name, bytewise, from the one behind after ("": the first); removed ones are left
 * out. */
NODISCARD enum rc store_aliases(struct store *store, const char *project,
                                const char *after, struct arena *arena, size_t limit,
                                struct alias **aliases, size_t *count, struct err *err);
/* All changes, the newest first. */
NODISCARD enum rc store_alias_history(struct store *store, const char *project,
                                      const char *name, struct arena *arena, size_t limit,
                                      struct alias **changes, size_t *count,
                                      struct err *err);

/* ---- Tags */

enum tagged { TAGGED_DATUM, TAGGED_RUN };
enum { TAGS_MAX = 1000 /* of one datum or run; more are RC_CONFLICT */ };
NODISCARD enum rc store_tag_put(struct store *store, enum tagged what, uint64_t number,
                                const char *tag, bool *changed, struct err *err);
NODISCARD enum rc store_tag_remove(struct store *store, enum tagged what, uint64_t number,
                                   const char *tag, bool *changed, struct err *err);
/* In the order in which they were added. */
NODISCARD enum rc store_tags(struct store *store, enum tagged what, uint64_t number,
                             struct arena *arena, const char *const **tags, size_t *count,
                             struct err *err);
/* As store_datums, of what has the tag. */
size_t store_tagged(struct store *store, enum tagged what, const char *tag,
                    uint64_t before, uint64_t *numbers, size_t limit);

/* ---- Dataset versions */

struct dataset_version {
    uint64_t
        number; /* from 1, in the order in which versions were made, of all datasets */
    const char *project, *dataset, *version, *by;
    int64_t created_us, changed_us;
    uint64_t base; /* the version that it was begun with; 0: none */
    uint64_t files, bytes;
};
enum { DATASET_FILES_MAX = 100000 };
NODISCARD enum rc store_dataset(struct store *store, const char *project,
                                const char *dataset, const char *version,
                                struct arena *arena, struct dataset_version *found,
                                struct err *err);
NODISCARD enum rc store_dataset_by_number(struct store *store, uint64_t number,
                                          struct arena *arena,
                                          struct dataset_version *found, struct err *err);
/* Gives a new version its number if that is 0. */
NODISCARD enum rc store_dataset_put(struct store *store, struct dataset_version *version,
                                    struct err *err);
/* By dataset and version, bytewise, behind after_dataset and after_version; dataset "":
 * of all. */
NODISCARD enum rc store_datasets(struct store *store, const char *project,
                                 const char *dataset, const char *after_dataset,
                                 const char *after_version, struct arena *arena,
                                 size_t limit, struct dataset_version **versions,
                                 size_t *count, struct err *err);

/* The next change the version's files and bytes, in the record given; put it afterwards.
 *
 * Adds a file; one that came from the base and has the same name goes. RC_CONFLICT beyond
 * DATASET_FILES_MAX. *changed: it was not in it. */
NODISCARD enum rc store_dataset_add(struct store *store, struct dataset_version *version,
                                    const struct datum *datum, bool *changed,
                                    struct err *err);
/* Takes over the files of base, but those whose name is excluded or in the version
 * already. */
NODISCARD enum rc store_dataset_inherit(struct store *store,
                                        struct dataset_version *version, uint64_t base,
                                        const char *const *exclude, size_t exclude_count,
                                        struct err *err);
/* Removes what came from a base. */
NODISCARD enum rc store_dataset_shed(struct store *store, struct dataset_version *version,
                                     struct err *err);
/* Numbers of the datums, by file name bytewise. */
NODISCARD enum rc store_dataset_files(struct store *store, uint64_t number,
                                      struct arena *arena, uint64_t **datums,
                                      size_t *count, struct err *err);
