/* options.h - one table-driven reader of arguments for all verbs. Pure. */
#pragma once

#include "client/cli/project/texts.h"
#include "codecs/base/base.h"

enum option_kind {
    OPTION_FLAG,   /* target: bool, set to true */
    OPTION_TEXT,   /* const char *, borrowed from argv */
    OPTION_NUMBER, /* uint64_t, decimal */
    OPTION_SIGNED, /* int64_t, decimal */
    OPTION_LIST    /* struct texts: every value that is given */
};

struct option {
    const char *name; /* without the dashes */
    char letter;      /* 0: none */
    enum option_kind kind;
    void *target;
};

/* Reads argv[1..argc). Words (arguments that are no options; all after "--") are moved to
 * the front, to argv[1..]; *word_count gets their number. A value follows as "--name
 * VALUE", "--name=VALUE", "-n VALUE" or "-nVALUE"; letters of flags may stand together.
 * RC_INVALID for an unknown option (with the nearest one), a missing, superfluous or
 * wrong value. */
NODISCARD enum rc options_read(int argc, char **argv, const struct option *options,
                               size_t option_count, size_t *word_count, struct err *err);
