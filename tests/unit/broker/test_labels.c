/* test_labels.c - numbers of environments: found again, and forgotten when unused. */
#include "broker/labels.h"
#include "broker/core_world.h"

#include <stdio.h>

enum { TEXT_MAX = 32, MANY = 20000, SPARE = 1024 };

static uint32_t number_of(struct labels *labels, const char *format, unsigned i)
{
    char text[TEXT_MAX];
    uint32_t number = 0;

    snprintf(text, sizeof text, "%s-%u", format, i);
    assert_int_equal(labels_number(labels, text, &number), RC_OK);
    assert_true(number > 0);
    return number;
}

static void test_a_text_has_one_number_among_many(void **state)
{
    struct labels labels = { 0 };

    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(number_of(&labels, "gpu", i), i + 1);
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(number_of(&labels, "gpu", i), i + 1);
    assert_int_equal(labels.count, MANY);
    labels_fini(&labels);
}

static void test_what_no_stage_and_no_node_has_is_forgotten(void **state)
{
    struct world *world = *state;
    struct labels labels = { 0 };
    uint32_t of_node = number_of(&labels, "node", 1);

    for (unsigned i = 0; i < 5000; i++)
        number_of(&labels, "old", i);

    struct stage_shape shape = { .demand = { .label = number_of(&labels, "stage", 1) } };

    submit(world, &shape, 1, NULL, 0);
    expect(world, "new 1; resolve 1/0");
    move(world,
         (struct core_input){
             .kind = INPUT_JOIN,
             .node = 1,
             .offer = { .cpu_milli = 1000, .labels = &of_node, .label_count = 1 } });
    expect(world, "node 1 online");
    labels_tidy(&labels, world->core);
    assert_int_equal(labels.count, 2);
    assert_int_equal(number_of(&labels, "node", 1), of_node);
    assert_int_equal(number_of(&labels, "stage", 1), shape.demand.label);
    number_of(&labels, "new", 1);
    assert_int_equal(labels.count, 3);
    labels_fini(&labels);
}

static void test_new_names_for_ever_do_not_fill_memory(void **state)
{
    struct world *world = *state;
    struct labels labels = { 0 };
    uint32_t of_node = number_of(&labels, "node", 1);

    move(world,
         (struct core_input){
             .kind = INPUT_JOIN,
             .node = 1,
             .offer = { .cpu_milli = 1000, .labels = &of_node, .label_count = 1 } });
    expect(world, "node 1 online");
    for (unsigned i = 0; i < MANY; i++) {
        number_of(&labels, "passing", i);
        labels_tidy(&labels, world->core);
        assert_true(labels.count <= 2 + SPARE);
    }
    assert_true(labels.capacity <= 2 * SPARE);
    assert_int_equal(number_of(&labels, "node", 1), of_node);
    labels_fini(&labels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_text_has_one_number_among_many),
        cmocka_unit_test_setup_teardown(test_what_no_stage_and_no_node_has_is_forgotten,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_new_names_for_ever_do_not_fill_memory,
                                        world_setup, world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
