/* peer.h - which broker a command talks to.
 *
 * The first of these that is there: --broker, --context, SLUICE_BROKER, SLUICE_CONTEXT,
 * `context` in the person's settings ($XDG_CONFIG_HOME/sluice/config.yaml or
 * ~/.config/sluice/config.yaml) or in those of the project (.sluice/config.yaml), which
 * win. None, or the context "private": the project's own. */
#pragma once

#include "codecs/settings/settings.h"

struct peer_wish { /* the options; NULL or false if not given */
    const char *broker, *context, *timeout;
    bool insecure;
    const char
        *project; /* its folder, or NULL: its settings are read after the person's */
};

struct peer {
    const char *broker; /* NULL: the project's own */
    bool insecure;
    uint32_t timeout_ms;
    bool reuses;               /* the setting reuse */
    struct settings *settings; /* owns the texts */
};

/* RC_INVALID: the settings have faults (all of them in the text), or the context is not
 * in them. */
NODISCARD enum rc peer_find(const struct peer_wish *wish, struct peer *peer,
                            struct err *err);
void peer_fini(struct peer *peer); /* a zeroed struct is fine */
