/* check.c - see check.h. */
#include "broker/backup/check.h"

#include "broker/broker_state.h"
#include "codecs/wire/result.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RESULT_ARENA_MAX = 1 << 30 };

struct checking {
    struct store *store;
    struct objects *objects;
    struct check_done *done;
    store_fault *fault;
    void *context;
    bool with_bytes;
};

static void tell(void *context, const char *table, const char *key, const char *text)
{
    struct checking *checking = context;

    checking->done->faults++;
    checking->fault(checking->context, table, key, text);
}

static enum rc open_store(const char *directory, struct store **store, struct err *err)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/store", directory) >= (int)sizeof path)
        return err_set(err, RC_INVALID, "the path is too long: %s", directory);
    return store_open_reading(path, store, err);
}

/* ---- The core, in a process of its own: its own check ends the process that fails it */

static enum rc restore_and_check(const char *directory, struct err *err)
{
    struct broker *broker = calloc(1, sizeof *broker);
    enum rc rc = RC_NO_MEMORY;

    if (broker) {
        broker->reuse = reuse_create();
        broker->looks = looks_create();
    }
    if (!broker || !broker->reuse || !broker->looks)
        return err_set(err, rc, "no memory for the core");
    broker->now_us = clock_us();
    broker->settings.limits.stages_max = UINT32_MAX;
    rc = open_store(directory, &broker->store, err);
    if (rc == RC_OK)
        rc = broker_restore(broker, err);
    if (rc == RC_OK)
        core_check(broker->core);
    return rc;
}

_Noreturn static void core_child(const char *directory, int pipe_fd)
{
    struct err err = { .text = "" };
    enum rc rc;

    if (dup2(pipe_fd, STDERR_FILENO) < 0)
        _exit(1);
    rc = restore_and_check(directory, &err);
    if (rc != RC_OK)
        dprintf(STDERR_FILENO, "%s", err.text);
    _exit(rc != RC_OK);
}

static enum rc check_core(struct checking *checking, const char *directory,
                          struct err *err)
{
    char text[ERR_TEXT_MAX];
    size_t size = 0;
    ssize_t got = 1;
    int ends[2], status = 0;
    pid_t child;

    if (pipe(ends) != 0)
        return err_set_sys(err, RC_IO, errno, "no pipe");
    child = fork();
    if (child == 0)
        core_child(directory, ends[1]);
    close(ends[1]);
    while (child > 0 && size < sizeof text - 1 && got > 0) {
        got = read(ends[0], text + size, sizeof text - 1 - size);
        size += got > 0 ? (size_t)got : 0;
    }
    close(ends[0]);
    text[size] = '\0';
    if (child < 0 || waitpid(child, &status, 0) != child)
        return err_set_sys(err, RC_IO, errno, "no process for the core");
    text[strcspn(text, "\n")] = '\0';
    if (status != 0)
        tell(checking, "core", "",
             *text ? text : "the core cannot go on from this store");
    return RC_OK;
}

/* ---- Objects */

/* may_miss: of what has ended, nothing needs the bytes to go on. */
static void check_object(struct checking *checking, const char *digest, uint64_t size,
                         bool may_miss)
{
    uint64_t found;

    if (!digest || !*digest)
        return;
    checking->done->artifacts++;
    if (!objects_has(checking->objects, digest, &found)) {
        checking->done->missing += may_miss;
        if (!may_miss)
            tell(checking, "objects", digest,
                 "a run that goes on needs it: it is missing");
    } else if (size != UINT64_MAX && found != size) {
        tell(checking, "objects", digest, "the file has not the size that was stored");
    }
}

static enum rc check_result(void *context, const struct attempt_row *where,
                            const void *bytes, size_t size, struct err *err)
{
    struct checking *checking = context;
    scoped(arena) arena = arena_create(RESULT_ARENA_MAX);
    struct task_result *result;
    struct err unread;

    (void)where;
    if (!arena)
        return err_set(err, RC_NO_MEMORY, "no memory for a result");
    if (result_decode(arena, bytes, size, &result, &unread) != RC_OK)
        return RC_OK; /* told by store_check */
    /* What a node keeps need not be here. */
    for (size_t i = 0; i < result->output_count; i++)
        if (!result->outputs[i].node
            || objects_has(checking->objects, result->outputs[i].digest, NULL))
            check_object(checking, result->outputs[i].digest, result->outputs[i].size,
                         true);
    for (size_t i = 0; i < STREAM_COUNT; i++)
        check_object(checking, result->streams[i].digest, result->streams[i].size, true);
    check_object(checking, result->environment, UINT64_MAX, true);
    return RC_OK;
}

static enum rc check_run(void *context, uint64_t run, struct err *err)
{
    struct checking *checking = context;
    scoped(arena) arena = arena_create(RESULT_ARENA_MAX);
    scoped_buf bytes = { 0 };
    struct plan *plan;
    struct err unread;

    if (!arena)
        return err_set(err, RC_NO_MEMORY, "no memory for a plan");
    if (store_plan(checking->store, run, &bytes, &unread) != RC_OK
        || plan_decode(arena, bytes.data, bytes.size, &plan, &unread) != RC_OK)
        return RC_OK; /* told by store_check */
    check_object(checking, plan->code.tree, UINT64_MAX, false);
    return RC_OK;
}

struct digests {
    struct buf list;
    struct checking *checking;
};

static enum rc list_object(void *context, const struct object_seen *seen)
{
    struct digests *digests = context;

    buf_add(&digests->list, seen->digest, DIGEST_TEXT_SIZE);
    digests->checking->done->bytes += seen->size;
    return buf_ok(&digests->list) ? RC_OK : RC_NO_MEMORY;
}

/* Every file that is there, whoever refers to it. Nothing is moved aside: the broker does
 * that when it next meets the file. */
static enum rc check_bytes(struct checking *checking, struct err *err)
{
    struct digests digests = { .list = { .limit = RESULT_ARENA_MAX },
                               .checking = checking };
    enum rc rc = objects_each(checking->objects, list_object, &digests, err);

    for (size_t at = 0; rc == RC_OK && at < digests.list.size; at += DIGEST_TEXT_SIZE) {
        const char *digest = (const char *)digests.list.data + at;
        struct digest_set set;
        uint64_t size;
        int fd = -1;
        enum rc read = objects_read(checking->objects, digest, &fd, &size, err);

        if (read == RC_OK)
            read = digest_file(fd, false, &set, &size, err);
        if (read == RC_CORRUPT || (read == RC_OK && strcmp(set.sha256, digest) != 0))
            tell(checking, "objects", digest, "the file's bytes were changed");
        else if (read != RC_OK && read != RC_NOT_FOUND)
            rc = read;
        fd_scoped(&fd);
    }
    buf_fini(&digests.list);
    return rc;
}

static enum rc check_objects(struct checking *checking, const char *directory,
                             struct err *err)
{
    char path[PATH_MAX];
    enum rc rc;

    if (snprintf(path, sizeof path, "%s/objects", directory) >= (int)sizeof path)
        return err_set(err, RC_INVALID, "the path is too long: %s", directory);
    rc = objects_open(path, &checking->objects, err);
    if (rc == RC_OK)
        rc = store_active_runs(checking->store, check_run, checking, err);
    if (rc == RC_OK)
        rc = store_results_each(checking->store, check_result, checking, err);
    if (rc == RC_OK && checking->with_bytes)
        rc = check_bytes(checking, err);
    objects_destroy(checking->objects);
    return rc;
}

enum rc broker_check(const char *directory, bool with_bytes, store_fault *fault,
                     void *context, struct check_done *done, struct err *err)
{
    struct check_done found = { .rows = 0 };
    struct checking checking = {
        .done = &found, .fault = fault, .context = context, .with_bytes = with_bytes
    };
    enum rc rc = open_store(directory, &checking.store, err);

    /* There is one; the process for the core must not have it open twice. */
    store_destroy(checking.store);
    checking.store = NULL;
    if (rc == RC_OK)
        rc = check_core(&checking, directory, err);
    if (rc == RC_OK)
        rc = open_store(directory, &checking.store, err);
    if (rc == RC_OK)
        rc = store_check(checking.store, tell, &checking, &found.rows, err);
    if (rc == RC_OK)
        found.copied_us = store_copied_us(checking.store);
    if (rc == RC_OK)
        rc = check_objects(&checking, directory, err);
    store_destroy(checking.store);
    if (rc == RC_OK)
        *done = found;
    return rc;
}
