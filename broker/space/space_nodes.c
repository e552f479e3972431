/* space_nodes.c - what nodes are told to remove.
 *
 * Of what a node keeps, which nobody else may have, each file has a row in the store from
 * the commit that says that it goes to the node's answer that it is gone, so that a node
 * that is away is told when it joins. The node leaves what a result names that is not
 * taken yet; when that result comes, the row goes, and so it does when the node says so.
 * What a node merely has in its cache is told once, and nothing is kept of it. */
#include "broker/space/space_state.h"

#include "broker/artifacts/places.h"
#include "broker/broker_state.h"
#include "broker/store/removed.h"

#include <string.h>

enum {
    TOLD_AT_ONCE = 1000,  /* files in one message to a node that joins */
    TOLD_MAX = 50000,     /* and in all; more it hardly keeps (CACHE_KEPT_MAX) */
    CACHE_NODES_MAX = 64, /* with more nodes, caches shrink by their limit alone */
    REMOVALS_ARENA = 16 << 20,
};

static const struct digest_list nothing = { NULL, 0 };

static bool hears(struct broker *broker, uint32_t node)
{
    return node < broker->peer_count && broker->peers[node].removes
           && peer_is_open(broker, node);
}

static void tell(struct broker *broker, uint32_t node, const struct digest_list *kept,
                 const struct digest_list *cached)
{
    scoped_buf body = { 0 };

    files_encode(&body, MESSAGE_REMOVE, kept, cached);
    if (buf_ok(&body) && kept->count + cached->count > 0)
        peer_send(broker, node, MESSAGE_REMOVE, &body);
}

void space_use(struct broker *broker, const char *digest)
{
    struct err err;

    if (broker->space && !space_table_add(&broker->space->used, digest, 0, 0))
        batch_check(broker, err_set(&err, RC_NO_MEMORY, "no memory for what is used"),
                    &err);
}

void space_kept(struct broker *broker, uint32_t node, const char *digest)
{
    struct err err;

    space_use(broker, digest);
    batch_check(broker, store_removal_end(broker->store, node, digest, &err), &err);
    batch_check(broker, store_removed_undo(broker->store, digest, &err), &err);
}

/* ---- While files are removed ---- */

/* One that only nodes have and that somebody uses now is left alone. */
static void leave_used(struct space *self)
{
    for (size_t i = 0; i < self->batch_count; i++) {
        struct going *going = &self->batch[i];
        const struct space_object *object =
            space_table_find(&self->mark.table, going->digest);

        going->is_left =
            object->is_remote && space_table_find(&self->used, going->digest) != NULL;
    }
}

/* The row of each file and node. */
static void write_rows(struct broker *broker, struct space *self)
{
    struct space_mark *mark = &self->mark;
    struct err err;

    for (size_t i = 0; i < self->batch_count; i++) {
        const char *digest = self->batch[i].digest;
        uint32_t at =
            self->batch[i].is_left ? 0 : space_table_find(&mark->table, digest)->place;

        for (; at; at = mark->places[at - 1].next) {
            struct space_node *node = &mark->nodes[mark->places[at - 1].node];

            node->is_told = true;
            batch_check(broker,
                        store_removal_put(broker->store, node->number, digest, &err),
                        &err);
            places_remove(bulk_server_places(broker->bulk), node->name, digest);
        }
    }
}

static bool keeps(const struct space_mark *mark, const char *digest, uint32_t node)
{
    const struct space_object *object = space_table_find(&mark->table, digest);

    for (uint32_t at = object->place; at; at = mark->places[at - 1].next)
        if (mark->places[at - 1].node == node)
            return true;
    return false;
}

/* What the node keeps of the batch. */
static void tell_kept(struct broker *broker, struct space *self, uint32_t node)
{
    const char *digests[SPACE_BATCH];
    struct digest_list kept = { digests, 0 };

    for (size_t i = 0; i < self->batch_count; i++)
        if (!self->batch[i].is_left && keeps(&self->mark, self->batch[i].digest, node))
            digests[kept.count++] = self->batch[i].digest;
    if (hears(broker, self->mark.nodes[node].number))
        tell(broker, self->mark.nodes[node].number, &kept, &nothing);
}

static void tell_caches(struct broker *broker, struct space *self)
{
    const char *digests[SPACE_BATCH];
    struct digest_list cached = { digests, 0 };
    uint32_t listening = 0;

    for (size_t i = 0; i < self->batch_count; i++)
        if (!self->batch[i].is_left)
            digests[cached.count++] = self->batch[i].digest;
    for (uint32_t node = 0; node < broker->peer_count; node++)
        listening += hears(broker, node);
    for (uint32_t node = 0; node < broker->peer_count && listening <= CACHE_NODES_MAX;
         node++)
        if (hears(broker, node))
            tell(broker, node, &nothing, &cached);
}

void space_nodes_write(struct broker *broker)
{
    struct space *self = broker->space;

    leave_used(self);
    write_rows(broker, self);
    for (uint32_t i = 0; i < self->mark.node_count; i++)
        if (self->mark.nodes[i].is_told) {
            self->mark.nodes[i].is_told = false;
            tell_kept(broker, self, i);
        }
    tell_caches(broker, self);
}

/* ---- Nodes ---- */

void space_node_joined(struct broker *broker, uint32_t node)
{
    scoped(arena) arena =
        broker->peers[node].removes ? arena_create(REMOVALS_ARENA) : NULL;
    const char *last = NULL;
    size_t told = 0, count = TOLD_AT_ONCE;

    for (; arena && count == TOLD_AT_ONCE && told < TOLD_MAX; told += count) {
        struct digest_list kept = { NULL, 0 };
        struct err err;

        if (store_removals(broker->store, node, last, TOLD_AT_ONCE, arena, &kept.items,
                           &kept.count, &err)
            != RC_OK)
            return; /* it is told when it joins again */
        count = kept.count;
        last = count > 0 ? kept.items[count - 1] : last;
        tell(broker, node, &kept, &nothing);
    }
}

/* What the node leaves is in use there: a result that it has not told yet names it, or a
 * task has it as its input. */
void space_node_removed(struct broker *broker, uint32_t node, const void *bytes,
                        size_t size)
{
    struct digest_list gone, left;
    struct err err;

    if (files_decode(bytes, size, MESSAGE_REMOVED, broker->scratch, &gone, &left, &err)
        != RC_OK)
        return;
    for (size_t i = 0; i < gone.count; i++)
        batch_check(broker, store_removal_end(broker->store, node, gone.items[i], &err),
                    &err);
    for (size_t i = 0; i < left.count; i++)
        space_kept(broker, node, left.items[i]);
}
