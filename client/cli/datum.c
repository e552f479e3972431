/* datum.c - see datum.h. */
#include "client/cli/datum.h"

#include "client/cli/text/human.h"
#include "client/cli/text/term.h"
#include "client/cli/project/who.h"
#include "codecs/names/names.h"
#include "codecs/pack/pack.h"

#include <inttypes.h>
#include <string.h>

enum { PROPERTIES_ARENA_MAX = 64 << 20 };

const char *names_project(struct cli *cli)
{
    const char *slash = cli_project(cli) ? strrchr(cli->project, '/') : NULL;

    return !slash ? "" : slash[1] ? slash + 1 : "project";
}

int list_end(const struct cli *cli, int end, struct json *json, bool is_empty,
             const char *things)
{
    json_close(json, ']');
    json_close(json, '}');
    if (end != EXIT_GO_ON)
        return end;
    if (cli->json)
        json_print(json, stdout);
    else if (is_empty)
        printf("no %s\n", things);
    return EXIT_DONE;
}

struct names_user names_user(void)
{
    struct names_user user;
    struct who who = who_asks();

    snprintf(user.text, sizeof user.text, "%.200s%s%.200s", who.user,
             *who.host ? "@" : "", who.host);
    return user;
}

const char *names_uri(struct arena *arena, const char *name)
{
    return name_uri_is(name) ? name : arena_printf(arena, "datum://%s", name);
}

int names_resolve(struct cli *cli, const char *name,
                  struct sluice_resolution **resolution)
{
    scoped(arena) arena = arena_create(1 << 16);
    const char *uri = arena ? names_uri(arena, name) : NULL;
    struct sluice_resolution *found;
    int end;

    if (!uri)
        return cli_fail(cli, EXIT_FAILED, "out of memory");
    if (sluice_resolve(cli->sluice, names_project(cli), &uri, 1, &found, &cli->error))
        return cli_fail_last(cli);
    if (!found->resolved[0].error[0]) {
        *resolution = found;
        return EXIT_GO_ON;
    }
    end = cli_fail(cli, EXIT_WRONG, "%s", found->resolved[0].error);
    sluice_resolution_free(found);
    return end;
}

void json_datum(struct json *json, const char *key, const struct sluice_datum *datum)
{
    scoped(arena) arena = arena_create(PROPERTIES_ARENA_MAX);
    struct value properties = { .kind = VALUE_ABSENT };
    struct reader reader;

    reader_init(&reader, datum->properties, datum->properties_size);
    if (arena && datum->properties)
        reader_value(&reader, arena, &properties);
    json_open(json, key, '{');
    json_text(json, "id", datum->id);
    json_text(json, "name", datum->name);
    json_uint(json, "size", datum->size);
    json_text(json, "digest", datum->digest);
    json_text(json, "md5", *datum->md5 ? datum->md5 : NULL);
    json_text(json, "sha1", *datum->sha1 ? datum->sha1 : NULL);
    json_time(json, "created", datum->created_us);
    if (datum->run)
        json_uint(json, "run", datum->run);
    else
        json_text(json, "run", NULL);
    json_text(json, "stage", datum->run ? datum->stage : NULL);
    if (datum->run)
        json_uint(json, "task", datum->index);
    else
        json_text(json, "task", NULL);
    json_text(json, "by", *datum->by ? datum->by : NULL);
    json_open(json, "tags", '[');
    for (size_t i = 0; i < datum->tag_count; i++)
        json_text(json, NULL, datum->tags[i]);
    json_close(json, ']');
    json_value(json, "properties", &properties);
    json_close(json, '}');
}

void datums_print(const struct sluice_datum *datums, size_t count)
{
    static const char *const names[] = {
        "NAME", "SIZE", "CREATED", "FROM", "TAGS", "ID"
    };
    struct term term = term_of(stdout);
    scoped_table table = { .column_count = COUNT_OF(names), .right = { false, true } };

    table_heading(&table, names);
    for (size_t i = 0; i < count; i++) {
        const struct sluice_datum *datum = &datums[i];
        scoped_buf tags = { 0 };

        for (size_t k = 0; k < datum->tag_count; k++)
            buf_printf(&tags, "%s%s", k ? ", " : "", datum->tags[k]);
        table_cell(&table, STYLE_STRONG, "%s", datum->name);
        table_cell(&table, STYLE_PLAIN, "%s", human_size(datum->size).text);
        table_cell(&table, STYLE_PLAIN, "%s", human_time(datum->created_us).text);
        if (datum->run)
            table_cell(&table, STYLE_PLAIN, "%" PRIu64 "/%s/%" PRIu64, datum->run,
                       datum->stage, datum->index);
        else
            table_cell(&table, STYLE_PLAIN, "%s", datum->by);
        table_cell(&table, STYLE_PLAIN, "%s", buf_string(&tags));
        table_cell(&table, STYLE_WAITING, "%s", datum->id);
    }
    table_print(&table, &term, stdout);
}
