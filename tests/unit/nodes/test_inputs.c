/* test_inputs.c - inputs from the store, from files and from the web. */
#include "attempt_world.h"
#include "http_server.h"

#include "nodes/staging/input_name.h"

static struct http_server server;

static int start(void **state)
{
    (void)state;
    return http_server_start(&server) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    http_server_stop(&server);
    return 0;
}

static const char *url(struct world *world, const char *path)
{
    return arena_printf(world->arena, "http://127.0.0.1:%u%s", server.port, path);
}

static struct plan_input *input_add(struct world *world, const char *name,
                                    const char *const *uris, size_t count)
{
    struct plan_input *inputs =
        arena_array(world->arena, world->stage.input_count + 1, sizeof *inputs);
    struct plan_input *input = inputs + world->stage.input_count;

    if (world->stage.input_count > 0)
        memcpy(inputs, world->stage.inputs, world->stage.input_count * sizeof *inputs);
    world->stage.inputs = inputs;
    world->stage.input_count++;
    input->name = name;
    input->sources = arena_array(world->arena, count, sizeof *input->sources);
    input->source_count = count;
    for (size_t i = 0; i < count; i++)
        input->sources[i].uri = uris[i];
    world_commands(world, "true");
    return input;
}

static struct plan_input *input_one(struct world *world, const char *uri)
{
    return input_add(world, "in", &uri, 1);
}

static enum rc prepare_fails(struct world *world, struct err *err)
{
    return attempt_prepare(&world->staging, &world->port, &world->identity, &world->stage,
                           &world->is_cancelled, err);
}

static void test_an_input_of_the_store_is_placed_read_only(void **state)
{
    struct world *world = *state;
    struct plan_input *input = input_one(world, "datum://0123");
    struct value item = { .kind = VALUE_MAP };
    struct stat found;
    const char *json;

    input->sources[0].digest = world_object(world, "abc", 3);
    input->sources[0].name = "deep/a.bin";
    input->sources[0].size = 3;
    input->sources[0].md5 = "900150983cd24fb0d6963f7d28e17f72";
    input->sources[0].metadata =
        (struct value){ .kind = VALUE_LIST, .list = { &item, 1 } };
    world_prepare(world);
    assert_string_equal(world_text(world, "inputs/in/deep/a.bin"), "abc");
    assert_int_equal(stat(world_path(world, "inputs/in/deep/a.bin"), &found), 0);
    assert_int_equal(found.st_mode & 0777, 0444);
    assert_int_equal(world->fetch_count, 1);
    json = world_text(world, "config/inputs.json");
    assert_non_null(strstr(json, "\"name\": \"deep/a.bin\""));
    assert_non_null(strstr(json, "\"datum_id\": \"0123\""));
    assert_non_null(strstr(json, "\"size\": 3"));
    assert_non_null(strstr(json, "\"metadata\": [{}]"));
    assert_non_null(strstr(json, "\"md5\": \"900150983cd24fb0d6963f7d28e17f72\""));
    assert_int_equal(world_collect(world).input_count, 0);
}

static void test_a_named_datum_is_told_by_its_id(void **state)
{
    static const char id[] = "12345678-1234-8234-8234-123456789abc";
    struct world *world = *state;
    struct plan_input *input = input_one(world, "dataset://images/v1");
    const char *json;

    input->sources[0].digest = world_object(world, "abc", 3);
    input->sources[0].name = "a.bin";
    input->sources[0].datum = id;
    world_prepare(world);
    json = world_text(world, "config/inputs.json");
    assert_non_null(
        strstr(json, "\"uri\": \"datum://12345678-1234-8234-8234-123456789abc\""));
    assert_non_null(
        strstr(json, "\"datum_id\": \"12345678-1234-8234-8234-123456789abc\""));
    assert_null(strstr(json, "dataset://"));
}

static void test_a_file_is_read_and_recorded_with_its_hash(void **state)
{
    struct world *world = *state;
    const char *path = arena_printf(world->arena, "%s/my%%20data.csv", world->directory);
    char real[128];
    struct task_result result;

    snprintf(real, sizeof real, "%s/my data.csv", world->directory);
    file_make(real, "1,2\n");
    input_one(world, arena_printf(world->arena, "file://%s", path));
    world_prepare(world);
    assert_string_equal(world_text(world, "inputs/in/my data.csv"), "1,2\n");
    result = world_collect(world);
    assert_int_equal(result.input_count, 1);
    assert_string_equal(result.inputs[0].name, "my data.csv");
    assert_int_equal(result.inputs[0].size, 4);
    assert_non_null(strstr(result.inputs[0].uri, "my%20data.csv"));
    assert_non_null(strstr(world_text(world, "status"), "fetched file://"));
}

static void test_files_that_cannot_be_read_are_named(void **state)
{
    struct world *world = *state;
    struct plan_input *input = input_one(world, "file:///nowhere/x.csv");
    struct err err;

    assert_int_equal(prepare_fails(world, &err), RC_NOT_FOUND);
    assert_non_null(strstr(err.text, "input in"));
    assert_non_null(strstr(err.text, "/nowhere/x.csv"));
    assert_non_null(strstr(world_text(world, "status"), "/nowhere/x.csv"));
    input->sources[0].uri = "file:///etc";
    assert_int_equal(prepare_fails(world, &err), RC_INVALID);
    input->sources[0].uri = "relative/x.csv";
    assert_int_equal(prepare_fails(world, &err), RC_INVALID);
    input->sources[0].uri = "gs://bucket/key";
    assert_int_equal(prepare_fails(world, &err), RC_UNSUPPORTED);
}

static void test_the_web_is_asked_once_in_a_run(void **state)
{
    struct world *world = *state;
    unsigned before = server.request_count;
    struct task_result result;

    input_one(world, url(world, "/data/a.txt?key=1"));
    world_prepare(world);
    world_prepare(world);
    assert_int_equal(server.request_count, before + 1);
    assert_string_equal(world_text(world, "inputs/in/a.txt"), "data of a.txt");
    result = world_collect(world);
    assert_int_equal(result.input_count, 1);
    assert_string_equal(result.inputs[0].uri, url(world, "/data/a.txt?key=1"));
    world->identity.run_id = "other-run";
    world_prepare(world);
    assert_int_equal(server.request_count, before + 2);
}

struct side { /* one of several attempts that are prepared at once */
    struct world *world;
    struct attempt_identity identity;
    enum rc rc;
};

static void *side_prepare(void *context)
{
    struct side *side = context;
    struct world *world = side->world;

    side->rc = attempt_prepare(&world->staging, &world->port, &side->identity,
                               &world->stage, &world->is_cancelled, NULL);
    return NULL;
}

static void test_attempts_at_the_same_time_share_one_download(void **state)
{
    struct world *world = *state;
    unsigned before = server.request_count;
    struct side sides[4];
    pthread_t threads[COUNT_OF(sides)];

    input_one(world, url(world, "/data/shared"));
    for (size_t i = 0; i < COUNT_OF(sides); i++) {
        sides[i] = (struct side){ .world = world, .identity = world->identity };
        sides[i].identity.token = 100 + i;
        assert_int_equal(pthread_create(&threads[i], NULL, side_prepare, &sides[i]), 0);
    }
    for (size_t i = 0; i < COUNT_OF(sides); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(sides[i].rc, RC_OK);
    }
    assert_int_equal(server.request_count, before + 1);
}

static void test_no_data_cache_asks_again(void **state)
{
    struct world *world = *state;
    struct plan_variable variable = { .name = "VH_NO_DATA_CACHE", .value = "yes" };
    unsigned before = server.request_count;

    world->stage.variables = &variable;
    world->stage.variable_count = 1;
    input_one(world, url(world, "/data/a.txt"));
    world_prepare(world);
    world_prepare(world);
    assert_int_equal(server.request_count, before + 2);
}

static void test_redirects_are_followed(void **state)
{
    struct world *world = *state;

    input_one(world, url(world, "/moved"));
    world_prepare(world);
    assert_string_equal(world_text(world, "inputs/in/moved"), "data of moved");
}

static void test_a_password_in_the_url_is_used_and_not_shown(void **state)
{
    struct world *world = *state;
    struct task_result result;

    input_one(world,
              arena_printf(world->arena, "http://u:p@127.0.0.1:%u/secret", server.port));
    world_prepare(world);
    assert_string_equal(world_text(world, "inputs/in/secret"), "secret");
    assert_null(strstr(world_text(world, "status"), "u:p"));
    result = world_collect(world);
    assert_string_equal(result.inputs[0].uri, url(world, "/secret"));
}

static void test_a_failed_request_tells_url_and_status(void **state)
{
    struct world *world = *state;
    struct plan_input *input = input_one(world, url(world, "/nothing"));
    struct err err;

    assert_int_equal(prepare_fails(world, &err), RC_UNREACHABLE);
    assert_non_null(strstr(err.text, "404"));
    assert_non_null(strstr(err.text, url(world, "/nothing")));
    input->sources[0].uri = url(world, "/secret");
    assert_int_equal(prepare_fails(world, &err), RC_UNREACHABLE);
    assert_non_null(strstr(err.text, "401"));
    input->sources[0].uri = url(world, "/truncated");
    assert_int_equal(prepare_fails(world, &err), RC_UNREACHABLE);
    assert_non_null(strstr(err.text, "/truncated"));
    input->sources[0].uri = "http://127.0.0.1:1/refused";
    assert_int_equal(prepare_fails(world, &err), RC_UNREACHABLE);
}

static void test_on_demand_files_of_the_web_are_only_listed(void **state)
{
    struct world *world = *state;
    struct plan_input *input = input_one(world, url(world, "/data/big"));
    unsigned before = server.request_count;
    const char *json;

    input->on_demand = true;
    world_prepare(world);
    assert_int_equal(server.request_count, before);
    assert_int_equal(access(world_path(world, "inputs/in/big"), F_OK), -1);
    json = world_text(world, "config/inputs.json");
    assert_non_null(strstr(json, "on-demand"));
    assert_non_null(strstr(json, "/data/big"));
}

static void test_every_input_is_listed_and_names_are_unique(void **state)
{
    struct world *world = *state;
    const char *uris[] = { url(world, "/data/a.txt"), url(world, "/data/x/a.txt"),
                           url(world, "/data/y/a.txt") };
    struct plan_input *input;

    input_add(world, "none", NULL, 0);
    input = input_add(world, "many", uris, 3);
    input->filename = "ignored, as there are several files";
    world_prepare(world);
    assert_string_equal(world_text(world, "inputs/many/a.txt"), "data of a.txt");
    assert_string_equal(world_text(world, "inputs/many/a-2.txt"), "data of x/a.txt");
    assert_string_equal(world_text(world, "inputs/many/a-3.txt"), "data of y/a.txt");
    assert_int_equal(access(world_path(world, "inputs/none"), F_OK), 0);
    assert_non_null(
        strstr(world_text(world, "config/inputs.json"), "\"none\": {\"files\": []}"));
}

static void test_a_parameter_in_a_uri_is_filled_in(void **state)
{
    struct world *world = *state;
    struct plan_parameter parameter = { .name = "set",
                                        .separator = ",",
                                        .value = value_text("train") };

    world->stage.parameters = &parameter;
    world->stage.parameter_count = 1;
    input_one(world, url(world, "/data/{parameter:set}.csv"));
    world_prepare(world);
    assert_string_equal(world_text(world, "inputs/in/train.csv"), "data of train.csv");
}

static const char *name_of(struct world *world, const char *uri, const char *forced,
                           enum keep_directories keep)
{
    struct plan_source source = { .uri = uri };
    struct plan_input input = { .sources = &source,
                                .source_count = 1,
                                .filename = forced,
                                .keep_directories = keep };

    return input_file_name(world->arena, &input, &source, uri);
}

static void test_names_come_from_uris_and_are_safe(void **state)
{
    struct world *world = *state;

    assert_string_equal(name_of(world, "http://h/a/b.csv?x=/y", NULL, KEEP_NONE),
                        "b.csv");
    assert_string_equal(name_of(world, "http://h/a/b.csv", "c", KEEP_NONE), "c");
    assert_string_equal(name_of(world, "http://h/a/b.csv", NULL, KEEP_FULL), "a/b.csv");
    assert_string_equal(name_of(world, "http://h/a/b.csv", NULL, KEEP_SUFFIX), "b.csv");
    assert_string_equal(name_of(world, "http://h/a%2Fb%0A%41%zz", NULL, KEEP_NONE),
                        "a_b_A%zz");
    assert_string_equal(name_of(world, "http://h/..", NULL, KEEP_NONE), "__");
    assert_string_equal(name_of(world, "http://h/%2e%2E/x", NULL, KEEP_FULL), "__/x");
    assert_string_equal(name_of(world, "http://h", NULL, KEEP_NONE), "file");
    assert_string_equal(name_of(world, "http://h/%ff%00", NULL, KEEP_NONE), "__");
    assert_string_equal(name_of(world, "/data/b#1?.csv", NULL, KEEP_NONE), "b#1?.csv");
    assert_string_equal(name_of(world, "file:/data/b.csv", NULL, KEEP_NONE), "b.csv");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(test_an_input_of_the_store_is_placed_read_only),
        world_test(test_a_named_datum_is_told_by_its_id),
        world_test(test_a_file_is_read_and_recorded_with_its_hash),
        world_test(test_files_that_cannot_be_read_are_named),
        world_test(test_the_web_is_asked_once_in_a_run),
        world_test(test_attempts_at_the_same_time_share_one_download),
        world_test(test_no_data_cache_asks_again),
        world_test(test_redirects_are_followed),
        world_test(test_a_password_in_the_url_is_used_and_not_shown),
        world_test(test_a_failed_request_tells_url_and_status),
        world_test(test_on_demand_files_of_the_web_are_only_listed),
        world_test(test_every_input_is_listed_and_names_are_unique),
        world_test(test_a_parameter_in_a_uri_is_filled_in),
        world_test(test_names_come_from_uris_and_are_safe),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
