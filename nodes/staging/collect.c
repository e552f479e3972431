/* collect.c - everything an attempt left behind, stored and listed in its result. */
#include "broker/artifacts/hasher.h"
#include "nodes/staging/facts.h"
#include "nodes/staging/folder.h"
#include "nodes/staging/inputs.h"
#include "nodes/staging/properties.h"
#include "nodes/staging/streams.h"
#include "nodes/staging/upload.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { RESULT_BYTES_MAX = 1 << 30 };

struct collection {
    const struct staging *staging;
    uint64_t token;
    const struct store_port *port;
    int folder;
    struct arena *arena;
    const struct plan_stage *stage;
    struct complaints complaints;
    struct properties properties;
};

/* The file is hashed, and its bytes are safe: in the broker's store, or, when it is large
 * and the settings say so, here. What cannot be kept here goes to the broker. */
static enum rc output_store(const struct collection *collection, int fd,
                            struct digest_set *set, struct plan_source *output,
                            struct err *err)
{
    const struct staging *staging = collection->staging;
    struct err ignored;

    if (!staging->keeps_outputs)
        return file_store(collection->port, fd, true, set, &output->size, err);

    enum rc rc = file_digest(fd, true, set, &output->size, err);

    if (rc != RC_OK)
        return rc;
    if (output->size > CACHE_SMALL_MAX
        && cache_keep(staging->cache, collection->token, fd, set->sha256, output->size,
                      &ignored)
               == RC_OK) {
        output->node = staging->node_name;
        return RC_OK;
    }
    return collection->port->put(collection->port->context, fd, set->sha256, output->size,
                                 err);
}

/* The store has the file, and output tells about it. Failures that do not pass are
 * complained about, and leave output->digest NULL. */
static enum rc output_take(struct collection *collection,
                           const struct found_output *found, struct plan_source *output,
                           struct err *err)
{
    struct complaints *complaints = &collection->complaints;
    struct arena *arena = collection->arena;
    struct err why = { .text = "" };
    struct digest_set set;

    if (found->is_bad) {
        complain(complaints, true,
                 "the output %s cannot be kept: a name is valid UTF-8 without control "
                 "characters, of at most 4096 bytes",
                 name_shown(arena, found->name));
        return RC_OK;
    }

    scoped_fd int fd = open_regular(collection->folder, found->path);

    if (fd < 0) {
        complain(complaints, true, "the output %s cannot be read: %s",
                 name_shown(arena, found->name), strerrordesc_np(-fd));
        return RC_OK;
    }

    enum rc rc = output_store(collection, fd, &set, output, &why);

    if (failure_is_passing(rc))
        return err_set(err, rc, "output %s: %s", found->name, why.text);
    if (rc != RC_OK) {
        complain(complaints, true, "the output %s cannot be stored: %s",
                 name_shown(arena, found->name), why.text);
        return RC_OK;
    }
    if (collection->staging->shares_outputs && !output->node
        && output->size > CACHE_SMALL_MAX)
        cache_adopt(collection->staging->cache, collection->token, fd, set.sha256,
                    output->size);
    output->uri = "";
    output->name = found->name;
    output->md5 = arena_text(arena, set.md5);
    output->sha1 = arena_text(arena, set.sha1);
    output->digest = arena_text(arena, set.sha256);
    if (!output->md5 || !output->sha1 || !output->digest)
        return err_set(err, RC_NO_MEMORY, "no memory for the outputs");
    return properties_of(&collection->properties, collection->folder, found->name, arena,
                         complaints, &output->metadata, err);
}

static enum rc outputs_take(struct collection *collection, struct task_result *result,
                            struct err *err)
{
    struct found_outputs found;
    enum rc rc = properties_read(collection->folder, collection->arena,
                                 &collection->complaints, &collection->properties, err);

    if (rc == RC_OK)
        rc = outputs_find(collection->folder, collection->arena, &collection->complaints,
                          &found, err);
    if (rc != RC_OK)
        return rc;
    if (found.count > RESULT_OUTPUTS_MAX) {
        complain(&collection->complaints, true,
                 "there are %zu outputs; the first %d are kept", found.count,
                 RESULT_OUTPUTS_MAX);
        found.count = RESULT_OUTPUTS_MAX;
    }

    struct plan_source *outputs =
        arena_array(collection->arena, found.count, sizeof *outputs);
    struct upload_file *files =
        arena_array(collection->arena, found.count, sizeof *files);
    size_t count = 0;

    if (!outputs || !files)
        return err_set(err, RC_NO_MEMORY, "no memory for the outputs");
    for (size_t i = 0; rc == RC_OK && i < found.count; i++) {
        rc = output_take(collection, &found.outputs[i], &outputs[count], err);
        files[count] = (struct upload_file){ found.outputs[i].path, &outputs[count] };
        if (outputs[count].digest)
            count++;
    }
    /* When the broker has all of them: what waits for it is not put there each time. */
    if (rc == RC_OK)
        rc = outputs_upload(collection->complaints.staging, collection->stage,
                            collection->complaints.token, collection->folder, files,
                            count, collection->arena, &collection->complaints, err);
    if (rc != RC_OK)
        return rc;
    result->outputs = outputs;
    result->output_count = count;
    return RC_OK;
}

static enum rc outputs_judge(const struct collection *collection,
                             struct task_result *result, struct err *err)
{
    const struct complaints *complaints = &collection->complaints;

    if (complaints->failures == 0
        || result_status_of(result->cause, result->exit_code) != RESULT_COMPLETE)
        return RC_OK;

    const char *message = arena_text(collection->arena, complaints->first);

    if (!message)
        return err_set(err, RC_NO_MEMORY, "no memory for the result");
    result->cause = CAUSE_OUTPUT_FAILED;
    result->message = message;
    return RC_OK;
}

/* What the command found, as far as it can be told now that it is over. */
static enum rc environment_take(const struct staging *staging,
                                const struct store_port *port,
                                const struct plan_stage *stage, uint64_t token,
                                struct arena *arena, struct task_result *result,
                                struct err *err)
{
    char digest[DIGEST_TEXT_SIZE], folder[PATH_MAX];
    enum rc rc;

    if (!staging->facts || result->started_us == 0)
        return RC_OK;
    snprintf(folder, sizeof folder, "%s/attempts/%llu/repository", staging->directory,
             (unsigned long long)token);
    rc = facts_store(staging->facts, port, stage, folder, digest, err);
    if (rc != RC_OK)
        return failure_is_passing(rc) ? rc : RC_OK;
    result->environment = arena_text(arena, digest);
    return result->environment ? RC_OK
                               : err_set(err, RC_NO_MEMORY, "no memory for the result");
}

/* What the supervisor and the files tell again would make the same result again. */
static bool is_plain(const struct task_result *result)
{
    return result->cause == CAUSE_EXIT && !result->message && result->output_count == 0;
}

static enum rc result_keep(int folder, const struct task_result *result, struct err *err)
{
    scoped_buf buf = { 0 };

    if (is_plain(result))
        return RC_OK;
    buf_init(&buf, RESULT_BYTES_MAX);
    result_encode(&buf, result);
    if (!buf_ok(&buf))
        return err_set(err, RC_NO_MEMORY, "no memory for the result");
    return file_write(folder, "result", buf.data, buf.size, 0600, err);
}

enum rc attempt_collect(const struct staging *staging, const struct store_port *port,
                        const struct plan_stage *stage, uint64_t token,
                        struct arena *arena, struct task_result *result, struct err *err)
{
    struct collection collection = {
        .staging = staging,
        .token = token,
        .port = port,
        .arena = arena,
        .stage = stage,
        .complaints = { .staging = staging, .token = token },
    };
    struct task_result made = *result;
    scoped_fd int folder = -1;
    enum rc rc = folder_open(staging, token, &folder, err);

    if (rc != RC_OK)
        return rc;
    collection.folder = folder;
    rc = inputs_recall(folder, arena, &made, err);
    if (rc == RC_NO_MEMORY)
        return rc;
    rc = outputs_take(&collection, &made, err);
    if (rc == RC_OK)
        rc = outputs_judge(&collection, &made, err);
    if (rc == RC_OK)
        rc = environment_take(staging, port, stage, token, arena, &made, err);
    if (rc == RC_OK)
        rc = streams_collect(staging, port, token, folder, arena, &made, err);
    if (rc == RC_OK)
        rc = result_keep(folder, &made, err);
    if (rc == RC_OK)
        *result = made;
    return rc;
}
