#include "client/cli/reference.h"
#include "fake_sluice.h"

#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

static void test_a_reference_is_split_at_the_first_slash(void **state)
{
    struct reference reference;

    (void)state;
    assert_true(reference_split("last/train/3", &reference));
    assert_string_equal(reference.run, "last");
    assert_string_equal(reference.rest, "train/3");
    assert_true(reference_split("12", &reference));
    assert_null(reference.rest);
    assert_false(reference_split("", &reference));
    assert_false(reference_split("/train", &reference));
}

static enum rc find(const char *rest, struct stage_match *match)
{
    static const char *const names[] = { "prepare", "train", "train-more", "odd/1" };
    struct err err;

    return reference_stage(rest, names, COUNT_OF(names), match, &err);
}

static void test_stages_are_found_by_name_or_unique_prefix(void **state)
{
    struct stage_match match;

    (void)state;
    assert_int_equal(find("train", &match), RC_OK);
    assert_int_equal(match.stage, 1);
    assert_false(match.has_task);
    assert_int_equal(find("p/12", &match), RC_OK);
    assert_int_equal(match.stage, 0);
    assert_true(match.has_task);
    assert_int_equal(match.task, 12);
    assert_int_equal(find("train/0", &match), RC_OK);
    assert_int_equal(match.stage, 1);
}

static void test_a_stage_name_may_end_like_a_task_number(void **state)
{
    struct stage_match match;

    (void)state;
    assert_int_equal(find("odd/1", &match), RC_OK);
    assert_int_equal(match.stage, 3);
    assert_false(match.has_task);
    assert_int_equal(find("odd/1/4", &match), RC_OK);
    assert_int_equal(match.stage, 3);
    assert_int_equal(match.task, 4);
}

static void test_ambiguous_and_unknown_names_are_told_apart(void **state)
{
    struct stage_match match;

    (void)state;
    assert_int_equal(find("tr", &match), RC_INVALID);
    assert_int_equal(find("tr/1", &match), RC_INVALID);
    assert_int_equal(find("deploy", &match), RC_NOT_FOUND);
    assert_int_equal(find("", &match), RC_INVALID);
    assert_int_equal(find("train/x", &match), RC_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_reference_is_split_at_the_first_slash),
        cmocka_unit_test(test_stages_are_found_by_name_or_unique_prefix),
        cmocka_unit_test(test_a_stage_name_may_end_like_a_task_number),
        cmocka_unit_test(test_ambiguous_and_unknown_names_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
