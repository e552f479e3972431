/* space_kept.c - outputs that stayed on the nodes that made them, as a walk sees them.
 *
 * What is known of them are the results that name a node. A file that was removed, and
 * not made again since, has its row in the store. */
#include "broker/space/space_mark.h"

#include "broker/store/removed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODES_ARENA_MAX = 64 << 20, REMOVED_ARENA_MAX = 1 << 16 };

static int by_name(const void *a, const void *b)
{
    const struct space_node *one = a, *other = b;

    return strcmp(one->name, other->name);
}

enum rc space_mark_nodes(struct space_mark *mark, struct err *err)
{
    scoped(arena) arena = arena_create(NODES_ARENA_MAX);
    struct counters counters;
    struct node_record record;
    enum rc rc = arena ? store_counters(mark->store, &counters, err)
                       : err_set(err, RC_NO_MEMORY, "no memory for the nodes");

    if (rc != RC_OK)
        return rc;
    mark->nodes = calloc(counters.node_next + 1, sizeof *mark->nodes);
    if (!mark->nodes)
        return err_set(err, RC_NO_MEMORY, "no memory for the nodes");
    for (uint32_t i = 0; rc == RC_OK && i < counters.node_next; i++) {
        struct space_node *node = &mark->nodes[mark->node_count];

        rc = store_node(mark->store, i, arena, &record, err);
        if (rc == RC_OK) {
            snprintf(node->name, sizeof node->name, "%s", record.name);
            node->number = i;
            mark->node_count++;
        }
        rc = rc == RC_NOT_FOUND ? RC_OK : rc;
    }
    qsort(mark->nodes, mark->node_count, sizeof *mark->nodes, by_name);
    return rc;
}

static struct space_noted *add_note(struct space_mark *mark)
{
    if (mark->noted_count == mark->noted_capacity) {
        size_t capacity = mark->noted_capacity ? mark->noted_capacity * 2 : 64;
        struct space_noted *larger = reallocarray(mark->noted, capacity, sizeof *larger);

        if (!larger)
            return NULL;
        mark->noted = larger;
        mark->noted_capacity = capacity;
    }
    return &mark->noted[mark->noted_count++];
}

bool space_mark_note(struct space_mark *mark, const struct task_result *result)
{
    for (size_t i = 0; i < result->output_count; i++) {
        const struct plan_source *output = &result->outputs[i];
        const struct space_node *node = NULL;
        struct space_node wanted;
        struct space_noted *note;

        if (output->node && output->digest
            && digest_is_valid(output->digest, strlen(output->digest))) {
            snprintf(wanted.name, sizeof wanted.name, "%s", output->node);
            node =
                bsearch(&wanted, mark->nodes, mark->node_count, sizeof wanted, by_name);
        }
        if (!node)
            continue;
        note = add_note(mark);
        if (!note)
            return false;
        *note = (struct space_noted){ .node = (uint32_t)(node - mark->nodes),
                                      .size = output->size,
                                      .ended_us = result->ended_us };
        memcpy(note->digest, output->digest, DIGEST_TEXT_SIZE);
    }
    return true;
}

static bool has_place(const struct space_mark *mark, const struct space_object *object,
                      uint32_t node)
{
    for (uint32_t at = object->place; at; at = mark->places[at - 1].next)
        if (mark->places[at - 1].node == node)
            return true;
    return false;
}

static bool add_place(struct space_mark *mark, struct space_object *object, uint32_t node)
{
    if (has_place(mark, object, node))
        return true;
    if (mark->place_count == mark->place_capacity) {
        size_t capacity = mark->place_capacity ? mark->place_capacity * 2 : 256;
        struct space_place *larger =
            capacity < UINT32_MAX ? reallocarray(mark->places, capacity, sizeof *larger)
                                  : NULL;

        if (!larger)
            return false;
        mark->places = larger;
        mark->place_capacity = capacity;
    }
    mark->places[mark->place_count++] = (struct space_place){ node, object->place };
    object->place = (uint32_t)mark->place_count;
    if (object->is_remote) {
        mark->nodes[node].objects++;
        mark->nodes[node].bytes += object->size;
    }
    return true;
}

/* Whether it was removed, and no result that came since names it. */
static enum rc is_removed(struct space_mark *mark, const char *digest, bool *is,
                          struct err *err)
{
    scoped(arena) arena = arena_create(REMOVED_ARENA_MAX);
    int64_t removed_us;
    const char *why;
    enum rc rc = arena ? store_removed(mark->store, digest, arena, &removed_us, &why, err)
                       : err_set(err, RC_NO_MEMORY, "no memory for what nodes keep");

    *is = rc == RC_OK;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc take_note(struct space_mark *mark, const struct space_noted *note,
                         struct err *err)
{
    struct space_object *object = space_table_find(&mark->table, note->digest);
    bool is_gone = false;
    enum rc rc = object ? RC_OK : is_removed(mark, note->digest, &is_gone, err);

    if (rc != RC_OK || is_gone)
        return rc;
    if ((!object || object->is_remote)
        && !space_table_add(&mark->table, note->digest, note->size,
                            note->ended_us * 1000))
        return err_set(err, RC_NO_MEMORY, "no memory for what nodes keep");
    if (!object) {
        object = space_table_find(&mark->table, note->digest);
        object->is_remote = true;
    }
    return add_place(mark, object, note->node)
               ? RC_OK
               : err_set(err, RC_NO_MEMORY, "no memory for what nodes keep");
}

enum rc space_mark_noted(struct space_mark *mark,
                         void (*hold)(const void *context, const char *digest),
                         const void *context, struct err *err)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; rc == RC_OK && i < mark->noted_count; i++) {
        rc = take_note(mark, &mark->noted[i], err);
        if (rc == RC_OK)
            hold(context, mark->noted[i].digest);
    }
    mark->noted_count = 0;
    return rc;
}
