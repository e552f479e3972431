/* credentials.h - keys for signing, from wherever a person keeps them. Any thread. */
#pragma once

#include "codecs/settings/tables.h"
#include "nodes/stores/stores.h"

/* Refuses a file with secrets that others than its owner may read. RC_DENIED. */
NODISCARD enum rc secrets_are_private(int fd, const char *path, struct err *err);
/* The file's text, with a NUL behind it. RC_NOT_FOUND, RC_DENIED, RC_INVALID. */
NODISCARD enum rc small_file_read(const char *path, bool has_secrets, struct arena *arena,
                                  const char **text, struct err *err);
/* Fills the keys of store: from values, the file that it names, the environment, or
 * ~/.aws/credentials, in this order. */
NODISCARD enum rc credentials_find(const struct store_values *values, struct arena *arena,
                                   struct store *store, struct err *err);
/* The environment variable, or NULL if it is not there or empty. */
const char *variable_text(const char *name);
