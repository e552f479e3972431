#include "client/cli/options.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

struct read {
    bool follow, times;
    const char *title;
    int64_t priority;
    uint64_t limit;
    struct texts parameters;
    size_t words;
    struct err err;
    enum rc rc;
    char *argv[12];
};

static void read_words(struct read *read, const char *const *words)
{
    static char texts[12][64];
    int argc = 0;
    const struct option options[] = {
        { "follow", 'f', OPTION_FLAG, &read->follow },
        { "times", 't', OPTION_FLAG, &read->times },
        { "title", 0, OPTION_TEXT, &read->title },
        { "limit", 'n', OPTION_NUMBER, &read->limit },
        { "priority", 0, OPTION_SIGNED, &read->priority },
        { "parameter", 'p', OPTION_LIST, &read->parameters },
    };

    for (; words[argc]; argc++) {
        snprintf(texts[argc], sizeof texts[argc], "%s", words[argc]);
        read->argv[argc] = texts[argc];
    }
    read->rc = options_read(argc, read->argv, options, COUNT_OF(options), &read->words,
                            &read->err);
}
#define READ(read, ...) read_words(read, (const char *const[]){ "v", __VA_ARGS__, NULL })

static void test_options_and_words_may_be_mixed(void **state)
{
    struct read read = { 0 };

    (void)state;
    READ(&read, "one", "-f", "two", "--limit", "5", "three");
    assert_int_equal(read.rc, RC_OK);
    assert_int_equal(read.words, 3);
    assert_string_equal(read.argv[1], "one");
    assert_string_equal(read.argv[3], "three");
    assert_true(read.follow);
    assert_int_equal(read.limit, 5);
}

static void test_a_signed_number_may_be_below_zero(void **state)
{
    struct read read = { 0 };

    (void)state;
    READ(&read, "--priority", "-5");
    assert_int_equal(read.rc, RC_OK);
    assert_int_equal(read.priority, -5);
    READ(&read, "--priority=7");
    assert_int_equal(read.priority, 7);
    READ(&read, "--priority", "-");
    assert_int_equal(read.rc, RC_INVALID);
    READ(&read, "--priority=5x");
    assert_int_equal(read.rc, RC_INVALID);
}

static void test_a_value_may_be_attached(void **state)
{
    struct read read = { 0 };

    (void)state;
    READ(&read, "-n7", "--title=a=b", "-pC=1", "-p", "C=2");
    assert_int_equal(read.rc, RC_OK);
    assert_int_equal(read.limit, 7);
    assert_string_equal(read.title, "a=b");
    assert_int_equal(read.parameters.count, 2);
    assert_string_equal(read.parameters.items[1], "C=2");
    texts_fini(&read.parameters);
}

static void test_letters_of_flags_may_stand_together(void **state)
{
    struct read read = { 0 };

    (void)state;
    READ(&read, "-ftn3");
    assert_true(read.follow && read.times);
    assert_int_equal(read.limit, 3);
}

static void test_two_dashes_end_the_options(void **state)
{
    struct read read = { 0 };

    (void)state;
    READ(&read, "--", "-f", "--limit");
    assert_int_equal(read.words, 2);
    assert_false(read.follow);
}

static void test_a_misspelt_option_gets_the_nearest(void **state)
{
    struct read read = { 0 };

    (void)state;
    READ(&read, "--titl=x");
    assert_int_equal(read.rc, RC_INVALID);
    assert_non_null(strstr(read.err.text, "did you mean --title?"));
}

static void test_wrong_values_are_refused(void **state)
{
    static const char *const wrong[] = { "--limit=x", "--limit=-1",
                                         "-n",        "--follow=1",
                                         "-x",        "--limit=99999999999999999999" };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct read read = { 0 };

        READ(&read, wrong[i]);
        assert_int_equal(read.rc, RC_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_and_words_may_be_mixed),
        cmocka_unit_test(test_a_signed_number_may_be_below_zero),
        cmocka_unit_test(test_a_value_may_be_attached),
        cmocka_unit_test(test_letters_of_flags_may_stand_together),
        cmocka_unit_test(test_two_dashes_end_the_options),
        cmocka_unit_test(test_a_misspelt_option_gets_the_nearest),
        cmocka_unit_test(test_wrong_values_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
