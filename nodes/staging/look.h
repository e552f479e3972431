/* look.h - what a folder and all below it look like, to tell later whether anybody
 * touched it.
 *
 * Of each entry the inode, owner, mode, size and the time of the last change (ctime) are
 * kept: every change of content, attributes, links or names sets that time of the file or
 * folder to the present. The kernel's present moves in ticks of some milliseconds, so a
 * look is only good when all that it saw was older than the tick in which it began. The
 * folder itself may be renamed, which counts as its change; of it the time of the last
 * change of its entries (mtime) is compared. */
#pragma once

#include "codecs/base/base.h"

enum { LOOK_ENTRIES_MAX = 512 };

struct look;
/* Files that the caller writes itself are named in own, NULL-terminated, each a path
 * below the folder: their sizes and times may change. NULL: there are more entries than
 * LOOK_ENTRIES_MAX, something can not be read, or something was changed this very moment
 * (*is_early). */
struct look *look_take(int folder, const char *const *own, bool *is_early);
void look_destroy(struct look *look);
SCOPED(look)

/* Whether all is as it was. */
bool look_holds(const struct look *look, int folder);
