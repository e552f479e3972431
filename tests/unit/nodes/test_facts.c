/* test_facts.c - the environment object, from a Python that is only names of files. */
#include "attempt_world.h"
#include "nodes/staging/facts.h"
#include "nodes/staging/interpreter.h"

static void make_folder(struct world *world, const char *name)
{
    char *path = strdup(world_path(world, name));

    for (char *at = path + 1; *at; at++)
        if (*at == '/') {
            *at = '\0';
            mkdir(path, 0700);
            *at = '/';
        }
    mkdir(path, 0700);
    free(path);
}

static void make_file(struct world *world, const char *name, const char *text)
{
    file_make(world_path(world, name), text);
}

static void make_python(struct world *world)
{
    make_folder(world, "bin");
    make_folder(world, "lib/python3.11/site-packages/numpy-1.26.0.dist-info");
    make_folder(world, "lib/python3.11/site-packages/attrs-22.1-py3.11.egg-info");
    make_folder(world, "lib/python3.11/site-packages/attrs");
    make_file(world, "bin/python3.11", "");
    assert_int_equal(chmod(world_path(world, "bin/python3.11"), 0700), 0);

    char *link = strdup(world_path(world, "bin/python3"));

    assert_int_equal(symlink("python3.11", link), 0);
    free(link);
}

static void find_python(const char *path, const char *folder, struct interpreter *python)
{
    interpreter_find(&(struct interpreter_search){ .path = path, .folder = folder },
                     python);
}

static void test_the_packages_are_the_names_of_folders(void **state)
{
    struct world *world = *state;
    struct interpreter *python = calloc(1, sizeof *python);
    struct packages packages = { .arena = world->arena };
    struct err err;

    make_python(world);
    find_python(world_path(world, "bin"), NULL, python);
    assert_string_equal(python->path, world_path(world, "bin/python3"));
    assert_string_equal(python->version, "3.11");
    assert_int_equal(interpreter_packages(python, &packages, &err), RC_OK);
    assert_int_equal(packages.count, 2);
    assert_string_equal(packages.names[0], "attrs==22.1");
    assert_string_equal(packages.names[1], "numpy==1.26.0");
    free(python);
}

static void test_a_virtual_environment_tells_its_version_and_hides_the_rest(void **state)
{
    struct world *world = *state;
    struct interpreter *python = calloc(1, sizeof *python);
    struct packages packages = { .arena = world->arena };
    struct err err;

    make_python(world);
    make_folder(world, "venv/bin");
    make_folder(world, "venv/lib/python3.11/site-packages/torch-2.1.dist-info");
    make_file(world, "venv/pyvenv.cfg", "home = /x\nversion = 3.11.2\n");

    char *link = strdup(world_path(world, "venv/bin/python3"));

    assert_int_equal(symlink("../../bin/python3.11", link), 0);
    free(link);
    find_python(world_path(world, "venv/bin"), NULL, python);
    assert_string_equal(python->version, "3.11.2");
    assert_int_equal(interpreter_packages(python, &packages, &err), RC_OK);
    assert_int_equal(packages.count, 1);
    assert_string_equal(packages.names[0], "torch==2.1");
    free(python);
}

/* Versions 3.9 and 3.12, of which the file that holds for all names the first. */
static void make_pyenv(struct world *world)
{
    make_folder(world, "pyenv/shims");
    make_file(world, "pyenv/shims/python3", "#!/bin/sh\n");
    make_file(world, "pyenv/version", "3.9.1\n");
    for (int minor = 9; minor <= 12; minor += 3) {
        char name[128], target[32];

        snprintf(name, sizeof name,
                 "pyenv/versions/3.%d.1/lib/python3.%d/"
                 "site-packages/made_of-3.%d.dist-info",
                 minor, minor, minor);
        make_folder(world, name);
        snprintf(name, sizeof name, "pyenv/versions/3.%d.1/bin", minor);
        make_folder(world, name);
        snprintf(target, sizeof target, "python3.%d", minor);
        snprintf(name, sizeof name, "pyenv/versions/3.%d.1/bin/%s", minor, target);
        make_file(world, name, "");
        assert_int_equal(chmod(world_path(world, name), 0700), 0);
        snprintf(name, sizeof name, "pyenv/versions/3.%d.1/bin/python3", minor);
        assert_int_equal(symlink(target, world_path(world, name)), 0);
    }
    assert_int_equal(chmod(world_path(world, "pyenv/shims/python3"), 0700), 0);
}

static void expect_python(struct world *world, const struct interpreter_search *search,
                          const char *version, const char *package)
{
    struct interpreter *python = calloc(1, sizeof *python);
    struct packages packages = { .arena = world->arena };
    struct err err;

    interpreter_find(search, python);
    assert_string_equal(python->path, world_path(world, "pyenv/shims/python3"));
    assert_string_equal(python->version, version);
    assert_int_equal(interpreter_packages(python, &packages, &err), RC_OK);
    assert_int_equal(packages.count, package ? 1 : 0);
    if (package)
        assert_string_equal(packages.names[0], package);
    free(python);
}

static void test_behind_a_shim_of_pyenv_is_the_version_that_it_would_choose(void **state)
{
    struct world *world = *state;
    char *path = strdup(world_path(world, "pyenv/shims"));
    char *folder = strdup(world_path(world, "code/inner"));
    struct interpreter_search search = { .path = path, .folder = folder };

    make_pyenv(world);
    make_folder(world, "code/inner");
    expect_python(world, &search, "3.9", "made_of==3.9");
    make_file(world, "code/.python-version", "3.12.1\n");
    expect_python(world, &search, "3.12", "made_of==3.12");
    search.pyenv_version = "3.9.1:3.12.1";
    expect_python(world, &search, "3.9", "made_of==3.9");
    search.pyenv_version = "3.7.0";
    expect_python(world, &search, "", NULL);
    search.pyenv_version = "system";
    expect_python(world, &search, "", NULL);
    free(folder);
    free(path);
}

static void test_without_an_interpreter_there_is_none(void **state)
{
    struct interpreter *python = calloc(1, sizeof *python);

    (void)state;
    find_python("/nowhere:relative:", NULL, python);
    assert_string_equal(python->path, "");
    free(python);
}

static void test_the_object_is_stored_once_and_again_when_a_package_comes(void **state)
{
    struct world *world = *state;
    struct device_facts devices = { .driver = "550.1", .count = 1 };
    scoped(facts) facts = NULL;
    char first[DIGEST_TEXT_SIZE], second[DIGEST_TEXT_SIZE];
    struct plan_variable path = { .name = "PATH" };
    struct value value;
    struct err err;

    make_python(world);
    path.value = strdup(world_path(world, "bin"));
    world->stage.variables = &path;
    world->stage.variable_count = 1;
    snprintf(devices.devices[0].model, FACTS_TEXT_MAX, "H1");
    facts = facts_create(&devices);
    assert_non_null(facts);
    assert_int_equal(facts_store(facts, &world->port, &world->stage, NULL, first, &err),
                     RC_OK);

    const char *json = world_stored(world, first);

    assert_int_equal(value_from_json(world->arena, json, strlen(json), &value, &err),
                     RC_OK);
    assert_true(value_is_text(value_get(&value, "gpu_driver"), "550.1"));
    assert_true(value_is_text(
        value_get(&value_get(&value, "gpus")->list.items[0], "model"), "H1"));
    assert_true(value_get(&value, "cpus")->integer > 0);
    assert_true(value_get(&value, "memory")->integer > 0);
    assert_true(value_is_text(value_get(value_get(&value, "python"), "version"), "3.11"));

    world->put_rc = RC_FULL; /* not asked again */
    assert_int_equal(facts_store(facts, &world->port, &world->stage, NULL, second, &err),
                     RC_OK);
    assert_string_equal(first, second);
    make_folder(world, "lib/python3.11/site-packages/new-1.dist-info");
    assert_int_equal(facts_store(facts, &world->port, &world->stage, NULL, second, &err),
                     RC_FULL);
    world->put_rc = RC_OK;
    assert_int_equal(facts_store(facts, &world->port, &world->stage, NULL, second, &err),
                     RC_OK);
    assert_string_not_equal(first, second);
    free((char *)(uintptr_t)path.value);
}

static void test_a_result_names_the_environment(void **state)
{
    struct world *world = *state;
    scoped(facts) facts = facts_create(NULL);
    struct task_result result = { .cause = CAUSE_EXIT,
                                  .started_us = 1,
                                  .metadata = { .kind = VALUE_MAP } };
    struct err err;

    world->staging.facts = facts;
    world_commands(world, "true");
    world_prepare(world);
    assert_int_equal(world_run(world), 0);
    assert_int_equal(attempt_collect(&world->staging, &world->port, &world->stage, 7,
                                     world->arena, &result, &err),
                     RC_OK);
    assert_non_null(result.environment);
    assert_non_null(strstr(world_stored(world, result.environment), "\"kernel\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_packages_are_the_names_of_folders,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            test_a_virtual_environment_tells_its_version_and_hides_the_rest, world_setup,
            world_teardown),
        cmocka_unit_test_setup_teardown(
            test_behind_a_shim_of_pyenv_is_the_version_that_it_would_choose, world_setup,
            world_teardown),
        cmocka_unit_test(test_without_an_interpreter_there_is_none),
        cmocka_unit_test_setup_teardown(
            test_the_object_is_stored_once_and_again_when_a_package_comes, world_setup,
            world_teardown),
        cmocka_unit_test_setup_teardown(test_a_result_names_the_environment, world_setup,
                                        world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
