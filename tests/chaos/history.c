/* history.c - see history.h. */
#include "tests/chaos/history.h"

#include "client/lib/sluice.h"
#include "codecs/pack/pack.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_MS = 10000, PRINTED_MAX = 10 };

static void take_text(struct reader *reader, char text[FACT_TEXT_MAX])
{
    struct bytes bytes = reader_string(reader);

    snprintf(text, FACT_TEXT_MAX, "%.*s", (int)bytes.size, bytes.data);
}

static bool take_fact(const struct sluice_event *event, struct fact *fact)
{
    struct reader reader;

    *fact = (struct fact){ .number = event->number, .time_us = event->time_us };
    snprintf(fact->topic, sizeof fact->topic, "%s", event->topic);
    reader_init(&reader, event->body, event->body_size);
    for (size_t n = reader_map(&reader); n > 0 && reader_ok(&reader); n--) {
        struct bytes key = reader_string(&reader);

        if (bytes_are(key, "run"))
            fact->run = reader_uint(&reader);
        else if (bytes_are(key, "index"))
            fact->index = reader_uint(&reader);
        else if (bytes_are(key, "count"))
            fact->count = reader_uint(&reader);
        else if (bytes_are(key, "attempt"))
            fact->attempt = reader_uint(&reader);
        else if (bytes_are(key, "token"))
            fact->token = reader_uint(&reader);
        else if (bytes_are(key, "kind"))
            take_text(&reader, fact->kind);
        else if (bytes_are(key, "stage"))
            take_text(&reader, fact->stage);
        else if (bytes_are(key, "state"))
            take_text(&reader, fact->state);
        else if (bytes_are(key, "node"))
            take_text(&reader, fact->node);
        else
            reader_skip(&reader);
    }
    return reader_ok(&reader);
}

static enum rc read_all(struct sluice_events *events, uint64_t last,
                        struct history *history, struct err *err)
{
    struct sluice_event event;
    struct sluice_error error;

    while (history->count < last) {
        if (sluice_events_next(events, WAIT_MS, &event, &error) != SLUICE_OK)
            return err_set(err, RC_IO, "event %zu: %s", history->count + 1, error.text);
        if (event.number != history->count + 1)
            return err_set(err, RC_CORRUPT, "event %" PRIu64 " came as event %zu",
                           event.number, history->count + 1);
        if (!take_fact(&event, &history->facts[history->count++]))
            return err_set(err, RC_CORRUPT, "event %" PRIu64 " does not decode",
                           event.number);
    }
    return RC_OK;
}

enum rc history_read(const char *endpoint, uint64_t last, struct history *history,
                     struct err *err)
{
    struct sluice_options options = { .timeout_ms = WAIT_MS, .insecure = true };
    struct sluice *sluice = NULL;
    struct sluice_events *events = NULL;
    struct sluice_error error;
    enum rc rc = RC_OK;

    history->facts = calloc(last + 1, sizeof *history->facts);
    history->count = 0;
    if (!history->facts)
        return err_set(err, RC_NO_MEMORY, "no memory for %" PRIu64 " events", last);
    if (sluice_connect_with(endpoint, &options, &sluice, &error) != SLUICE_OK
        || sluice_events_open(sluice, 0, "", &events, &error) != SLUICE_OK)
        rc = err_set(err, RC_IO, "the events of %s: %s", endpoint, error.text);
    if (rc == RC_OK)
        rc = read_all(events, last, history, err);
    sluice_events_close(events);
    sluice_close(sluice);
    return rc;
}

void history_fini(struct history *history)
{
    free(history->facts);
    *history = (struct history){ 0 };
}

uint64_t history_compare(const struct history *history, const char *file)
{
    FILE *lines = fopen(file, "re");
    uint64_t number, faults = 0, line = 0;
    char topic[FACT_TOPIC_MAX];

    while (lines && fscanf(lines, "%" SCNu64 " %95s", &number, topic) == 2) {
        line++;
        if (number == line && line <= history->count
            && strcmp(history->facts[line - 1].topic, topic) == 0)
            continue;
        if (faults++ < PRINTED_MAX)
            printf("FAULT: %s, line %" PRIu64 ": event %" PRIu64 " %s\n", file, line,
                   number, topic);
    }
    if (lines)
        fclose(lines);
    if (line < history->count)
        printf("FAULT: %s ends with event %" PRIu64 " of %zu\n", file, line,
               history->count);
    return faults + (line < history->count ? history->count - line : 0);
}
