/* shelf.h - folders of attempts that ended well, for the next attempts of their stage.
 *
 * Making and removing some twenty files and folders is most of what a short task costs.
 * So the folder of an attempt that ended by itself, with status 0, is emptied and kept
 * until the next attempt of the same stage takes it over with a new name, in this run or
 * in another one of the same pipeline and project; nobody has it open, as the keeper has
 * ended all that the attempt has begun. It is taken
 * only when nothing in it is unusual: folders and files have the owner, mode and the one
 * name that we gave them, and no attribute or default ACL was set. The files of config/
 * are written anew, those of repository/ compared with the code (repository.c).
 *
 * What lies on the shelf has the name of an attempt that is no more: an agent that
 * starts anew removes it, as it does with all that nobody knows. Any thread. */
#pragma once

#include "nodes/staging/staging.h"

struct shelf;
struct shelf *shelf_create(void); /* NULL when out of memory */
void shelf_destroy(struct shelf *shelf);
SCOPED(shelf)

enum { SHELF_MAX = 256 /* folders */ };

/* Empties the attempt's folder and keeps it. false: it is to be removed. */
bool shelf_put(const struct staging *staging, const struct attempt_identity *identity,
               const struct plan_stage *stage);
/* Makes a kept folder that of the attempt, open as *folder; false: there is none. Its
 * folders are there, and empty but for config/ and repository/. */
bool shelf_take(const struct staging *staging, const struct attempt_identity *identity,
                const struct plan_stage *stage, int *folder);
/* One that nobody took for so long, or 0; it is on the shelf no more, and to be removed.
 */
uint64_t shelf_drop(struct shelf *shelf, int64_t kept_us);
