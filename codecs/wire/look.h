/* look.h - the messages LOOK and LOOKED: whether what a stage's inputs have from
 * elsewhere is still what an earlier task had, and what it is now. */
#pragma once

#include "codecs/wire/result.h"

enum { LOOK_FILES_MAX = 100000, LOOK_TEXT_MAX = 4096 };

struct look_message {
    uint64_t run;
    uint32_t stage;
    /* With input and place. LOOK: those of the earlier task. LOOKED: those that the stage
     * would get now. */
    struct plan_source *files;
    size_t file_count;
    const char *text; /* LOOKED: why it cannot be the same, one line; NULL: it may be */
};
void look_encode(struct buf *buf, const struct look_message *message);
/* bytes are not needed any more then. RC_PROTOCOL. */
NODISCARD enum rc look_decode(const void *bytes, size_t size, struct arena *arena,
                              struct look_message *message, struct err *err);
