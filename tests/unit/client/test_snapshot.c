#include "client/cli/project/inputs.h"
#include "client/cli/project/snapshot.h"
#include "client/cli/project/spawn.h"
#include "fake_sluice.h"
#include "project_fixture.h"

#include <setjmp.h>
#include <cmocka.h>

/* The paths of the snapshot of the working directory, one a line, as tree_encode sorts
 * them. */
static void take(struct fixture *fixture, struct snapshot *snapshot, struct arena *arena,
                 struct buf *paths)
{
    scoped(digests) digests = digests_create(NULL);
    scoped_buf bytes = { 0 };
    struct err err;

    if (snapshot_take(fixture->folder, digests, arena, snapshot, &err) != RC_OK)
        fail_msg("%s", err.text);
    tree_encode(&bytes, &snapshot->tree);
    for (size_t i = 0; i < snapshot->tree.entry_count; i++)
        buf_printf(paths, "%s\n", snapshot->tree.entries[i].path);
}

static void git(const char *const *argv)
{
    struct spawned spawned;
    scoped_buf out = { 0 };
    struct err err;

    if (spawn_start(argv, &spawned, &err) != RC_OK
        || spawn_finish(&spawned, &out, &err) != RC_OK)
        fail_msg("git %s: %s", argv[1], err.text);
}
#define GIT(...) git((const char *const[]){ "git", __VA_ARGS__, NULL })

static void test_without_git_the_folder_is_walked(void **state)
{
    scoped(arena) arena = arena_create(1 << 20);
    struct snapshot snapshot;
    scoped_buf paths = { 0 };

    fixture_file("b/code.py", "print()\n");
    fixture_file("a.txt", "a");
    fixture_file(".sluice/store", "x");
    fixture_file("data/big.bin", "x");
    fixture_file(".vhignore", "data/\n");
    assert_int_equal(symlink("/etc/passwd", "link"), 0);
    assert_int_equal(chmod("b/code.py", 0755), 0);
    take(*state, &snapshot, arena, &paths);
    assert_string_equal(buf_string(&paths), ".vhignore\na.txt\nb/code.py\nlink\n");
    assert_int_equal(snapshot.tree.entries[2].mode, 0755);
    assert_int_equal(snapshot.tree.entries[3].mode, 0120000);
    assert_string_equal(snapshot.tree.entries[3].target, "/etc/passwd");
    assert_int_equal(snapshot.code.file_count, 4);
    assert_null(snapshot.code.commit);
}

static void test_with_git_its_ignored_files_are_left_out(void **state)
{
    scoped(arena) arena = arena_create(1 << 20);
    struct snapshot snapshot;
    scoped_buf paths = { 0 };

    fixture_file("kept.py", "1");
    fixture_file("deleted.py", "1");
    fixture_file(".gitignore", "*.o\n");
    GIT("init", "-q", "-b", "trunk");
    GIT("add", ".");
    GIT("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "x");
    take(*state, &snapshot, arena, &paths);
    assert_false(snapshot.code.is_dirty);
    assert_int_equal(strlen(snapshot.code.commit), 40);
    assert_string_equal(snapshot.code.branch, "trunk");

    unlink("deleted.py");
    fixture_file("new.py", "1");
    fixture_file("x.o", "1");
    fixture_file("secret.py", "1");
    fixture_file(".vhignore", "secret.py\n");
    buf_clear(&paths);
    take(*state, &snapshot, arena, &paths);
    assert_string_equal(buf_string(&paths), ".gitignore\n.vhignore\nkept.py\nnew.py\n");
    assert_true(snapshot.code.is_dirty);
}

static void test_a_remembered_digest_follows_the_file(void **state)
{
    struct digest_set first, second;
    uint64_t size;
    struct err err;
    char path[128];

    snprintf(path, sizeof path, "%s/file", ((struct fixture *)*state)->folder);
    fixture_file("file", "one");
    for (int round = 0; round < 2; round++) {
        scoped(digests) digests = digests_create("cache/digests");

        assert_int_equal(digests_get(digests, path, true, &first, &size, &err), RC_OK);
        digests_save(digests);
    }
    fixture_file("file", "two");

    scoped(digests) digests = digests_create("cache/digests");

    assert_int_equal(digests_get(digests, path, false, &second, &size, &err), RC_OK);
    assert_string_not_equal(first.sha256, second.sha256);
    assert_int_equal(strlen(first.md5), 32);
}

static void test_the_cache_of_digests_is_used(void **state)
{
    struct digest_set set;
    struct stat status;
    uint64_t size;
    struct err err;
    char path[128], line[512];

    snprintf(path, sizeof path, "%s/file", ((struct fixture *)*state)->folder);
    fixture_file("file", "one");
    assert_int_equal(stat(path, &status), 0);
    snprintf(line, sizeof line, "%064d - - %ju %ju %ju %jd %jd %s\nnonsense\n", 7,
             (uintmax_t)status.st_dev, (uintmax_t)status.st_ino,
             (uintmax_t)status.st_size,
             (intmax_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec,
             (intmax_t)status.st_ctim.tv_sec * 1000000000 + status.st_ctim.tv_nsec, path);
    fixture_file("digests", line);

    scoped(digests) digests = digests_create("digests");

    assert_int_equal(digests_get(digests, path, false, &set, &size, &err), RC_OK);
    assert_string_equal(
        set.sha256,
        "sha256:0000000000000000000000000000000000000000000000000000000000000007");
    assert_int_equal(digests_get(digests, path, true, &set, &size, &err), RC_OK);
    assert_string_equal(set.md5, "f97c5d29941bfb1b2fdab0874906ab82");
}

static void test_local_uris_are_told_from_remote_ones(void **state)
{
    static const struct {
        const char *uri, *path;
    } cases[] = {
        { "data/a.csv", "/p/data/a.csv" },
        { "./a.csv", "/p/a.csv" },
        { "/abs/a", "/abs/a" },
        { "file:///abs/a%20b", "/abs/a b" },
        { "file:a", "/p/a" },
        { "file://localhost/abs", "/abs" },
        { "https://host/a", NULL },
        { "s3://bucket/a", NULL },
        { "a:b", "/p/a:b" },
        { "file:100%", "/p/100%" },
    };
    scoped(arena) arena = arena_create(1 << 20);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool is_local;
        const char *path = inputs_local_path(arena, "/p", cases[i].uri, &is_local);

        assert_int_equal(is_local, cases[i].path != NULL);
        if (is_local)
            assert_string_equal(path, cases[i].path);
    }
}

static void test_names_of_matched_files_keep_folders_as_asked(void **state)
{
    (void)state;
    assert_string_equal(inputs_file_name("d/**.jpg", "d/x/a.jpg", KEEP_NONE), "a.jpg");
    assert_string_equal(inputs_file_name("d/**.jpg", "d/x/a.jpg", KEEP_SUFFIX),
                        "x/a.jpg");
    assert_string_equal(inputs_file_name("d/**.jpg", "d/x/a.jpg", KEEP_FULL),
                        "d/x/a.jpg");
    assert_string_equal(inputs_file_name("/e/*", "/e/a", KEEP_FULL), "e/a");
    assert_string_equal(inputs_file_name("../a", "../a", KEEP_FULL), "a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_without_git_the_folder_is_walked,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_with_git_its_ignored_files_are_left_out,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_remembered_digest_follows_the_file,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_the_cache_of_digests_is_used, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test(test_local_uris_are_told_from_remote_ones),
        cmocka_unit_test(test_names_of_matched_files_keep_folders_as_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
