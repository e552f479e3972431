/* record.c - see record.h. */
#include "client/cli/versions/record.h"

#include "client/cli/text/human.h"
#include "client/cli/load.h"
#include "codecs/plan/task.h"
#include "codecs/version/version.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FACTS_MAX = 16 << 20 };

int recorder_begin(struct recorder *recorder, struct cli *cli,
                   const struct target *target, struct arena *arena)
{
    void *bytes;
    size_t size;
    struct err err;

    *recorder = (struct recorder){ .cli = cli, .target = target, .arena = arena };
    if (sluice_plan(cli->sluice, target->run, &bytes, &size, &cli->error))
        return cli_fail_last(cli);

    enum rc rc = plan_decode(arena, bytes, size, &recorder->plan, &err);

    free(bytes);
    return rc == RC_OK ? EXIT_GO_ON : cli_fail_err(cli, EXIT_FAILED, &err);
}

/* The whole object, or VALUE_ABSENT when it cannot be had. */
static void read_facts(struct recorder *recorder, const char *digest)
{
    scoped_fd int fd = memfd_create("environment", MFD_CLOEXEC);
    struct sluice_error ignored;

    if (strcmp(recorder->environment, digest) == 0)
        return;
    snprintf(recorder->environment, sizeof recorder->environment, "%s", digest);
    recorder->facts = (struct value){ .kind = VALUE_ABSENT };
    if (fd < 0 || sluice_get(recorder->cli->sluice, digest, fd, NULL, NULL, &ignored))
        return;

    off_t size = lseek(fd, 0, SEEK_END);
    char *text = size > 0 && size < FACTS_MAX ? malloc((size_t)size) : NULL;
    struct value facts;

    if (text && pread(fd, text, (size_t)size, 0) == size
        && value_from_json(recorder->arena, text, (size_t)size, &facts, NULL) == RC_OK)
        recorder->facts = facts;
    free(text);
}

static void write_hash(struct json *json, const char *key, const uint8_t *hash)
{
    char text[DIGEST_TEXT_SIZE];

    digest_text(hash, text);
    json_text(json, key, hash_is_zero(hash) ? NULL : text);
}

static void write_version(struct json *json, const struct sluice_version *stored,
                          const struct version *version)
{
    scoped(digester) digester = digester_create(false);
    uint8_t hash[DIGEST_SIZE];

    must(digester != NULL);
    version_hash(digester, stored->record, stored->record_size, hash);
    json_open(json, "version", '{');
    json_uint(json, "number", stored->number);
    json_text(json, "node", version->node);
    write_hash(json, "hash", hash);
    write_hash(json, "previous", version->previous);
    write_hash(json, "class", version->class_hash);
    write_hash(json, "result", version->result_hash);
    if (version->origin.size > 0)
        version_hash(digester, version->origin.data, version->origin.size, hash);
    else
        memset(hash, 0, sizeof hash);
    write_hash(json, "origin", hash);
    json_close(json, '}');
}

static void write_asked(struct json *json, const struct plan_asked *asked)
{
    json_open(json, "asked", '{');
    json_text(json, "user", asked->user);
    json_text(json, "host", asked->host);
    json_text(json, "client", asked->client);
    json_time(json, "time", (int64_t)asked->time_us);
    json_text(json, "parent", asked->parent);
    json_text(json, "why", asked->why);
    json_close(json, '}');
}

static void write_code(struct json *json, const struct plan_code *code)
{
    json_open(json, "code", '{');
    json_text(json, "tree", code->tree);
    json_text(json, "commit", code->commit);
    json_text(json, "branch", code->branch);
    json_bool(json, "dirty", code->is_dirty);
    json_uint(json, "files", code->file_count);
    json_uint(json, "bytes", code->bytes);
    json_close(json, '}');
}

static void write_parameters(struct json *json, const struct plan_stage *stage,
                             uint64_t task, struct arena *arena)
{
    static const char *const types[] = { "string", "integer", "float", "flag" };
    struct value *values;

    json_open(json, "parameters", '[');
    if (plan_task_parameters(stage, task, arena, &values, NULL) == RC_OK)
        for (size_t i = 0; i < stage->parameter_count; i++) {
            json_open(json, NULL, '{');
            json_text(json, "name", stage->parameters[i].name);
            json_text(json, "type", types[stage->parameters[i].type]);
            json_value(json, "value", &values[i]);
            json_close(json, '}');
        }
    json_close(json, ']');
}

static void write_command(struct json *json, const struct plan_stage *stage,
                          uint64_t task, struct arena *arena)
{
    const char *const *commands;

    json_open(json, "commands", '[');
    if (plan_task_commands(stage, task, arena, &commands, NULL) == RC_OK)
        for (size_t i = 0; i < stage->command_count; i++)
            json_text(json, NULL, commands[i]);
    json_close(json, ']');
    json_text(json, "image", stage->image);
    json_open(json, "variables", '[');
    for (size_t i = 0; i < stage->variable_count; i++) {
        json_open(json, NULL, '{');
        json_text(json, "name", stage->variables[i].name);
        json_text(json, "value", stage->variables[i].value);
        json_bool(json, "masked", stage->variables[i].masked);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void write_file(struct recorder *recorder, struct json *json, const char *input,
                       const struct plan_source *source)
{
    json_open(json, NULL, '{');
    if (input)
        json_text(json, "input", input);
    json_text(json, "name", source->name);
    if (input || *source->uri)
        json_text(json, "uri", source->uri);
    json_uint(json, "size", source->size);
    json_text(json, "digest", source->digest);
    if (source->md5)
        json_text(json, "md5", source->md5);
    if (source->sha1)
        json_text(json, "sha1", source->sha1);
    if (source->metadata.kind != VALUE_ABSENT)
        json_value(json, "metadata", &source->metadata);
    if (source->etag)
        json_text(json, "etag", source->etag);
    if (source->version)
        json_text(json, "version", source->version);
    if (source->modified)
        json_text(json, "modified", source->modified);
    if (source->location)
        json_text(json, "location", source->location);
    if (source->node)
        json_text(json, "node", source->node);
    removed_json(json, &recorder->removed, source->digest);
    json_close(json, '}');
}

static void write_files(struct recorder *recorder, struct json *json, const char *key,
                        const struct plan_source *files, size_t count)
{
    json_open(json, key, '[');
    for (size_t i = 0; i < count; i++)
        write_file(recorder, json, NULL, &files[i]);
    json_close(json, ']');
}

static void write_inputs(struct recorder *recorder, struct json *json,
                         const struct plan_stage *stage)
{
    json_open(json, "inputs", '[');
    for (size_t i = 0; i < stage->input_count; i++)
        for (size_t k = 0; k < stage->inputs[i].source_count; k++)
            write_file(recorder, json, stage->inputs[i].name,
                       &stage->inputs[i].sources[k]);
    json_close(json, ']');
}

static void write_result(struct recorder *recorder, struct json *json,
                         const struct task_result *result)
{
    json_text(json, "message", result->message);
    write_files(recorder, json, "fetched", result->inputs, result->input_count);
    write_files(recorder, json, "outputs", result->outputs, result->output_count);
    json_value(json, "metadata", &result->metadata);
    json_open(json, "streams", '{');
    for (unsigned i = 0; i < STREAM_COUNT; i++) {
        json_open(json, stream_name((enum stream)i), '{');
        json_uint(json, "size", result->streams[i].size);
        json_text(json, "digest", result->streams[i].digest);
        json_close(json, '}');
    }
    json_close(json, '}');
    json_usage(json, &result->usage);
    json_open(json, "environment", '{');
    json_text(json, "digest", result->environment);
    if (result->environment) {
        read_facts(recorder, result->environment);
        if (recorder->facts.kind != VALUE_ABSENT)
            json_value(json, "object", &recorder->facts);
    }
    json_close(json, '}');
}

static int read_version(struct recorder *recorder, uint64_t number,
                        struct sluice_versions **versions, struct version *version)
{
    struct cli *cli = recorder->cli;
    struct err err;

    if (sluice_versions(cli->sluice, number - 1, 1, versions, &cli->error))
        return cli_fail_last(cli);
    if ((*versions)->count == 1 && (*versions)->versions[0].number == number
        && (*versions)->versions[0].record_size > 0) {
        const struct sluice_version *stored = &(*versions)->versions[0];

        if (version_decode(recorder->arena, stored->record, stored->record_size, version,
                           &err)
            == RC_OK)
            return EXIT_GO_ON;
    } else {
        err_set(&err, RC_CORRUPT, "the record of version %lu is missing",
                (unsigned long)number);
    }
    sluice_versions_free(*versions);
    *versions = NULL;
    return cli_fail_err(cli, EXIT_FAILED, &err);
}

int version_hash_text(struct cli *cli, uint64_t number, char text[72])
{
    scoped(digester) digester = digester_create(false);
    scoped(arena) arena = arena_create(1 << 20);
    struct recorder recorder = { .cli = cli, .arena = arena };
    struct sluice_versions *versions;
    struct version version;
    uint8_t hash[DIGEST_SIZE];
    int end = digester && arena ? read_version(&recorder, number, &versions, &version)
                                : cli_fail(cli, EXIT_FAILED, "out of memory");

    if (end != EXIT_GO_ON)
        return end;
    version_hash(digester, versions->versions[0].record,
                 versions->versions[0].record_size, hash);
    digest_text(hash, text);
    sluice_versions_free(versions);
    return EXIT_GO_ON;
}

static void write_heading(struct recorder *recorder, struct json *json,
                          const struct sluice_stage *stage,
                          const struct sluice_task *task)
{
    json_uint(json, "run", recorder->target->run);
    json_text(json, "run_id", recorder->target->view->run.id);
    json_text(json, "project", recorder->plan->project);
    json_text(json, "title", recorder->plan->title);
    json_text(json, "stage", stage->name);
    json_text(json, "step", stage->step);
    json_task(json, "task", task);
}

static void write_class(struct recorder *recorder, struct json *json, uint64_t task)
{
    write_asked(json, &recorder->plan->asked);
    write_code(json, &recorder->plan->code);
    write_command(json, recorder->resolved, task, recorder->arena);
    write_parameters(json, recorder->resolved, task, recorder->arena);
    write_inputs(recorder, json, recorder->resolved);
}

/* Which files of the record are gone. */
static void ask_removed(struct recorder *recorder, const struct task_result *result)
{
    const struct plan_stage *stage = recorder->resolved;
    size_t count = result ? result->input_count + result->output_count : 0, at = 0;
    const char **digests;

    for (size_t i = 0; i < stage->input_count; i++)
        count += stage->inputs[i].source_count;
    recorder->removed = (struct removed){ .count = 0 };
    digests = arena_array(recorder->arena, count, sizeof *digests);
    if (!digests)
        return;
    for (size_t i = 0; i < stage->input_count; i++)
        for (size_t k = 0; k < stage->inputs[i].source_count; k++)
            digests[at++] = stage->inputs[i].sources[k].digest;
    for (size_t i = 0; result && i < result->input_count; i++)
        digests[at++] = result->inputs[i].digest;
    for (size_t i = 0; result && i < result->output_count; i++)
        digests[at++] = result->outputs[i].digest;
    recorder->removed = removed_ask(recorder->cli, recorder->arena, digests, count);
}

int recorder_write(struct recorder *recorder, const struct sluice_stage *stage,
                   const struct sluice_task *task, struct json *json)
{
    struct sluice_versions *versions = NULL;
    struct version version = { 0 };
    struct task_result *result;
    struct cli *cli = recorder->cli;
    int end = EXIT_GO_ON;

    if (recorder->stage != stage)
        end = load_stage(cli, recorder->target->run, stage->name, recorder->arena,
                         &recorder->resolved);
    recorder->stage = stage;
    if (end == EXIT_GO_ON)
        end = load_result(cli, recorder->target->run, stage->name, task->index, 0,
                          recorder->arena, &result);
    if (end == EXIT_GO_ON && task->version > 0)
        end = read_version(recorder, task->version, &versions, &version);
    if (end != EXIT_GO_ON)
        return end;
    ask_removed(recorder, result);
    json_open(json, NULL, '{');
    write_heading(recorder, json, stage, task);
    if (versions)
        write_version(json, &versions->versions[0], &version);
    else
        json_text(json, "version", NULL);
    write_class(recorder, json, task->index);
    if (result)
        write_result(recorder, json, result);
    json_close(json, '}');
    sluice_versions_free(versions);
    return EXIT_GO_ON;
}

static bool is_plain(const struct value *value)
{
    return value->kind != VALUE_LIST && value->kind != VALUE_MAP;
}

static void print_plain(const struct value *value, FILE *to)
{
    scoped_buf text = { 0 }, fit = { 0 };

    if (value->kind == VALUE_STRING)
        value_to_text(&text, value);
    else
        value_to_json(&text, value);
    text_fit(&fit, buf_string(&text), SIZE_MAX);
    fprintf(to, "%s\n", buf_string(&fit));
}

static bool is_empty(const struct value *value)
{
    return value->kind == VALUE_NULL || (value->kind == VALUE_LIST && !value->list.count)
           || (value->kind == VALUE_MAP && !value->map.count);
}

static void print_entry(const struct value_entry *entry, unsigned indent, FILE *to)
{
    fprintf(to, "%s:", entry->key);
    if (is_plain(&entry->value)) {
        fputc(' ', to);
        print_plain(&entry->value, to);
    } else {
        fputc('\n', to);
        record_print(&entry->value, indent + 2, to);
    }
}

/* is_begun: the first one stands on the line that has begun, behind a dash. */
static void print_entries(const struct value *map, unsigned indent, bool is_begun,
                          FILE *to)
{
    for (size_t i = 0; i < map->map.count; i++) {
        const struct value_entry *entry = &map->map.entries[i];

        if (is_empty(&entry->value))
            continue;
        if (!is_begun)
            fprintf(to, "%*s", (int)indent, "");
        is_begun = false;
        print_entry(entry, indent, to);
    }
}

void record_print(const struct value *value, unsigned indent, FILE *to)
{
    if (value->kind == VALUE_MAP)
        print_entries(value, indent, false, to);
    for (size_t i = 0; value->kind == VALUE_LIST && i < value->list.count; i++) {
        const struct value *item = &value->list.items[i];

        fprintf(to, "%*s- ", (int)indent, "");
        if (is_plain(item)) {
            print_plain(item, to);
        } else if (item->kind == VALUE_MAP && !is_empty(item)) {
            print_entries(item, indent + 2, true, to);
        } else {
            fputc('\n', to);
            record_print(item, indent + 2, to);
        }
    }
}
