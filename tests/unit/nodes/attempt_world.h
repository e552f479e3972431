/* attempt_world.h - for tests: a node's folder, a store beside it, and one attempt. */
#pragma once

#include "nodes/staging/staging.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define WORLD_RUN_ID "11111111-2222-4333-8444-555555555555"

struct world {
    char directory[64], path[4096];
    struct cache *cache;
    struct objects *store;
    struct cache_source source;
    struct staging staging;
    struct store_port port;
    struct attempt_identity identity;
    struct plan_stage stage;
    struct arena *arena;
    atomic_bool is_cancelled;
    enum rc put_rc; /* what the store answers from now on */
    unsigned fetch_count;
};

/* What the writer does not have of the file. */
static inline enum rc world_add(int fd, struct object_writer *writer, struct err *err)
{
    char piece[65536];
    ssize_t got;

    assert_true(lseek(fd, (off_t)object_writer_size(writer), SEEK_SET) >= 0);
    while ((got = read(fd, piece, sizeof piece)) > 0)
        assert_int_equal(object_writer_add(writer, piece, (size_t)got, err), RC_OK);
    return RC_OK;
}

static inline enum rc world_copy(int fd, struct objects *to, const char *digest,
                                 struct err *err)
{
    struct object_writer *writer;

    assert_int_equal(object_writer_create(to, &writer, err), RC_OK);
    assert_int_equal(world_add(fd, writer, err), RC_OK);
    return object_writer_commit(writer, digest, NULL, NULL, err);
}

static inline enum rc world_get(void *context, const char *digest,
                                struct object_writer *writer, struct err *err)
{
    struct world *world = context;
    uint64_t size;
    int fd;
    enum rc rc = objects_read(world->store, digest, &fd, &size, err);

    if (rc != RC_OK)
        return rc;
    world->fetch_count++;
    rc = world_add(fd, writer, err);
    close(fd);
    return rc;
}

static inline enum rc world_put(void *context, int fd, const char *digest, uint64_t size,
                                struct err *err)
{
    struct world *world = context;

    (void)size;
    if (world->put_rc != RC_OK)
        return err_set(err, world->put_rc, "the store is not in the mood");
    return world_copy(fd, world->store, digest, err);
}

static inline struct world *world_create(void)
{
    struct world *world = calloc(1, sizeof *world);
    struct err err;

    assert_non_null(world);
    snprintf(world->directory, sizeof world->directory, "/tmp/sluice-staging-XXXXXX");
    assert_non_null(mkdtemp(world->directory));
    snprintf(world->path, sizeof world->path, "%s/cache", world->directory);
    assert_int_equal(cache_open(world->path, 0, &world->cache, &err), RC_OK);
    snprintf(world->path, sizeof world->path, "%s/store", world->directory);
    assert_int_equal(objects_open(world->path, &world->store, &err), RC_OK);
    world->arena = arena_create(64 << 20);
    world->staging = (struct staging){ .directory = world->directory,
                                       .node_name = "here",
                                       .cache = world->cache };
    world->source =
        (struct cache_source){ .name = "the store", .context = world, .get = world_get };
    world->port = (struct store_port){ .context = world,
                                       .sources = { .items = &world->source, .count = 1 },
                                       .put = world_put };
    world->identity = (struct attempt_identity){
        .token = 7,
        .run_number = 3,
        .task_count = 1,
        .execution_counter = 12,
        .attempt_number = 1,
        .run_id = WORLD_RUN_ID,
        .execution_id = "aaaaaaaa-2222-4333-8444-555555555555",
        .project_id = "bbbbbbbb-2222-4333-8444-555555555555",
        .project = "digits",
        .title = "train",
        .created_us = 1743779019321000,
    };
    world->stage = (struct plan_stage){ .name = "train",
                                        .step = "train step",
                                        .image = "python:3.9" };
    return world;
}

static inline void world_destroy(struct world *world)
{
    char command[256];

    cache_destroy(world->cache);
    objects_destroy(world->store);
    arena_destroy(world->arena);
    snprintf(command, sizeof command, "chmod -R u+rwX %s; rm -rf %s", world->directory,
             world->directory);
    assert_int_equal(system(command), 0);
    free(world);
}

static inline void world_commands(struct world *world, const char *command)
{
    const char **commands = arena_array(world->arena, 1, sizeof *commands);

    assert_non_null(commands);
    commands[0] = command;
    world->stage.commands = commands;
    world->stage.command_count = 1;
}

/* The path of a file of the attempt; valid until the next call. */
static inline const char *world_path(struct world *world, const char *name)
{
    snprintf(world->path, sizeof world->path, "%s/attempts/7/%s", world->directory, name);
    return world->path;
}

static inline const char *text_of(struct world *world, const char *path)
{
    scoped_buf buf = { 0 };
    FILE *file = fopen(path, "r");
    int byte;

    if (!file)
        return NULL;
    while ((byte = getc(file)) != EOF)
        buf_byte(&buf, (unsigned char)byte);
    fclose(file);
    return arena_copy(world->arena, buf.data, buf.size);
}

/* The content of a file of the attempt, or NULL. */
static inline const char *world_text(struct world *world, const char *name)
{
    return text_of(world, world_path(world, name));
}

static inline void file_make(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* Puts the text into the store; the digest is in the world's arena. */
static inline const char *world_object(struct world *world, const void *bytes,
                                       size_t size)
{
    struct object_writer *writer;
    struct digest_set set;
    struct err err;

    assert_int_equal(object_writer_create(world->store, &writer, &err), RC_OK);
    assert_int_equal(object_writer_add(writer, bytes, size, &err), RC_OK);
    assert_int_equal(object_writer_commit(writer, NULL, &set, NULL, &err), RC_OK);
    return arena_text(world->arena, set.sha256);
}

/* The content of an object in the store. */
static inline const char *world_stored(struct world *world, const char *digest)
{
    char path[4096];

    assert_true(objects_path(world->store, digest, path, sizeof path));
    return text_of(world, path);
}

static inline void world_prepare(struct world *world)
{
    struct err err = { .text = "" };
    enum rc rc = attempt_prepare(&world->staging, &world->port, &world->identity,
                                 &world->stage, &world->is_cancelled, &err);

    if (rc != RC_OK)
        print_error("%s\n", err.text);
    assert_int_equal(rc, RC_OK);
}

/* Runs what launch says, as the supervisor would; gives the wait status. */
static inline int world_run(struct world *world)
{
    char directory[4096];
    struct launch launch;
    struct err err;
    int status;

    snprintf(directory, sizeof directory, "%s", world_path(world, "."));
    assert_int_equal(launch_read(directory, world->arena, &launch, &err), RC_OK);

    char **arguments = calloc(launch.argument_count + 1, sizeof *arguments);
    char **variables = calloc(launch.variable_count + 1, sizeof *variables);

    for (size_t i = 0; i < launch.argument_count; i++)
        arguments[i] = arena_text(world->arena, launch.arguments[i]);
    for (size_t i = 0; i < launch.variable_count; i++)
        variables[i] = arena_text(world->arena, launch.variables[i]);

    pid_t pid = fork();

    if (pid == 0) {
        bool ready = chdir(directory) == 0 && freopen("stdout", "a", stdout)
                     && freopen("stderr", "a", stderr) && freopen("/dev/null", "r", stdin)
                     && chdir(launch.working_directory) == 0;

        if (ready)
            execve(arguments[0], arguments, variables);
        _exit(127);
    }
    free(arguments);
    free(variables);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static inline struct task_result world_collect(struct world *world)
{
    struct task_result result = { .cause = CAUSE_EXIT,
                                  .metadata = { .kind = VALUE_MAP } };
    struct err err = { .text = "" };
    enum rc rc = attempt_collect(&world->staging, &world->port, &world->stage, 7,
                                 world->arena, &result, &err);

    if (rc != RC_OK)
        print_error("%s\n", err.text);
    assert_int_equal(rc, RC_OK);
    return result;
}

static inline int world_setup(void **state)
{
    *state = world_create();
    return 0;
}

static inline int world_teardown(void **state)
{
    world_destroy(*state);
    return 0;
}

#define world_test(test)                                                                 \
    cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
