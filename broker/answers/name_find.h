/* name_find.h - what a name means at this moment, and changes of names with their events.
 * Shared by the requests about names and by what tasks say about their outputs. */
#pragma once

#include "broker/broker_state.h"
#include "broker/store/names.h"

struct name_scope { /* where names are looked up, and who changes them */
    const char *project;
    const char *by;      /* a person, or a task as "run 12/train/0" */
    uint64_t run, index; /* of the task; run 0: none */
    const char *stage;
};

struct name_found {
    bool is_version; /* else a datum */
    struct datum datum;
    struct dataset_version version;
};
/* RC_NOT_FOUND with the nearest name that there is. Memory in arena. */
NODISCARD enum rc name_find(struct broker *broker, const char *project,
                            const struct name_uri *uri, struct arena *arena,
                            struct name_found *found, struct err *err);
/* The same for the text of a URI. */
NODISCARD enum rc name_find_text(struct broker *broker, const char *project,
                                 const char *uri, struct arena *arena,
                                 struct name_found *found, struct err *err);

/* Each changes the store and announces what changed, if anything did. */
NODISCARD enum rc name_alias_put(struct broker *broker, const struct name_scope *scope,
                                 const char *name, const char *target, struct err *err);
NODISCARD enum rc name_tag_change(struct broker *broker, const struct name_scope *scope,
                                  enum tagged what, uint64_t number, const char *owner,
                                  const char *tag, bool is_adding, struct err *err);
/* Finds a version to change, or begins a record for one that is not stored yet: its
 * number is 0 then. */
NODISCARD enum rc name_version_open(struct broker *broker, const struct name_scope *scope,
                                    const struct name_uri *uri, struct arena *arena,
                                    struct dataset_version *version, struct err *err);
/* Stores the record and tells that the version was created, or changed. */
NODISCARD enum rc name_version_close(struct broker *broker,
                                     const struct name_scope *scope,
                                     struct dataset_version *version, bool is_new,
                                     struct err *err);

/* "datum://<id>", in arena; "" when out of memory. */
const char *datum_uri_of(struct arena *arena, const struct datum *datum);
