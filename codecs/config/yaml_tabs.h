/* yaml_tabs.h - finds tabs where the format's reference reader allows none.
 *
 * A tab may stand in comments, quoted and block scalars only, and a comment behind the
 * sign of a block scalar needs a space. libyaml is milder, so the text between the
 * scalars is looked at here, as the events go by. */
#pragma once

#include "codecs/config/yaml.h"

#include <yaml.h>

struct yaml_tabs {
    const char *text; /* borrowed */
    size_t size, at;  /* bytes; everything before at is settled */
    size_t index;     /* at in characters, which is what libyaml's marks count */
    struct place place;
};

void yaml_tabs_init(struct yaml_tabs *tabs, const char *text, size_t size);
/* To be called for each scalar event in order. RC_INVALID: *fault is set. */
NODISCARD enum rc yaml_tabs_scalar(struct yaml_tabs *tabs, const yaml_event_t *event,
                                   struct yaml_fault *fault);
NODISCARD enum rc yaml_tabs_end(struct yaml_tabs *tabs, struct yaml_fault *fault);
