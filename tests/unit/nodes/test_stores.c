/* test_stores.c - the file of stores, credentials, URLs, XML. */
#include "attempt_world.h"

#include "codecs/names/scheme.h"
#include "nodes/stores/parallel.h"
#include "nodes/stores/s3.h"
#include "nodes/stores/s3_error.h"
#include "nodes/stores/xml.h"

static void no_variables(void)
{
    static const char *const names[] = {
        "AWS_ACCESS_KEY_ID",           "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
        "AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE",           "AWS_REGION",
        "AWS_DEFAULT_REGION",          "AWS_ENDPOINT_URL",      "HOME",
    };

    for (size_t i = 0; i < COUNT_OF(names); i++)
        unsetenv(names[i]);
}

static const char *stores_make(struct world *world, const char *text, mode_t mode)
{
    const char *path = arena_printf(world->arena, "%s/stores.yaml", world->directory);

    no_variables();
    unlink(path);
    file_make(path, text);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static void test_a_bucket_finds_its_store_or_the_general_one(void **state)
{
    struct world *world = *state;
    const char *file = stores_make(
        world,
        "stores:\n"
        "  general: {endpoint: 'http://a:1/', access-key: g, secret-key: s}\n"
        "  own: {bucket: own-bucket, region: r-1, path-style: false, prefix: a/b,\n"
        "        access-key: o, secret-key: s, session-token: t}\n",
        0600);
    struct store store;
    struct err err;

    assert_int_equal(store_of_bucket(file, "own-bucket", world->arena, &store, &err),
                     RC_OK);
    assert_string_equal(store.name, "own");
    assert_string_equal(store.access_key, "o");
    assert_string_equal(store.session_token, "t");
    assert_string_equal(store.endpoint, "https://s3.r-1.amazonaws.com");
    assert_string_equal(store.prefix, "a/b");
    assert_false(store.path_style);
    assert_int_equal(store_of_bucket(file, "other", world->arena, &store, &err), RC_OK);
    assert_string_equal(store.name, "general");
    assert_string_equal(store.endpoint, "http://a:1");
    assert_string_equal(store.region, "us-east-1");
    assert_null(store.session_token);
}

static void test_an_upload_store_needs_an_entry_with_a_bucket(void **state)
{
    struct world *world = *state;
    const char *file = stores_make(world,
                                   "stores:\n"
                                   "  general: {anonymous: true}\n"
                                   "  local: {upload: false}\n"
                                   "  good: {bucket: abc, anonymous: true}\n",
                                   0644);
    struct store store;
    struct err err;

    assert_int_equal(store_of_name(file, "good", world->arena, &store, &err), RC_OK);
    assert_true(store.keeps_outputs && store.is_anonymous);
    assert_int_equal(store_of_name(file, "local", world->arena, &store, &err), RC_OK);
    assert_false(store.keeps_outputs);
    assert_int_equal(store_of_name(file, "general", world->arena, &store, &err),
                     RC_INVALID);
    assert_non_null(strstr(err.text, "stores.general.bucket"));
    assert_int_equal(store_of_name(file, "none", world->arena, &store, &err),
                     RC_NOT_FOUND);
    assert_int_equal(store_of_name(NULL, "none", world->arena, &store, &err),
                     RC_NOT_FOUND);
}

static void test_secrets_that_others_may_read_are_refused(void **state)
{
    struct world *world = *state;
    const char *file = stores_make(
        world, "stores: {a: {access-key: k, secret-key: hidden-text}}\n", 0640);
    const char *credentials =
        arena_printf(world->arena, "%s/credentials", world->directory);
    struct store store;
    struct err err;

    assert_int_equal(store_of_bucket(file, "any", world->arena, &store, &err), RC_DENIED);
    assert_non_null(strstr(err.text, "chmod 600"));
    assert_null(strstr(err.text, "hidden-text"));
    file_make(credentials, "[default]\naws_access_key_id=k\naws_secret_access_key=s\n");
    assert_int_equal(chmod(credentials, 0644), 0);
    file = stores_make(
        world,
        arena_printf(world->arena, "stores: {a: {credentials: %s}}\n", credentials),
        0644);
    assert_int_equal(store_of_bucket(file, "any", world->arena, &store, &err), RC_DENIED);
    assert_non_null(strstr(err.text, credentials));
}

static void test_credentials_come_from_file_environment_and_home(void **state)
{
    struct world *world = *state;
    const char *file = stores_make(world,
                                   "stores:\n"
                                   "  named: {bucket: named, profile: other}\n"
                                   "  plain: {bucket: plain}\n",
                                   0644);
    const char *credentials =
        arena_printf(world->arena, "%s/credentials", world->directory);
    struct store store;
    struct err err;

    assert_int_equal(store_of_bucket(file, "plain", world->arena, &store, &err),
                     RC_DENIED);
    assert_non_null(strstr(err.text, "there are no credentials"));
    file_make(credentials, "# mine\n[default]\naws_access_key_id = d\n"
                           "aws_secret_access_key = s = with\n\n[other]\r\n"
                           "aws_access_key_id=o\r\naws_secret_access_key=s\r\n");
    assert_int_equal(chmod(credentials, 0600), 0);
    setenv("AWS_SHARED_CREDENTIALS_FILE", credentials, 1);
    assert_int_equal(store_of_bucket(file, "plain", world->arena, &store, &err), RC_OK);
    assert_string_equal(store.access_key, "d");
    assert_string_equal(store.secret_key, "s = with");
    setenv("AWS_ACCESS_KEY_ID", "e", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
    assert_int_equal(store_of_bucket(file, "plain", world->arena, &store, &err), RC_OK);
    assert_string_equal(store.access_key, "e");
    assert_int_equal(store_of_bucket(file, "named", world->arena, &store, &err), RC_OK);
    assert_string_equal(store.access_key, "o");
    setenv("AWS_ENDPOINT_URL", "localhost", 1);
    assert_int_equal(store_of_bucket(file, "named", world->arena, &store, &err),
                     RC_INVALID);
    no_variables();
}

static void test_faults_of_the_file_name_line_and_key(void **state)
{
    struct world *world = *state;
    struct store store;
    struct err err;
    const char *file = stores_make(
        world, "stores:\n  a: {bucket: Not_A_Bucket, secret-key: hidden}\n", 0600);

    assert_int_equal(store_of_bucket(file, "any", world->arena, &store, &err),
                     RC_INVALID);
    assert_non_null(strstr(err.text, "stores.yaml:2: stores.a.bucket"));
    assert_null(strstr(err.text, "hidden"));
    file = stores_make(world, "stores: {a: {access-key: k}}\n", 0600);
    assert_int_equal(store_of_bucket(file, "any", world->arena, &store, &err),
                     RC_INVALID);
    assert_non_null(strstr(err.text, "needs both"));
    assert_int_equal(store_of_bucket("/nowhere/x", "any", world->arena, &store, &err),
                     RC_NOT_FOUND);
}

static void test_urls_are_encoded_as_signatures_want_it(void **state)
{
    struct world *world = *state;
    const char *const query[] = { "continuation-token", "a/b+=", "list-type", "2", NULL };
    struct store store = { .endpoint = "https://host:9000", .path_style = true };
    struct s3_place place = { .store = &store,
                              .bucket = "data",
                              .key = "a b/../ä+*?.txt" };
    const char *bucket, *key;

    assert_string_equal(s3_url(world->arena, &place, NULL),
                        "https://host:9000/data/a%20b/../%C3%A4%2B%2A%3F.txt");
    store.path_style = false;
    place.key = "";
    assert_string_equal(
        s3_url(world->arena, &place, query),
        "https://data.host:9000/?continuation-token=a%2Fb%2B%3D&list-type=2");
    assert_true(s3_uri_parse(world->arena, "S3://b/k/l", &bucket, &key));
    assert_string_equal(bucket, "b");
    assert_string_equal(key, "k/l");
    assert_false(s3_uri_parse(world->arena, "s3://b", &bucket, &key));
    assert_false(s3_uri_parse(world->arena, "s3://b/", &bucket, &key));
    assert_false(s3_uri_parse(world->arena, "s3:///k", &bucket, &key));
    assert_false(s3_uri_parse(world->arena, "s3://b@host/k", &bucket, &key));
    assert_false(s3_uri_parse(world->arena, "s3://b?x/k", &bucket, &key));
    assert_true(uri_is_pattern("s3://b/**.txt"));
    assert_false(uri_is_pattern("s3://b/a?[b].txt"));
    assert_false(uri_is_pattern("http://b/*"));
}

static enum rc take_text(void *context, const char *path, const char *text,
                         struct err *err)
{
    (void)err;
    if (*text)
        buf_printf(context, "%s=%s;", path, text);
    return RC_OK;
}

static void test_xml_gives_paths_and_texts_and_refuses_types(void **state)
{
    static const char good[] =
        "<?xml version=\"1.0\"?><l:List xmlns:l=\"u\"><Key>a&amp;b</Key><C><K>c</K></C>"
        "</l:List>";
    static const char typed[] = "<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>";
    scoped_buf out = { 0 }, deep = { 0 };
    struct err err;

    (void)state;
    assert_int_equal(xml_read(good, strlen(good), take_text, &out, &err), RC_OK);
    assert_string_equal(buf_string(&out), "List/Key=a&b;List/C/K=c;");
    assert_int_equal(xml_read(typed, strlen(typed), take_text, &out, &err), RC_PROTOCOL);
    assert_int_equal(xml_read("<a>", 3, take_text, &out, &err), RC_PROTOCOL);
    assert_int_equal(xml_read("", 0, take_text, &out, &err), RC_PROTOCOL);
    for (int i = 0; i < 1000; i++)
        buf_text(&deep, "<a>");
    assert_int_equal(xml_read(deep.data, deep.size, take_text, &out, &err), RC_PROTOCOL);
}

static void test_refusals_say_what_to_do(void **state)
{
    static const char body[] = "<Error><Code>RequestTimeTooSkewed</Code>"
                               "<Message>clock</Message></Error>";
    struct store store = { .origin = "here" };
    struct web_request request = { .shown = "s3://b/k", .store = &store };
    struct web_answer answer = { .status = 403 };
    struct err err;

    (void)state;
    buf_text(&answer.text, body);
    assert_int_equal(web_answer_judge(&request, &answer, &err), RC_UNREACHABLE);
    assert_string_equal(err.text,
                        "s3://b/k: HTTP status 403 RequestTimeTooSkewed: clock; "
                        "set this machine's clock (credentials: here)");
    assert_false(web_may_retry(RC_UNREACHABLE, &answer));
    buf_clear(&answer.text);
    buf_text(&answer.text, "no xml at all");
    answer.status = 301;
    snprintf(answer.region, sizeof answer.region, "eu-1");
    assert_int_equal(web_answer_judge(&request, &answer, &err), RC_UNREACHABLE);
    assert_non_null(strstr(err.text, "the bucket's region is eu-1"));
    answer.status = 404;
    assert_int_equal(web_answer_judge(&request, &answer, &err), RC_NOT_FOUND);
    answer.status = 503;
    assert_true(web_may_retry(web_answer_judge(&request, &answer, &err), &answer));
    web_answer_fini(&answer);
}

static bool add_index(void *context, size_t index)
{
    atomic_size_t *sum = context;

    atomic_fetch_add(sum, index + 1);
    return index != 500;
}

static void test_parallel_work_is_done_once_each_and_stops_after_a_failure(void **state)
{
    atomic_size_t sum = 0;

    (void)state;
    parallel_each(500, 4, add_index, &sum);
    assert_int_equal(sum, 500 * 501 / 2);
    parallel_each(0, 4, add_index, &sum);
    assert_int_equal(sum, 500 * 501 / 2);
    sum = 0;
    parallel_each(1000000, 1, add_index, &sum);
    assert_int_equal(sum, 501 * 502 / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(test_a_bucket_finds_its_store_or_the_general_one),
        world_test(test_an_upload_store_needs_an_entry_with_a_bucket),
        world_test(test_secrets_that_others_may_read_are_refused),
        world_test(test_credentials_come_from_file_environment_and_home),
        world_test(test_faults_of_the_file_name_line_and_key),
        world_test(test_urls_are_encoded_as_signatures_want_it),
        cmocka_unit_test(test_xml_gives_paths_and_texts_and_refuses_types),
        cmocka_unit_test(test_refusals_say_what_to_do),
        cmocka_unit_test(test_parallel_work_is_done_once_each_and_stops_after_a_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
