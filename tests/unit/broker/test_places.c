/* test_places.c - who has which object, as nodes tell it. */
#include "broker/artifacts/places.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *digest_of(unsigned number, char digest[DIGEST_TEXT_SIZE])
{
    digest_bytes(&number, sizeof number, digest);
    return digest;
}

static size_t find(struct places *places, unsigned number,
                   struct node_place found[PLACE_NODES_MAX])
{
    char digest[DIGEST_TEXT_SIZE];

    return places_find(places, digest_of(number, digest), found);
}

static void add(struct places *places, const char *node, unsigned number)
{
    char digest[DIGEST_TEXT_SIZE];

    places_add(places, node, digest_of(number, digest));
}

static void test_a_node_that_tells_is_found_until_it_takes_it_back(void **state)
{
    scoped(places) places = places_create();
    struct node_place found[PLACE_NODES_MAX];
    char digest[DIGEST_TEXT_SIZE];

    (void)state;
    add(places, "a", 1);
    assert_int_equal(find(places, 1, found), 0); /* it has not begun */
    places_begin(places, "a", "tcp://a:1");
    add(places, "a", 1);
    add(places, "a", 1);
    assert_int_equal(find(places, 1, found), 1);
    assert_string_equal(found[0].node, "a");
    assert_string_equal(found[0].endpoint, "tcp://a:1");
    assert_int_equal(find(places, 2, found), 0);
    places_remove(places, "b", digest_of(1, digest));
    assert_int_equal(find(places, 1, found), 1);
    places_remove(places, "a", digest_of(1, digest));
    places_remove(places, "a", digest_of(1, digest));
    assert_int_equal(find(places, 1, found), 0);
}

static void test_a_node_that_begins_anew_has_nothing_and_may_have_moved(void **state)
{
    scoped(places) places = places_create();
    struct node_place found[PLACE_NODES_MAX];

    (void)state;
    places_begin(places, "a", "tcp://a:1");
    places_begin(places, "b", "tcp://b:1");
    for (unsigned i = 0; i < 3000; i++) {
        add(places, "a", i);
        add(places, "b", 2 * i);
    }
    places_begin(places, "a", "tcp://a:2");
    for (unsigned i = 0; i < 6000; i++)
        assert_int_equal(find(places, i, found), i % 2 == 0);
    add(places, "a", 1);
    assert_int_equal(find(places, 1, found), 1);
    assert_string_equal(found[0].endpoint, "tcp://a:2");
}

static void test_each_of_the_places_comes_first_in_turn(void **state)
{
    scoped(places) places = places_create();
    struct node_place found[PLACE_NODES_MAX];
    unsigned first[PLACE_NODES_MAX + 1] = { 0 };
    char name[8];

    (void)state;
    for (unsigned i = 0; i <= PLACE_NODES_MAX; i++) {
        snprintf(name, sizeof name, "%u", i);
        places_begin(places, name, "tcp://x:1");
        add(places, name, 1);
    }
    for (unsigned i = 0; i < 10 * PLACE_NODES_MAX; i++) {
        assert_int_equal(find(places, 1, found), PLACE_NODES_MAX);
        first[atoi(found[0].node)]++;
    }
    for (unsigned i = 0; i < PLACE_NODES_MAX; i++)
        assert_int_equal(first[i], 10);
    assert_int_equal(first[PLACE_NODES_MAX], 0); /* it came too late */
}

static void test_a_node_is_noted_for_so_many_objects_only(void **state)
{
    scoped(places) places = places_create();
    struct node_place found[PLACE_NODES_MAX];

    (void)state;
    places_begin(places, "a", "tcp://a:1");
    for (unsigned i = 0; i <= PLACES_OF_NODE_MAX; i++)
        add(places, "a", i);
    assert_int_equal(find(places, PLACES_OF_NODE_MAX - 1, found), 1);
    assert_int_equal(find(places, PLACES_OF_NODE_MAX, found), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_node_that_tells_is_found_until_it_takes_it_back),
        cmocka_unit_test(test_a_node_that_begins_anew_has_nothing_and_may_have_moved),
        cmocka_unit_test(test_each_of_the_places_comes_first_in_turn),
        cmocka_unit_test(test_a_node_is_noted_for_so_many_objects_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
