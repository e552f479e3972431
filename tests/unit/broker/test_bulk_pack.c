/* Small objects, many in a message, over real sockets. */
#include "broker/bulk_fixture.h"

enum { SMALL_COUNT = 3000 };

struct small_world {
    struct fixture *self;
    char texts[SMALL_COUNT][256], digests[SMALL_COUNT][DIGEST_TEXT_SIZE];
    struct bulk_small items[SMALL_COUNT];
    size_t wrong, taken; /* item whose bytes are others; objects that came */
};

static struct small_world *small_world_new(struct fixture *self)
{
    struct small_world *world = calloc(1, sizeof *world);

    must(world != NULL);
    world->self = self;
    world->wrong = SIZE_MAX;
    for (size_t i = 0; i < SMALL_COUNT; i++) {
        memset(world->texts[i], 'x', i % 200);
        snprintf(world->texts[i] + i % 200, 20, "%zu", i);
        world->items[i].size = strlen(world->texts[i]);
        digest_bytes(world->texts[i], world->items[i].size, world->digests[i]);
        world->items[i].digest = world->digests[i];
    }
    return world;
}

static enum rc small_give(void *context, size_t i, void *room, struct err *err)
{
    struct small_world *world = context;

    (void)err;
    memcpy(room, world->texts[i], world->items[i].size);
    if (i == world->wrong)
        *(char *)room ^= 1;
    return RC_OK;
}

static enum rc small_take(void *context, const struct object_small *batch, size_t count,
                          struct err *err)
{
    struct small_world *world = context;

    world->taken += count;
    return objects_add(world->self->here, batch, count, false, err);
}

static void test_small_objects_go_many_at_a_time(void **state)
{
    struct fixture *self = *state;
    struct small_world *world = small_world_new(self);
    struct err err;

    expect_ok(bulk_put_small(self->client, world->items, SMALL_COUNT, small_give, NULL,
                             world, &err),
              &err);
    for (size_t i = 0; i < SMALL_COUNT; i++)
        assert_true(objects_is_packed(self->there, world->digests[i]));
    expect_ok(
        bulk_get_small(self->client, world->items, SMALL_COUNT, small_take, world, &err),
        &err);
    assert_int_equal(world->taken, SMALL_COUNT);
    for (size_t i = 0; i < SMALL_COUNT; i++)
        expect_ok(objects_verify(self->here, world->digests[i], &err), &err);
    free(world);
}

static void test_small_objects_that_are_absent_or_of_other_sizes_are_no_trouble(
    void **state)
{
    struct fixture *self = *state;
    struct small_world *world = small_world_new(self);
    char large[OBJECT_SMALL_MAX + 1] = "", digest[DIGEST_TEXT_SIZE];
    struct err err;

    expect_ok(bulk_put_bytes(self->client, large, sizeof large, digest, &err), &err);
    expect_ok(
        bulk_put_small(self->client, world->items, 1000, small_give, NULL, world, &err),
        &err);
    world->items[500].digest = digest; /* not small: not taken */
    for (size_t i = 0; i < SMALL_COUNT; i++)
        world->items[i].size = i % 3; /* what is told too low comes in several answers */
    expect_ok(
        bulk_get_small(self->client, world->items, SMALL_COUNT, small_take, world, &err),
        &err);
    assert_int_equal(world->taken, 999);
    assert_false(objects_has(self->here, digest, NULL));
    free(world);
}

static void test_a_batch_with_wrong_bytes_is_not_stored(void **state)
{
    struct fixture *self = *state;
    struct small_world *world = small_world_new(self);
    struct err err;

    world->wrong = 7;
    assert_int_equal(
        bulk_put_small(self->client, world->items, 20, small_give, NULL, world, &err),
        RC_CORRUPT);
    assert_non_null(strstr(err.text, world->digests[7]));
    assert_false(objects_has(self->there, world->digests[0], NULL));
    free(world);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_small_objects_go_many_at_a_time),
        TEST(test_small_objects_that_are_absent_or_of_other_sizes_are_no_trouble),
        TEST(test_a_batch_with_wrong_bytes_is_not_stored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
