/* What the broker writes, beside docs/protocol.md: the fields of every answer, of the
 * shared forms, of welcome and of events, both ways. A whole broker is made, but nobody
 * connects: its handlers are called as inbox.c calls them. */
#include "broker/broker_state.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ARENA_MAX = 64 << 20 };

static const char digest[] =
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

struct fixture {
    char folder[64];
    struct broker *broker;
    struct buf document;
    uint64_t run;
};

static void tick(struct broker *broker)
{
    broker_step(broker, &(struct core_input){ .kind = INPUT_TICK });
}

static void say(struct broker *broker, enum message_type type, const struct buf *body)
{
    node_message(broker, "node-1",
                 &(struct message_header){ .protocol = PROTOCOL_FIRST, .type = type },
                 &(struct link_frame){ body->data, body->size });
}

/* A field that a join lacks has its default; one that it does not know is skipped. */
static void join(struct broker *broker)
{
    scoped_buf body = { 0 };

    pack_map(&body, 5);
    pack_text(&body, "name");
    pack_text(&body, "node-1");
    pack_text(&body, "session");
    pack_uint(&body, 1);
    pack_text(&body, "slots");
    pack_uint(&body, 2);
    pack_text(&body, "cpu");
    pack_uint(&body, 2000);
    pack_text(&body, "any");
    pack_bool(&body, true);
    say(broker, MESSAGE_JOIN, &body);
}

static uint64_t submit(struct broker *broker, const struct plan *plan, uint8_t salt)
{
    const uint8_t submission[16] = { salt };
    scoped_buf bytes = { 0 }, body = { 0 };
    struct reader reader;
    struct err err;

    plan_encode(&bytes, plan);
    must(request_submit(
             broker,
             &(struct request){ .submission = submission,
                                .plan = { (const char *)bytes.data, bytes.size } },
             &body, &err)
         == RC_OK);
    reader_init(&reader, body.data, body.size);
    must(reader_map(&reader) == 1);
    reader_skip(&reader);
    return reader_uint(&reader);
}

/* A run of one stage that failed, with an output: every kind of event has happened. */
static uint64_t run_once(struct broker *broker)
{
    const char *commands[] = { "false" };
    struct plan_stage stage = { .name = "train",
                                .step = "train",
                                .commands = commands,
                                .command_count = 1,
                                .on_error = ON_ERROR_STOP_ALL };
    struct plan plan = {
        .project = "p", .title = "t", .stages = &stage, .stage_count = 1
    };
    const struct value_entry alias = { "valohai.alias", value_text("best") };
    const struct value properties = { .kind = VALUE_MAP, .map = { &alias, 1 } };
    struct plan_source output = { .uri = "",
                                  .name = "model",
                                  .digest = digest,
                                  .size = 3,
                                  .metadata = { .kind = VALUE_LIST,
                                                .list = { &properties, 1 } } };
    struct task_result result = { .cause = CAUSE_EXIT,
                                  .exit_code = 1,
                                  .message = "no samples",
                                  .metadata = { .kind = VALUE_MAP },
                                  .outputs = &output,
                                  .output_count = 1 };
    scoped_buf started = { 0 }, bytes = { 0 }, results = { 0 };
    uint64_t run = submit(broker, &plan, 1);

    tick(broker);
    started_encode(&started, &(struct started_item){ 1, 1 }, 1);
    say(broker, MESSAGE_STARTED, &started);
    result_encode(&bytes, &result);
    results_encode(&results,
                   &(struct result_item){ 1, { (const char *)bytes.data, bytes.size } },
                   1);
    say(broker, MESSAGE_RESULTS, &results);
    return run;
}

static void read_document(struct buf *text)
{
    FILE *file = fopen(SOURCE_ROOT "/docs/protocol.md", "r");

    must(file != NULL);
    for (int c; (c = fgetc(file)) != EOF;)
        buf_byte(text, (unsigned char)c);
    fclose(file);
}

static int fixture_setup(void **state)
{
    static const struct broker_limits limits = { .stages_max = 1000,
                                                 .answers_max = 1 << 20,
                                                 .turn_max = 1 << 20,
                                                 .message_max = 1 << 20,
                                                 .requests_max = 32,
                                                 .queue_max = 100,
                                                 .events_max = 100,
                                                 .nodes_max = 2,
                                                 .bulk_queue_max = 16,
                                                 .uploads_max = 1,
                                                 .uploads_peer_max = 1 };
    struct fixture *self = calloc(1, sizeof *self);
    struct err err;

    must(self != NULL);
    read_document(&self->document);
    snprintf(self->folder, sizeof self->folder, "/tmp/sluice-replies-XXXXXX");
    must(mkdtemp(self->folder) != NULL);
    must(broker_create(&(struct broker_settings){ .directory = self->folder,
                                                  .requests = "inproc://requests",
                                                  .events = "inproc://events",
                                                  .bulk = "inproc://bulk",
                                                  .limits = limits,
                                                  .node_timeout_ms = 10000,
                                                  .idle_exit_ms = 1000,
                                                  .ready_fd = -1 },
                       &self->broker, &err)
         == RC_OK);
    self->broker->scratch = arena_create(ARENA_MAX);
    must(self->broker->scratch != NULL);
    join(self->broker);
    self->run = run_once(self->broker);
    must(self->broker->batch.rc == RC_OK);
    *state = self;
    return 0;
}

static int fixture_teardown(void **state)
{
    struct fixture *self = *state;
    char command[128];

    arena_destroy(self->broker->scratch);
    self->broker->scratch = NULL;
    broker_destroy(self->broker);
    snprintf(command, sizeof command, "rm -rf %s", self->folder);
    must(system(command) == 0);
    buf_fini(&self->document);
    free(self);
    return 0;
}

/* ---- The document ---- */

/* The text under a heading, to the next one. Owned. */
static char *section_of(struct fixture *self, const char *heading)
{
    scoped_buf line = { 0 };

    buf_printf(&line, "\n%s\n", heading);

    const char *at = strstr(buf_string(&self->document), buf_string(&line));

    if (!at)
        fail_msg("docs/protocol.md has no heading \"%s\"", heading);

    const char *body = at + line.size - 1;
    const char *end = strstr(body + 1, "\n#");
    char *section = strndup(body, end ? (size_t)(end - body) : strlen(body));

    assert_non_null(section);
    return section;
}

static size_t count_rows(const char *section)
{
    size_t rows = 0;

    for (const char *at = section; (at = strstr(at, "\n| `")); at++)
        rows++;
    return rows;
}

/* Each key of the map that the reader stands at has a row; gives how many there are. */
static size_t assert_rows(struct reader *reader, const char *section, const char *what)
{
    size_t count = reader_map(reader);

    for (size_t n = count; n > 0 && reader_ok(reader); n--) {
        struct bytes key = reader_string(reader);
        char row[128];

        snprintf(row, sizeof row, "\n| `%.*s` |", (int)key.size, key.data);
        if (!strstr(section, row))
            fail_msg("docs/protocol.md: %s lacks the field %.*s", what, (int)key.size,
                     key.data);
        reader_skip(reader);
    }
    assert_true(reader_ok(reader));
    return count;
}

static void assert_form(struct fixture *self, struct reader reader, const char *heading)
{
    char *section = section_of(self, heading);

    assert_int_equal(assert_rows(&reader, section, heading), count_rows(section));
    free(section);
}

/* A reader on the value of a key. */
static struct reader field_of(struct reader reader, const char *key)
{
    for (size_t n = reader_map(&reader); n > 0 && reader_ok(&reader); n--) {
        if (bytes_are(reader_string(&reader), key))
            return reader;
        reader_skip(&reader);
    }
    fail_msg("there is no field %s", key);
    return reader;
}

/* ---- Answers ---- */

static struct reader ask(struct fixture *self, request_handler *handler,
                         struct request *request, struct buf *body)
{
    struct reader reader;
    struct err err = { .text = "" };

    request->run = self->run;
    if (!request->stage)
        request->stage = "train";
    if (handler(self->broker, request, body, &err) != RC_OK)
        fail_msg("%s", err.text);
    reader_init(&reader, body->data, body->size);
    return reader;
}

static void assert_answer(struct fixture *self, enum message_type type,
                          request_handler *handler)
{
    scoped_buf body = { 0 };
    struct request request = { .text = "last", .force = true, .speaks = protocol_ours() };
    char heading[64];

    snprintf(heading, sizeof heading, "##### Answer to %s", message_type_name(type));
    assert_form(self, ask(self, handler, &request, &body), heading);
}

static void test_answers_have_the_fields_of_the_document(void **state)
{
    struct fixture *self = *state;

    assert_answer(self, MESSAGE_STATUS, query_status);
    assert_answer(self, MESSAGE_FIND, query_find);
    assert_answer(self, MESSAGE_RUNS, query_runs);
    assert_answer(self, MESSAGE_VIEW, query_view);
    assert_answer(self, MESSAGE_PLAN, query_plan);
    assert_answer(self, MESSAGE_STAGE, query_stage);
    assert_answer(self, MESSAGE_TASKS, query_tasks);
    assert_answer(self, MESSAGE_RESULT, query_result);
    assert_answer(self, MESSAGE_LOCATE, query_locate);
    assert_answer(self, MESSAGE_NODES, query_nodes);
    assert_answer(self, MESSAGE_EXPLAIN, query_explain);
    assert_answer(self, MESSAGE_VERSIONS, query_versions);
    assert_answer(self, MESSAGE_ORIGIN, query_origin);
    core_flush(self->broker->core, &self->broker->changes);
    apply_changes(self->broker);
    core_forget(self->broker->core, &self->broker->changes);
    apply_changes(self->broker);
    assert_answer(self, MESSAGE_RECORDS, query_records);
    assert_answer(self, MESSAGE_OUTCOMES, query_outcomes);
    assert_answer(self, MESSAGE_MADE, query_made);
}

static void test_answers_to_commands_have_the_fields_of_the_document(void **state)
{
    struct fixture *self = *state;
    const char *commands[] = { "true" };
    const enum then then = THEN_APPROVAL;
    struct plan_action ask_first = { .when = WHEN_STARTING,
                                     .then = &then,
                                     .then_count = 1 };
    struct plan_stage stage = { .name = "train",
                                .commands = commands,
                                .command_count = 1,
                                .actions = &ask_first,
                                .action_count = 1 };
    struct plan plan = { .stages = &stage, .stage_count = 1 };
    char *submitted = section_of(self, "##### Answer to submit");

    self->run = submit(self->broker, &plan, 2);
    assert_int_equal(count_rows(submitted), 1);
    free(submitted);
    assert_answer(self, MESSAGE_APPROVE, request_approve); /* it has no yes */
    self->run = submit(self->broker, &plan, 3);
    assert_answer(self, MESSAGE_CANCEL, request_cancel);
    assert_answer(self, MESSAGE_SHUTDOWN, request_shutdown);
}

static void test_shared_forms_have_the_fields_of_the_document(void **state)
{
    struct fixture *self = *state;
    scoped_buf view = { 0 }, nodes = { 0 };
    struct reader reader = ask(self, query_view, &(struct request){ 0 }, &view);

    assert_form(self, field_of(reader, "run"), "##### Run");
    reader = field_of(reader, "stages");
    assert_int_equal(reader_list(&reader), 1);
    assert_form(self, reader, "##### Stage");
    reader = field_of(ask(self, query_nodes, &(struct request){ 0 }, &nodes), "nodes");
    assert_int_equal(reader_list(&reader), 1);
    assert_form(self, reader, "##### Node");
}

static void test_answers_about_names_have_the_fields_of_the_document(void **state)
{
    struct fixture *self = *state;
    static const char *const uris[] = { "datum://best" }, *const tags[] = { "good" };
    struct request resolve = { .project = "p", .uris = uris, .uri_count = 1 };
    struct request alias = { .project = "p", .name = "other", .target = "best" };
    struct request tag = { .project = "p",
                           .uris = uris,
                           .uri_count = 1,
                           .texts = tags,
                           .text_count = 1,
                           .yes = true };
    struct request dataset = {
        .project = "p", .name = "dataset://d/v", .uris = uris, .uri_count = 1
    };
    scoped_buf resolved = { 0 }, aliased = { 0 }, tagged = { 0 }, made = { 0 };
    struct reader reader = ask(self, query_resolve, &resolve, &resolved);

    assert_form(self, reader, "##### Answer to resolve");
    reader = field_of(reader, "resolved");
    assert_int_equal(reader_list(&reader), 1);
    assert_form(self, reader, "##### Resolved");
    reader = field_of(reader, "files");
    assert_int_equal(reader_list(&reader), 1);
    assert_form(self, reader, "##### Datum");
    assert_form(self, ask(self, request_alias, &alias, &aliased),
                "##### Answer to alias");
    assert_form(self, ask(self, request_tag, &tag, &tagged), "##### Answer to tag");
    assert_form(self, ask(self, request_dataset, &dataset, &made),
                "##### Answer to dataset");
    assert_answer(self, MESSAGE_DATUMS, query_datums);
    assert_answer(self, MESSAGE_ALIASES, query_aliases);
    assert_answer(self, MESSAGE_DATASETS, query_datasets);
}

static void test_only_what_is_stored_can_be_made_a_datum(void **state)
{
    struct fixture *self = *state;
    struct plan_source file = { .uri = "", .name = "abc", .digest = digest, .size = 3 };
    struct request request = { .file = &file };
    struct object_writer *writer;
    scoped_buf body = { 0 };
    struct err err;

    assert_int_equal(request_datum(self->broker, &request, &body, &err), RC_NOT_FOUND);
    assert_int_equal(object_writer_create(self->broker->objects, &writer, &err), RC_OK);
    assert_int_equal(object_writer_add(writer, "abc", 3, &err), RC_OK);
    assert_int_equal(object_writer_commit(writer, digest, NULL, NULL, &err), RC_OK);
    assert_form(self, ask(self, request_datum, &request, &body), "##### Answer to datum");
}

static void test_lists_of_names_have_the_fields_of_the_document(void **state)
{
    struct fixture *self = *state;
    static const char *const uris[] = { "datum://best" };
    struct request dataset = {
        .project = "p", .name = "dataset://d/v", .uris = uris, .uri_count = 1
    };
    scoped_buf made = { 0 }, datasets = { 0 }, aliases = { 0 };
    struct reader reader;

    ask(self, request_dataset, &dataset, &made);
    reader = field_of(
        ask(self, query_datasets, &(struct request){ .project = "p" }, &datasets),
        "datasets");
    assert_int_equal(reader_list(&reader), 1);
    assert_form(self, reader, "##### Version");
    reader =
        field_of(ask(self, query_aliases, &(struct request){ .project = "p" }, &aliases),
                 "aliases");
    assert_int_equal(reader_list(&reader), 1);
    assert_form(self, reader, "##### Alias");
}

static void test_outcomes_are_the_results_one_by_one(void **state)
{
    struct fixture *self = *state;
    scoped_buf many = { 0 }, one = { 0 }, none = { 0 };
    struct reader list = ask(self, query_outcomes, &(struct request){ 0 }, &many);
    struct reader next = field_of(list, "next");
    struct reader result =
        field_of(ask(self, query_result, &(struct request){ 0 }, &one), "result");
    struct bytes expected = reader_bytes(&result), given;

    assert_int_equal(reader_uint(&next), 1);
    list = field_of(list, "results");
    assert_int_equal(reader_list(&list), 1);
    assert_int_equal(reader_list(&list), 2);
    assert_int_equal(reader_uint(&list), 0);
    given = reader_bytes(&list);
    assert_int_equal(given.size, expected.size);
    assert_memory_equal(given.data, expected.data, given.size);
    list = ask(self, query_outcomes, &(struct request){ .first = UINT64_MAX }, &none);
    next = field_of(list, "next");
    assert_int_equal(reader_uint(&next), 1);
    list = field_of(list, "results");
    assert_int_equal(reader_list(&list), 0);
}

static void test_a_task_is_a_row_of_the_documents_elements(void **state)
{
    struct fixture *self = *state;
    scoped_buf body = { 0 };
    struct reader reader = ask(self, query_tasks, &(struct request){ 0 }, &body);
    char *section = section_of(self, "##### Answer to tasks");
    const char *at = strstr(section, "| element |");
    size_t rows = 0;

    assert_non_null(at);
    for (at = strstr(at, "\n| "); at; at = strstr(at + 1, "\n| "))
        rows++;
    reader = field_of(reader, "tasks");
    assert_int_equal(reader_list(&reader), 1);
    assert_int_equal(reader_list(&reader), rows);
    free(section);
}

static void test_events_that_are_forgotten_give_a_snapshot(void **state)
{
    struct fixture *self = *state;
    scoped_buf body = { 0 };
    size_t removed;
    struct err err;

    /* Those of a batch go together, and the last one stays. */
    assert_int_equal(store_commit(self->broker->store, &err), RC_OK);
    announce(self->broker,
             &(struct announcement){ .kind = "run", .run = 1, .state = "started" });
    assert_int_equal(store_events_trim(self->broker->store, INT64_MAX, 1, &removed, &err),
                     RC_OK);
    assert_true(removed > 0);

    struct reader reader = ask(self, query_events, &(struct request){ 0 }, &body);

    assert_form(self, reader, "##### Answer to events");
    reader = field_of(reader, "snapshot");
    field_of(reader, "first");
    field_of(reader, "runs");
}

/* ---- Events and welcome ---- */

static void test_every_event_has_fields_and_a_topic_of_the_document(void **state)
{
    struct fixture *self = *state;
    scoped_buf body = { 0 }, all = { 0 };
    struct reader reader =
        field_of(ask(self, query_events, &(struct request){ 0 }, &body), "events");
    char *section = section_of(self, "##### Event");
    size_t fields = 0;

    for (size_t n = reader_list(&reader); n > 0; n--) {
        struct bytes bytes = reader_bytes(&reader);
        struct reader event;

        reader_init(&event, bytes.data, bytes.size);
        assert_rows(&event, section, "an event");
        assert_true(reader_at_end(&event));
        reader_init(&event, bytes.data, bytes.size);
        for (size_t k = reader_map(&event); k > 0; k--) {
            struct bytes key = reader_string(&event);

            buf_printf(&all, "<%.*s>", (int)key.size, key.data);
            reader_skip(&event);
        }
    }
    for (const char *at = section; (at = strstr(at, "\n| `")); at += 4) {
        char quoted[64];

        if (memchr(at + 4, '/', strcspn(at + 4, "`")))
            continue; /* the table of topics */
        fields++;
        snprintf(quoted, sizeof quoted, "<%.*s>", (int)strcspn(at + 4, "`"), at + 4);
        if (!strstr(buf_string(&all), quoted))
            fail_msg("docs/protocol.md: no event has %s", quoted);
    }
    assert_int_equal(fields, 21);
    free(section);
}

static void test_welcome_has_the_fields_of_the_document(void **state)
{
    struct fixture *self = *state;
    const struct outbox *outbox = &self->broker->outbox;
    bool is_found = false;

    for (size_t i = 0; i < outbox->count && !is_found; i++) {
        const struct outbox_entry *entry = &outbox->entries[i];
        const unsigned char *at =
            outbox->bytes.data + entry->identity + entry->identity_size;
        struct message_header header;
        struct reader reader;

        if (entry->is_event)
            continue;
        assert_int_equal(message_header_decode(at, entry->header_size, &header, NULL),
                         RC_OK);
        if (header.type != MESSAGE_WELCOME)
            continue;
        is_found = true;
        reader_init(&reader, at + entry->header_size, entry->body_size);
        assert_form(self, reader, "#### welcome");
    }
    assert_true(is_found);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_answers_have_the_fields_of_the_document),
        TEST(test_answers_to_commands_have_the_fields_of_the_document),
        TEST(test_shared_forms_have_the_fields_of_the_document),
        TEST(test_answers_about_names_have_the_fields_of_the_document),
        TEST(test_only_what_is_stored_can_be_made_a_datum),
        TEST(test_lists_of_names_have_the_fields_of_the_document),
        TEST(test_outcomes_are_the_results_one_by_one),
        TEST(test_a_task_is_a_row_of_the_documents_elements),
        TEST(test_events_that_are_forgotten_give_a_snapshot),
        TEST(test_every_event_has_fields_and_a_topic_of_the_document),
        TEST(test_welcome_has_the_fields_of_the_document),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
