/* instance.c - see instance.h. */
#include "bench/instance.h"

#include "bench/measure.h"
#include "codecs/value/value.h"

#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 64 << 20, ARENA_MAX = 512 << 20 };

static void read_value(struct arena *arena, const char *path, struct value *value)
{
    char *text = malloc(FILE_MAX);
    FILE *file = fopen(path, "re");
    struct err err;

    if (!file || !text)
        fail("cannot read %s", path);

    size_t size = fread(text, 1, FILE_MAX, file);

    fclose(file);
    if (value_from_json(arena, text, size, value, &err) != RC_OK)
        fail("%s: %s", path, err.text);
    free(text);
}

/* The list of tasks in a part of the workflow. */
static const struct value *tasks_in(const struct value *file, const char *part,
                                    const char *path)
{
    const struct value *found = value_get(file, "workflow");

    found = found ? value_get(found, part) : NULL;
    found = found ? value_get(found, "tasks") : NULL;
    if (!found || found->kind != VALUE_LIST)
        fail("%s has no workflow.%s.tasks", path, part);
    return found;
}

static const char *id_of(const struct value *task, const char *path)
{
    const struct value *id = value_get(task, "id");

    if (!id || id->kind != VALUE_STRING)
        fail("%s has a task without id", path);
    return id->string.data;
}

static size_t find(const struct value *tasks, const char *id, const char *path)
{
    for (size_t i = 0; i < tasks->list.count; i++)
        if (strcmp(id_of(&tasks->list.items[i], path), id) == 0)
            return i;
    fail("%s has no task %s", path, id);
}

static double seconds_of(const struct value *task, const char *path)
{
    const struct value *run = value_get(task, "runtimeInSeconds");

    if (run && run->kind == VALUE_FLOAT)
        return run->real;
    if (!run || run->kind != VALUE_INT)
        fail("%s has a task without runtimeInSeconds", path);
    return (double)run->integer;
}

static void read_links(const struct value *tasks, const char *path,
                       struct instance *instance)
{
    for (size_t i = 0; i < tasks->list.count; i++) {
        const struct value *parents = value_get(&tasks->list.items[i], "parents");

        if (!parents || parents->kind != VALUE_LIST)
            fail("%s has a task without parents", path);
        instance->links =
            reallocarray(instance->links, instance->link_count + parents->list.count + 1,
                         sizeof *instance->links);
        must(instance->links != NULL);
        for (size_t k = 0; k < parents->list.count; k++)
            instance->links[instance->link_count++] = (struct plan_link){
                (uint32_t)find(tasks, parents->list.items[k].string.data, path),
                (uint32_t)i
            };
    }
}

void instance_read(const char *path, double scale, struct instance *instance)
{
    scoped(arena) arena = arena_create(ARENA_MAX);
    struct value file;

    must(arena != NULL);
    read_value(arena, path, &file);

    const struct value *tasks = tasks_in(&file, "specification", path);
    const struct value *runs = tasks_in(&file, "execution", path);

    *instance = (struct instance){ .tasks = tasks->list.count };
    instance->run_ms = calloc(instance->tasks + 1, sizeof *instance->run_ms);
    must(instance->run_ms != NULL);
    for (size_t i = 0; i < runs->list.count; i++)
        instance->run_ms[find(tasks, id_of(&runs->list.items[i], path), path)] =
            seconds_of(&runs->list.items[i], path) * 1e3 / scale;
    read_links(tasks, path, instance);
}

void instance_fini(struct instance *instance)
{
    free(instance->run_ms);
    free(instance->links);
}

/* From the start of each task to the end of all that follows it. */
static double *ways_to_end(const struct instance *instance)
{
    double *ways = calloc(instance->tasks, sizeof *ways);
    bool changed = true;

    must(ways != NULL);
    for (size_t i = 0; i < instance->tasks; i++)
        ways[i] = instance->run_ms[i];
    for (size_t round = 0; changed; round++) {
        changed = false;
        if (round > instance->tasks)
            fail("the workflow has a cycle");
        for (size_t i = 0; i < instance->link_count; i++) {
            const struct plan_link *link = &instance->links[i];
            double way = instance->run_ms[link->source] + ways[link->target];

            if (way > ways[link->source]) {
                ways[link->source] = way;
                changed = true;
            }
        }
    }
    return ways;
}

double instance_bound_ms(const struct instance *instance, unsigned slots)
{
    double *ways = ways_to_end(instance), work = 0, longest = 0;

    for (size_t i = 0; i < instance->tasks; i++) {
        work += instance->run_ms[i];
        longest = ways[i] > longest ? ways[i] : longest;
    }
    free(ways);
    return work / slots > longest ? work / slots : longest;
}

enum { WAITS = -1, ENDED = -2 }; /* beside the times at which running tasks end */

static bool is_ready(const struct instance *instance, const double *ends, size_t task)
{
    if (ends[task] != WAITS)
        return false;
    for (size_t i = 0; i < instance->link_count; i++)
        if (instance->links[i].target == task && ends[instance->links[i].source] != ENDED)
            return false;
    return true;
}

static bool start_best(const struct instance *instance, const double *ways, double *ends,
                       double now)
{
    size_t best = instance->tasks;

    for (size_t i = 0; i < instance->tasks; i++)
        if (is_ready(instance, ends, i)
            && (best == instance->tasks || ways[i] > ways[best]))
            best = i;
    if (best == instance->tasks)
        return false;
    ends[best] = now + instance->run_ms[best];
    return true;
}

/* The task that ends next, which has then ended; the time of it. */
static double end_next(const struct instance *instance, double *ends)
{
    size_t next = instance->tasks;
    double at;

    for (size_t i = 0; i < instance->tasks; i++)
        if (ends[i] >= 0 && (next == instance->tasks || ends[i] < ends[next]))
            next = i;
    must(next < instance->tasks);
    at = ends[next];
    ends[next] = ENDED;
    return at;
}

double instance_schedule_ms(const struct instance *instance, unsigned slots)
{
    double *ways = ways_to_end(instance), now = 0;
    double *ends = calloc(instance->tasks, sizeof *ends);
    size_t running = 0;

    must(ends != NULL);
    for (size_t i = 0; i < instance->tasks; i++)
        ends[i] = WAITS;
    for (size_t ended = 0; ended < instance->tasks; ended++) {
        while (running < slots && start_best(instance, ways, ends, now))
            running++;
        now = end_next(instance, ends);
        running--;
    }
    free(ways);
    free(ends);
    return now;
}
