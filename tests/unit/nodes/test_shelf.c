/* test_shelf.c - folders of attempts that are used again. */
#include "attempt_world.h"

#include "codecs/plan/tree.h"
#include "nodes/staging/shelf.h"

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

static void test_another_run_or_stage_does_not_get_the_folder(void **state)
{
    struct world *world = shelf_world(state, "true");

    assert_true(is_kept(world));
    world->identity.token = 8;
    world->stage.name = "other";
    world_prepare(world);
    world->identity.token = 9;
    world->stage.name = "train";
    world->identity.run_id = "22222222-2222-4333-8444-555555555555";
    world_prepare(world);
    assert_int_equal(shelf_drop(world->staging.shelf, 0), 7);
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
        world_test(test_another_run_or_stage_does_not_get_the_folder),
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
