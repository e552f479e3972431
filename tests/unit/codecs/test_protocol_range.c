/* The number that two releases use, and how one reads the other's range. */
#include "codecs/wire/protocol_range.h"

#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

static void test_the_highest_common_number_is_used_whoever_asks(void **state)
{
    static const struct {
        struct protocol_range a, b;
        uint32_t number; /* 0: none */
    } cases[] = {
        { { 1, 1 }, { 1, 1 }, 1 }, { { 1, 1 }, { 1, 2 }, 1 }, { { 1, 2 }, { 1, 2 }, 2 },
        { { 1, 2 }, { 2, 2 }, 2 }, { { 1, 3 }, { 2, 5 }, 3 }, { { 2, 2 }, { 1, 1 }, 0 },
        { { 1, 2 }, { 3, 4 }, 0 }, { { 4, 4 }, { 1, 9 }, 4 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint32_t there = 0, back = 0;
        struct err err;
        enum rc want = cases[i].number ? RC_OK : RC_UNSUPPORTED;

        assert_int_equal(protocol_agree("a", cases[i].a, "b", cases[i].b, &there, &err),
                         want);
        assert_int_equal(protocol_agree("b", cases[i].b, "a", cases[i].a, &back, &err),
                         want);
        assert_int_equal(there, cases[i].number);
        assert_int_equal(back, cases[i].number);
    }
}

static void test_a_refusal_names_both_ranges_and_who_is_too_old(void **state)
{
    uint32_t number = 7;
    struct err err;

    (void)state;
    assert_int_equal(protocol_agree("the broker", (struct protocol_range){ 1, 1 },
                                    "the node a", (struct protocol_range){ 2, 3 },
                                    &number, &err),
                     RC_UNSUPPORTED);
    assert_string_equal(err.text, "the broker speaks protocol 1 and the node a protocol "
                                  "2 to 3: upgrade the broker");
    assert_int_equal(number, 7);
    assert_int_equal(protocol_agree("the broker", (struct protocol_range){ 4, 5 },
                                    "the node a", (struct protocol_range){ 2, 3 },
                                    &number, &err),
                     RC_UNSUPPORTED);
    assert_non_null(strstr(err.text, "upgrade the node a"));
}

static void test_a_range_comes_back_and_may_be_followed_by_more(void **state)
{
    scoped_buf buf = { 0 }, more = { 0 };
    struct reader reader;

    (void)state;
    protocol_range_pack(&buf, (struct protocol_range){ 3, 9 });
    reader_init(&reader, buf.data, buf.size);
    struct protocol_range range = protocol_range_read(&reader);
    assert_true(reader_at_end(&reader));
    assert_int_equal(range.lowest, 3);
    assert_int_equal(range.highest, 9);
    pack_list(&more, 3);
    pack_uint(&more, 1);
    pack_uint(&more, 2);
    pack_text(&more, "later");
    reader_init(&reader, more.data, more.size);
    range = protocol_range_read(&reader);
    assert_true(reader_at_end(&reader));
    assert_int_equal(range.highest, 2);
}

static void test_what_is_no_range_is_refused(void **state)
{
    static const uint64_t wrong[][2] = { { 0, 1 }, { 2, 1 }, { 1, 1ull << 32 } };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        scoped_buf buf = { 0 };
        struct reader reader;

        pack_list(&buf, 2);
        pack_uint(&buf, wrong[i][0]);
        pack_uint(&buf, wrong[i][1]);
        reader_init(&reader, buf.data, buf.size);
        assert_int_equal(protocol_range_read(&reader).highest, 0);
        assert_false(reader_ok(&reader));
    }
}

static void test_what_this_release_speaks_is_a_range(void **state)
{
    (void)state;
    assert_true(protocol_ours().lowest >= PROTOCOL_FIRST);
    assert_true(protocol_ours().highest >= protocol_ours().lowest);
    assert_true(channel_ours().lowest >= PROTOCOL_FIRST);
    assert_true(channel_ours().highest >= channel_ours().lowest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_highest_common_number_is_used_whoever_asks),
        cmocka_unit_test(test_a_refusal_names_both_ranges_and_who_is_too_old),
        cmocka_unit_test(test_a_range_comes_back_and_may_be_followed_by_more),
        cmocka_unit_test(test_what_is_no_range_is_refused),
        cmocka_unit_test(test_what_this_release_speaks_is_a_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
