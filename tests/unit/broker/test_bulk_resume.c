/* Uploads that break off and are gone on with: by the same client or another, with the
 * same broker or the next; and what wrong bytes of somebody else cost. */
#include "broker/artifacts/bulk_uploads.h"
#include "broker/artifacts/pump.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

enum {
    WAIT_MS = 60000,
    PIECE = BULK_CHUNK_BYTES,
    PIECES = 64,
    SIZE = PIECES * PIECE + 7
};

struct fixture {
    char folder[64], endpoint[ENDPOINT_MAX], digest[DIGEST_TEXT_SIZE];
    void *zmq;        /* of clients */
    void *raw_zmq;    /* of the client by hand */
    void *raw;        /* its socket */
    void *server_zmq; /* of the server that runs */
    struct objects *objects;
    struct bulk_server *server;
    struct bulk_client *client; /* here, so that it ends when a test fails */
    unsigned char *bytes;       /* SIZE */
    int fd;                     /* a file of them */
};

static void expect_ok(enum rc rc, const struct err *err)
{
    if (rc != RC_OK)
        fail_msg("%s: %s", rc_name(rc), err->text);
}

static void server_start(struct fixture *self)
{
    struct err err;

    self->server_zmq = zmq_ctx_new();
    expect_ok(objects_open(self->folder, &self->objects, &err), &err);
    expect_ok(bulk_server_create(self->server_zmq, self->endpoint, self->objects, NULL,
                                 &self->server, &err),
              &err);
}

static void server_end(struct fixture *self)
{
    bulk_server_destroy(steal(&self->server));
    objects_destroy(steal(&self->objects));
    zmq_ctx_term(self->server_zmq);
}

static int fixture_setup(void **state)
{
    struct fixture *self = calloc(1, sizeof *self);
    struct err err;
    char path[80];

    must(self && (self->bytes = malloc(SIZE)));
    snprintf(self->folder, sizeof self->folder, "/tmp/sluice-resume-XXXXXX");
    must(mkdtemp(self->folder));
    for (size_t i = 0; i < SIZE; i++)
        self->bytes[i] = (unsigned char)((i * 2654435761u) >> 11);
    digest_bytes(self->bytes, SIZE, self->digest);
    snprintf(path, sizeof path, "%s/file", self->folder);
    self->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    must(self->fd >= 0 && write(self->fd, self->bytes, SIZE) == SIZE);
    expect_ok(link_ipc_endpoint(self->folder, "bulk", self->endpoint, &err), &err);
    self->zmq = zmq_ctx_new();
    server_start(self);
    *state = self;
    return 0;
}

/* A client by hand, one at a time. */
static void *raw_connect(struct fixture *self)
{
    struct err err;

    self->raw_zmq = zmq_ctx_new();
    expect_ok(
        link_connect(self->raw_zmq, ZMQ_DEALER, self->endpoint, NULL, &self->raw, &err),
        &err);
    return self->raw;
}

/* When this returns the connection is closed. */
static void raw_close(struct fixture *self)
{
    link_close(steal(&self->raw));
    if (self->raw_zmq)
        zmq_ctx_term(steal(&self->raw_zmq));
}

static struct bulk_client *client_connect(struct fixture *self)
{
    struct err err;

    expect_ok(bulk_client_create(self->zmq, self->endpoint, WAIT_MS, &self->client, &err),
              &err);
    return self->client;
}

static int fixture_teardown(void **state)
{
    struct fixture *self = *state;
    char command[128];

    raw_close(self);
    bulk_client_destroy(self->client);
    server_end(self);
    zmq_ctx_term(self->zmq);
    close(self->fd);
    snprintf(command, sizeof command, "rm -rf '%s'", self->folder);
    must(system(command) == 0);
    free(self->bytes);
    free(self);
    return 0;
}

/* Files that uploads have left, or are being written. */
static size_t parts_count(const struct fixture *self)
{
    char path[80];
    size_t count = 0;

    snprintf(path, sizeof path, "%s/tmp", self->folder);
    DIR *folder = opendir(path);

    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static void raw_send(void *socket, const struct bulk_message *message)
{
    struct err err;

    expect_ok(bulk_send(socket, (struct bytes){ 0 }, message, &err), &err);
}

/* The next answer but COMING; received is of GO_ON. */
static enum bulk_type raw_receive(void *socket, uint64_t *received)
{
    zmq_pollitem_t item = { .socket = socket, .events = ZMQ_POLLIN };
    struct bulk_message message = { .type = BULK_COMING };
    struct err err;
    uint64_t id;

    while (message.type == BULK_COMING) {
        struct link_message raw;

        assert_int_equal(zmq_poll(&item, 1, WAIT_MS), 1);
        expect_ok(link_receive(socket, &raw, &err), &err);
        expect_ok(bulk_decode(raw.frames, raw.count, &message, &id, &err), &err);
        link_free(&raw);
    }
    *received = message.received;
    return message.type;
}

/* PUT, and how much the server has already. */
static uint64_t raw_put(const struct fixture *self, void *socket, uint64_t id,
                        uint64_t size, bool may_resume)
{
    struct bulk_message put = {
        .type = BULK_PUT, .id = id, .size = size, .may_resume = may_resume
    };
    uint64_t received;

    memcpy(put.digest, self->digest, sizeof put.digest);
    raw_send(socket, &put);
    assert_int_equal(raw_receive(socket, &received), BULK_GO_ON);
    return received;
}

/* Pieces [from, end) of these bytes. */
static void raw_pieces(void *socket, uint64_t id, const unsigned char *bytes, size_t from,
                       size_t end)
{
    uint64_t received;

    for (size_t i = from; i < end; i++) {
        struct bulk_message piece = {
            .type = BULK_PUT_DATA, .id = id, .offset = i * PIECE, .has_data = true
        };

        piece.data = (struct bytes){ (const char *)bytes + i * PIECE, PIECE };
        raw_send(socket, &piece);
        assert_int_equal(raw_receive(socket, &received), BULK_GO_ON);
        assert_int_equal(received, (i + 1) * PIECE);
    }
}

struct watch {
    struct fixture *fixture;
    uint64_t first, last, total; /* told by progress; bytes */
    uint64_t restart_at;         /* 0: never */
    unsigned restarts;
};

static void watch_progress(void *context, uint64_t done, uint64_t total)
{
    struct watch *watch = context;

    assert_true(done >= watch->last); /* nothing that was counted is sent again */
    watch->first = watch->first ? watch->first : done;
    watch->last = done;
    watch->total = total;
    if (watch->restart_at == 0 || done < watch->restart_at)
        return;
    watch->restart_at = watch->restarts++ == 0 ? watch->restart_at * 2 : 0;
    server_end(watch->fixture);
    server_start(watch->fixture);
}

static void put_whole(struct fixture *self, struct watch *watch)
{
    struct bulk_client *client = client_connect(self);
    uint64_t size;
    struct err err;

    watch->fixture = self;
    expect_ok(bulk_put(client, self->fd, self->digest, SIZE, watch_progress, watch, &err),
              &err);
    bulk_client_destroy(steal(&self->client));
    assert_int_equal(watch->last, SIZE);
    assert_true(objects_has(self->objects, self->digest, &size));
    assert_int_equal(size, SIZE);
    expect_ok(objects_verify(self->objects, self->digest, &err), &err);
}

static void test_an_upload_goes_on_with_the_next_broker(void **state)
{
    struct fixture *self = *state;
    struct watch watch = { .restart_at = SIZE / 3 };

    put_whole(self, &watch);
    assert_int_equal(watch.restarts, 2);
    assert_int_equal(parts_count(self), 0);
}

static void test_another_client_goes_on_where_one_broke_off(void **state)
{
    static const size_t there[] = { 3, 40 }; /* pieces: few are hashed at once */
    struct fixture *self = *state;

    for (size_t i = 0; i < COUNT_OF(there); i++) {
        struct watch watch = { 0 };
        void *socket = raw_connect(self);
        struct err err;

        assert_int_equal(raw_put(self, socket, 1, SIZE, true), 0);
        raw_pieces(socket, 1, self->bytes, 0, there[i]);
        raw_close(self);
        put_whole(self, &watch);
        assert_int_equal(watch.first, there[i] * PIECE);
        assert_int_equal(parts_count(self), 0);
        expect_ok(objects_remove(self->objects, self->digest, &err), &err);
    }
}

static void test_wrong_bytes_of_another_cost_one_more_try(void **state)
{
    struct fixture *self = *state;
    struct watch watch = { 0 };
    void *socket = raw_connect(self);
    struct err err;

    assert_int_equal(raw_put(self, socket, 1, SIZE, true), 0);
    self->bytes[5] ^= 1;
    raw_pieces(socket, 1, self->bytes, 0, 50);
    self->bytes[5] ^= 1;
    raw_close(self);
    expect_ok(
        bulk_put(client_connect(self), self->fd, self->digest, SIZE, NULL, NULL, &err),
        &err);
    bulk_client_destroy(steal(&self->client));
    expect_ok(objects_verify(self->objects, self->digest, &err), &err);
    assert_int_equal(parts_count(self), 0);
    put_whole(self, &watch);
}

static void test_a_part_that_is_whole_or_longer_than_the_object_does_no_harm(void **state)
{
    static const uint64_t sizes[] = { SIZE, SIZE - 7, PIECE + 1 };
    struct fixture *self = *state;

    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct object_writer *writer;
        char digest[DIGEST_TEXT_SIZE];
        struct err err;

        digest_bytes(self->bytes, sizes[i], digest);
        expect_ok(object_writer_resume(self->objects, digest, -1, &writer, &err), &err);
        expect_ok(object_writer_add(writer, self->bytes, SIZE, &err), &err);
        object_writer_destroy(writer);
        expect_ok(
            bulk_put(client_connect(self), self->fd, digest, sizes[i], NULL, NULL, &err),
            &err);
        bulk_client_destroy(steal(&self->client));
        expect_ok(objects_verify(self->objects, digest, &err), &err);
        assert_int_equal(parts_count(self), 0);
    }
}

static void test_two_at_the_same_object_do_not_disturb_each_other(void **state)
{
    struct fixture *self = *state;
    struct watch watch = { 0 };
    void *socket = raw_connect(self);
    uint64_t received;

    assert_int_equal(raw_put(self, socket, 1, SIZE, true), 0);
    raw_pieces(socket, 1, self->bytes, 0, 10);
    put_whole(self, &watch); /* the other one is alive: from the start */
    assert_int_equal(watch.first, PIECE);
    raw_pieces(socket, 1, self->bytes, 10, PIECES);

    struct bulk_message rest = {
        .type = BULK_PUT_DATA, .id = 1, .offset = PIECES * PIECE, .has_data = true
    };

    rest.data = (struct bytes){ (const char *)self->bytes + rest.offset, 7 };
    raw_send(socket, &rest);
    assert_int_equal(raw_receive(socket, &received), BULK_STORED);
    raw_close(self);
    assert_int_equal(parts_count(self), 0);
}

static void test_who_does_not_ask_to_resume_begins_at_nothing(void **state)
{
    struct fixture *self = *state;
    void *socket = raw_connect(self);
    struct bulk_message beyond = { .type = BULK_PUT_DATA,
                                   .id = 1,
                                   .offset = 6 * PIECE,
                                   .has_data = true,
                                   .data = { "ab", 2 } };
    uint64_t received;

    raw_put(self, socket, 1, SIZE, true);
    raw_pieces(socket, 1, self->bytes, 0, 5);
    raw_close(self);
    socket = raw_connect(self);
    assert_int_equal(raw_put(self, socket, 1, SIZE, false), 0);
    assert_int_equal(raw_put(self, socket, 1, SIZE, true), 5 * PIECE);
    raw_send(socket, &beyond); /* a gap ends the upload, and what it had is not kept */
    assert_int_equal(raw_receive(socket, &received), BULK_ERROR);
    assert_int_equal(raw_put(self, socket, 2, SIZE, true), 0);
    raw_close(self);
}

static void test_what_is_left_over_is_removed_by_age_and_by_number(void **state)
{
    struct fixture *self = *state;
    struct object_writer *held;
    char path[256], digest[DIGEST_TEXT_SIZE];
    struct err err;

    for (unsigned i = 0; i < 5; i++) {
        struct timespec times[2] = { { .tv_sec = time(NULL) - 1000 * (5 - i) } };
        struct object_writer *writer;

        times[1] = times[0];
        digest_bytes(&i, sizeof i, digest);
        expect_ok(object_writer_resume(self->objects, digest, -1, &writer, &err), &err);
        expect_ok(object_writer_add(writer, "abc", 3, &err), &err);
        object_writer_destroy(writer);
        snprintf(path, sizeof path, "%s/tmp/part-%s", self->folder, digest + 7);
        times[0].tv_sec -= i == 3 ? 90000 : 0;
        times[1] = times[0];
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        if (i == 0)
            expect_ok(object_writer_resume(self->objects, digest, -1, &held, &err), &err);
    }
    objects_trim_parts(self->objects, 10);
    assert_int_equal(parts_count(self), 4); /* one was older than a day */
    objects_trim_parts(self->objects, 2);
    assert_int_equal(parts_count(self), 3); /* the oldest is being written */
    assert_int_equal(object_writer_size(held), 3);
    object_writer_destroy(held);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_upload_goes_on_with_the_next_broker),
        TEST(test_another_client_goes_on_where_one_broke_off),
        TEST(test_wrong_bytes_of_another_cost_one_more_try),
        TEST(test_a_part_that_is_whole_or_longer_than_the_object_does_no_harm),
        TEST(test_two_at_the_same_object_do_not_disturb_each_other),
        TEST(test_who_does_not_ask_to_resume_begins_at_nothing),
        TEST(test_what_is_left_over_is_removed_by_age_and_by_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
