#include "codecs/glob/glob.h"
#include "client/cli/project/vhignore.h"

#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

static bool ignores(const char *text, const char *path)
{
    scoped(vhignore) vhignore = vhignore_create(text, strlen(text));

    assert_non_null(vhignore);
    return vhignore_matches(vhignore, path, false);
}

static void test_a_name_fits_at_any_depth(void **state)
{
    (void)state;
    assert_true(ignores("*.log\n", "a.log"));
    assert_true(ignores("*.log", "x/y/a.log"));
    assert_false(ignores("*.log", "a.log.txt"));
    assert_true(ignores("cache", "x/cache/file"));
}

static void test_a_slash_ties_a_pattern_to_the_top(void **state)
{
    (void)state;
    assert_true(ignores("/data", "data"));
    assert_false(ignores("/data", "x/data"));
    assert_true(ignores("a/b", "a/b/c"));
    assert_false(ignores("a/b", "x/a/b"));
    assert_true(ignores("data/", "x/data/file"));
}

static void test_a_pattern_for_folders_leaves_files_alone(void **state)
{
    scoped(vhignore) vhignore = vhignore_create("data/", 5);

    (void)state;
    assert_false(vhignore_matches(vhignore, "data", false));
    assert_true(vhignore_matches(vhignore, "data", true));
}

static void test_the_last_pattern_decides(void **state)
{
    (void)state;
    assert_false(ignores("*.log\n!keep.log\n", "keep.log"));
    assert_true(ignores("!keep.log\n*.log\n", "keep.log"));
    /* What lies in a folder that is left out stays out. */
    assert_true(ignores("logs/\n!logs/keep.log\n", "logs/keep.log"));
    assert_false(ignores("logs/*\n!logs/keep.log\n", "logs/keep.log"));
}

static void test_comments_blanks_and_escapes(void **state)
{
    (void)state;
    assert_false(ignores("# a\n\n   \n", "a"));
    assert_true(ignores("\\#a\n", "#a"));
    assert_true(ignores("\\!a\n", "!a"));
    assert_true(ignores("a   \n", "a"));
    assert_true(ignores("a\\ \n", "a "));
    assert_true(ignores("a\r\n", "a"));
}

static void test_two_stars_stand_for_folders(void **state)
{
    (void)state;
    assert_true(ignores("**/tmp", "a/b/tmp"));
    assert_true(ignores("**/tmp", "tmp"));
    assert_true(ignores("a/**", "a/b/c"));
    assert_false(ignores("a/**", "a"));
    assert_true(ignores("a/**/z", "a/z"));
    assert_true(ignores("a/**/z", "a/b/c/z"));
    assert_false(ignores("a/**/z", "b/z"));
    assert_false(ignores("/a**z", "ab/z"));
}

static void test_globs_match_parts_of_a_path(void **state)
{
    (void)state;
    assert_true(glob_matches("data/*.csv", "data/a.csv", true));
    assert_false(glob_matches("data/*.csv", "data/x/a.csv", true));
    assert_true(glob_matches("data/**.csv", "data/x/a.csv", true));
    assert_true(glob_matches("data/**/*.csv", "data/a.csv", true));
    assert_true(glob_matches("[a-c]?[!x]", "abz", true));
    assert_false(glob_matches("[a-c]?[!x]", "abx", true));
    assert_false(glob_matches("a[!x]b", "a/b", true));
    assert_true(glob_matches("a[", "a[", true));
    assert_true(glob_matches("[]]", "]", true));
    assert_true(glob_matches("", "", true));
}

static void test_many_stars_do_not_take_forever(void **state)
{
    char pattern[401], path[1001];

    (void)state;
    for (size_t i = 0; i < 400; i += 2)
        memcpy(pattern + i, "*a", 2);
    pattern[400] = '\0';
    memset(path, 'a', 1000);
    path[999] = 'b';
    path[1000] = '\0';
    assert_false(glob_matches(pattern, path, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name_fits_at_any_depth),
        cmocka_unit_test(test_a_slash_ties_a_pattern_to_the_top),
        cmocka_unit_test(test_a_pattern_for_folders_leaves_files_alone),
        cmocka_unit_test(test_the_last_pattern_decides),
        cmocka_unit_test(test_comments_blanks_and_escapes),
        cmocka_unit_test(test_two_stars_stand_for_folders),
        cmocka_unit_test(test_globs_match_parts_of_a_path),
        cmocka_unit_test(test_many_stars_do_not_take_forever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
