/* test_cache.c - the node's cache: what it fetches, checks, keeps and removes. */
#include "nodes/cache/cache.h"

#include "nodes/cache/mark.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { LARGE = 200 << 10, ME = 7, OTHER = 8 };

struct shop { /* a source whose deliveries can go wrong */
    const unsigned char *bytes;
    size_t size;
    size_t cut_at;  /* ends RC_UNREACHABLE here, once; 0: does not */
    size_t flip_at; /* one bit is wrong on the way, flips times */
    unsigned flips;
    uint64_t given; /* bytes */
    unsigned calls, doubts;
    enum rc rc;
    pthread_barrier_t *at_get;
};

struct desk {
    char directory[64];
    struct cache *cache;
    struct shop shop;
    struct cache_source source;
    struct cache_sources sources;
    unsigned waits, waits_max;
    unsigned char *bytes;
    char digest[DIGEST_TEXT_SIZE];
};

static enum rc shop_get(void *context, const char *digest, struct object_writer *writer,
                        struct err *err)
{
    struct shop *shop = context;
    size_t at = (size_t)object_writer_size(writer);
    size_t end = shop->cut_at ? shop->cut_at : shop->size;

    (void)digest;
    __atomic_add_fetch(&shop->calls, 1, __ATOMIC_SEQ_CST);
    if (shop->at_get)
        pthread_barrier_wait(shop->at_get);
    if (shop->rc != RC_OK)
        return err_set(err, shop->rc, "the shop is closed");
    if (at > shop->size)
        return err_set(err, RC_CONFLICT, "shorter");
    for (; at < end; at++) {
        unsigned char byte = shop->bytes[at];

        if (shop->flips && at == shop->flip_at) {
            byte ^= 4;
            shop->flips--;
        }
        if (object_writer_add(writer, &byte, 1, err) != RC_OK)
            return err->rc;
        shop->given++;
    }
    if (!shop->cut_at)
        return RC_OK;
    shop->cut_at = 0;
    return err_set(err, RC_UNREACHABLE, "the line broke");
}

static void shop_doubt(void *context, const char *digest)
{
    struct shop *shop = context;

    (void)digest;
    shop->doubts++;
}

static bool desk_wait(void *context, const struct err *why)
{
    struct desk *desk = context;

    (void)why;
    return desk->waits++ < desk->waits_max;
}

static void desk_open(struct desk *desk, uint64_t limit)
{
    char path[80];
    struct err err;

    snprintf(path, sizeof path, "%s/cache", desk->directory);
    cache_destroy(desk->cache);
    assert_int_equal(cache_open(path, limit, &desk->cache, &err), RC_OK);
}

static int setup(void **state)
{
    struct desk *desk = calloc(1, sizeof *desk);

    assert_non_null(desk);
    snprintf(desk->directory, sizeof desk->directory, "/tmp/sluice-cache-XXXXXX");
    assert_non_null(mkdtemp(desk->directory));
    desk->bytes = malloc(LARGE);
    for (size_t i = 0; i < LARGE; i++)
        desk->bytes[i] = (unsigned char)(i * 31 + i / 257);
    desk->shop = (struct shop){ .bytes = desk->bytes, .size = LARGE };
    digest_bytes(desk->bytes, LARGE, desk->digest);
    desk->source = (struct cache_source){
        .name = "shop", .context = &desk->shop, .get = shop_get, .doubt = shop_doubt
    };
    desk->sources = (struct cache_sources){ &desk->source, 1, NULL, desk_wait, desk };
    desk_open(desk, 0);
    *state = desk;
    return 0;
}

static int teardown(void **state)
{
    struct desk *desk = *state;
    char command[128];

    cache_destroy(desk->cache);
    snprintf(command, sizeof command, "rm -rf %s", desk->directory);
    assert_int_equal(system(command), 0);
    free(desk->bytes);
    free(desk);
    return 0;
}

static enum rc fetch(struct desk *desk, uint64_t holder)
{
    struct err err = { .text = "" };
    enum rc rc =
        cache_fetch(desk->cache, holder, &desk->sources, desk->digest, LARGE, &err);

    if (rc != RC_OK)
        print_message("%s\n", err.text);
    return rc;
}

/* The file in the cache; valid until the next call. */
static const char *path_of(struct desk *desk, const char *digest)
{
    static char path[256];

    assert_true(objects_path(cache_objects(desk->cache), digest, path, sizeof path));
    return path;
}

static bool is_there(struct desk *desk, const char *digest)
{
    return access(path_of(desk, digest), F_OK) == 0;
}

static void assert_right(struct desk *desk)
{
    struct err err = { .text = "" };

    assert_int_equal(objects_verify(cache_objects(desk->cache), desk->digest, &err),
                     RC_OK);
}

/* Makes the shop deliver other bytes from now on. */
static void take_other(struct desk *desk, unsigned char first, size_t size)
{
    desk->bytes[0] = first;
    desk->shop.size = size;
    digest_bytes(desk->bytes, size, desk->digest);
}

static void test_an_object_is_fetched_once(void **state)
{
    struct desk *desk = *state;

    assert_int_equal(fetch(desk, ME), RC_OK);
    assert_int_equal(fetch(desk, OTHER), RC_OK);
    assert_int_equal(desk->shop.calls, 1);
    assert_right(desk);
}

static void test_without_sources_it_only_looks(void **state)
{
    struct desk *desk = *state;
    struct err err;

    assert_int_equal(cache_fetch(desk->cache, ME, NULL, desk->digest, 0, &err),
                     RC_NOT_FOUND);
    assert_int_equal(fetch(desk, ME), RC_OK);
    assert_int_equal(cache_fetch(desk->cache, ME, NULL, desk->digest, 0, &err), RC_OK);
    assert_int_equal(cache_fetch(desk->cache, ME, NULL, "sha256:0", 0, &err), RC_INVALID);
}

static void *fetch_thread(void *context)
{
    struct desk *desk = context;
    struct err err;

    return (void *)(uintptr_t)cache_fetch(desk->cache, ME, &desk->sources, desk->digest,
                                          LARGE, &err);
}

static void test_of_many_threads_one_fetches(void **state)
{
    struct desk *desk = *state;
    pthread_t threads[8];
    pthread_barrier_t barrier;
    void *rc;

    pthread_barrier_init(&barrier, NULL, 2);
    desk->shop.at_get = &barrier;
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, fetch_thread, desk), 0);
    pthread_barrier_wait(&barrier); /* one is at the shop, and no second one will be */
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        pthread_join(threads[i], &rc);
        assert_int_equal((uintptr_t)rc, RC_OK);
    }
    assert_int_equal(desk->shop.calls, 1);
    pthread_barrier_destroy(&barrier);
}

static void test_a_line_that_broke_is_taken_up_where_it_was(void **state)
{
    struct desk *desk = *state;

    desk->shop.cut_at = 150000;
    desk->waits_max = 1;
    assert_int_equal(fetch(desk, ME), RC_OK);
    assert_int_equal(desk->waits, 1);
    assert_int_equal(desk->shop.given, LARGE);
    assert_right(desk);
}

static void test_what_arrived_outlives_the_process(void **state)
{
    struct desk *desk = *state;
    int status;
    pid_t pid = fork();

    desk->shop.cut_at = 150000;
    if (pid == 0) {
        struct err err;

        if (cache_fetch(desk->cache, ME, &desk->sources, desk->digest, 0, &err) != RC_OK)
            kill(getpid(), SIGKILL);
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    desk->shop.cut_at = 0;
    desk_open(desk, 0);
    assert_int_equal(fetch(desk, ME), RC_OK);
    assert_int_equal(desk->shop.given, LARGE - 150000);
    assert_right(desk);
}

static void test_a_kept_part_that_is_wrong_is_dropped(void **state)
{
    struct desk *desk = *state;

    desk->shop.cut_at = 150000;
    desk->shop.flip_at = 1000;
    desk->shop.flips = 1;
    assert_int_equal(fetch(desk, ME), RC_UNREACHABLE);
    assert_false(is_there(desk, desk->digest));
    assert_int_equal(fetch(desk, ME), RC_OK);
    assert_int_equal(desk->shop.doubts, 0);
    assert_right(desk);
}

static void test_a_kept_part_that_is_too_long_is_dropped(void **state)
{
    struct desk *desk = *state;
    char path[300], *slash;
    struct err err;

    snprintf(path, sizeof path, "%s", path_of(desk, desk->digest));
    slash = strrchr(path, '/');
    *slash = '\0';
    *strrchr(path, '/') = '\0';
    snprintf(path + strlen(path), 100, "/tmp/part-%s", desk->digest + 7);

    int fd = open(path, O_WRONLY | O_CREAT, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, LARGE + 1), 0);
    close(fd);
    assert_int_equal(cache_fetch(desk->cache, ME, &desk->sources, desk->digest, 0, &err),
                     RC_OK);
    assert_right(desk);
}

static void test_a_bit_flipped_on_the_way_is_fetched_again(void **state)
{
    struct desk *desk = *state;

    desk->shop.flip_at = 70000;
    desk->shop.flips = 1;
    assert_int_equal(fetch(desk, ME), RC_OK);
    assert_int_equal(desk->shop.calls, 2);
    assert_int_equal(desk->shop.doubts, 1);
    assert_right(desk);
}

static void test_a_source_that_is_always_wrong_is_given_up(void **state)
{
    struct desk *desk = *state;
    struct shop honest = { .bytes = desk->bytes, .size = LARGE };
    struct cache_source both[] = {
        desk->source, { .name = "honest", .context = &honest, .get = shop_get }
    };

    desk->shop.flip_at = 70000;
    desk->shop.flips = 1000;
    assert_int_equal(fetch(desk, ME), RC_CORRUPT);
    assert_false(is_there(desk, desk->digest));
    desk->sources.items = both;
    desk->sources.count = 2;
    assert_int_equal(fetch(desk, ME), RC_OK);
    assert_right(desk);
}

static void test_the_next_source_goes_on_where_the_first_broke_off(void **state)
{
    struct desk *desk = *state;
    struct shop second = { .bytes = desk->bytes, .size = LARGE };
    struct cache_source both[] = {
        desk->source, { .name = "second", .context = &second, .get = shop_get }
    };

    desk->shop.cut_at = 150000;
    desk->sources.items = both;
    desk->sources.count = 2;
    assert_int_equal(fetch(desk, ME), RC_OK);
    assert_int_equal(second.given, LARGE - 150000);
    assert_right(desk);
}

static void test_a_fetch_that_waits_ends_when_it_is_cancelled(void **state)
{
    struct desk *desk = *state;
    atomic_bool cancelled = true;

    desk->shop.rc = RC_UNREACHABLE;
    desk->sources.cancelled = &cancelled;
    desk->waits_max = 100;
    assert_int_equal(fetch(desk, ME), RC_CANCELLED);
    assert_int_equal(desk->waits, 0);
}

static void change_byte(const char *path, off_t at)
{
    unsigned char byte;

    assert_int_equal(chmod(path, 0644), 0);

    int fd = open(path, O_RDWR);

    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void test_a_flipped_bit_is_found_before_the_next_use(void **state)
{
    struct desk *desk = *state;
    char aside[200];

    assert_int_equal(fetch(desk, ME), RC_OK);
    change_byte(path_of(desk, desk->digest), 100000);
    assert_int_equal(fetch(desk, OTHER), RC_OK);
    assert_int_equal(desk->shop.calls, 2);
    assert_int_equal(cache_counts(desk->cache).healed, 1);
    assert_right(desk);
    snprintf(aside, sizeof aside, "%s/cache/bad/%s", desk->directory, desk->digest + 7);
    assert_int_equal(access(aside, F_OK), 0);
}

static void test_a_truncated_object_is_found_before_the_next_use(void **state)
{
    struct desk *desk = *state;

    assert_int_equal(fetch(desk, ME), RC_OK);
    assert_int_equal(chmod(path_of(desk, desk->digest), 0644), 0);
    assert_int_equal(truncate(path_of(desk, desk->digest), LARGE - 1), 0);
    assert_int_equal(fetch(desk, OTHER), RC_OK);
    assert_int_equal(cache_counts(desk->cache).healed, 1);
    assert_right(desk);
}

static void test_a_small_object_is_read_before_each_use(void **state)
{
    struct desk *desk = *state;
    struct stat before;
    struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };

    take_other(desk, 1, 1000);
    assert_int_equal(fetch(desk, ME), RC_OK);
    assert_int_equal(stat(path_of(desk, desk->digest), &before), 0);
    change_byte(path_of(desk, desk->digest), 10);
    times[1] = before.st_mtim; /* as a disk would do it, without a trace */
    assert_int_equal(utimensat(AT_FDCWD, path_of(desk, desk->digest), times, 0), 0);
    assert_int_equal(fetch(desk, OTHER), RC_OK);
    assert_int_equal(cache_counts(desk->cache).healed, 1);
    assert_right(desk);
}

static enum rc place(struct desk *desk, uint64_t holder, const char *path)
{
    struct bulk_small wanted = { desk->digest, desk->shop.size };
    struct err err;

    return cache_place(desk->cache, holder, &desk->sources, &wanted, path, 0444, true,
                       &err);
}

static void test_a_task_that_writes_to_its_input_hurts_no_other(void **state)
{
    struct desk *desk = *state;
    char first[100], second[100];
    char digest[DIGEST_TEXT_SIZE];
    struct digest_set set;
    uint64_t size;
    struct err err;

    snprintf(first, sizeof first, "%s/first", desk->directory);
    snprintf(second, sizeof second, "%s/second", desk->directory);
    assert_int_equal(place(desk, ME, first), RC_OK);
    change_byte(first, 5);
    assert_int_equal(place(desk, OTHER, second), RC_OK);

    int fd = open(second, O_RDONLY);

    assert_int_equal(digest_file(fd, false, &set, &size, &err), RC_OK);
    close(fd);
    memcpy(digest, set.sha256, sizeof digest);
    assert_string_equal(digest, desk->digest);
}

static void test_a_mark_spares_reading_and_outlives_the_process(void **state)
{
    struct desk *desk = *state;
    struct stat status, after;
    struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };

    assert_int_equal(fetch(desk, ME), RC_OK);
    assert_int_equal(stat(path_of(desk, desk->digest), &status), 0);
    assert_true(mark_is_on(&status, desk->digest));
    /* What the mark cannot show, it does not: bytes changed with the time set back. */
    change_byte(path_of(desk, desk->digest), 5);
    assert_int_equal(stat(path_of(desk, desk->digest), &after), 0);
    assert_false(mark_is_on(&after, desk->digest));
    times[1] = status.st_mtim;
    assert_int_equal(utimensat(AT_FDCWD, path_of(desk, desk->digest), times, 0), 0);
    desk_open(desk, 0);
    assert_int_equal(fetch(desk, ME), RC_OK);
    assert_int_equal(desk->shop.calls, 1);
}

static void test_an_object_without_a_mark_is_read_once_and_marked(void **state)
{
    struct desk *desk = *state;
    struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_NOW } };
    struct stat status;

    assert_int_equal(fetch(desk, ME), RC_OK);
    assert_int_equal(utimensat(AT_FDCWD, path_of(desk, desk->digest), times, 0), 0);
    assert_int_equal(fetch(desk, ME), RC_OK);
    assert_int_equal(desk->shop.calls, 1);
    assert_int_equal(stat(path_of(desk, desk->digest), &status), 0);
    assert_true(mark_is_on(&status, desk->digest));
}

/* Fetches an object of LARGE bytes that begins with first; its digest. */
static char *fetch_other(struct desk *desk, unsigned char first, uint64_t holder)
{
    take_other(desk, first, LARGE);
    assert_int_equal(fetch(desk, holder), RC_OK);
    return strdup(desk->digest);
}

static void age(struct desk *desk, const char *digest, time_t seconds)
{
    struct timespec times[2] = { { .tv_sec = seconds }, { .tv_nsec = UTIME_OMIT } };

    assert_int_equal(utimensat(AT_FDCWD, path_of(desk, digest), times, 0), 0);
}

static void test_the_oldest_goes_when_there_is_too_much(void **state)
{
    struct desk *desk = *state;

    desk_open(desk, 2 * LARGE + 8192);

    char *first = fetch_other(desk, 1, ME), *second = fetch_other(desk, 2, ME);

    cache_release(desk->cache, ME);
    take_other(desk, 1, LARGE);
    assert_int_equal(fetch(desk, ME), RC_OK); /* used again: now the second is older */
    cache_release(desk->cache, ME);

    char *third = fetch_other(desk, 3, ME);

    assert_true(is_there(desk, first));
    assert_false(is_there(desk, second));
    assert_true(is_there(desk, third));
    assert_int_equal(cache_counts(desk->cache).evicted, 1);
    assert_int_equal(cache_counts(desk->cache).bytes, 2 * LARGE);
    free(first);
    free(second);
    free(third);
}

static void test_what_is_held_stays_though_it_is_too_much(void **state)
{
    struct desk *desk = *state;

    desk_open(desk, LARGE);

    char *first = fetch_other(desk, 1, ME), *second = fetch_other(desk, 2, OTHER);

    assert_true(is_there(desk, first));
    assert_true(is_there(desk, second));
    cache_release(desk->cache, ME);
    cache_trim(desk->cache, 0);
    assert_false(is_there(desk, first));
    assert_true(is_there(desk, second));
    free(first);
    free(second);
}

static void test_the_last_use_outlives_the_process(void **state)
{
    struct desk *desk = *state;
    char *first = fetch_other(desk, 1, ME), *second = fetch_other(desk, 2, ME);

    age(desk, first, 2000000000);
    age(desk, second, 1000000000);
    desk_open(desk, 2 * LARGE + 8192);
    free(fetch_other(desk, 3, ME));
    assert_true(is_there(desk, first));
    assert_false(is_there(desk, second));
    free(first);
    free(second);
}

static void test_a_new_process_pins_again_what_runs(void **state)
{
    struct desk *desk = *state;
    char *first = fetch_other(desk, 1, ME);

    desk_open(desk, LARGE);
    cache_pin(desk->cache, ME, first);
    free(fetch_other(desk, 2, OTHER));
    assert_true(is_there(desk, first));
    cache_release(desk->cache, ME);
    cache_trim(desk->cache, 0);
    assert_false(is_there(desk, first));
    free(first);
}

static void test_bytes_of_an_unknown_digest_are_pinned_and_counted(void **state)
{
    struct desk *desk = *state;
    struct object_writer *writer;
    struct digest_set set;
    uint64_t size;
    struct err err;

    desk_open(desk, LARGE);
    assert_int_equal(object_writer_create(cache_objects(desk->cache), &writer, &err),
                     RC_OK);
    assert_int_equal(object_writer_add(writer, desk->bytes, LARGE, &err), RC_OK);
    assert_int_equal(cache_commit(desk->cache, ME, writer, &set, &size, &err), RC_OK);
    assert_string_equal(set.sha256, desk->digest);
    assert_int_equal(size, LARGE);
    free(fetch_other(desk, 2, OTHER));
    assert_true(is_there(desk, set.sha256));
    cache_release(desk->cache, ME);
    cache_trim(desk->cache, 0);
    assert_false(is_there(desk, set.sha256));
}

static void test_a_full_disk_makes_room_and_then_waits(void **state)
{
    struct desk *desk = *state;
    char *first = fetch_other(desk, 1, ME);

    desk_open(desk, 100 * LARGE);
    cache_trim(desk->cache, 0);
    take_other(desk, 2, LARGE);
    desk->shop.rc = RC_FULL;
    desk->waits_max = 2;
    assert_int_equal(fetch(desk, ME), RC_FULL);
    assert_false(is_there(desk, first));
    assert_int_equal(desk->waits, 3);
    desk->shop.rc = RC_OK;
    assert_int_equal(fetch(desk, ME), RC_OK);
    free(first);
}

/* A file as a task leaves it. */
static int file_made(const struct desk *desk, const char *name, char path[96])
{
    snprintf(path, 96, "%s/%s", desk->directory, name);

    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

    must(fd >= 0 && write(fd, desk->bytes, LARGE) == LARGE);
    return fd;
}

static void test_a_file_that_a_task_made_serves_as_the_object(void **state)
{
    struct desk *desk = *state;
    char path[96];
    scoped_fd int fd = file_made(desk, "made", path);

    cache_adopt(desk->cache, ME, fd, desk->digest, LARGE);
    must(unlink(path) == 0);
    assert_int_equal(cache_fetch(desk->cache, ME, NULL, desk->digest, LARGE, NULL),
                     RC_OK);
    assert_int_equal(desk->shop.calls, 0);
}

static void test_such_a_file_that_changed_afterwards_is_seen(void **state)
{
    struct desk *desk = *state;
    char path[96];
    scoped_fd int fd = file_made(desk, "made", path);

    cache_adopt(desk->cache, ME, fd, desk->digest, LARGE);
    must(pwrite(fd, "changed", 7, 100) == 7);
    assert_int_equal(
        cache_fetch(desk->cache, ME, &desk->sources, desk->digest, LARGE, NULL), RC_OK);
    assert_int_equal(desk->shop.calls, 1);
    assert_int_equal(cache_counts(desk->cache).healed, 1);
}

static void test_a_file_with_another_name_is_left_alone(void **state)
{
    struct desk *desk = *state;
    char path[96], other[128];
    scoped_fd int fd = file_made(desk, "made", path);

    snprintf(other, sizeof other, "%s-too", path);
    must(link(path, other) == 0);
    cache_adopt(desk->cache, ME, fd, desk->digest, LARGE);
    assert_false(objects_has(cache_objects(desk->cache), desk->digest, NULL));
}

static void test_what_is_kept_stays_until_it_is_kept_no_more(void **state)
{
    struct desk *desk = *state;
    char path[96], made[DIGEST_TEXT_SIZE];
    scoped_fd int fd = file_made(desk, "made", path);
    char(*kept)[DIGEST_TEXT_SIZE];
    struct err err;

    desk_open(desk, 2 * LARGE);
    assert_int_equal(cache_keep(desk->cache, ME, fd, desk->digest, LARGE, &err), RC_OK);
    assert_int_equal(cache_keep(desk->cache, ME, fd, desk->digest, LARGE, &err), RC_OK);
    assert_int_equal(cache_kept_count(desk->cache), 1);
    must(unlink(path) == 0);
    memcpy(made, desk->digest, sizeof made);

    desk_open(desk, LARGE + 8192);
    assert_int_equal(cache_kept(desk->cache, &kept), 1);
    assert_string_equal(kept[0], made);
    free(kept);
    take_other(desk, 77, LARGE);
    assert_int_equal(fetch(desk, OTHER), RC_OK);
    cache_release(desk->cache, OTHER);
    cache_trim(desk->cache, 0);
    assert_true(is_there(desk, made));
    assert_false(is_there(desk, desk->digest));

    cache_unkeep(desk->cache, made);
    assert_int_equal(cache_kept_count(desk->cache), 0);
    cache_trim(desk->cache, LARGE);
    assert_false(is_there(desk, made));
    desk_open(desk, 0);
    assert_int_equal(cache_kept_count(desk->cache), 0);
}

static void test_what_nobody_needs_is_removed_unless_something_here_does(void **state)
{
    struct desk *desk = *state;
    char path[96];
    scoped_fd int fd = file_made(desk, "made", path);
    struct err err;

    assert_int_equal(cache_keep(desk->cache, ME, fd, desk->digest, LARGE, &err), RC_OK);
    assert_false(cache_forget(desk->cache, desk->digest, true));
    cache_release(desk->cache, ME);
    assert_false(cache_forget(desk->cache, desk->digest, false));
    assert_true(is_there(desk, desk->digest));
    assert_int_equal(cache_kept_count(desk->cache), 1);
    assert_true(cache_forget(desk->cache, desk->digest, true));
    assert_false(is_there(desk, desk->digest));
    assert_int_equal(cache_kept_count(desk->cache), 0);
    assert_true(cache_forget(desk->cache, desk->digest, true));

    assert_int_equal(fetch(desk, ME), RC_OK);
    assert_false(cache_forget(desk->cache, desk->digest, false));
    cache_release(desk->cache, ME);
    assert_true(cache_forget(desk->cache, desk->digest, false));
    assert_false(is_there(desk, desk->digest));
}

static void test_what_is_kept_is_linked_nowhere(void **state)
{
    struct desk *desk = *state;
    struct bulk_small wanted = { desk->digest, LARGE };
    char path[96], placed[128];
    scoped_fd int fd = file_made(desk, "made", path);
    struct stat status;
    struct err err;

    assert_int_equal(cache_keep(desk->cache, ME, fd, desk->digest, LARGE, &err), RC_OK);
    must(unlink(path) == 0);
    snprintf(placed, sizeof placed, "%s/placed", desk->directory);
    assert_int_equal(
        cache_place(desk->cache, ME, &desk->sources, &wanted, placed, 0444, true, &err),
        RC_OK);
    assert_int_equal(stat(placed, &status), 0);
    assert_int_equal(status.st_nlink, 1);
}

static void test_what_there_is_no_room_for_is_not_kept(void **state)
{
    struct desk *desk = *state;
    char path[96];
    scoped_fd int fd = file_made(desk, "made", path);
    struct err err;

    desk_open(desk, LARGE / 2);
    assert_int_equal(cache_keep(desk->cache, ME, fd, desk->digest, LARGE, &err), RC_FULL);
    desk_open(desk, 0);
    assert_int_equal(fetch(desk, ME), RC_OK);
    assert_int_equal(cache_keep(desk->cache, ME, fd, desk->digest, LARGE, &err),
                     RC_CONFLICT);
    assert_int_equal(cache_kept_count(desk->cache), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_an_object_is_fetched_once),
        TEST(test_without_sources_it_only_looks),
        TEST(test_of_many_threads_one_fetches),
        TEST(test_a_line_that_broke_is_taken_up_where_it_was),
        TEST(test_what_arrived_outlives_the_process),
        TEST(test_a_kept_part_that_is_wrong_is_dropped),
        TEST(test_a_kept_part_that_is_too_long_is_dropped),
        TEST(test_a_bit_flipped_on_the_way_is_fetched_again),
        TEST(test_a_source_that_is_always_wrong_is_given_up),
        TEST(test_the_next_source_goes_on_where_the_first_broke_off),
        TEST(test_a_fetch_that_waits_ends_when_it_is_cancelled),
        TEST(test_a_flipped_bit_is_found_before_the_next_use),
        TEST(test_a_truncated_object_is_found_before_the_next_use),
        TEST(test_a_small_object_is_read_before_each_use),
        TEST(test_a_task_that_writes_to_its_input_hurts_no_other),
        TEST(test_a_mark_spares_reading_and_outlives_the_process),
        TEST(test_an_object_without_a_mark_is_read_once_and_marked),
        TEST(test_the_oldest_goes_when_there_is_too_much),
        TEST(test_what_is_held_stays_though_it_is_too_much),
        TEST(test_the_last_use_outlives_the_process),
        TEST(test_a_new_process_pins_again_what_runs),
        TEST(test_bytes_of_an_unknown_digest_are_pinned_and_counted),
        TEST(test_a_full_disk_makes_room_and_then_waits),
        TEST(test_a_file_that_a_task_made_serves_as_the_object),
        TEST(test_such_a_file_that_changed_afterwards_is_seen),
        TEST(test_a_file_with_another_name_is_left_alone),
        TEST(test_what_is_kept_stays_until_it_is_kept_no_more),
        TEST(test_what_nobody_needs_is_removed_unless_something_here_does),
        TEST(test_what_is_kept_is_linked_nowhere),
        TEST(test_what_there_is_no_room_for_is_not_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
