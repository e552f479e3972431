/* work_wfinstances.c - recorded workflows with their run times scaled down, on 16 slots:
 * once with tasks that are timers of a light node, which shows the broker alone, once
 * with processes (`sleep`) under noded. */
#include "bench/instance.h"
#include "bench/world.h"

#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 16, FILES_MAX = 100 };

static const struct metric metrics[] = {
    { "*", "ms", AT_MOST_LIMITS, 1.05 },
};

/* The run times as commands. */
static char **commands_of(const struct instance *instance)
{
    char **commands = calloc(instance->tasks, sizeof *commands);

    must(commands != NULL);
    for (size_t i = 0; i < instance->tasks; i++)
        if (asprintf(&commands[i], "sleep %.6f", instance->run_ms[i] / 1e3) < 0)
            fail("no memory for a command");
    return commands;
}

static void commands_free(char **commands, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(commands[i]);
    free(commands);
}

/* No task began before those that it waits for had ended. */
static void check_order(struct world *world, uint64_t run,
                        const struct instance *instance)
{
    struct sluice_task *seen = calloc(instance->tasks, sizeof *seen);

    must(seen != NULL);
    for (size_t i = 0; i < instance->tasks; i++) {
        char name[24];
        struct sluice_tasks *tasks;
        struct sluice_error error;

        snprintf(name, sizeof name, "s%zu", i);
        world_must(sluice_tasks(world->sluice, run, name, 0, 1, &tasks, &error), &error);
        seen[i] = tasks->tasks[0];
        sluice_tasks_free(tasks);
    }
    for (size_t i = 0; i < instance->link_count; i++)
        bench_check(seen[instance->links[i].target].started_us
                        >= seen[instance->links[i].source].ended_us,
                    "task %u began before %u had ended", instance->links[i].target,
                    instance->links[i].source);
    free(seen);
}

static double makespan(struct world *world, const struct instance *instance)
{
    char **commands = commands_of(instance);
    scoped_buf plan = { 0 };
    uint64_t run;
    double took;

    plan_graph(&plan, instance->tasks, (const char *const *)commands, instance->tasks,
               instance->links, instance->link_count);
    took = world_run(world, &plan, &run);
    world_check_run(world, run, instance->tasks);
    check_order(world, run, instance);
    commands_free(commands, instance->tasks);
    return took;
}

/* Where nobody reaches the bound, because the graph leaves slots empty, the limit is what
 * a runtime without costs reaches. */
static double limit_ms(const struct instance *instance)
{
    double bound = instance_bound_ms(instance, SLOTS);
    double schedule = instance_schedule_ms(instance, SLOTS);

    return schedule <= bound * 1.01 ? bound : schedule;
}

static void measure(struct world *world, const char *path, const char *suffix,
                    size_t repeats)
{
    double took[REPEATS_MAX];
    struct instance instance;
    char name[64];
    const char *base = strrchr(path, '/') + 1;

    snprintf(name, sizeof name, "%.*s%s", (int)strcspn(base, "."), base, suffix);
    instance_read(path, world->bench->is_quick ? 20000 : 1000, &instance);
    for (size_t i = 0; i < repeats; i++)
        took[i] = makespan(world, &instance);
    bench_tell(world->bench, name, median(took, repeats), limit_ms(&instance));
    instance_fini(&instance);
}

static void run(const struct bench *bench)
{
    size_t repeats = bench_repeats(bench, 5);
    char pattern[PATH_MAX];
    struct world world;
    glob_t files;

    snprintf(pattern, sizeof pattern, "%s/*.json",
             bench->instances ? bench->instances : INSTANCES);
    if (glob(pattern, 0, NULL, &files) != 0)
        fail("there is no %s", pattern);
    world_open(&world, bench, "light");
    world_sleepers(&world, 1, SLOTS);
    for (size_t i = 0; i < files.gl_pathc; i++)
        measure(&world, files.gl_pathv[i], "", repeats);
    world_close(&world);
    world_open(&world, bench, "processes");
    world_node(&world, SLOTS);
    for (size_t i = 0; i < (bench->is_quick ? 1 : files.gl_pathc); i++)
        measure(&world, files.gl_pathv[i], "/sh", repeats);
    world_close(&world);
    globfree(&files);
}

const struct workload work_wfinstances = {
    "wfinstances", "recorded workflows, 1,000 times as fast, on 16 slots",
    METRICS(metrics), run
};
