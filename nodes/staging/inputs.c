/* inputs.c - one input after the other; of one, several files are fetched at once. */
#include "nodes/staging/inputs.h"

#include "codecs/names/scheme.h"
#include "codecs/plan/tree.h"
#include "nodes/staging/environment.h"
#include "nodes/staging/expand.h"
#include "nodes/staging/folder.h"
#include "nodes/staging/input_name.h"
#include "nodes/stores/parallel.h"
#include "nodes/supervisor/own_file.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORD_MAX = 256 << 20, FETCHES_AT_ONCE = 4 };

struct input_staging {
    const struct staging *staging;
    const struct store_port *port;
    const struct plan_stage *stage;
    uint64_t token, task_index;
    int folder;
    struct fetching fetching;
    struct arena *arena;
    pthread_mutex_t lock; /* of arena and failures while files are fetched */
};

/* Whether a file of a known digest may be had from its URI, if nobody keeps it. */
static bool may_be_fetched(const struct staged_file *file)
{
    const char *uri = file->uri;

    return file->source.digest
           && (uri_is_web(uri) || uri_is_object(uri) || uri[0] == '/'
               || strncmp(uri, "file:", 5) == 0);
}

/* Has the file here if anybody keeps it. */
static enum rc file_look(struct input_staging *work, struct staged_file *file,
                         struct err *err)
{
    enum rc rc;

    if (!may_be_fetched(file))
        return RC_OK;
    rc = cache_fetch(work->staging->cache, work->token, &work->port->sources,
                     file->source.digest, file->source.size, err);
    file->is_lacking = rc == RC_NOT_FOUND;
    return file->is_lacking ? RC_OK : rc;
}

static const char *text_or_null(struct input_staging *work, const char *text)
{
    return text[0] ? arena_text(work->arena, text) : NULL;
}

/* A URI is fetched into the cache and its digest noted. */
static enum rc file_fetch(struct input_staging *work, struct staged_file *file,
                          struct err *err)
{
    struct fetched fetched;
    enum rc rc;

    if (file->source.digest && !file->is_lacking)
        return RC_OK;
    rc = file->is_lacking
             ? fetch_pinned(&work->fetching, &file->source, file->uri, &fetched, err)
             : fetch_uri(&work->fetching, file->uri, &fetched, err);
    if (rc != RC_OK)
        return rc;
    pthread_mutex_lock(&work->lock);
    file->was_fetched = true;
    file->source.size = fetched.size;
    file->source.digest = arena_text(work->arena, fetched.digest);
    file->source.etag = text_or_null(work, fetched.etag);
    file->source.version = text_or_null(work, fetched.version);
    file->source.modified = text_or_null(work, fetched.modified);
    pthread_mutex_unlock(&work->lock);
    if (!file->source.digest)
        return err_set(err, RC_NO_MEMORY, "no memory for an input");
    return RC_OK;
}

static enum rc file_place(struct input_staging *work, const struct staged_file *file,
                          const char *below, struct err *err)
{
    const char *last;
    scoped_fd int parent = open_parent(work->folder, below, &last);

    if (parent < 0)
        return err_set_sys(err, rc_of_errno(-parent), -parent,
                           "cannot make the folder of %s", file->path);
    return cache_place(work->staging->cache, work->token, &work->port->sources,
                       &(struct bulk_small){ file->source.digest, file->source.size },
                       file->path, 0444, true, err);
}

/* A datum is told by its id, whatever it was asked for by. A file of another stage is one
 * as well; plans of older brokers do not say which. */
static const char *datum_uri(struct arena *arena, const struct plan_source *source)
{
    char id[UUID_TEXT_SIZE];
    const char *uri;

    if (!source->datum)
        datum_id_derive(source->digest, source->name ? source->name : "", id);
    uri = arena_printf(arena, "datum://%s", source->datum ? source->datum : id);
    return uri ? uri : "";
}

enum rc input_source_name(struct arena *arena, const struct plan_input *input,
                          const struct plan_source *source, struct name_set *names,
                          const char **name, const char **uri, struct err *err)
{
    const char *wanted;

    *uri = source->uri;
    if (source->digest && (source->datum || !source->uri[0]))
        *uri = datum_uri(arena, source);
    wanted = input_file_name(arena, input, source, *uri);
    if (wanted && !tree_path_is_safe(wanted))
        return err_set(err, RC_INVALID,
                       "input %s: the file name %s is no safe relative path", input->name,
                       wanted);
    *name = wanted ? name_set_add(names, arena, wanted) : NULL;
    return *name ? RC_OK
                 : err_set(err, RC_NO_MEMORY, "no memory for input %s", input->name);
}

/* Name, path and URI of a file, before anything is fetched. */
static enum rc file_name(struct input_staging *work, const struct plan_input *input,
                         const struct plan_source *source, struct name_set *names,
                         struct staged_file *file, const char **below, struct err *err)
{
    char path[FOLDER_PATH_SIZE];
    const char *uri, *name;
    enum rc rc = input_source_name(work->arena, input, source, names, &name, &uri, err);

    if (rc != RC_OK)
        return rc;
    *below = arena_printf(work->arena, "inputs/%s/%s", input->name, name);
    if (!*below)
        return err_set(err, RC_NO_MEMORY, "no memory for input %s", input->name);
    rc = folder_path(work->staging, work->token, *below, path, err);
    if (rc != RC_OK)
        return rc;
    file->source = *source;
    file->source.name = name;
    file->source.uri = uri_shown(work->arena, uri);
    file->source.input = input->name;
    file->uri = uri;
    file->path = arena_text(work->arena, path);
    if (!file->path || !file->source.uri)
        return err_set(err, RC_NO_MEMORY, "no memory for input %s", input->name);
    return RC_OK;
}

/* The files of one input on their way. */
struct batch {
    struct input_staging *work;
    const struct plan_input *input;
    struct staged_file *files;
    const char **below;
    struct failure {
        enum rc rc;
        struct err why;
    } failure; /* the first that was seen */
};

static bool is_listed_only(const struct plan_input *input, const struct staged_file *file)
{
    return input->on_demand && uri_is_web(file->uri);
}

static bool batch_fetch(void *context, size_t index)
{
    struct batch *batch = context;
    struct input_staging *work = batch->work;
    struct staged_file *file = &batch->files[index];
    struct err why = { .text = "" };
    enum rc rc = RC_OK;

    if (is_listed_only(batch->input, file))
        return true;
    if (*work->fetching.cancelled)
        rc = err_set(&why, RC_CANCELLED, "stopped while inputs were fetched");
    if (rc == RC_OK)
        rc = file_fetch(work, file, &why);
    if (rc == RC_OK)
        return true;
    pthread_mutex_lock(&work->lock);
    if (batch->failure.rc == RC_OK)
        batch->failure = (struct failure){ rc, why };
    pthread_mutex_unlock(&work->lock);
    return false;
}

static enum rc batch_place(struct batch *batch, size_t count, struct err *err)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        struct staged_file *file = &batch->files[i];

        if (is_listed_only(batch->input, file))
            continue;
        if (*batch->work->fetching.cancelled)
            return err_set(err, RC_CANCELLED, "stopped while inputs were fetched");
        rc = file_place(batch->work, file, batch->below[i], err);
        file->is_here = rc == RC_OK;
    }
    return rc;
}

static enum rc files_name(struct batch *batch, struct err *err)
{
    struct name_set names = { 0 };
    enum rc rc = RC_OK;

    for (size_t i = 0; rc == RC_OK && i < batch->input->source_count; i++)
        rc = file_name(batch->work, batch->input, &batch->input->sources[i], &names,
                       &batch->files[i], &batch->below[i], err);
    name_set_fini(&names);
    return rc;
}

/* Names all files, fetches what is not known by its digest, several at once, and places
 * them. */
static enum rc files_stage(struct input_staging *work, const struct plan_input *input,
                           struct staged_input *staged, struct err *err)
{
    struct batch batch = { .work = work, .input = input, .files = staged->files };
    struct err why = { .text = "" };
    enum rc rc;

    batch.below = arena_array(work->arena, input->source_count, sizeof *batch.below);
    if (!batch.below)
        return err_set(err, RC_NO_MEMORY, "no memory for input %s", input->name);
    rc = files_name(&batch, err);
    if (rc != RC_OK)
        return rc;
    staged->file_count = input->source_count;
    for (size_t i = 0; rc == RC_OK && i < input->source_count; i++)
        if (!is_listed_only(input, &staged->files[i]))
            rc = file_look(work, &staged->files[i], &why);
    if (rc != RC_OK)
        return err_set(err, rc, "input %s: %s", input->name, why.text);
    parallel_each(input->source_count, FETCHES_AT_ONCE, batch_fetch, &batch);
    rc = batch.failure.rc;
    if (rc != RC_OK)
        return err_set(err, rc, "input %s: %s", input->name, batch.failure.why.text);
    rc = batch_place(&batch, input->source_count, &why);
    return rc == RC_OK ? RC_OK : err_set(err, rc, "input %s: %s", input->name, why.text);
}

static enum rc input_folder(struct input_staging *work, const struct plan_input *input,
                            struct err *err)
{
    const char *below = arena_printf(work->arena, "inputs/%s/.", input->name), *last;

    if (!tree_path_is_safe(input->name))
        return err_set(err, RC_INVALID, "the input name %s is no safe folder name",
                       input->name);
    if (!below)
        return err_set(err, RC_NO_MEMORY, "no memory for input %s", input->name);

    scoped_fd int parent = open_parent(work->folder, below, &last);

    if (parent < 0)
        return err_set_sys(err, rc_of_errno(-parent), -parent,
                           "cannot make the folder of input %s", input->name);
    return RC_OK;
}

/* Has the small files of an input there, many at once. */
static void input_prefetch(struct input_staging *work, const struct plan_input *input)
{
    struct bulk_small *wanted =
        arena_array(work->arena, input->source_count, sizeof *wanted);
    size_t count = 0;

    for (size_t i = 0; wanted && i < input->source_count; i++)
        if (input->sources[i].digest)
            wanted[count++] =
                (struct bulk_small){ input->sources[i].digest, input->sources[i].size };
    if (count > 1)
        cache_prefetch(work->staging->cache, work->token, &work->port->sources, wanted,
                       count);
}

static enum rc input_stage(struct input_staging *work, const struct plan_input *named,
                           struct staged_input *staged, struct err *err)
{
    struct plan_input input;
    enum rc rc = input_folder(work, named, err);

    *staged = (struct staged_input){ .name = named->name };
    if (rc == RC_OK)
        rc = input_expand(&work->fetching, work->stage, work->task_index, named,
                          work->arena, &input, err);
    if (rc != RC_OK)
        return rc;
    staged->files = arena_array(work->arena, input.source_count, sizeof *staged->files);
    if (!staged->files)
        return err_set(err, RC_NO_MEMORY, "no memory for input %s", input.name);
    if (!input.on_demand)
        input_prefetch(work, &input);
    return files_stage(work, &input, staged, err);
}

enum rc inputs_stage(const struct staging *staging, const struct store_port *port,
                     const struct attempt_identity *identity,
                     const struct plan_stage *stage, int folder,
                     const atomic_bool *cancelled, struct arena *arena,
                     struct staged_inputs *staged, struct err *err)
{
    struct input_staging work = {
        .staging = staging,
        .port = port,
        .stage = stage,
        .token = identity->token,
        .task_index = identity->task_index,
        .folder = folder,
        .fetching = { staging, identity->token, identity->run_id,
                      stage_flag_is_set(stage, "VH_NO_DATA_CACHE"), cancelled },
        .arena = arena
    };
    struct staged_input *inputs = arena_array(arena, stage->input_count, sizeof *inputs);

    enum rc rc = RC_OK;

    if (!inputs)
        return err_set(err, RC_NO_MEMORY, "no memory for the inputs");
    pthread_mutex_init(&work.lock, NULL);
    for (size_t i = 0; rc == RC_OK && i < stage->input_count; i++)
        rc = input_stage(&work, &stage->inputs[i], &inputs[i], err);
    pthread_mutex_destroy(&work.lock);
    if (rc == RC_OK)
        *staged = (struct staged_inputs){ inputs, stage->input_count };
    return rc;
}

enum rc inputs_record(int folder, const struct staged_inputs *staged, struct arena *arena,
                      struct err *err)
{
    struct task_result record = { .metadata = { .kind = VALUE_MAP } };
    scoped_buf buf = { 0 };
    size_t count = 0;

    for (size_t i = 0; i < staged->input_count; i++)
        count += staged->inputs[i].file_count;
    record.inputs = arena_array(arena, count, sizeof *record.inputs);
    if (!record.inputs)
        return err_set(err, RC_NO_MEMORY, "no memory for the inputs");
    for (size_t i = 0; i < staged->input_count; i++)
        for (size_t k = 0; k < staged->inputs[i].file_count; k++)
            if (staged->inputs[i].files[k].was_fetched)
                record.inputs[record.input_count++] = staged->inputs[i].files[k].source;
    if (record.input_count == 0)
        return RC_OK;
    buf_init(&buf, RECORD_MAX);
    result_encode(&buf, &record);
    if (!buf_ok(&buf))
        return err_set(err, RC_NO_MEMORY, "no memory to record the inputs");
    return own_file_write(folder, "sources", buf.data, buf.size, 0600, err);
}

enum rc inputs_recall(int folder, struct arena *arena, struct task_result *result,
                      struct err *err)
{
    struct task_result *record;
    scoped_buf buf = { 0 };

    buf_init(&buf, RECORD_MAX);

    enum rc rc = file_read(folder, "sources", RECORD_MAX, &buf, err);

    if (rc == RC_OK)
        rc = result_decode(arena, buf.data, buf.size, &record, err);
    if (rc != RC_OK)
        return rc;
    result->inputs = record->inputs;
    result->input_count = record->input_count;
    return RC_OK;
}

void attempt_pin(const struct staging *staging, uint64_t token,
                 const struct plan_stage *stage)
{
    scoped(arena) arena = arena_create(RECORD_MAX);
    struct task_result fetched = { 0 };
    scoped_fd int folder = -1;
    struct err ignored;

    for (size_t i = 0; i < stage->input_count; i++)
        for (size_t k = 0; k < stage->inputs[i].source_count; k++)
            cache_pin(staging->cache, token, stage->inputs[i].sources[k].digest);
    if (!arena || folder_open(staging, token, &folder, &ignored) != RC_OK
        || inputs_recall(folder, arena, &fetched, &ignored) != RC_OK)
        return;
    for (size_t i = 0; i < fetched.input_count; i++)
        cache_pin(staging->cache, token, fetched.inputs[i].digest);
}
