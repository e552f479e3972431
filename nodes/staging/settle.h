/* settle.h - the code in a folder that an attempt before has used. */
#pragma once

#include "codecs/plan/tree.h"

/* Compares what is below root with the tree: is_there[i], false at first, becomes true
 * for each entry that is as it should be, by its bytes. All else is removed; large files
 * are, too, since copying them costs less than the making of small ones. */
NODISCARD enum rc settle_code(int root, const struct tree *tree, bool *is_there,
                              struct err *err);
