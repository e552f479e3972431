/* test_words.c - which commands need no shell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nodes/staging/words.h"

static void test_plain_words_need_no_shell(void **state)
{
    static const char *const expected[] = { "python3", "train.py", "--lr=0.1",
                                            "s3://a/b,c:1" };
    scoped(arena) arena = arena_create(1 << 20);
    const char *const *words;
    size_t count;

    (void)state;
    assert_true(words_split(" python3  train.py\t--lr=0.1 s3://a/b,c:1 \n", arena, &words,
                            &count));
    assert_int_equal(count, COUNT_OF(expected));
    for (size_t i = 0; i < count; i++)
        assert_string_equal(words[i], expected[i]);
    assert_true(words_split("/bin/true", arena, &words, &count));
    assert_true(words_split("./echo", arena, &words, &count));
}

static void test_what_means_something_to_a_shell_is_left_to_it(void **state)
{
    static const char *const commands[] = {
        "",           " ",       "\n",     "a | b",   "a && b",  "a; b",      "a &",
        "a >b",       "a $HOME", "a `b`",  "a 'b'",   "a \"b\"", "a \\b",     "a *",
        "a ?",        "a [b]",   "a ~",    "a {b,c}", "a #b",    "a\nb",      "a \n b\n",
        "A=1 b",      "A=1",     "echo a", "true",    "cd /tmp", "exit 3",    "time a",
        "exec a",     ". a",     ": a",    "if",      "! a",     "test -f a", "kill 1",
        "a \xc3\xa4", "a\n\n",
    };
    scoped(arena) arena = arena_create(1 << 20);
    const char *const *words;
    size_t count;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (words_split(commands[i], arena, &words, &count))
            fail_msg("no shell for: %s", commands[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_words_need_no_shell),
        cmocka_unit_test(test_what_means_something_to_a_shell_is_left_to_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
