/* agent_remove.c - files that the broker wants removed from this node, because nobody
 * needs them: outputs that are here alone, and what the cache happens to have.
 *
 * Removing is slow, so workers do it. The broker says it again when this node joins
 * anew, so nothing of this is stored here. */
#include "nodes/agent_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REMOVALS_AT_ONCE_MAX = 256 /* messages; further ones wait for the next join */ };

static struct removal *removal_create(const struct digest_list *kept,
                                      const struct digest_list *cached)
{
    size_t count = kept->count + cached->count;
    struct removal *made = calloc(1, sizeof *made + count * sizeof *made->files);

    if (!made)
        return NULL;
    made->job.kind = JOB_FORGET;
    made->job.removal = made;
    made->kept = kept->count;
    made->count = count;
    for (size_t i = 0; i < count; i++)
        memcpy(made->files[i].digest,
               i < kept->count ? kept->items[i] : cached->items[i - kept->count],
               DIGEST_TEXT_SIZE);
    return made;
}

void removal_begin(struct agent *agent, const struct link_frame *body,
                   struct arena *arena)
{
    struct digest_list kept, cached;
    struct removal *removal;
    struct err err;

    if (files_decode(body->data, body->size, MESSAGE_REMOVE, arena, &kept, &cached, &err)
            != RC_OK
        || agent->removal_count == REMOVALS_AT_ONCE_MAX
        || !(removal = removal_create(&kept, &cached)))
        return;
    removal->next = agent->removals;
    agent->removals = removal;
    agent->removal_count++;
    workers_submit(agent->workers, &removal->job);
}

static void removal_log(const struct removal *removal)
{
    size_t removed = 0, left = 0;

    for (size_t i = 0; i < removal->count; i++) {
        removed += removal->files[i].was_there && !removal->files[i].is_left;
        left += removal->files[i].was_there && removal->files[i].is_left;
    }
    if (removed + left > 0)
        fprintf(stderr, "noded: removed %zu %s that nobody needs, %zu are in use\n",
                removed, removal->kept > 0 ? "outputs" : "files of the cache", left);
}

/* Of what is not kept nothing is told. */
static void removal_tell(struct agent *agent, const struct removal *removal)
{
    const char **items = calloc(2 * removal->kept + 1, sizeof *items);
    struct digest_list gone = { items, 0 };
    struct digest_list left = { items ? items + removal->kept : NULL, 0 };
    scoped_buf body = { 0 };

    for (size_t i = 0; items && i < removal->kept; i++)
        if (removal->files[i].is_left)
            left.items[left.count++] = removal->files[i].digest;
        else
            gone.items[gone.count++] = removal->files[i].digest;
    files_encode(&body, MESSAGE_REMOVED, &gone, &left);
    if (gone.count + left.count > 0 && agent->is_joined && buf_ok(&body))
        broker_send(agent, MESSAGE_REMOVED, &body);
    free(items);
}

void removal_ended(struct agent *agent, struct removal *removal)
{
    struct removal **at = &agent->removals;

    removal_log(removal);
    removal_tell(agent, removal);
    while (*at != removal)
        at = &(*at)->next;
    *at = removal->next;
    agent->removal_count--;
    free(removal);
}

void removals_fini(struct agent *agent)
{
    while (agent->removals) {
        struct removal *removal = agent->removals;

        agent->removals = removal->next;
        free(removal);
    }
}
