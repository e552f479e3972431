/* vhignore.h - the patterns of a .vhignore file: what is not taken into a snapshot.
 *
 * Format: that of .gitignore (https://git-scm.com/docs/gitignore), for the file at the
 * top of the project. Pure. */
#pragma once

#include "codecs/base/base.h"

struct vhignore;

/* NULL when out of memory. */
struct vhignore *vhignore_create(const char *text, size_t size);
void vhignore_destroy(struct vhignore *vhignore);
SCOPED(vhignore)

/* Whether the patterns leave out the path (relative, '/'-separated) or a folder that it
 * lies in. vhignore NULL: nothing is left out. */
bool vhignore_matches(const struct vhignore *vhignore, const char *path, bool is_folder);
