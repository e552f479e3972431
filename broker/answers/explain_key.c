/* explain_key.c - see explain_key.h. Looks at the newest successes of the step, and in
 * sweeps at their first tasks, for the one with the fewest fields that differ. */
#include "broker/answers/explain_key.h"

#include "broker/broker_state.h"

#include <string.h>

enum {
    STAGES_LOOKED_AT = 32,
    TASKS_LOOKED_AT = 64, /* of each */
    STAGE_BYTES_MAX = 8 << 20,
    SIDE_ARENA_MAX = 256 << 20,
    TEXT_SHOWN_MAX = 2000,
    SHARED_SHOWN = 40, /* of what two texts begin with, where they are cut */
    NAMES_SAID = 5,
};

struct side { /* one task of a stage that is there */
    struct origin at;
    struct plan_stage *stage;
    const char *tree;
};

static bool side_load(struct broker *broker, const struct origin *at, struct arena *arena,
                      struct side *side)
{
    scoped_buf bytes = { 0 };
    struct run_head head;
    struct err err;

    buf_init(&bytes, STAGE_BYTES_MAX);
    side->at = *at;
    if (store_run(broker->store, at->run, arena, &head, &err) != RC_OK
        || resolved_of(broker, at->run, at->stage, &bytes, &err) != RC_OK
        || plan_stage_decode(arena, bytes.data, bytes.size, &side->stage, &err) != RC_OK)
        return false;
    side->tree = head.tree;
    return true;
}

static bool has_succeeded(struct broker *broker, const struct origin *at)
{
    struct task_row row;
    struct err err;

    return store_task(broker->store, at->run, at->stage, at->index, &row, &err) == RC_OK
           && row.state == TASK_COMPLETE;
}

struct nearest {
    struct origin at;
    size_t differences; /* SIZE_MAX: none is found */
};

/* Compares with the tasks of one earlier stage, beginning with that of the same number.
 */
static void look_at(struct broker *broker, const struct side *side,
                    const struct key_fields *own, uint64_t index, struct nearest *nearest)
{
    uint64_t tasks = plan_stage_task_count(side->stage);

    for (uint64_t n = 0; n < tasks && n < TASKS_LOOKED_AT; n++) {
        scoped(arena) arena = arena_create(SIDE_ARENA_MAX);
        struct origin at = side->at;
        struct key_fields fields;
        struct err err;

        at.index = n == 0 && index < tasks ? index : n - (n <= index && index < tasks);
        if (!arena || !has_succeeded(broker, &at)
            || key_fields_of_task(reuse_stage_of(broker, side->stage, &at, arena),
                                  side->tree, at.index, arena, &fields, &err)
                   != RC_OK)
            continue;

        size_t differences = key_compare(&fields, own, NULL, 0);

        if (differences < nearest->differences)
            *nearest = (struct nearest){ at, differences };
        if (differences == 0)
            return;
    }
}

static struct nearest find_nearest(struct broker *broker, const struct side *own,
                                   const struct key_fields *fields)
{
    struct nearest nearest = { .differences = SIZE_MAX };
    struct origin found[STAGES_LOOKED_AT];
    unsigned char step[STEP_KEY_SIZE];
    struct run_plan *plan = plan_of(broker, own->at.run);
    size_t count = 0;
    struct err err;

    if (!plan)
        return nearest;
    reuse_step_key(broker, plan->plan, own->stage, step);
    if (store_steps_before(broker->store, step, own->at.run, own->at.stage, found,
                           STAGES_LOOKED_AT, &count, &err)
        != RC_OK)
        return nearest;
    for (size_t i = 0; i < count && nearest.differences > 0; i++) {
        scoped(arena) arena = arena_create(SIDE_ARENA_MAX);
        struct side side;

        if (arena && side_load(broker, &found[i], arena, &side))
            look_at(broker, &side, fields, own->at.index, &nearest);
    }
    return nearest;
}

static const char *environment_of(struct broker *broker, const struct origin *at,
                                  struct arena *arena)
{
    scoped_buf bytes = { 0 };
    struct task_result *result;
    struct err err;

    if (store_result(broker->store, at->run, at->stage, at->index, 0, &bytes, &err)
            != RC_OK
        || result_decode(arena, bytes.data, bytes.size, &result, &err) != RC_OK
        || !result->environment)
        return "";

    const char *kept = arena_text(arena, result->environment);

    return kept ? kept : "";
}

/* The files that count. */
static const char *tree_of(const struct side *side)
{
    return side->stage->code ? side->stage->code : side->tree;
}

/* What the stage's note says of why nothing was reused. */
static void find_reason(struct broker *broker, const struct side *own,
                        struct arena *arena, struct key_story *story)
{
    scoped_buf notes = { 0 }, start = { 0 };
    struct err err;

    buf_printf(&start, "stage %s is run anew: ", own->stage->name);
    if (!buf_ok(&start)
        || store_note(broker->store, own->at.run, own->at.stage, &notes, &err) != RC_OK)
        return;

    const char *found = strstr(buf_string(&notes), buf_string(&start));

    if (found)
        story->anew =
            arena_copy(arena, found + start.size, strcspn(found + start.size, "\n"));
}

static void compare_with(struct broker *broker, const struct side *own,
                         const struct key_fields *fields, const struct origin *at,
                         struct arena *arena, struct key_story *story)
{
    struct side other;
    struct key_fields before;
    const char *here = environment_of(broker, &own->at, arena), *there;
    struct err err;

    if (!side_load(broker, at, arena, &other)
        || key_fields_of_task(reuse_stage_of(broker, other.stage, at, arena), other.tree,
                              at->index, arena, &before, &err)
               != RC_OK)
        return;
    story->nearest = reuse_reference(broker, at);
    story->total = key_compare(&before, fields, story->differences, DIFFERENCES_SHOWN);
    story->count = story->total < DIFFERENCES_SHOWN ? story->total : DIFFERENCES_SHOWN;
    for (size_t i = 0; i < story->count; i++)
        if (strcmp(story->differences[i].name, "code") == 0) {
            story->code_before = tree_of(&other);
            story->code_after = tree_of(own);
        }
    there = environment_of(broker, at, arena);
    story->environment_differs = *here && *there && strcmp(here, there) != 0;
}

void key_story_tell(struct broker *broker, uint64_t run, uint32_t stage, uint64_t index,
                    struct arena *arena, struct key_story *story)
{
    const struct plan_input *input = NULL;
    struct side own;
    struct key_fields fields;
    struct origin at = { run, index, stage }, origin;
    struct err err;

    *story = (struct key_story){
        .origin = "", .nearest = "", .code_before = "", .code_after = "", .unsettled = ""
    };
    if (reuse_origin(broker, run, stage, index, &origin)) {
        story->origin = reuse_reference(broker, &origin);
        story->is_told = true;
        return;
    }
    if (!side_load(broker, &at, arena, &own))
        return;
    story->is_told = true;
    story->reuses = own.stage->reuse;
    story->is_empty = plan_stage_is_empty(own.stage);
    if (story->is_empty)
        return; /* no key of it is kept */
    find_reason(broker, &own, arena, story);
    own.stage =
        (struct plan_stage *)(uintptr_t)reuse_stage_of(broker, own.stage, &at, arena);
    if (key_unsettled(own.stage, &input))
        story->unsettled = input->name;
    if (key_fields_of_task(own.stage, own.tree, index, arena, &fields, &err) != RC_OK)
        return;

    struct nearest nearest = find_nearest(broker, &own, &fields);

    if (nearest.differences != SIZE_MAX)
        compare_with(broker, &own, &fields, &nearest.at, arena, story);
}

static void say_differences(const struct key_story *story, struct buf *text)
{
    buf_printf(text, "; the nearest earlier success is %s, and %zu %s", story->nearest,
               story->total, story->total == 1 ? "field differs: " : "fields differ: ");
    for (size_t i = 0; i < story->count && i < NAMES_SAID; i++)
        buf_printf(text, "%s%s", i ? ", " : "", story->differences[i].name);
    if (story->total > NAMES_SAID)
        buf_text(text, ", ...");
}

static void say_anew(const struct key_story *story, struct buf *text)
{
    buf_printf(text, "; it was run anew: %s", story->anew);
    if (story->nearest[0] && story->total > 0)
        say_differences(story, text);
}

void key_story_say(const struct key_story *story, struct buf *text)
{
    if (!story->is_told)
        return;
    if (story->origin[0])
        buf_printf(text, "; it uses the result of %s, all fields being equal",
                   story->origin);
    else if (story->is_empty)
        buf_text(text, "; its command is \":\", so there was nothing to run or to reuse");
    else if (story->anew && story->anew[0] && story->reuses)
        say_anew(story, text);
    else if (story->unsettled[0])
        buf_printf(text,
                   "; its input %s is known only when a node has fetched it, so no "
                   "earlier result could be used",
                   story->unsettled);
    else if (!story->nearest[0])
        buf_text(text, "; the step has no earlier success");
    else if (story->total > 0)
        say_differences(story, text);
    else if (!story->reuses)
        buf_printf(text, "; it equals %s, but reuse was not asked for (--reuse)",
                   story->nearest);
    else
        buf_printf(text,
                   "; it equals %s, which was not there yet, or not all of its files "
                   "were there any more",
                   story->nearest);
}

static void field_text(struct buf *body, const char *key, const char *text)
{
    pack_text(body, key);
    pack_text(body, text ? text : "");
}

static size_t character_start(const char *text, size_t at)
{
    while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
        at--;
    return at;
}

/* How much of two texts is left out at their beginning: all but the end of what they
 * share, where one of them would be cut. */
static size_t skip_of(const struct key_difference *difference)
{
    const char *before = difference->before, *after = difference->after;
    size_t same = 0;

    if (!before || !after
        || (strlen(before) <= TEXT_SHOWN_MAX && strlen(after) <= TEXT_SHOWN_MAX))
        return 0;
    while (before[same] && before[same] == after[same])
        same++;
    return same > SHARED_SHOWN ? character_start(before, same - SHARED_SHOWN) : 0;
}

static void pack_shown(struct buf *body, const char *text, size_t skip)
{
    static const char mark[] = "\u2026";
    char shown[TEXT_SHOWN_MAX + 1];
    size_t size, head = skip > 0 ? sizeof mark - 1 : 0;

    if (!text) {
        pack_null(body);
        return;
    }
    text += skip;
    size = strlen(text);
    if (size > TEXT_SHOWN_MAX - head)
        size = character_start(text, TEXT_SHOWN_MAX - head);
    memcpy(shown, mark, head);
    memcpy(shown + head, text, size);
    pack_string(body, shown, head + size);
}

void key_story_write(const struct key_story *story, struct buf *body)
{
    field_text(body, "origin", story->origin);
    field_text(body, "nearest", story->nearest);
    pack_text(body, "differences");
    pack_list(body, story->count);
    for (size_t i = 0; i < story->count; i++) {
        size_t skip = skip_of(&story->differences[i]);

        pack_list(body, 3);
        pack_text(body, story->differences[i].name);
        pack_shown(body, story->differences[i].before, skip);
        pack_shown(body, story->differences[i].after, skip);
    }
    pack_text(body, "differ");
    pack_uint(body, story->total);
    pack_text(body, "code");
    pack_list(body, 2);
    pack_text(body, story->code_before ? story->code_before : "");
    pack_text(body, story->code_after ? story->code_after : "");
    pack_text(body, "environment_differs");
    pack_bool(body, story->environment_differs);
    field_text(body, "unsettled", story->unsettled);
}
