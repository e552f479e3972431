/* sandbox.h - paths such as /valohai/inputs for one attempt, without touching the host.
 *
 * sandbox_create builds, once, a mount namespace whose root is a small tmpfs that shows
 * every top-level entry of the host (except /valohai, which is ours to fill); it is held
 * by a file descriptor, no process stays in it, and no mount is made on the host. A
 * keeper enters a private copy of it and adds the binds of its attempt: that took 0.08 ms
 * (root) to 0.15 ms (others) of a start of 1.1 ms, building the root anew 1.2 ms more
 * (small virtual machine, four binds, median of 1000).
 *
 * Root with CAP_SYS_ADMIN needs no more than that. Anybody else gets a user namespace
 * around it, in which the own user and group are mapped to themselves and nobody else:
 * programs that are setuid to root do not gain anything there, and files of other users
 * show as owned by `nobody`.
 *
 * Mounts that the host makes later below an existing top-level directory appear, if the
 * host shares them (systemd does); new top-level entries do not. The root directory
 * itself is read-only for the attempt. */
#pragma once

#include "nodes/supervisor/launch.h"

struct sandbox;

/* directory: any existing one. NULL when namespaces are not permitted: err says which
 * step failed; the attempts can run without. */
struct sandbox *sandbox_create(const char *directory, struct err *err);
void sandbox_destroy(struct sandbox *sandbox); /* NULL is fine */
SCOPED(sandbox)

/* After a fork, before other descriptors are closed: ours move to `at` and `at` + 1, and
 * what was there is closed. */
NODISCARD enum rc sandbox_move(struct sandbox *sandbox, int at, struct err *err);

/* Moves the calling process, which must be single-threaded, into its own copy and shows
 * the launch's binds. Again is fine: then it is in another copy. The working directory is
 * / afterwards. On failure the process is somewhere in between and should end.
 * RC_NOT_FOUND: a source is missing. */
NODISCARD enum rc sandbox_enter(struct sandbox *sandbox, const struct launch *launch,
                                struct err *err);
