/* fake_sluice.h - libsluice without a broker, for tests of the command line.
 *
 * Defines every function of client/lib/sluice.h, so that a test program that includes
 * this links without the real one. Artifacts are kept in memory; a run goes through the
 * pictures in fake.views, one step for each event. */
#pragma once

#include "client/lib/sluice.h"
#include "codecs/base/base.h"
#include "codecs/base/buf.h"
#include "codecs/digest/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { FAKE_OBJECTS_MAX = 64 };

struct fake_object {
    char digest[72];
    unsigned char *bytes;
    size_t size;
};

struct fake {
    int open_code;     /* what connecting gives */
    unsigned connects; /* how often it was tried */
    struct fake_object objects[FAKE_OBJECTS_MAX];
    size_t object_count;
    unsigned puts;
    struct buf plan; /* what was submitted */
    struct sluice_view *views;
    size_t view_count, view;
    unsigned views_given, cancels;
    struct sluice_task *tasks;
    size_t task_count;
    void *result; /* msgpack of the result of every task, or NULL */
    size_t result_size;
    const char *streams[5]; /* by enum sluice_stream: content, NULL for none */
    size_t stream_sizes[5];
    struct sluice_run *runs;
    size_t run_count;
    struct sluice_datum datum; /* what names stand for; id NULL: there is none */
    struct sluice_version version;
    struct sluice_versions versions;
};
static struct fake fake;

struct sluice {
    int unused;
};
struct sluice_events {
    int fd;
};
static struct sluice fake_connection;
static struct sluice_events fake_events;

static inline void fake_reset(void)
{
    for (size_t i = 0; i < fake.object_count; i++)
        free(fake.objects[i].bytes);
    buf_fini(&fake.plan);
    fake = (struct fake){ 0 };
}

static int fake_fail(struct sluice_error *error, int code, const char *text)
{
    error->code = code;
    snprintf(error->text, sizeof error->text, "%s", text);
    return code;
}

static struct fake_object *fake_find(const char *digest)
{
    for (size_t i = 0; i < fake.object_count; i++)
        if (strcmp(fake.objects[i].digest, digest) == 0)
            return &fake.objects[i];
    return NULL;
}

int sluice_connect_with(const char *endpoint, const struct sluice_options *options,
                        struct sluice **sluice, struct sluice_error *error)
{
    return sluice_connect(endpoint, options->timeout_ms, sluice, error);
}

int sluice_connect(const char *endpoint, uint32_t timeout_ms, struct sluice **sluice,
                   struct sluice_error *error)
{
    (void)endpoint;
    (void)timeout_ms;
    fake.connects++;
    if (fake.open_code)
        return fake_fail(error, fake.open_code, "no broker");
    *sluice = &fake_connection;
    return SLUICE_OK;
}

int sluice_open_project(const char *project, bool start, struct sluice **sluice,
                        struct sluice_error *error)
{
    (void)start;
    return sluice_connect(project, 0, sluice, error);
}

int sluice_explain(struct sluice *sluice, uint64_t run, const char *stage, int64_t index,
                   struct sluice_explanation **explanation, struct sluice_error *error)
{
    static const char *const attempts[] = { "attempt 1: exit code 3" };
    static const char *const nodes[] = { "n1: 0 of 2 CPU free" };
    static struct sluice_difference difference = { "parameter:lr", "0.1\n2\n", NULL };
    static struct sluice_explanation given = { .why = "busy",
                                               .text = "it waits",
                                               .help = "wait",
                                               .nodes = nodes,
                                               .node_count = 1,
                                               .attempts = attempts,
                                               .attempt_count = 1,
                                               .origin = "",
                                               .nearest = "2/first/0",
                                               .differences = &difference,
                                               .difference_count = 1,
                                               .differ = 3,
                                               .code_before = "",
                                               .code_after = "",
                                               .environment_differs = true,
                                               .unsettled = "" };

    (void)sluice;
    (void)run;
    (void)stage;
    (void)index;
    (void)error;
    *explanation = &given;
    return SLUICE_OK;
}

void sluice_explanation_free(struct sluice_explanation *explanation)
{
    (void)explanation;
}

int sluice_versions(struct sluice *sluice, uint64_t since, uint32_t limit,
                    struct sluice_versions **versions, struct sluice_error *error)
{
    (void)sluice;
    (void)limit;
    (void)error;
    if (since + 1 != fake.version.number) {
        static struct sluice_versions none;

        *versions = &none;
        return SLUICE_OK;
    }
    fake.versions =
        (struct sluice_versions){ .versions = &fake.version, .count = 1, .last = 1 };
    *versions = &fake.versions;
    return SLUICE_OK;
}

void sluice_versions_free(struct sluice_versions *versions)
{
    (void)versions;
}

int sluice_lineage(struct sluice *sluice, const char *const *digests, size_t count,
                   uint64_t run, uint32_t limit, struct sluice_lineages **lineages,
                   struct sluice_error *error)
{
    (void)sluice;
    (void)digests;
    (void)count;
    (void)run;
    (void)limit;
    (void)lineages;
    return fake_fail(error, SLUICE_NOT_FOUND, "no file begins so");
}

void sluice_lineages_free(struct sluice_lineages *lineages)
{
    (void)lineages;
}

int sluice_space(struct sluice *sluice, const struct sluice_space_query *query,
                 struct sluice_space **space, struct sluice_error *error)
{
    (void)sluice;
    (void)query;
    (void)space;
    return fake_fail(error, SLUICE_UNREACHABLE, "nobody counts");
}

void sluice_space_free(struct sluice_space *space)
{
    (void)space;
}

int sluice_removed(struct sluice *sluice, const char *const *digests, size_t count,
                   sluice_removed_take *take, void *context, struct sluice_error *error)
{
    (void)sluice;
    (void)digests;
    (void)count;
    (void)take;
    (void)context;
    return fake_fail(error, SLUICE_UNREACHABLE, "nothing was removed");
}

int sluice_made(struct sluice *sluice, uint64_t run, const char *stage, uint64_t first,
                uint32_t limit, struct sluice_makes **makes, struct sluice_error *error)
{
    (void)sluice;
    (void)run;
    (void)stage;
    (void)first;
    (void)limit;
    (void)makes;
    return fake_fail(error, SLUICE_NOT_FOUND, "no such run");
}

void sluice_makes_free(struct sluice_makes *makes)
{
    (void)makes;
}

int sluice_origin(struct sluice *sluice, uint64_t run, uint32_t stage, void **head,
                  size_t *head_size, void **resolved, size_t *resolved_size,
                  struct sluice_error *error)
{
    (void)sluice;
    (void)run;
    (void)stage;
    (void)head;
    (void)head_size;
    (void)resolved;
    (void)resolved_size;
    return fake_fail(error, SLUICE_NOT_FOUND, "no such run");
}

int sluice_run_records(struct sluice *sluice, uint64_t run, int scratch, int fd,
                       struct sluice_error *error)
{
    (void)sluice;
    (void)run;
    (void)scratch;
    (void)fd;
    return fake_fail(error, SLUICE_NOT_FOUND, "no such run");
}

int sluice_import(struct sluice *sluice, int fd, uint64_t size, uint64_t *run,
                  struct sluice_error *error)
{
    (void)sluice;
    (void)fd;
    (void)size;
    (void)run;
    return fake_fail(error, SLUICE_INVALID, "no records");
}

void sluice_close(struct sluice *sluice)
{
    (void)sluice;
}

int sluice_status(struct sluice *sluice, struct sluice_info *info,
                  struct sluice_error *error)
{
    (void)sluice;
    (void)error;
    *info = (struct sluice_info){ .endpoint = "ipc://broker",
                                  .events_endpoint = "ipc://events",
                                  .bulk_endpoint = "ipc://bulk",
                                  .version = "0",
                                  .store = "0" };
    return SLUICE_OK;
}

int sluice_shutdown(struct sluice *sluice, bool force, struct sluice_error *error)
{
    (void)sluice;
    return force ? SLUICE_OK : fake_fail(error, SLUICE_CONFLICT, "a run is active");
}

int sluice_keep(struct sluice *sluice, struct sluice_error *error)
{
    (void)sluice;
    (void)error;
    return SLUICE_OK;
}

int sluice_submit(struct sluice *sluice, const uint8_t submission[16], const void *plan,
                  size_t plan_size, uint64_t *run, struct sluice_error *error)
{
    (void)sluice;
    (void)submission;
    (void)error;
    buf_clear(&fake.plan);
    buf_add(&fake.plan, plan, plan_size);
    *run = 1;
    return SLUICE_OK;
}

int sluice_submit_many(struct sluice *sluice, const struct sluice_submission *submissions,
                       size_t count, uint64_t *runs, struct sluice_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (runs[i] == 0)
            sluice_submit(sluice, submissions[i].id, submissions[i].plan,
                          submissions[i].plan_size, &runs[i], error);
    return SLUICE_OK;
}

int sluice_cancel(struct sluice *sluice, uint64_t run, struct sluice_error *error)
{
    (void)sluice;
    (void)run;
    (void)error;
    fake.cancels++;
    return SLUICE_OK;
}

int sluice_approve(struct sluice *sluice, uint64_t run, const char *stage, bool yes,
                   struct sluice_error *error)
{
    (void)sluice;
    (void)run;
    (void)stage;
    (void)yes;
    (void)error;
    return SLUICE_OK;
}

int sluice_find(struct sluice *sluice, const char *text, uint64_t *run,
                struct sluice_error *error)
{
    (void)sluice;
    if (strcmp(text, "last") != 0 && strcmp(text, "1") != 0)
        return fake_fail(error, SLUICE_NOT_FOUND, "there is no such run");
    *run = 1;
    return SLUICE_OK;
}

int sluice_runs(struct sluice *sluice, uint64_t before, uint32_t limit,
                struct sluice_runs **runs, struct sluice_error *error)
{
    return sluice_runs_tagged(sluice, NULL, before, limit, runs, error);
}

int sluice_runs_tagged(struct sluice *sluice, const char *tag, uint64_t before,
                       uint32_t limit, struct sluice_runs **runs,
                       struct sluice_error *error)
{
    (void)tag;
    static struct sluice_runs list;

    (void)sluice;
    (void)before;
    (void)error;
    list =
        (struct sluice_runs){ .runs = fake.runs,
                              .count = fake.run_count < limit ? fake.run_count : limit };
    *runs = &list;
    return SLUICE_OK;
}

void sluice_runs_free(struct sluice_runs *runs)
{
    (void)runs;
}

int sluice_view(struct sluice *sluice, uint64_t run, struct sluice_view **view,
                struct sluice_error *error)
{
    (void)sluice;
    (void)run;
    if (!fake.views)
        return fake_fail(error, SLUICE_NOT_FOUND, "there is no such run");
    *view = &fake.views[fake.view];
    fake.views_given++;
    return SLUICE_OK;
}

void sluice_view_free(struct sluice_view *view)
{
    (void)view;
}

int sluice_plan(struct sluice *sluice, uint64_t run, void **plan, size_t *size,
                struct sluice_error *error)
{
    (void)sluice;
    (void)run;
    (void)plan;
    (void)size;
    return fake_fail(error, SLUICE_NOT_FOUND, "no plan");
}

int sluice_stage(struct sluice *sluice, uint64_t run, const char *stage, void **bytes,
                 size_t *size, bool *is_resolved, struct sluice_error *error)
{
    (void)is_resolved;
    (void)stage;
    return sluice_plan(sluice, run, bytes, size, error);
}

int sluice_tasks(struct sluice *sluice, uint64_t run, const char *stage, uint64_t first,
                 uint32_t limit, struct sluice_tasks **tasks, struct sluice_error *error)
{
    static struct sluice_tasks list;

    (void)sluice;
    (void)run;
    (void)stage;
    (void)limit;
    (void)error;
    list = (struct sluice_tasks){ .tasks = fake.tasks + first,
                                  .count = fake.task_count - first,
                                  .total = fake.task_count };
    *tasks = &list;
    return SLUICE_OK;
}

void sluice_tasks_free(struct sluice_tasks *tasks)
{
    (void)tasks;
}

int sluice_result(struct sluice *sluice, uint64_t run, const char *stage, uint64_t index,
                  uint32_t attempt, void **result, size_t *size,
                  struct sluice_error *error)
{
    (void)sluice;
    (void)run;
    (void)stage;
    (void)index;
    (void)attempt;
    if (!fake.result)
        return fake_fail(error, SLUICE_NOT_FOUND, "no result");
    *result = malloc(fake.result_size);
    if (!*result)
        return fake_fail(error, SLUICE_NO_MEMORY, "out of memory");
    memcpy(*result, fake.result, fake.result_size);
    *size = fake.result_size;
    return SLUICE_OK;
}

int sluice_outcomes(struct sluice *sluice, uint64_t run, const char *stage,
                    uint64_t first, uint32_t limit, struct sluice_outcomes **outcomes,
                    struct sluice_error *error)
{
    static struct sluice_outcome one;
    static struct sluice_outcomes list;

    (void)sluice;
    (void)run;
    (void)stage;
    (void)limit;
    (void)error;
    one = (struct sluice_outcome){ first, fake.result, fake.result_size };
    list = (struct sluice_outcomes){ &one, fake.result ? 1 : 0, first + 1 };
    *outcomes = &list;
    return SLUICE_OK;
}

void sluice_outcomes_free(struct sluice_outcomes *outcomes)
{
    (void)outcomes;
}

int sluice_nodes(struct sluice *sluice, struct sluice_nodes **nodes,
                 struct sluice_error *error)
{
    static struct sluice_nodes none;

    (void)sluice;
    (void)error;
    *nodes = &none;
    return SLUICE_OK;
}

void sluice_nodes_free(struct sluice_nodes *nodes)
{
    (void)nodes;
}

int sluice_stream_read(struct sluice *sluice, uint64_t run, const char *stage,
                       uint64_t index, enum sluice_stream stream, uint64_t offset,
                       void *bytes, size_t size, size_t *got, uint64_t *total,
                       bool *is_final, uint32_t *attempt, struct sluice_error *error)
{
    size_t whole = fake.streams[stream] ? fake.stream_sizes[stream] : 0;
    size_t left = offset < whole ? whole - offset : 0;

    (void)sluice;
    (void)run;
    (void)stage;
    (void)index;
    (void)error;
    *got = left < size ? left : size;
    if (*got)
        memcpy(bytes, fake.streams[stream] + offset, *got);
    *total = whole;
    *is_final = true;
    *attempt = 1;
    return SLUICE_OK;
}

int sluice_have(struct sluice *sluice, const char *const *digests, size_t count,
                bool *missing, struct sluice_error *error)
{
    (void)sluice;
    (void)error;
    for (size_t i = 0; i < count; i++)
        missing[i] = fake_find(digests[i]) == NULL;
    return SLUICE_OK;
}

int sluice_put_bytes(struct sluice *sluice, const void *bytes, size_t size,
                     char digest[72], struct sluice_error *error)
{
    struct fake_object *object = &fake.objects[fake.object_count];

    (void)sluice;
    digest_bytes(bytes, size, digest);
    if (fake_find(digest))
        return SLUICE_OK;
    if (fake.object_count == FAKE_OBJECTS_MAX || !(object->bytes = malloc(size + 1)))
        return fake_fail(error, SLUICE_FULL, "full");
    memcpy(object->bytes, bytes, size);
    object->size = size;
    memcpy(object->digest, digest, sizeof object->digest);
    fake.object_count++;
    return SLUICE_OK;
}

int sluice_put(struct sluice *sluice, int fd, const char *digest, uint64_t size,
               sluice_progress *progress, void *context, struct sluice_error *error)
{
    char *bytes = malloc(size + 1), actual[72];
    ssize_t got = bytes ? pread(fd, bytes, size, 0) : -1;
    int code = got == (ssize_t)size ? sluice_put_bytes(sluice, bytes, size, actual, error)
                                    : fake_fail(error, SLUICE_IO, "cannot read");

    free(bytes);
    fake.puts++;
    progress(context, size, size);
    return code == SLUICE_OK && strcmp(actual, digest) != 0
               ? fake_fail(error, SLUICE_CORRUPT, "wrong digest")
               : code;
}

int sluice_put_small(struct sluice *sluice, const struct sluice_small *files,
                     size_t count, sluice_small_read *read, sluice_progress *progress,
                     void *context, struct sluice_error *error)
{
    char room[SLUICE_SMALL_MAX], actual[72];

    for (size_t i = 0; i < count; i++) {
        int code = read(context, i, room, error);

        if (code == SLUICE_OK)
            code = sluice_put_bytes(sluice, room, files[i].size, actual, error);
        if (code != SLUICE_OK)
            return code;
        fake.puts++;
        if (strcmp(actual, files[i].digest) != 0)
            return fake_fail(error, SLUICE_CORRUPT, "wrong digest");
    }
    progress(context, 1, 1);
    return SLUICE_OK;
}

int sluice_get(struct sluice *sluice, const char *digest, int fd,
               sluice_progress *progress, void *context, struct sluice_error *error)
{
    const struct fake_object *object = fake_find(digest);

    (void)sluice;
    (void)progress;
    (void)context;
    if (!object)
        return fake_fail(error, SLUICE_NOT_FOUND, "no such artifact");
    if (write(fd, object->bytes, object->size) != (ssize_t)object->size)
        return fake_fail(error, SLUICE_IO, "cannot write");
    return SLUICE_OK;
}

/* ---- Names: what a test put into fake.datum has the alias "known" */

int sluice_datums(struct sluice *sluice, const struct sluice_datum_query *query,
                  struct sluice_datums **datums, struct sluice_error *error)
{
    static struct sluice_datums list;

    (void)sluice;
    (void)query;
    (void)error;
    list =
        (struct sluice_datums){ .datums = &fake.datum, .count = fake.datum.id != NULL };
    *datums = &list;
    return SLUICE_OK;
}

void sluice_datums_free(struct sluice_datums *datums)
{
    (void)datums;
}

int sluice_resolve(struct sluice *sluice, const char *project, const char *const *uris,
                   size_t count, struct sluice_resolution **resolution,
                   struct sluice_error *error)
{
    static struct sluice_resolved resolved[4];
    static struct sluice_resolution found;

    (void)sluice;
    (void)project;
    if (count > COUNT_OF(resolved))
        return fake_fail(error, SLUICE_INVALID, "too many names");
    for (size_t i = 0; i < count; i++) {
        bool is_known = strcmp(uris[i], "datum://known") == 0;

        resolved[i] = (struct sluice_resolved){ .uri = uris[i],
                                                .error = is_known ? "" : "no such alias",
                                                .version = "",
                                                .files = &fake.datum,
                                                .file_count = is_known };
    }
    found = (struct sluice_resolution){ resolved, count };
    *resolution = &found;
    return SLUICE_OK;
}

void sluice_resolution_free(struct sluice_resolution *resolution)
{
    (void)resolution;
}

int sluice_datum_add(struct sluice *sluice, const char *project, const char *user,
                     const struct sluice_new_datum *datum, char id[37],
                     struct sluice_error *error)
{
    (void)sluice;
    (void)project;
    (void)user;
    (void)datum;
    (void)error;
    snprintf(id, 37, "%s", "12345678-1234-8234-8234-123456789abc");
    return SLUICE_OK;
}

int sluice_aliases(struct sluice *sluice, const char *project, const char *after,
                   struct sluice_aliases **aliases, struct sluice_error *error)
{
    static struct sluice_aliases none;

    (void)sluice;
    (void)project;
    (void)after;
    (void)error;
    *aliases = &none;
    return SLUICE_OK;
}

int sluice_alias_history(struct sluice *sluice, const char *project, const char *name,
                         struct sluice_aliases **changes, struct sluice_error *error)
{
    return sluice_aliases(sluice, project, name, changes, error);
}

void sluice_aliases_free(struct sluice_aliases *aliases)
{
    (void)aliases;
}

int sluice_alias_set(struct sluice *sluice, const char *project, const char *user,
                     const char *name, const char *target, struct sluice_error *error)
{
    (void)sluice;
    (void)project;
    (void)user;
    (void)name;
    return target && strcmp(target, "known") != 0
               ? fake_fail(error, SLUICE_NOT_FOUND, "no such alias")
               : SLUICE_OK;
}

int sluice_tag(struct sluice *sluice, const char *project, const char *user,
               const struct sluice_tagging *tagging, struct sluice_error *error)
{
    (void)sluice;
    (void)project;
    (void)user;
    (void)tagging;
    (void)error;
    return SLUICE_OK;
}

int sluice_datasets(struct sluice *sluice, const char *project, const char *dataset,
                    const char *after, struct sluice_datasets **datasets,
                    struct sluice_error *error)
{
    static struct sluice_datasets none;

    (void)sluice;
    (void)project;
    (void)dataset;
    (void)after;
    (void)error;
    *datasets = &none;
    return SLUICE_OK;
}

void sluice_datasets_free(struct sluice_datasets *datasets)
{
    (void)datasets;
}

int sluice_dataset_change(struct sluice *sluice, const char *project, const char *user,
                          const struct sluice_dataset_change *change,
                          struct sluice_error *error)
{
    (void)sluice;
    (void)project;
    (void)user;
    (void)change;
    (void)error;
    return SLUICE_OK;
}

int sluice_events_open(struct sluice *sluice, uint64_t since, const char *prefix,
                       struct sluice_events **events, struct sluice_error *error)
{
    (void)sluice;
    (void)since;
    (void)prefix;
    (void)error;
    fake_events.fd = eventfd(1, EFD_CLOEXEC);
    *events = &fake_events;
    return SLUICE_OK;
}

/* Each event takes the run one picture further. */
int sluice_events_next(struct sluice_events *events, uint32_t timeout_ms,
                       struct sluice_event *event, struct sluice_error *error)
{
    (void)events;
    (void)timeout_ms;
    if (fake.view + 1 >= fake.view_count)
        return fake_fail(error, SLUICE_TIMEOUT, "none");
    fake.view++;
    *event = (struct sluice_event){ .number = fake.view,
                                    .topic = fake.view + 1 == fake.view_count
                                                 ? "run/1/run/complete"
                                                 : "run/1/stage/a/x" };
    return SLUICE_OK;
}

int sluice_events_fd(struct sluice_events *events)
{
    return events->fd;
}

void sluice_events_close(struct sluice_events *events)
{
    close(events->fd);
}
