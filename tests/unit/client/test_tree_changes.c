/* test_tree_changes.c - which files differ between two lists. */
#include "client/cli/compare/tree_changes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_new_gone_and_changed_files_are_told_apart(void **state)
{
    (void)state;
    scoped(arena) arena = arena_create(1 << 20);
    struct tree_entry before[] = { { "a", 0644, 1, "sha256:1", "" },
                                   { "b", 0644, 1, "sha256:2", "" },
                                   { "c", 0120000, 0, "", "a" },
                                   { "d", 0644, 1, "sha256:3", "" } };
    struct tree_entry after[] = { { "a", 0644, 1, "sha256:1", "" },
                                  { "b", 0755, 1, "sha256:2", "" },
                                  { "c", 0120000, 0, "", "b" },
                                  { "e", 0644, 1, "sha256:3", "" } };
    struct tree old = { before, 4 }, new = { after, 4 };
    struct tree_change *changes;
    scoped_buf said = { 0 };
    size_t count;

    assert_true(tree_changes(&old, &new, arena, &changes, &count));
    for (size_t i = 0; i < count; i++)
        buf_printf(&said, "%c%s ", changes[i].how, changes[i].path);
    assert_string_equal(buf_string(&said), "~b ~c -d +e ");
    assert_true(tree_changes(&old, &old, arena, &changes, &count));
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_gone_and_changed_files_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
