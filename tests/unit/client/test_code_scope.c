/* test_code_scope.c - which files count for which stage. */
#include "client/cli/project/code_scope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HASH(letter)                                                                     \
    "sha256:" letter "000000000000000000000000000000000000000000000000000000000000000"

struct project {
    struct arena *arena;
    struct tree_entry entries[4];
    struct tree tree;
    struct plan_variable scope;
    struct plan_stage stages[2];
    struct plan plan;
    struct code_part *parts;
    size_t count;
};

static int setup(void **state)
{
    static struct project self;

    self = (struct project){
        .arena = arena_create(1 << 20),
        .entries = { { "lib/a.py", 0644, 1, HASH("a"), "" },
                     { "lib2.py", 0644, 1, HASH("b"), "" },
                     { "train.py", 0644, 1, HASH("c"), "" },
                     { "valohai.yaml", 0644, 1, HASH("d"), "" } },
        .stages = { { .name = "one" }, { .name = "two" } },
    };
    self.tree = (struct tree){ self.entries, 4 };
    self.plan = (struct plan){ .stages = self.stages, .stage_count = 2 };
    *state = &self;
    return self.arena ? 0 : -1;
}

static int teardown(void **state)
{
    arena_destroy(((struct project *)*state)->arena);
    return 0;
}

static enum rc settle(struct project *self)
{
    struct err err;

    return code_scopes_settle(&self->tree, "valohai.yaml", &self->plan, self->arena,
                              &self->parts, &self->count, &err);
}

static void use_scope(struct project *self, const char *scope)
{
    self->scope = (struct plan_variable){ .name = CODE_SCOPE_VARIABLE, .value = scope };
    self->stages[0].variables = &self->scope;
    self->stages[0].variable_count = 1;
}

/* Whether a change of the file changes the code of the first stage. */
static bool counts(struct project *self, size_t file)
{
    const char *before, *digest = self->entries[file].digest;

    assert_int_equal(settle(self), RC_OK);
    before = self->stages[0].code;
    self->entries[file].digest = HASH("f");
    assert_int_equal(settle(self), RC_OK);
    self->entries[file].digest = digest;
    return strcmp(before, self->stages[0].code) != 0;
}

static void test_all_files_but_the_pipeline_file_count(void **state)
{
    struct project *self = *state;

    assert_true(counts(self, 0));
    assert_true(counts(self, 1));
    assert_true(counts(self, 2));
    assert_false(counts(self, 3));
    assert_false(self->stages[0].sees_own_code);
    assert_int_equal(self->count, 1); /* both stages name the same tree */
    assert_string_equal(self->stages[0].code, self->stages[1].code);
}

static void test_a_stage_counts_and_gets_only_the_files_that_it_names(void **state)
{
    struct project *self = *state;

    use_scope(self, "./train.py lib/");
    assert_true(counts(self, 0));
    assert_false(counts(self, 1)); /* lib2.py only begins like lib */
    assert_true(counts(self, 2));
    assert_true(self->stages[0].sees_own_code);
    assert_int_equal(self->count, 2);
    use_scope(self, " \n");
    assert_true(counts(self, 1));
    use_scope(self, "*.py");
    assert_false(counts(self, 0));
    assert_true(counts(self, 1));
    use_scope(self, "valohai.yaml");
    assert_true(counts(self, 3));
}

static void test_a_source_path_that_is_a_folder_names_its_files(void **state)
{
    struct project *self = *state;

    self->stages[0].source_path = "lib";
    assert_true(counts(self, 0));
    assert_false(counts(self, 2));
    self->stages[0].source_path = "train.py"; /* a file may need others beside it */
    assert_true(counts(self, 0));
    assert_false(self->stages[0].sees_own_code);
}

static void test_a_stage_that_names_no_file_is_refused(void **state)
{
    struct project *self = *state;

    use_scope(self, "nothing.py");
    assert_int_equal(settle(self), RC_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_files_but_the_pipeline_file_count, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            test_a_stage_counts_and_gets_only_the_files_that_it_names, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_a_source_path_that_is_a_folder_names_its_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_stage_that_names_no_file_is_refused, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
