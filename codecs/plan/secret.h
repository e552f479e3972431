/* secret.h - environment variables that are secret, and what stands for them.
 *
 * A secret value leaves its plan before the plan is stored: in its place stands a mask,
 * an HMAC of name and value under a key that never leaves the store. Equal values have
 * equal masks, so a change can be told; who has only records cannot try values out. What
 * is secret is told by the name (docs/versions.md). Pure. */
#pragma once

#include "codecs/plan/plan.h"

enum { SECRET_KEY_SIZE = 32, MASK_SIZE = 7 + 32 + 1 };

struct plan_secret {
    const char *name, *value;
};
struct plan_secrets {
    struct plan_secret *items;
    size_t count;
};

/* Without regard to case: contains password, passwd, secret or credential, or ends with
 * token, api_key, apikey, access_key or private_key. */
bool variable_is_secret(const char *name);

/* "masked:" and 32 hex digits. */
void secret_mask(const uint8_t key[SECRET_KEY_SIZE], const char *name, const char *value,
                 char mask[MASK_SIZE]);

/* Gives the stage variables of its own, in arena, with masks for its secrets, and lists
 * what they were; a stage without secrets stays as it is. Names and values are borrowed.
 * RC_NO_MEMORY. */
NODISCARD enum rc plan_stage_mask(struct arena *arena, const uint8_t key[SECRET_KEY_SIZE],
                                  struct plan_stage *stage, struct plan_secrets *secrets,
                                  struct err *err);
/* Puts back what is known; the other masks stay. */
void plan_stage_unmask(struct plan_stage *stage, const struct plan_secrets *secrets);
/* Whether a variable of the stage is masked; whether one is to be. */
bool plan_stage_is_masked(const struct plan_stage *stage);
bool plan_stage_has_secrets(const struct plan_stage *stage);
