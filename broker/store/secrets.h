/* secrets.h - the values of secret variables, for as long as their run goes on.
 *
 * Plans and resolved stages are stored with masks (codecs/plan/secret.h). What the masks
 * stand for is here alone, and goes with the end of the run. */
#pragma once

#include "broker/store/store.h"
#include "codecs/plan/secret.h"

/* The key of this store's masks; lives as long as the store. */
const uint8_t *store_mask_key(const struct store *store);

/* In place of what the stage had. */
NODISCARD enum rc store_secrets_put(struct store *store, uint64_t run, uint32_t stage,
                                    const struct plan_secrets *secrets, struct err *err);
/* Texts in arena; none: count is 0. */
NODISCARD enum rc store_secrets(struct store *store, uint64_t run, uint32_t stage,
                                struct arena *arena, struct plan_secrets *secrets,
                                struct err *err);
/* All of the run. */
NODISCARD enum rc store_secrets_remove(struct store *store, uint64_t run,
                                       struct err *err);
