/* batch.c - the first failure of what a turn stores fails the whole turn. */
#include "broker/broker_state.h"

void batch_check(struct broker *broker, enum rc rc, const struct err *err)
{
    if (rc != RC_OK && broker->batch.rc == RC_OK)
        broker->batch = *err;
}
