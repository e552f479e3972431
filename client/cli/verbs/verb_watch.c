/* verb_watch.c - `sluice watch [RUN]`: events, live. */
#include "client/cli/text/human.h"
#include "client/cli/text/json_out.h"
#include "client/cli/reference.h"
#include "client/cli/verbs/verbs.h"
#include "codecs/pack/pack.h"

#include <inttypes.h>
#include <string.h>

enum { WAIT_MS = 60000, BODY_ARENA_MAX = 64 << 20, LINE_COLUMNS = 4000 };

static void print_event(const struct cli *cli, const struct sluice_event *event)
{
    scoped(arena) arena = arena_create(BODY_ARENA_MAX);
    struct value body = { .kind = VALUE_ABSENT };
    struct reader reader;
    scoped_json json = { 0 };
    scoped_buf text = { 0 }, line = { 0 };

    reader_init(&reader, event->body, event->body_size);
    if (arena)
        reader_value(&reader, arena, &body);
    if (cli->json) {
        json_open(&json, NULL, '{');
        json_uint(&json, "number", event->number);
        json_time(&json, "time", event->time_us);
        json_text(&json, "topic", event->topic);
        json_value(&json, "body", &body);
        json_close(&json, '}');
        json_print(&json, stdout);
        return;
    }
    if (body.kind != VALUE_ABSENT)
        value_to_json(&text, &body);
    text_fit(&line, event->topic, LINE_COLUMNS);
    buf_text(&line, "  ");
    text_fit(&line, buf_string(&text), LINE_COLUMNS);
    printf("%" PRIu64 "  %s  %s\n", event->number, human_clock(event->time_us).text,
           buf_string(&line));
    fflush(stdout);
}

/* Whether the event is the end of the run whose topics begin with prefix. */
static bool is_end(const struct sluice_event *event, const char *prefix)
{
    static const char *const ends[] = { "run/complete", "run/error", "run/stopped" };
    const char *rest = event->topic + strlen(prefix);

    for (size_t i = 0; *prefix && i < COUNT_OF(ends); i++)
        if (strcmp(rest, ends[i]) == 0)
            return true;
    return false;
}

/* Until the run ends whose topics begin with prefix; for ever if that is empty. */
static int print_events(struct cli *cli, struct sluice_events *events, const char *prefix)
{
    struct sluice_event event;
    bool has_ended = false;

    while (!ferror(stdout) && !has_ended) {
        int code = sluice_events_next(events, WAIT_MS, &event, &cli->error);

        if (code == SLUICE_OK) {
            print_event(cli, &event);
            has_ended = is_end(&event, prefix);
        } else if (code != SLUICE_TIMEOUT)
            return cli_fail_last(cli);
    }
    return EXIT_DONE;
}

int verb_watch(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    scoped_buf topic = { 0 };
    uint64_t since = UINT64_MAX, run = 0;
    struct sluice_events *events;
    const struct option options[] = { { "since", 0, OPTION_NUMBER, &since } };
    int end = cli_begin(&cli, argc, argv, options, COUNT_OF(options), 0, 1);

    if (end == EXIT_GO_ON && cli.word_count) {
        end = run_find(&cli, cli.words[0], &run);
        buf_printf(&topic, "run/%" PRIu64 "/", run);
    } else if (end == EXIT_GO_ON) {
        end = cli_connect(&cli, CONNECT_STORE);
    }
    if (end != EXIT_GO_ON)
        return end;
    if (sluice_events_open(cli.sluice, since, buf_string(&topic), &events, &cli.error))
        return cli_fail_last(&cli);
    end = print_events(&cli, events, buf_string(&topic));
    sluice_events_close(events);
    return end;
}
