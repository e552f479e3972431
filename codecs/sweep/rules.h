/* rules.h - the rules of one variant parameter, read and checked. Inner to this folder.
 */
#pragma once

#include "codecs/sweep/random.h"
#include "codecs/sweep/sweep.h"

/* A range to draw from, for style `random`. */
struct draw {
    double min, max;
    bool is_whole;   /* only whole numbers: the parameter is an integer */
    bool is_floored; /* rule `integerify` */
    bool has_seed;
    uint64_t seed;
};

NODISCARD enum rc draw_read(const struct config_variant *variant,
                            enum parameter_type type, struct draw *draw, struct err *err);
struct value draw_next(const struct draw *draw, struct random *random);

/* Rule `count`, at least 1 and at most SWEEP_VALUES_MAX. */
NODISCARD enum rc rule_count(const struct config_variant *variant, size_t *count,
                             struct err *err);
