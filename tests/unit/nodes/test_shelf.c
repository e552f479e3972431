/* test_shelf.c - folders of attempts that are used again. */
#include "attempt_world.h"

#include "codecs/plan/tree.h"
#include "nodes/staging/shelf.h"

#include <sys/xattr.h>

static struct world *shelf_world(void **state, const char *command)
{
    struct world *world = *state;

    world->staging.shelf = shelf_create();
    assert_non_null(world->staging.shelf);
    world_commands(world, command);
    world_prepare(world);
    assert_int_equal(world_run(world), 0);
    return world;
}

static void shelf_end(struct world *world)
{
    shelf_destroy(world->staging.shelf);
    world->staging.shelf = NULL;
}

static bool is_kept(struct world *world)
{
    return shelf_put(&world->staging, &world->identity, &world->stage);
}

/* A file of attempt 8. */
static const char *text_of_next(struct world *world, const char *name)
{
    char path[256];

    snprintf(path, sizeof path, "%s/attempts/8/%s", world->directory, name);
    return text_of(world, path);
}

static ino_t inode_of(struct world *world, unsigned token, const char *name)
{
    struct stat found;
    char path[256];

    snprintf(path, sizeof path, "%s/attempts/%u/%s", world->directory, token, name);
    assert_int_equal(stat(path, &found), 0);
    return found.st_ino;
}

static void test_the_next_attempt_gets_the_folder_as_if_it_were_new(void **state)
{
    struct world *world =
        shelf_world(state, "echo said; echo x >$VH_OUTPUTS_DIR/x; echo t >$TMPDIR/t;"
                           " echo more >../more; chmod 600 $VH_CONFIG_DIR/api.json;"
                           " echo changed >$VH_CONFIG_DIR/api.json");
    ino_t outputs = inode_of(world, 7, "outputs"),
          api = inode_of(world, 7, "config/api.json");
    char path[256];

    assert_true(is_kept(world));
    world->identity.token = 8;
    world->identity.execution_counter = 13;
    world_prepare(world);
    assert_int_equal(inode_of(world, 8, "outputs"), outputs);
    assert_int_equal(inode_of(world, 8, "config/api.json"), api);
    assert_string_equal(text_of_next(world, "stdout"), "");
    assert_null(text_of_next(world, "outputs/x"));
    assert_null(text_of_next(world, "tmp/t"));
    assert_null(text_of_next(world, "more"));
    assert_string_equal(text_of_next(world, "config/api.json"), "{}\n");
    assert_non_null(strstr(text_of_next(world, "config/execution.json"),
                           "\"valohai.execution-counter\": 13"));
    snprintf(path, sizeof path, "%s/attempts/7", world->directory);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(shelf_drop(world->staging.shelf, 0), 0);
    shelf_end(world);
}

static void test_code_that_a_task_changed_is_right_for_the_next(void **state)
{
    struct world *world = *state;
    const char *digest = world_object(world, "print 1\n", 8);
    struct tree_entry entries[] = {
        { "a/b/run.sh", 0755, 8, digest, "" },      { "a/c", 0644, 8, digest, "" },
        { "a/link", 0120000, 0, "", "../main.py" }, { "kept.py", 0644, 8, digest, "" },
        { "main.py", 0644, 8, digest, "" },
    };
    struct tree tree = { entries, COUNT_OF(entries) };
    scoped_buf buf = { 0 };
    struct stat found;
    char path[256];

    tree_encode(&buf, &tree);
    world->identity.code.tree = world_object(world, buf.data, buf.size);
    shelf_world(state, "printf 'print 2\\n' >main.py; mkdir -p a/__cache__/deep;"
                       " touch a/__cache__/deep/er; ln -sf /etc/passwd a/link;"
                       " rm a/c; mkdir a/c; chmod 600 a/b/run.sh; ln kept.py other.py");
    assert_true(is_kept(world));
    world->identity.token = 8;
    world_prepare(world);
    assert_string_equal(text_of_next(world, "repository/main.py"), "print 1\n");
    assert_string_equal(text_of_next(world, "repository/a/link"), "print 1\n");
    assert_string_equal(text_of_next(world, "repository/a/c"), "print 1\n");
    assert_null(text_of_next(world, "repository/other.py"));
    snprintf(path, sizeof path, "%s/attempts/8/repository/a/__cache__", world->directory);
    assert_int_equal(access(path, F_OK), -1);
    snprintf(path, sizeof path, "%s/attempts/8/repository/a/b/run.sh", world->directory);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0755);
    assert_int_equal(found.st_nlink, 1);
    shelf_end(world);
}

static void test_code_that_nobody_touched_stays(void **state)
{
    struct world *world = *state;
    const char *digest = world_object(world, "print 1\n", 8);
    struct tree_entry entries[] = { { "a/main.py", 0644, 8, digest, "" } };
    struct tree tree = { entries, COUNT_OF(entries) };
    scoped_buf buf = { 0 };
    ino_t main_file;

    tree_encode(&buf, &tree);
    world->identity.code.tree = world_object(world, buf.data, buf.size);
    shelf_world(state, "true");
    main_file = inode_of(world, 7, "repository/a/main.py");
    assert_true(is_kept(world));
    world->identity.token = 8;
    world_prepare(world);
    assert_int_equal(inode_of(world, 8, "repository/a/main.py"), main_file);
    shelf_end(world);
}

/* A small object that the cache has with others in one file. */
static const char *packed(struct world *world, const char *text)
{
    char digest[DIGEST_TEXT_SIZE];
    struct object_small item = { .digest = digest, .bytes = text, .size = strlen(text) };
    struct err err;

    digest_bytes(text, strlen(text), digest);
    assert_int_equal(objects_add(cache_objects(world->cache), &item, 1, false, &err),
                     RC_OK);
    return arena_text(world->arena, digest);
}

static void code_set(struct world *world, struct tree_entry *entries, size_t count)
{
    struct tree tree = { entries, count };
    scoped_buf buf = { 0 };

    tree_encode(&buf, &tree);
    world->identity.code.tree = world_object(world, buf.data, buf.size);
}

static void assert_mode_of_next(struct world *world, const char *name, mode_t mode)
{
    struct stat found;
    char path[256];

    snprintf(path, sizeof path, "%s/attempts/8/%s", world->directory, name);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 07777, mode);
}

static void test_files_of_old_code_become_those_of_the_new(void **state)
{
    struct world *world = *state;
    struct tree_entry old[] = {
        { "main.py", 0644, 12, packed(world, "print 12345\n"), "" },
        { "old/a", 0644, 2, packed(world, "a\n"), "" },
        { "old/b", 0644, 2, packed(world, "b\n"), "" },
        { "old/c", 0644, 2, packed(world, "c\n"), "" },
    };
    struct tree_entry new[] = {
        { "main.py", 0755, 8, packed(world, "print 1\n"), "" },
        { "new/a", 0644, 4, packed(world, "aaa\n"), "" },
        { "new/b", 0644, 1, packed(world, "b"), "" },
    };
    ino_t main_file, sum = 0;

    code_set(world, old, COUNT_OF(old));
    shelf_world(state, "true");
    main_file = inode_of(world, 7, "repository/main.py");
    sum = inode_of(world, 7, "repository/old/b") + inode_of(world, 7, "repository/old/a")
          + inode_of(world, 7, "repository/old/c");
    assert_true(is_kept(world));
    world->identity.token = 8;
    code_set(world, new, COUNT_OF(new));
    world_prepare(world);
    assert_string_equal(text_of_next(world, "repository/main.py"), "print 1\n");
    assert_string_equal(text_of_next(world, "repository/new/a"), "aaa\n");
    assert_string_equal(text_of_next(world, "repository/new/b"), "b");
    assert_null(text_of_next(world, "repository/old"));
    assert_null(text_of_next(world, "repository/old/c"));
    assert_mode_of_next(world, "repository/main.py", 0755);
    assert_int_equal(inode_of(world, 8, "repository/main.py"), main_file);
    assert_true(inode_of(world, 8, "repository/new/a")
                    + inode_of(world, 8, "repository/new/b")
                < sum);
    shelf_end(world);
}

static void test_a_file_in_place_of_a_folder_and_the_other_way_round(void **state)
{
    struct world *world = *state;
    const char *digest = packed(world, "x\n");
    struct tree_entry old[] = {
        { "one", 0644, 2, digest, "" },
        { "two/a/b", 0644, 2, digest, "" },
        { "two/a/c", 0644, 2, digest, "" },
    };
    struct tree_entry new[] = {
        { "one/deep/a", 0644, 2, digest, "" },
        { "one/deep/b", 0644, 2, digest, "" },
        { "two", 0644, 2, digest, "" },
    };

    code_set(world, old, COUNT_OF(old));
    shelf_world(state, "true");
    assert_true(is_kept(world));
    world->identity.token = 8;
    code_set(world, new, COUNT_OF(new));
    world_prepare(world);
    assert_string_equal(text_of_next(world, "repository/one/deep/a"), "x\n");
    assert_string_equal(text_of_next(world, "repository/one/deep/b"), "x\n");
    assert_string_equal(text_of_next(world, "repository/two"), "x\n");
    shelf_end(world);
}

static void test_a_left_file_with_a_second_name_or_attributes_is_made_anew(void **state)
{
    struct world *world = *state;
    struct tree_entry old[] = { { "old", 0644, 2, packed(world, "o\n"), "" } };
    struct tree_entry new[] = { { "new", 0644, 2, packed(world, "n\n"), "" } };
    char path[256];

    code_set(world, old, COUNT_OF(old));
    shelf_world(state, "ln old ../../second; echo more >more");
    snprintf(path, sizeof path, "%s/attempts/7/repository/more", world->directory);
    setxattr(path, "user.note", "x", 1, 0); /* not on every file system */
    assert_true(is_kept(world));
    world->identity.token = 8;
    code_set(world, new, COUNT_OF(new));
    world_prepare(world);
    assert_string_equal(text_of_next(world, "repository/new"), "n\n");
    assert_null(text_of_next(world, "repository/old"));
    assert_null(text_of_next(world, "repository/more"));
    snprintf(path, sizeof path, "%s/attempts/second", world->directory);
    assert_string_equal(text_of(world, path), "o\n");
    snprintf(path, sizeof path, "%s/attempts/8/repository/new", world->directory);
    assert_true(getxattr(path, "user.note", NULL, 0) < 0);
    shelf_end(world);
}

static void test_only_the_same_stage_of_the_same_pipeline_gets_the_folder(void **state)
{
    struct world *world = shelf_world(state, "true");
    struct attempt_identity identity = world->identity;

    assert_true(is_kept(world));
    world->identity.token = 8;
    world->stage.name = "other";
    world_prepare(world);
    world->stage.name = "train";
    world->identity.token = 9;
    world->identity.project = "letters";
    world_prepare(world);
    world->identity = identity;
    world->identity.token = 10;
    world->identity.title = "predict";
    world_prepare(world);
    assert_int_equal(access(world_path(world, "identity"), F_OK), 0);
    world->identity = identity;
    world->identity.token = 11;
    world->identity.run_id = "22222222-2222-4333-8444-555555555555";
    world_prepare(world);
    assert_int_equal(access(world_path(world, "identity"), F_OK), -1);
    assert_int_equal(shelf_drop(world->staging.shelf, 0), 0);
    shelf_end(world);
}

static void not_kept_after(void **state, const char *command)
{
    struct world *world = shelf_world(state, command);

    if (is_kept(world))
        fail_msg("kept after: %s", command);
    shelf_end(world);
}

static void test_a_folder_of_another_mode_is_not_used_again(void **state)
{
    not_kept_after(state, "chmod 777 $VH_OUTPUTS_DIR");
}

static void test_a_link_in_place_of_a_folder_is_not_used_again(void **state)
{
    not_kept_after(state, "rmdir $TMPDIR; ln -s /tmp $TMPDIR");
}

static void test_a_folder_with_folders_left_is_not_used_again(void **state)
{
    not_kept_after(state, "mkdir $VH_OUTPUTS_DIR/sub");
}

static void test_another_file_in_config_is_not_used_again(void **state)
{
    not_kept_after(state, "echo >$VH_CONFIG_DIR/distributed.json");
}

static void test_a_stream_with_a_second_name_is_not_used_again(void **state)
{
    not_kept_after(state, "ln ../stdout ../../second");
}

static void test_a_missing_folder_is_not_used_again(void **state)
{
    not_kept_after(state, "rmdir $VH_INPUTS_DIR");
}

static void test_a_config_file_with_a_second_name_is_made_anew(void **state)
{
    struct world *world = shelf_world(state, "ln $VH_CONFIG_DIR/api.json ../../second;"
                                             " chmod 600 ../../second");
    char path[256];

    assert_true(is_kept(world));
    snprintf(path, sizeof path, "%s/attempts/second", world->directory);
    world->identity.token = 8;
    world_prepare(world);
    file_make(path, "from outside");
    assert_string_equal(text_of_next(world, "config/api.json"), "{}\n");
    shelf_end(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(test_the_next_attempt_gets_the_folder_as_if_it_were_new),
        world_test(test_code_that_a_task_changed_is_right_for_the_next),
        world_test(test_code_that_nobody_touched_stays),
        world_test(test_files_of_old_code_become_those_of_the_new),
        world_test(test_a_file_in_place_of_a_folder_and_the_other_way_round),
        world_test(test_a_left_file_with_a_second_name_or_attributes_is_made_anew),
        world_test(test_only_the_same_stage_of_the_same_pipeline_gets_the_folder),
        world_test(test_a_folder_of_another_mode_is_not_used_again),
        world_test(test_a_link_in_place_of_a_folder_is_not_used_again),
        world_test(test_a_folder_with_folders_left_is_not_used_again),
        world_test(test_another_file_in_config_is_not_used_again),
        world_test(test_a_stream_with_a_second_name_is_not_used_again),
        world_test(test_a_missing_folder_is_not_used_again),
        world_test(test_a_config_file_with_a_second_name_is_made_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
