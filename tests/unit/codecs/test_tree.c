#include "codecs/pack/pack.h"
#include "codecs/plan/tree.h"

#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define DIGEST "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static struct tree_entry file(const char *path)
{
    return (struct tree_entry){
        .path = path, .mode = 0644, .size = 3, .digest = DIGEST, .target = ""
    };
}

static struct tree_entry link_to(const char *path, const char *target)
{
    return (struct tree_entry){
        .path = path, .mode = 0120000, .digest = "", .target = target
    };
}

/* The outcome of decoding what the entries encode to, which sorts them. */
static enum rc decode_of(struct tree_entry *entries, size_t count, struct err *err)
{
    scoped(arena) arena = arena_create(1 << 20);
    scoped_buf buf = { 0 };
    struct tree tree = { .entries = entries, .entry_count = count }, read;

    tree_encode(&buf, &tree);
    assert_true(buf_ok(&buf));
    return tree_decode(arena, buf.data, buf.size, &read, err);
}

static void test_a_tree_comes_back_sorted_by_path(void **state)
{
    scoped(arena) arena = arena_create(1 << 20);
    scoped_buf buf = { 0 };
    struct tree_entry entries[] = { file("b/c"), link_to("link", "b/c"), file("a"),
                                    file("b-x") };
    struct tree tree = { .entries = entries, .entry_count = 4 }, read = { 0 };
    struct err err;

    (void)state;
    entries[2].mode = 0755;
    tree_encode(&buf, &tree);
    assert_int_equal(tree_decode(arena, buf.data, buf.size, &read, &err), RC_OK);
    assert_int_equal(read.entry_count, 4);
    assert_string_equal(read.entries[0].path, "a");
    assert_int_equal(read.entries[0].mode, 0755);
    assert_int_equal(read.entries[0].size, 3);
    assert_string_equal(read.entries[0].digest, DIGEST);
    assert_string_equal(read.entries[1].path, "b-x");
    assert_string_equal(read.entries[2].path, "b/c");
    assert_string_equal(read.entries[3].target, "b/c");
    assert_string_equal(read.entries[3].digest, "");
}

static void test_an_empty_tree_is_a_tree(void **state)
{
    (void)state;
    assert_int_equal(decode_of(NULL, 0, NULL), RC_OK);
}

static void test_entries_that_could_do_harm_are_refused(void **state)
{
    struct tree_entry wrong_mode = file("a"), wrong_digest = file("a"),
                      file_with_target = file("a"), link_with_digest = link_to("a", "b");
    struct err err;

    (void)state;
    wrong_mode.mode = 04755;
    wrong_digest.digest = "sha256:0";
    file_with_target.target = "x";
    link_with_digest.digest = DIGEST;

    struct {
        struct tree_entry entries[3];
        size_t count;
    } cases[] = {
        { { file("/etc/passwd") }, 1 },
        { { file("../a") }, 1 },
        { { file("a"), file("a") }, 2 },
        { { link_to("a", "") }, 1 },
        { { wrong_mode }, 1 },
        { { wrong_digest }, 1 },
        { { file_with_target }, 1 },
        { { link_with_digest }, 1 },
        /* would be written through the link; "a-b" sorts between the two */
        { { link_to("a", "/etc"), file("a-b"), file("a/passwd") }, 3 },
        { { file("a"), file("a/b/c") }, 2 },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(decode_of(cases[i].entries, cases[i].count, &err), RC_PROTOCOL);
}

static void test_unsorted_bytes_are_refused(void **state)
{
    scoped(arena) arena = arena_create(1 << 20);
    scoped_buf buf = { 0 };
    struct tree tree;
    struct err err;

    (void)state;
    pack_list(&buf, 3);
    pack_text(&buf, "sluice-tree");
    pack_uint(&buf, 1);
    pack_list(&buf, 2);
    for (int i = 0; i < 2; i++) {
        pack_list(&buf, 5);
        pack_text(&buf, i == 0 ? "b" : "a");
        pack_uint(&buf, 0644);
        pack_uint(&buf, 0);
        pack_text(&buf, DIGEST);
        pack_text(&buf, "");
    }
    assert_int_equal(tree_decode(arena, buf.data, buf.size, &tree, &err), RC_PROTOCOL);
    assert_non_null(strstr(err.text, "sorted"));
}

static void test_every_cut_and_every_tail_is_refused(void **state)
{
    struct tree_entry entries[] = { file("a"), file("b") };
    struct tree tree = { .entries = entries, .entry_count = 2 }, read;
    scoped(arena) arena = arena_create(1 << 20);
    scoped_buf buf = { 0 };

    (void)state;
    tree_encode(&buf, &tree);
    for (size_t size = 0; size < buf.size; size++)
        assert_int_equal(tree_decode(arena, buf.data, size, &read, NULL), RC_PROTOCOL);
    buf_byte(&buf, 0xc0);
    assert_int_equal(tree_decode(arena, buf.data, buf.size, &read, NULL), RC_PROTOCOL);
}

static void test_a_newer_version_is_named(void **state)
{
    scoped(arena) arena = arena_create(4096);
    struct tree tree;
    struct err err;
    const char bytes[] = "\x93\xabsluice-tree\x02\x90";

    (void)state;
    assert_int_equal(tree_decode(arena, bytes, sizeof bytes - 1, &tree, &err),
                     RC_PROTOCOL);
    assert_non_null(strstr(err.text, "version 2"));
}

static void test_the_limit_of_memory_is_not_a_fault_of_the_bytes(void **state)
{
    struct tree_entry entries[] = { file("a"), file("b") };
    struct tree tree = { .entries = entries, .entry_count = 2 }, read;
    scoped(arena) arena = arena_create(16);
    scoped_buf buf = { 0 };

    (void)state;
    tree_encode(&buf, &tree);
    assert_int_equal(tree_decode(arena, buf.data, buf.size, &read, NULL), RC_NO_MEMORY);
}

static void test_safe_paths(void **state)
{
    static const char *const safe[] = { "a", "a/b", ".a", "...", "a b/ü", "..a/b" };
    static const char *const unsafe[] = { "",     "/",    "/a",     "a/",  "a//b",
                                          ".",    "..",   "a/.",    "./a", "a/../b",
                                          "a\nb", "a/..", "../../x" };
    char path[TREE_PATH_MAX + 2];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(safe); i++)
        assert_true(tree_path_is_safe(safe[i]));
    for (size_t i = 0; i < COUNT_OF(unsafe); i++)
        assert_false(tree_path_is_safe(unsafe[i]));
    memset(path, 'a', sizeof path);
    path[TREE_PATH_MAX] = '\0';
    assert_true(tree_path_is_safe(path));
    path[TREE_PATH_MAX] = 'a';
    path[TREE_PATH_MAX + 1] = '\0';
    assert_false(tree_path_is_safe(path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_tree_comes_back_sorted_by_path),
        cmocka_unit_test(test_an_empty_tree_is_a_tree),
        cmocka_unit_test(test_entries_that_could_do_harm_are_refused),
        cmocka_unit_test(test_unsorted_bytes_are_refused),
        cmocka_unit_test(test_every_cut_and_every_tail_is_refused),
        cmocka_unit_test(test_a_newer_version_is_named),
        cmocka_unit_test(test_the_limit_of_memory_is_not_a_fault_of_the_bytes),
        cmocka_unit_test(test_safe_paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
