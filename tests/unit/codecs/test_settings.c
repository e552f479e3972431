#include "codecs/settings/tables.h"
#include "codecs/settings/units.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct settings *read_text(const struct settings_schema *schema, const char *text)
{
    struct settings *settings = settings_create(schema);

    assert_non_null(settings);
    settings_read(settings, "f.yaml", text, strlen(text));
    return settings;
}

static void expect_fault(const struct settings_schema *schema, const char *text,
                         const char *fault)
{
    scoped(settings) settings = read_text(schema, text);

    if (!strstr(settings_faults(settings), fault))
        fail_msg("\"%s\" gives \"%s\" and not \"%s\"", text, settings_faults(settings),
                 fault);
}

static void test_an_empty_file_gives_the_fallbacks(void **state)
{
    scoped(settings) settings = read_text(&brokerd_settings, "");
    const struct brokerd_values *values = settings_values(settings);

    (void)state;
    assert_string_equal(settings_faults(settings), "");
    assert_null(values->directory);
    assert_string_equal(values->requests, "7101");
    assert_int_equal(values->node_timeout_ms, 10000);
    assert_int_equal(values->events_keep_ms, 0);
    assert_int_equal(values->answers_max, 64 << 20);
    assert_false(values->insecure);
}

static void test_every_kind_is_read(void **state)
{
    scoped(settings) settings =
        read_text(&noded_settings, "name: a\ncpus: 3\nmemory: 4GiB\ninsecure: true\n"
                                   "gpus: [0, 2]\nlabels: [x, y]\ndrain-timeout: 1h 30m");
    scoped(settings) people =
        read_text(&sluice_settings,
                  "contexts: {lab: {broker: 'tcp://h:1', insecure: true}, b: {}}");
    const struct noded_values *node = settings_values(settings);
    const struct sluice_values *person = settings_values(people);

    (void)state;
    assert_string_equal(settings_faults(settings), "");
    assert_string_equal(settings_faults(people), "");
    assert_string_equal(node->name, "a");
    assert_int_equal(node->cpus, 3);
    assert_int_equal(node->memory, 4ull << 30);
    assert_true(node->insecure);
    assert_int_equal(node->gpus.count, 2);
    assert_string_equal(node->gpus.items[1], "2");
    assert_string_equal(node->labels.items[1], "y");
    assert_int_equal(node->drain_timeout_ms, 5400000);
    assert_int_equal(person->contexts.count, 2);

    const struct context_values *lab = person->contexts.items[0].values;

    assert_string_equal(person->contexts.items[0].name, "lab");
    assert_string_equal(lab->broker, "tcp://h:1");
    assert_true(lab->insecure);
}

static void test_faults_name_file_line_key_and_what_is_allowed(void **state)
{
    (void)state;
    expect_fault(&brokerd_settings, "\nnode-timeot: 1s",
                 "f.yaml:2: node-timeot: there is");
    expect_fault(&brokerd_settings, "node-timeot: 1s", "did you mean node-timeout?");
    expect_fault(&brokerd_settings, "listen:\n  bluk: 1", "f.yaml:2: listen.bluk: ");
    expect_fault(&brokerd_settings, "listen: 7", "listen: the value has to be a mapping");
    expect_fault(&brokerd_settings, "node-timeout: 5", "from 100ms to 1h");
    expect_fault(&brokerd_settings, "node-timeout: 2h", "from 100ms to 1h");
    expect_fault(&brokerd_settings, "node-timeout: [1s]", "has to be a duration");
    expect_fault(&brokerd_settings, "insecure: 3", "is not true or false");
    expect_fault(&brokerd_settings, "- a", "f.yaml:1: the file has to be a mapping");
    expect_fault(&noded_settings, "gpus: 2", "is no list; write auto, none, or a list");
    expect_fault(&noded_settings, "gpus: [a]", "\"a\" is not auto, none, or a list");
    expect_fault(&sluice_settings, "contexts:\n  lab: 3", "f.yaml:2: contexts: lab has");
    expect_fault(
        &sluice_settings, "contexts:\n  lab:\n    brokr: 3",
        "f.yaml:3: contexts.lab.brokr: there is no such key; did you mean broker");
}

static void test_options_win_and_their_faults_name_them(void **state)
{
    scoped(settings) settings = read_text(&noded_settings, "cpus: 3");
    const struct noded_values *values = settings_values(settings);

    (void)state;
    for (size_t i = 0; i < noded_settings.count; i++) {
        const struct setting *row = &noded_settings.rows[i];

        if (strcmp(row->key, "cpus") == 0)
            settings_set(settings, row, "5");
        else if (strcmp(row->key, "labels") == 0)
            settings_set(settings, row, "a,b");
        else if (strcmp(row->key, "memory") == 0)
            settings_set(settings, row, "much");
    }
    assert_int_equal(values->cpus, 5);
    assert_int_equal(values->labels.count, 2);
    assert_non_null(
        strstr(settings_faults(settings), "--memory: \"much\" is not a size"));
}

static void test_units_are_exact_and_bounded(void **state)
{
    uint64_t value = 7;

    (void)state;
    assert_true(duration_ms_parse("1h 30m", &value) && value == 5400000);
    assert_true(duration_ms_parse("500ms", &value) && value == 500);
    assert_true(duration_ms_parse("0", &value) && value == 0);
    assert_false(duration_ms_parse("", &value));
    assert_false(duration_ms_parse("5", &value));
    assert_false(duration_ms_parse("5x", &value));
    assert_false(duration_ms_parse("1.5h", &value));
    assert_false(duration_ms_parse("999999999999999999w", &value));
    assert_true(size_parse("512 MiB", &value) && value == 512 << 20);
    assert_true(size_parse("1GB", &value) && value == 1000000000);
    assert_false(size_parse("99999999999TiB", &value));
}

/* The table of the manual, from the rows. */
static void page_table(const struct settings_schema *schema, struct buf *out)
{
    buf_text(out, "| key | value | default | reload | |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < schema->count; i++) {
        const struct setting *row = &schema->rows[i];

        buf_printf(out, "| `%s` | ", row->key);
        setting_allowed(row, out);
        buf_printf(out, " | %s%s%s | %s | %s |\n", row->fallback ? "`" : "",
                   row->fallback ? row->fallback : "", row->fallback ? "`" : "",
                   row->is_reloadable ? "yes" : "", row->help);
    }
}

static void read_page(const char *name, struct buf *page)
{
    char path[1000];

    snprintf(path, sizeof path, "%s/%s", SOURCE_ROOT, name);

    FILE *file = fopen(path, "r");

    assert_non_null(file);
    for (int c; (c = fgetc(file)) != EOF;)
        buf_byte(page, (unsigned char)c);
    fclose(file);
}

static void test_the_manual_has_the_rows_as_they_are(void **state)
{
    const struct settings_schema *const all[] = { &brokerd_settings, &noded_settings,
                                                  &sluice_settings, &stores_settings,
                                                  &store_settings };
    scoped_buf page = { 0 };
    scoped_buf manual = { 0 };

    (void)state;
    read_page("docs/settings.md", &page);
    read_page("docs/man/sluice-settings.5", &manual);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        scoped_buf table = { 0 };

        page_table(all[i], &table);
        if (!strstr(buf_string(&page), buf_string(&table)))
            fail_msg("docs/settings.md lacks this table:\n%s", buf_string(&table));
        for (size_t k = 0; k < all[i]->count; k++) {
            scoped_buf item = { 0 };

            buf_printf(&item, ".It Cm %s\n%s\n", all[i]->rows[k].key,
                       all[i]->rows[k].help);
            if (!strstr(buf_string(&manual), buf_string(&item)))
                fail_msg("sluice-settings.5 lacks:\n%s", buf_string(&item));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_file_gives_the_fallbacks),
        cmocka_unit_test(test_every_kind_is_read),
        cmocka_unit_test(test_faults_name_file_line_key_and_what_is_allowed),
        cmocka_unit_test(test_options_win_and_their_faults_name_them),
        cmocka_unit_test(test_units_are_exact_and_bounded),
        cmocka_unit_test(test_the_manual_has_the_rows_as_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
