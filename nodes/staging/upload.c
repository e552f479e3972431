/* upload.c - the key of each output, and what went wrong with it. */
#include "nodes/staging/upload.h"

#include "nodes/staging/folder.h"
#include "nodes/stores/parallel.h"
#include "nodes/stores/s3.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

enum { UPLOADS_AT_ONCE = 4, STORE_MEMORY_MAX = 4 << 20 };

struct uploading {
    const struct store *store;
    int folder;
    const struct upload_file *files;
    size_t count;
    const char **keys;
    struct failure {
        enum rc rc;
        const char *text;
    } * failures;
    struct arena *arena;
    pthread_mutex_t lock; /* of arena */
};

enum rc upload_check(const struct staging *staging, const struct plan_stage *stage,
                     struct err *err)
{
    scoped(arena) arena = arena_create(STORE_MEMORY_MAX);
    struct store store;

    if (!stage->upload_store)
        return RC_OK;
    if (!arena)
        return err_set(err, RC_NO_MEMORY, "no memory for a store");
    return store_of_name(staging->stores, stage->upload_store, arena, &store, err);
}

static enum rc upload(struct uploading *uploading, size_t index, struct err *err)
{
    const struct upload_file *file = &uploading->files[index];
    struct s3_place place = { .store = uploading->store,
                              .bucket = uploading->store->bucket,
                              .key = uploading->keys[index] };
    scoped_fd int fd = open_regular(uploading->folder, file->path);

    if (fd < 0)
        return err_set_sys(err, RC_IO, -fd, "the output is gone");
    return s3_put(&place, fd, file->output->size, strchr(file->output->digest, ':') + 1,
                  0, err);
}

/* Of outputs with one name, which lie in the order of time, the last is put. */
static bool is_replaced(const struct uploading *uploading, size_t index)
{
    return index + 1 < uploading->count
           && strcmp(uploading->files[index].output->name,
                     uploading->files[index + 1].output->name)
                  == 0;
}

static bool upload_one(void *context, size_t index)
{
    struct uploading *uploading = context;
    struct err why = { .text = "" };
    enum rc rc = is_replaced(uploading, index) ? RC_OK : upload(uploading, index, &why);

    if (rc == RC_OK)
        return true;
    pthread_mutex_lock(&uploading->lock);
    uploading->failures[index] =
        (struct failure){ rc, arena_text(uploading->arena, why.text) };
    pthread_mutex_unlock(&uploading->lock);
    return false;
}

static const char *key_of(struct arena *arena, const struct store *store,
                          const struct attempt_identity *identity, const char *stage,
                          const char *name)
{
    return arena_printf(arena, "%s%s%s/%s/%" PRIu64 "/%" PRIu64 "/%s", store->prefix,
                        store->prefix[0] ? "/" : "", identity->run_id, stage,
                        identity->task_index, identity->token, name);
}

/* After a failure none has a location: those that were put belong to no good result. */
static enum rc tell(const struct uploading *uploading, const char *name,
                    struct complaints *complaints, struct err *err)
{
    bool has_failed = false;

    for (size_t i = 0; i < uploading->count; i++) {
        const struct failure *failure = &uploading->failures[i];
        struct plan_source *output = uploading->files[i].output;

        if (failure->rc != RC_OK)
            complain(complaints, true,
                     "the output %s cannot be put to the upload-store %s: %s",
                     name_shown(uploading->arena, output->name), name,
                     failure->text ? failure->text : "no memory");
        has_failed |= failure->rc != RC_OK;
    }
    for (size_t i = 0; i < uploading->count && !has_failed; i++) {
        struct plan_source *output = uploading->files[i].output;

        if (is_replaced(uploading, i))
            continue;
        output->location = arena_printf(uploading->arena, "s3://%s/%s",
                                        uploading->store->bucket, uploading->keys[i]);
        if (!output->location)
            return err_set(err, RC_NO_MEMORY, "no memory for the outputs");
    }
    return RC_OK;
}

static enum rc upload_all(struct uploading *uploading, const struct staging *staging,
                          const struct attempt_identity *identity,
                          const struct plan_stage *stage, struct complaints *complaints,
                          struct err *err)
{
    size_t count = uploading->count;

    uploading->keys = arena_array(uploading->arena, count, sizeof *uploading->keys);
    uploading->failures =
        arena_array(uploading->arena, count, sizeof *uploading->failures);
    if (!uploading->keys || !uploading->failures)
        return err_set(err, RC_NO_MEMORY, "no memory for the outputs");
    for (size_t i = 0; i < count; i++) {
        uploading->keys[i] = key_of(uploading->arena, uploading->store, identity,
                                    stage->name, uploading->files[i].output->name);
        if (!uploading->keys[i])
            return err_set(err, RC_NO_MEMORY, "no memory for the outputs");
    }
    pthread_mutex_init(&uploading->lock, NULL);
    parallel_each(count, UPLOADS_AT_ONCE, upload_one, uploading);
    pthread_mutex_destroy(&uploading->lock);

    enum rc rc = tell(uploading, stage->upload_store, complaints, err);

    if (rc == RC_OK && uploading->files[count - 1].output->location)
        attempt_say(staging, identity->token, "put %zu outputs to the upload-store %s",
                    count, stage->upload_store);
    return rc;
}

enum rc outputs_upload(const struct staging *staging, const struct plan_stage *stage,
                       uint64_t token, int folder, const struct upload_file *files,
                       size_t count, struct arena *arena, struct complaints *complaints,
                       struct err *err)
{
    struct attempt_identity identity;
    struct plan_stage *own;
    struct store store;
    struct err why = { .text = "" };
    struct uploading uploading = {
        .store = &store,
        .folder = folder,
        .files = files,
        .count = count,
        .arena = arena,
    };

    if (!stage->upload_store || count == 0)
        return RC_OK;

    enum rc rc = store_of_name(staging->stores, stage->upload_store, arena, &store, &why);

    if (rc == RC_OK && !store.keeps_outputs)
        return RC_OK;
    if (rc == RC_OK)
        rc = attempt_load(staging, token, arena, &identity, &own, &why);
    if (rc == RC_NO_MEMORY)
        return err_set(err, rc, "%s", why.text);
    if (rc != RC_OK) {
        complain(complaints, true, "the outputs cannot be uploaded: %s", why.text);
        return RC_OK;
    }
    return upload_all(&uploading, staging, &identity, stage, complaints, err);
}
