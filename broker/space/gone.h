/* gone.h - files whose bytes were removed, as those learn who name them. */
#pragma once

#include "codecs/base/base.h"

struct broker;
struct buf;
struct plan;
struct request;

/* Before a plan becomes a run: its files count as used, so that they stay until the
 * store has the run. RC_NOT_FOUND names the first that a stage cannot do without, that
 * was removed, and that no node has. A stage that may use another's result can do
 * without. */
NODISCARD enum rc plan_use_files(struct broker *broker, const struct plan *plan,
                                 struct err *err);
/* Of the digests in request->texts those that were removed and are nowhere, into the
 * answer. RC_INVALID: too many, or one is no digest. */
NODISCARD enum rc query_gone(struct broker *broker, const struct request *request,
                             struct buf *body, struct err *err);
