/* artifact_list.h - every artifact that the records of a run name, each once. */
#pragma once

#include "codecs/digest/digest_set.h"
#include "codecs/plan/plan.h"
#include "codecs/version/bundle.h"

struct artifact_list {
    struct arena *arena; /* holds the digests */
    struct digest_table seen;
    const char **digests;
    size_t count, capacity;
    const char *tree; /* digest of the list of the code's files, or NULL */
    bool failed;      /* out of memory */
};
void artifact_list_fini(struct artifact_list *list);

/* NULL and "" are nothing. */
void artifact_list_add(struct artifact_list *list, const char *digest);
/* From the plan, the resolved stages and the results. RC_INVALID: one does not decode. */
NODISCARD enum rc artifact_list_fill(struct artifact_list *list,
                                     const struct bundle *bundle, struct err *err);
