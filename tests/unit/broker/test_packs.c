/* Small objects that lie together: stored, found again by the next process, damaged,
 * removed. */
#include "broker/artifacts/objects.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { MANY = 3000 };

struct fixture {
    char folder[64];
    struct objects *objects;
    char texts[MANY][24], digests[MANY][DIGEST_TEXT_SIZE];
    struct object_small items[MANY];
};

static void expect_ok(enum rc rc, const struct err *err)
{
    if (rc != RC_OK)
        fail_msg("%s: %s", rc_name(rc), err->text);
}

static void reopen(struct fixture *self)
{
    struct err err;

    objects_destroy(self->objects);
    self->objects = NULL;
    expect_ok(objects_open(self->folder, &self->objects, &err), &err);
}

static int setup(void **state)
{
    struct fixture *self = calloc(1, sizeof *self);

    must(self != NULL);
    snprintf(self->folder, sizeof self->folder, "/tmp/sluice-packs-XXXXXX");
    must(mkdtemp(self->folder) != NULL);
    reopen(self);
    for (size_t i = 0; i < MANY; i++) {
        int size = snprintf(self->texts[i], sizeof self->texts[i], "small %zu", i);

        digest_bytes(self->texts[i], (size_t)size, self->digests[i]);
        self->items[i] =
            (struct object_small){ self->digests[i], self->texts[i], (size_t)size };
    }
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *self = *state;
    char command[128];

    objects_destroy(self->objects);
    snprintf(command, sizeof command, "rm -rf %s", self->folder);
    must(system(command) == 0);
    free(self);
    return 0;
}

static void store(struct fixture *self, size_t first, size_t count)
{
    struct err err;

    expect_ok(objects_add(self->objects, self->items + first, count, true, &err), &err);
}

static void assert_there(struct fixture *self, size_t i)
{
    char room[OBJECT_SMALL_MAX];
    uint64_t told = 0;
    size_t size = 0;
    struct err err;

    assert_true(objects_has(self->objects, self->digests[i], &told));
    expect_ok(objects_load(self->objects, self->digests[i], room, &size, &err), &err);
    assert_int_equal(size, self->items[i].size);
    assert_int_equal(told, size);
    assert_memory_equal(room, self->texts[i], size);
}

/* The path of a file in packs/; valid until the next call. */
static const char *pack_path(const struct fixture *self, const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/packs/%s", self->folder, name);
    return path;
}

static void test_what_was_added_together_is_found_one_by_one(void **state)
{
    struct fixture *self = *state;

    store(self, 0, MANY);
    store(self, 0, MANY); /* again: nothing is added */
    for (size_t i = 0; i < MANY; i++)
        assert_there(self, i);
    reopen(self);
    for (size_t i = 0; i < MANY; i++)
        assert_there(self, i);

    struct stat status;

    assert_int_equal(stat(pack_path(self, "000001.index"), &status), 0);
    assert_int_equal(status.st_size, 48 * MANY);
}

static void test_a_packed_object_is_read_and_placed_like_any_other(void **state)
{
    struct fixture *self = *state;
    char path[128], text[64] = "";
    struct stat status;
    uint64_t size;
    struct err err;
    int fd;

    store(self, 0, 10);
    expect_ok(objects_read(self->objects, self->digests[4], &fd, &size, &err), &err);
    assert_int_equal(size, 7);
    assert_int_equal(read(fd, text, sizeof text), 7);
    assert_memory_equal(text, "small 4", 7);
    close(fd);
    snprintf(path, sizeof path, "%s/placed", self->folder);
    expect_ok(objects_place(self->objects, self->digests[5], path, 0755, true, &err),
              &err);
    assert_int_equal(
        objects_place(self->objects, self->digests[5], path, 0444, true, &err),
        RC_CONFLICT);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0755);
    assert_int_equal(status.st_size, 7);
    expect_ok(objects_verify(self->objects, self->digests[5], &err), &err);
}

static void test_wrong_bytes_are_named_and_nothing_is_stored(void **state)
{
    struct fixture *self = *state;
    struct err err;

    self->items[2].bytes = "smell 2";
    assert_int_equal(objects_add(self->objects, self->items, 5, true, &err), RC_CORRUPT);
    for (size_t i = 0; i < 5; i++)
        assert_false(objects_has(self->objects, self->digests[i], NULL));
}

static void test_a_damaged_packed_object_is_set_aside_and_can_be_added_again(void **state)
{
    struct fixture *self = *state;
    char room[OBJECT_SMALL_MAX], aside[200];
    size_t size;
    struct err err;

    store(self, 0, 3);

    int fd = open(pack_path(self, "000001.pack"), O_WRONLY);

    assert_int_equal(pwrite(fd, "X", 1, 8), 1); /* in the second one */
    close(fd);
    assert_int_equal(objects_load(self->objects, self->digests[1], room, &size, &err),
                     RC_CORRUPT);
    assert_false(objects_has(self->objects, self->digests[1], NULL));
    snprintf(aside, sizeof aside, "%s/bad/%s", self->folder, self->digests[1] + 7);
    assert_int_equal(access(aside, F_OK), 0);
    reopen(self);
    assert_false(objects_has(self->objects, self->digests[1], NULL));
    store(self, 1, 1);
    reopen(self);
    for (size_t i = 0; i < 3; i++)
        assert_there(self, i);
}

static void test_an_end_that_is_not_whole_is_cut_off(void **state)
{
    struct fixture *self = *state;

    store(self, 0, 4);
    objects_destroy(self->objects);
    self->objects = NULL;
    assert_int_equal(truncate(pack_path(self, "000001.index"), 48 * 3 + 20), 0);
    reopen(self);
    assert_there(self, 2);
    assert_false(objects_has(self->objects, self->digests[3], NULL));
    store(self, 3, 2);
    reopen(self);
    for (size_t i = 0; i < 5; i++)
        assert_there(self, i);
}

static void test_an_index_that_knows_more_than_the_pack_does_no_harm(void **state)
{
    struct fixture *self = *state;

    store(self, 0, 4);
    objects_destroy(self->objects);
    self->objects = NULL;
    assert_int_equal(truncate(pack_path(self, "000001.pack"), 7 * 3 + 2), 0);
    reopen(self);
    assert_there(self, 2);
    assert_false(objects_has(self->objects, self->digests[3], NULL));
    store(self, 3, 1);
    reopen(self);
    assert_there(self, 3);
}

static void test_two_processes_add_to_packs_of_their_own(void **state)
{
    struct fixture *self = *state;
    struct objects *other;
    struct err err;

    store(self, 0, 2);
    expect_ok(objects_open(self->folder, &other, &err), &err);
    expect_ok(objects_add(other, self->items + 2, 2, true, &err), &err);
    store(self, 4, 2);
    expect_ok(objects_add(other, self->items + 6, 2, true, &err), &err);
    objects_destroy(other);
    reopen(self);
    for (size_t i = 0; i < 8; i++)
        assert_there(self, i);
    assert_int_equal(access(pack_path(self, "000002.pack"), F_OK), 0);
}

static void test_a_killed_process_leaves_what_it_said_it_stored(void **state)
{
    struct fixture *self = *state;
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        store(self, 0, MANY);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    reopen(self);
    for (size_t i = 0; i < MANY; i++)
        assert_there(self, i);
}

static enum rc count_one(void *context, const struct object_seen *seen)
{
    size_t *count = context;

    (void)seen;
    ++*count;
    return RC_OK;
}

static void test_removed_objects_are_gone_and_their_bytes_follow(void **state)
{
    struct fixture *self = *state;
    struct objects *other;
    size_t count = 0;
    struct err err;

    store(self, 0, 100);
    /* Another process holds the first pack, so that removing works on a full one. */
    other = self->objects;
    self->objects = NULL;
    reopen(self);
    store(self, 100, 100);
    for (size_t i = 0; i < 100; i += i < 60 ? 1 : 2)
        expect_ok(objects_remove(self->objects, self->digests[i], &err), &err);
    expect_ok(objects_remove(self->objects, self->digests[0], &err), &err);
    objects_destroy(other);
    assert_int_equal(access(pack_path(self, "000001.pack"), F_OK), -1);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 100; i++)
            assert_int_equal(objects_has(self->objects, self->digests[i], NULL),
                             i >= 60 && i % 2 == 1);
        for (size_t i = 61; i < 200; i += i < 100 ? 2 : 1)
            assert_there(self, i);
        reopen(self);
    }
    expect_ok(objects_each(self->objects, count_one, &count, &err), &err);
    assert_int_equal(count, 120);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_what_was_added_together_is_found_one_by_one),
        TEST(test_a_packed_object_is_read_and_placed_like_any_other),
        TEST(test_wrong_bytes_are_named_and_nothing_is_stored),
        TEST(test_a_damaged_packed_object_is_set_aside_and_can_be_added_again),
        TEST(test_an_end_that_is_not_whole_is_cut_off),
        TEST(test_an_index_that_knows_more_than_the_pack_does_no_harm),
        TEST(test_two_processes_add_to_packs_of_their_own),
        TEST(test_a_killed_process_leaves_what_it_said_it_stored),
        TEST(test_removed_objects_are_gone_and_their_bytes_follow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
