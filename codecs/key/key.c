/* key.c - the hashes of class, parameters and tasks, and what differs between two lists.
 */
#include "codecs/key/key.h"

#include <stdlib.h>
#include <string.h>

#include "codecs/digest/digest.h"
#include "codecs/key/fields.h"
#include "codecs/pack/pack.h"
#include "codecs/plan/task.h"

enum { CLASS_ARENA_MAX = 1 << 30, FIELD_BYTES_MAX = 512 << 20 };

static const char marker[] = "sluice-key-1";

struct part { /* one parameter's share of a key */
    size_t parameter;
    bool varies, is_absent;
    unsigned char hash[KEY_SIZE]; /* unless it varies */
};

struct key_class {
    const struct plan_stage *stage;
    struct digester *digester;
    struct part *parts; /* sorted by the parameters' names */
    unsigned char hash[KEY_SIZE];
    struct buf room;
};

void key_class_destroy(struct key_class *class)
{
    if (!class)
        return;
    free(class->parts);
    buf_fini(&class->room);
    free(class);
}

void key_field_pack(struct buf *buf, const char *name, const void *value, size_t size)
{
    pack_list(buf, 2);
    pack_text(buf, name);
    pack_bytes(buf, value, size);
}

static enum rc class_hash(struct key_class *class, const char *tree, struct err *err)
{
    scoped(arena) arena = arena_create(CLASS_ARENA_MAX);
    struct key_fields fields;
    enum rc rc = arena ? key_fields_of_class(class->stage, tree, arena, &fields, err)
                       : err_set(err, RC_NO_MEMORY, "no memory for a key");

    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; i < fields.count; i++) {
        buf_clear(&class->room);
        key_field_pack(&class->room, fields.fields[i].name, fields.fields[i].value,
                       fields.fields[i].size);
        if (!buf_ok(&class->room))
            return err_set(err, RC_NO_MEMORY, "no memory for a key");
        digester_add(class->digester, class->room.data, class->room.size);
    }
    digester_end_raw(class->digester, class->hash);
    return RC_OK;
}

static enum rc part_hash(struct key_class *class, uint64_t index, struct part *part,
                         struct err *err)
{
    const char *name = class->stage->parameters[part->parameter].name;
    scoped_buf value = { 0 };
    enum rc rc = key_parameter_pack(class->stage, index, part->parameter, &value, err);

    if (rc != RC_OK)
        return rc;
    part->is_absent = value.size == 0;
    buf_clear(&class->room);
    key_field_pack(&class->room, name, value.data, value.size);
    if (!buf_ok(&value) || !buf_ok(&class->room))
        return err_set(err, RC_NO_MEMORY, "no memory for a key");
    digester_add(class->digester, class->room.data, class->room.size);
    digester_end_raw(class->digester, part->hash);
    return RC_OK;
}

static int compare_parts(const void *a, const void *b, void *context)
{
    const struct plan_stage *stage = context;
    const struct part *one = a, *other = b;

    return strcmp(stage->parameters[one->parameter].name,
                  stage->parameters[other->parameter].name);
}

static enum rc parts_make(struct key_class *class, struct err *err)
{
    const struct plan_stage *stage = class->stage;
    size_t count = stage->parameter_count;
    enum rc rc = RC_OK;

    class->parts = calloc(count + 1, sizeof *class->parts);
    if (!class->parts)
        return err_set(err, RC_NO_MEMORY, "no memory for a key");
    for (size_t i = 0; i < count; i++)
        class->parts[i].parameter = i;
    for (size_t i = 0; i < stage->column_count; i++)
        class->parts[stage->columns[i].parameter].varies = true;
    qsort_r(class->parts, count, sizeof *class->parts, compare_parts,
            (void *)(uintptr_t)stage);
    for (size_t i = 0; rc == RC_OK && i < count && plan_stage_task_count(stage) > 0; i++)
        if (!class->parts[i].varies)
            rc = part_hash(class, 0, &class->parts[i], err);
    return rc;
}

enum rc key_class_create(const struct plan_stage *stage, const char *tree,
                         struct digester *digester, struct key_class **made,
                         struct err *err)
{
    scoped(key_class) class = calloc(1, sizeof *class);
    enum rc rc;

    if (!class)
        return err_set(err, RC_NO_MEMORY, "no memory for a key");
    class->digester = digester;
    class->stage = stage;
    buf_init(&class->room, FIELD_BYTES_MAX);
    rc = class_hash(class, tree, err);
    if (rc == RC_OK)
        rc = parts_make(class, err);
    if (rc == RC_OK)
        *made = steal(&class);
    return rc;
}

enum rc key_of_task(struct key_class *class, uint64_t index, unsigned char key[KEY_SIZE],
                    struct err *err)
{
    size_t count = class->stage->parameter_count;
    enum rc rc = RC_OK;

    must(index < plan_stage_task_count(class->stage));
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        if (class->parts[i].varies)
            rc = part_hash(class, index, &class->parts[i], err);
    if (rc != RC_OK)
        return rc;
    digester_add(class->digester, marker, sizeof marker - 1);
    digester_add(class->digester, class->hash, sizeof class->hash);
    for (size_t i = 0; i < count; i++)
        if (!class->parts[i].is_absent)
            digester_add(class->digester, class->parts[i].hash, KEY_SIZE);
    digester_end_raw(class->digester, key);
    return RC_OK;
}

static bool is_same(const struct key_field *a, const struct key_field *b)
{
    return a->size == b->size
           && (a->size == 0 || memcmp(a->value, b->value, a->size) == 0);
}

size_t key_compare(const struct key_fields *before, const struct key_fields *after,
                   struct key_difference *differences, size_t limit)
{
    size_t i = 0, k = 0, count = 0;

    while (i < before->count || k < after->count) {
        const struct key_field *old = i < before->count ? &before->fields[i] : NULL;
        const struct key_field *new = k < after->count ? &after->fields[k] : NULL;
        int order = !old ? 1 : !new ? -1 : strcmp(old->name, new->name);

        i += order <= 0;
        k += order >= 0;
        if (order == 0 && is_same(old, new))
            continue;
        if (count < limit)
            differences[count] =
                (struct key_difference){ .name = order <= 0 ? old->name : new->name,
                                         .before = order <= 0 ? old->text : NULL,
                                         .after = order >= 0 ? new->text : NULL };
        count++;
    }
    return count;
}
