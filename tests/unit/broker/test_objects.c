/* The directory of objects: written, checked, placed, cleaned up; also on a full disk. */
#include "broker/artifacts/objects.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char nothing[] =
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char abc[] =
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

struct fixture {
    char folder[64], directory[80];
    struct objects *objects;
};

static void expect_ok(enum rc rc, const struct err *err)
{
    if (rc != RC_OK)
        fail_msg("%s: %s", rc_name(rc), err->text);
}

static int fixture_setup(void **state)
{
    struct fixture *self = calloc(1, sizeof *self);
    struct err err;

    must(self != NULL);
    snprintf(self->folder, sizeof self->folder, "/tmp/sluice-objects-XXXXXX");
    must(mkdtemp(self->folder) != NULL);
    snprintf(self->directory, sizeof self->directory, "%s/a/b", self->folder);
    expect_ok(objects_open(self->directory, &self->objects, &err), &err);
    *state = self;
    return 0;
}

static int fixture_teardown(void **state)
{
    struct fixture *self = *state;
    char command[256];

    objects_destroy(self->objects);
    snprintf(command, sizeof command, "chmod -R u+w '%s'; rm -rf '%s'", self->folder,
             self->folder);
    must(system(command) == 0);
    free(self);
    return 0;
}

static void put(struct objects *objects, const void *bytes, size_t size,
                char digest[DIGEST_TEXT_SIZE])
{
    struct object_writer *writer;
    struct digest_set set;
    struct err err;

    expect_ok(object_writer_create(objects, &writer, &err), &err);
    expect_ok(object_writer_add(writer, bytes, size, &err), &err);
    expect_ok(object_writer_commit(writer, NULL, &set, NULL, &err), &err);
    memcpy(digest, set.sha256, DIGEST_TEXT_SIZE);
}

static size_t files_in(const struct fixture *self, const char *name)
{
    char path[PATH_MAX];
    size_t count = 0;
    const struct dirent *entry;

    snprintf(path, sizeof path, "%s/%s", self->directory, name);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    while ((entry = readdir(folder)))
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static void assert_file(const char *path, const char *text, unsigned mode)
{
    char bytes[64] = "";
    struct stat status;
    int fd = open(path, O_RDONLY);

    assert_true(fd >= 0);
    assert_int_equal(read(fd, bytes, sizeof bytes), strlen(text));
    assert_string_equal(bytes, text);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_mode & 07777, mode);
    close(fd);
}

static void test_what_was_written_is_found_under_its_digest(void **state)
{
    struct fixture *self = *state;
    char digest[DIGEST_TEXT_SIZE], path[PATH_MAX], expected[PATH_MAX];
    uint64_t size = 9;
    struct err err;
    int fd;

    assert_false(objects_has(self->objects, abc, NULL));
    put(self->objects, "abc", 3, digest);
    assert_string_equal(digest, abc);
    assert_true(objects_has(self->objects, abc, &size));
    assert_int_equal(size, 3);
    assert_true(objects_path(self->objects, abc, path, sizeof path));
    snprintf(expected, sizeof expected, "%s/ba/%s", self->directory, abc + 9);
    assert_string_equal(path, expected);
    assert_file(path, "abc", 0444);
    expect_ok(objects_read(self->objects, abc, &fd, &size, &err), &err);
    close(fd);
    expect_ok(objects_verify(self->objects, abc, &err), &err);
    assert_int_equal(files_in(self, "tmp"), 0);

    put(self->objects, "", 0, digest);
    assert_string_equal(digest, nothing);
    assert_true(objects_has(self->objects, nothing, &size));
    assert_int_equal(size, 0);
}

static void test_small_and_large_pieces_give_the_same_object(void **state)
{
    enum { SIZE = 3 << 20 };
    struct fixture *self = *state;
    static const size_t steps[] = { 1, 4096, 65535, 65536, 65537, 7, 262144 };
    struct object_writer *writer;
    char digest[DIGEST_TEXT_SIZE];
    unsigned char *bytes = malloc(SIZE);
    struct digest_set set;
    uint64_t size;
    struct err err;

    assert_non_null(bytes);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (unsigned char)(i * 2654435761u >> 13);
    digest_bytes(bytes, SIZE, digest);
    expect_ok(object_writer_create(self->objects, &writer, &err), &err);
    for (size_t at = 0, i = 0; at < SIZE; i++) {
        size_t step = steps[i % COUNT_OF(steps)];

        step = step < SIZE - at ? step : SIZE - at;
        expect_ok(object_writer_add(writer, bytes + at, step, &err), &err);
        at += step;
    }
    expect_ok(object_writer_commit(writer, digest, &set, &size, &err), &err);
    assert_int_equal(size, SIZE);
    assert_string_equal(set.sha256, digest);
    assert_string_equal(set.md5, "");
    expect_ok(objects_verify(self->objects, digest, &err), &err);
    free(bytes);
}

static void test_bytes_with_another_digest_are_not_kept(void **state)
{
    struct fixture *self = *state;
    struct object_writer *writer;
    uint64_t size = 77;
    struct err err;

    expect_ok(object_writer_create(self->objects, &writer, &err), &err);
    expect_ok(object_writer_add(writer, "abd", 3, &err), &err);
    assert_int_equal(files_in(self, "tmp"), 1);
    assert_int_equal(object_writer_commit(writer, abc, NULL, &size, &err), RC_CORRUPT);
    assert_non_null(strstr(err.text, abc));
    assert_int_equal(size, 77);
    assert_false(objects_has(self->objects, abc, NULL));
    assert_int_equal(files_in(self, "tmp"), 0);
}

static void test_an_abandoned_writer_leaves_nothing(void **state)
{
    struct fixture *self = *state;
    struct object_writer *writer;
    struct err err;

    expect_ok(object_writer_create(self->objects, &writer, &err), &err);
    expect_ok(object_writer_add(writer, "abc", 3, &err), &err);
    object_writer_destroy(writer);
    assert_int_equal(files_in(self, "tmp"), 0);
}

static void test_what_is_not_a_digest_names_nothing(void **state)
{
    static const char *const wrong[] = {
        "",
        "sha256:",
        "../../etc/passwd",
        "sha256:../../../etc/passwd",
        NULL,
        "sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad0",
    };
    struct fixture *self = *state;
    char path[PATH_MAX];
    struct err err;
    uint64_t size;
    int fd = -7;

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_false(objects_has(self->objects, wrong[i], NULL));
        assert_false(objects_path(self->objects, wrong[i], path, sizeof path));
        if (wrong[i])
            assert_int_equal(objects_read(self->objects, wrong[i], &fd, &size, &err),
                             RC_INVALID);
    }
    assert_int_equal(objects_read(self->objects, abc, &fd, &size, &err), RC_NOT_FOUND);
    assert_int_equal(fd, -7);
    assert_false(objects_path(self->objects, abc, path, 40));
}

static void test_a_damaged_object_is_set_aside_and_can_be_put_again(void **state)
{
    struct fixture *self = *state;
    char digest[DIGEST_TEXT_SIZE], path[PATH_MAX];
    struct err err;

    put(self->objects, "abc", 3, digest);
    assert_true(objects_path(self->objects, abc, path, sizeof path));
    assert_int_equal(chmod(path, 0644), 0);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "X", 1, 1), 1);
    close(fd);

    assert_int_equal(objects_verify(self->objects, abc, &err), RC_CORRUPT);
    assert_non_null(strstr(err.text, "damaged"));
    assert_false(objects_has(self->objects, abc, NULL));
    assert_int_equal(files_in(self, "bad"), 1);
    assert_int_equal(objects_verify(self->objects, abc, &err), RC_NOT_FOUND);
    put(self->objects, "abc", 3, digest);
    expect_ok(objects_verify(self->objects, abc, &err), &err);
}

static void test_placing_gives_the_mode_and_never_overwrites(void **state)
{
    struct fixture *self = *state;
    char digest[DIGEST_TEXT_SIZE], path[PATH_MAX], object[PATH_MAX];
    struct stat placed, stored;
    struct err err;

    put(self->objects, "abc", 3, digest);
    assert_true(objects_path(self->objects, abc, object, sizeof object));
    assert_int_equal(stat(object, &stored), 0);

    snprintf(path, sizeof path, "%s/copy", self->folder);
    expect_ok(objects_place(self->objects, abc, path, 0755, true, &err), &err);
    assert_file(path, "abc", 0755);
    assert_int_equal(stat(path, &placed), 0);
    assert_int_not_equal(placed.st_ino, stored.st_ino);
    assert_int_equal(objects_place(self->objects, abc, path, 0444, true, &err),
                     RC_CONFLICT);
    assert_non_null(strstr(err.text, path));
    assert_file(path, "abc", 0755);

    snprintf(path, sizeof path, "%s/link", self->folder);
    expect_ok(objects_place(self->objects, abc, path, 0444, true, &err), &err);
    assert_file(path, "abc", 0444);
    assert_int_equal(objects_place(self->objects, abc, path, 0444, true, &err),
                     RC_CONFLICT);

    snprintf(path, sizeof path, "%s/apart", self->folder);
    expect_ok(objects_place(self->objects, abc, path, 0444, false, &err), &err);
    assert_file(path, "abc", 0444);
    assert_int_equal(stat(path, &placed), 0);
    assert_int_not_equal(placed.st_ino, stored.st_ino);

    snprintf(path, sizeof path, "%s/none/file", self->folder);
    assert_int_equal(objects_place(self->objects, abc, path, 0444, true, &err),
                     RC_NOT_FOUND);
    assert_int_equal(objects_place(self->objects, nothing, path, 0444, true, &err),
                     RC_NOT_FOUND);
    put(self->objects, "", 0, digest);
    snprintf(path, sizeof path, "%s/empty", self->folder);
    expect_ok(objects_place(self->objects, nothing, path, 0600, true, &err), &err);
    assert_file(path, "", 0600);
}

static void test_opening_removes_what_the_dead_left_and_spares_the_living(void **state)
{
    struct fixture *self = *state;
    struct object_writer *living;
    struct objects *again;
    char path[PATH_MAX];
    struct err err;

    expect_ok(object_writer_create(self->objects, &living, &err), &err);
    expect_ok(object_writer_add(living, "abc", 3, &err), &err);
    pid_t child = fork();
    if (child == 0) {
        struct object_writer *doomed;

        if (object_writer_create(self->objects, &doomed, &err) == RC_OK
            && object_writer_add(doomed, "abcd", 4, &err) == RC_OK)
            raise(SIGKILL);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    snprintf(path, sizeof path, "%s/tmp/plain", self->directory);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(files_in(self, "tmp"), 3);

    expect_ok(objects_open(self->directory, &again, &err), &err);
    assert_int_equal(files_in(self, "tmp"), 1);
    expect_ok(object_writer_commit(living, abc, NULL, NULL, &err), &err);
    assert_true(objects_has(again, abc, NULL));
    assert_int_equal(files_in(self, "tmp"), 0);
    objects_destroy(again);
}

/* A limit on file sizes makes write fail in the middle as a full disk does. */
static void test_a_full_disk_is_told_and_leaves_nothing(void **state)
{
    struct fixture *self = *state;
    struct rlimit before, small;
    struct object_writer *writer;
    char *bytes = calloc(1, 200000);
    struct err err;

    assert_non_null(bytes);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 100000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    expect_ok(object_writer_create(self->objects, &writer, &err), &err);
    enum rc rc = object_writer_add(writer, bytes, 200000, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(rc, RC_FULL);
    assert_non_null(strstr(err.text, self->directory));
    object_writer_destroy(writer);
    assert_int_equal(files_in(self, "tmp"), 0);
    free(bytes);
}

static void test_a_folder_that_cannot_be_used_is_named(void **state)
{
    struct fixture *self = *state;
    struct objects *objects = NULL;
    char path[PATH_MAX];
    struct err err;

    snprintf(path, sizeof path, "%s/file", self->folder);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(objects_open(path, &objects, &err), RC_IO);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(objects_open("/proc/none/here", &objects, &err), RC_NOT_FOUND);
    assert_non_null(strstr(err.text, "/proc/none"));
    assert_int_equal(objects_open("", &objects, &err), RC_INVALID);
    assert_null(objects);
}

static void *put_many(void *context)
{
    struct objects *objects = context;
    char text[16], digest[DIGEST_TEXT_SIZE];

    for (int i = 0; i < 40; i++) {
        snprintf(text, sizeof text, "%d", i % 20);
        put(objects, text, strlen(text), digest);
    }
    return NULL;
}

static void test_many_threads_may_write_the_same_objects(void **state)
{
    struct fixture *self = *state;
    pthread_t threads[4];

    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, put_many, self->objects), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 20; i++) {
        char text[16], digest[DIGEST_TEXT_SIZE];
        struct err err;

        snprintf(text, sizeof text, "%d", i);
        digest_bytes(text, strlen(text), digest);
        expect_ok(objects_verify(self->objects, digest, &err), &err);
    }
    assert_int_equal(files_in(self, "tmp"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_was_written_is_found_under_its_digest),
        TEST(test_small_and_large_pieces_give_the_same_object),
        TEST(test_bytes_with_another_digest_are_not_kept),
        TEST(test_an_abandoned_writer_leaves_nothing),
        TEST(test_what_is_not_a_digest_names_nothing),
        TEST(test_a_damaged_object_is_set_aside_and_can_be_put_again),
        TEST(test_placing_gives_the_mode_and_never_overwrites),
        TEST(test_opening_removes_what_the_dead_left_and_spares_the_living),
        TEST(test_a_full_disk_is_told_and_leaves_nothing),
        TEST(test_a_folder_that_cannot_be_used_is_named),
        TEST(test_many_threads_may_write_the_same_objects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
