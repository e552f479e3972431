/* Client and server of the bulk protocol over real sockets; raw sockets where a peer
 * misbehaves. */
#include "broker/artifacts/bulk_wire.h"
#include "broker/bulk_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>

enum { LARGE = 10 * 1000 * 1000 };

static const char absent[] =
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static unsigned char *bytes_new(size_t size, unsigned seed)
{
    unsigned char *bytes = malloc(size + 1);
    uint32_t x = seed * 2654435761u + 1;

    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++) {
        x = x * 1664525u + 1013904223u;
        bytes[i] = (unsigned char)(x >> 24);
    }
    return bytes;
}

/* An unnamed file with these bytes. */
static int file_new(const struct fixture *self, const unsigned char *bytes, size_t size)
{
    char path[128];

    snprintf(path, sizeof path, "%s/fileXXXXXX", self->folder);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(write(fd, bytes, size), size);
    return fd;
}

struct progress {
    uint64_t done, total;
    unsigned calls;
};

static void progress_note(void *context, uint64_t done, uint64_t total)
{
    struct progress *progress = context;

    assert_true(done >= progress->done);
    assert_true(done <= total);
    *progress = (struct progress){ done, total, progress->calls + 1 };
}

static void there_and_back(struct fixture *self, size_t size)
{
    unsigned char *bytes = bytes_new(size, (unsigned)size);
    int fd = file_new(self, bytes, size);
    char digest[DIGEST_TEXT_SIZE];
    struct progress put = { 0 }, get = { 0 };
    uint64_t stored;
    struct err err;

    digest_bytes(bytes, size, digest);
    expect_ok(bulk_put(self->client, fd, digest, size, progress_note, &put, &err), &err);
    assert_int_equal(put.done, size);
    assert_int_equal(put.total, size);
    assert_true(objects_has(self->there, digest, &stored));
    assert_int_equal(stored, size);
    expect_ok(bulk_put(self->client, fd, digest, size, NULL, NULL, &err), &err);

    expect_ok(bulk_get(self->client, digest, self->here, progress_note, &get, &err),
              &err);
    assert_int_equal(get.done, size);
    assert_int_equal(get.total, size);
    expect_ok(objects_verify(self->here, digest, &err), &err);
    get.calls = 0;
    expect_ok(bulk_get(self->client, digest, self->here, progress_note, &get, &err),
              &err);
    assert_int_equal(get.calls, 0);
    close(fd);
    free(bytes);
}

static void test_objects_of_all_sizes_go_there_and_back(void **state)
{
    static const size_t sizes[] = {
        0,
        1,
        BULK_CHUNK_BYTES - 1,
        BULK_CHUNK_BYTES,
        BULK_CHUNK_BYTES + 1,
        3 * BULK_CHUNK_BYTES,
        (BULK_WINDOW + 1) * BULK_CHUNK_BYTES,
        LARGE,
    };

    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        there_and_back(*state, sizes[i]);
}

static void test_bytes_in_memory_are_stored_under_their_digest(void **state)
{
    struct fixture *self = *state;
    char digest[DIGEST_TEXT_SIZE], expected[DIGEST_TEXT_SIZE];
    unsigned char *bytes = bytes_new(LARGE, 3);
    struct err err;

    expect_ok(bulk_put_bytes(self->client, "abc", 3, digest, &err), &err);
    assert_string_equal(digest, absent);
    expect_ok(bulk_put_bytes(self->client, NULL, 0, digest, &err), &err);
    expect_ok(bulk_put_bytes(self->client, bytes, LARGE, digest, &err), &err);
    digest_bytes(bytes, LARGE, expected);
    assert_string_equal(digest, expected);
    expect_ok(objects_verify(self->there, digest, &err), &err);
    free(bytes);
}

static void test_bytes_that_do_not_give_the_digest_are_refused(void **state)
{
    static const size_t sizes[] = { 5, LARGE };
    struct fixture *self = *state;
    struct err err;

    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        unsigned char *bytes = bytes_new(sizes[i], 5);
        int fd = file_new(self, bytes, sizes[i]);

        assert_int_equal(bulk_put(self->client, fd, absent, sizes[i], NULL, NULL, &err),
                         RC_CORRUPT);
        assert_false(objects_has(self->there, absent, NULL));
        close(fd);
        free(bytes);
    }
}

static void test_a_file_that_shrinks_while_it_is_sent_is_refused(void **state)
{
    struct fixture *self = *state;
    unsigned char *bytes = bytes_new(LARGE, 6);
    int fd = file_new(self, bytes, LARGE);
    char digest[DIGEST_TEXT_SIZE];
    struct err err;

    digest_bytes(bytes, LARGE, digest);
    assert_int_equal(bulk_put(self->client, fd, digest, LARGE + 1, NULL, NULL, &err),
                     RC_CORRUPT);
    assert_non_null(strstr(err.text, "shorter"));
    /* The failed upload holds nothing: more of them than the server allows at once. */
    for (int i = 0; i < 20; i++)
        assert_int_equal(bulk_put(self->client, fd, digest, LARGE + 1, NULL, NULL, &err),
                         RC_CORRUPT);
    expect_ok(bulk_put(self->client, fd, digest, LARGE, NULL, NULL, &err), &err);
    close(fd);
    free(bytes);
}

static void object_damage(struct objects *objects, const char *digest)
{
    char path[PATH_MAX];
    unsigned char byte;

    assert_true(objects_path(objects, digest, path, sizeof path));
    assert_int_equal(chmod(path, 0644), 0);
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, 2), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, 2), 1);
    close(fd);
}

static void test_a_damaged_object_is_never_given_and_set_aside(void **state)
{
    static const size_t sizes[] = { 5, LARGE };
    struct fixture *self = *state;
    struct err err;

    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        unsigned char *bytes = bytes_new(sizes[i], 7);
        char digest[DIGEST_TEXT_SIZE];
        const char *wanted = digest;
        bool is_missing = false;

        expect_ok(bulk_put_bytes(self->client, bytes, sizes[i], digest, &err), &err);
        object_damage(self->there, digest);
        assert_int_equal(bulk_get(self->client, digest, self->here, NULL, NULL, &err),
                         RC_CORRUPT);
        assert_false(objects_has(self->here, digest, NULL));
        expect_ok(bulk_have(self->client, &wanted, 1, &is_missing, &err), &err);
        assert_true(is_missing);
        expect_ok(bulk_put_bytes(self->client, bytes, sizes[i], digest, &err), &err);
        expect_ok(bulk_get(self->client, digest, self->here, NULL, NULL, &err), &err);
        free(bytes);
    }
}

static void test_what_is_not_there_is_told(void **state)
{
    struct fixture *self = *state;
    scoped_buf out;
    uint64_t total = 3;
    struct err err;
    char digest[DIGEST_TEXT_SIZE];

    buf_init(&out, 0);
    assert_int_equal(bulk_get(self->client, absent, self->here, NULL, NULL, &err),
                     RC_NOT_FOUND);
    assert_non_null(strstr(err.text, absent));
    assert_int_equal(bulk_get_range(self->client, absent, 0, 1, &out, &total, &err),
                     RC_NOT_FOUND);
    assert_int_equal(bulk_get(self->client, "../x", self->here, NULL, NULL, &err),
                     RC_INVALID);
    assert_int_equal(total, 3);
    expect_ok(bulk_put_bytes(self->client, "abc", 3, digest, &err), &err);
    expect_ok(bulk_get(self->client, absent, self->here, NULL, NULL, &err), &err);
}

static void test_ranges_give_what_is_there(void **state)
{
    struct fixture *self = *state;
    unsigned char *bytes = bytes_new(LARGE, 8);
    static const struct {
        uint64_t offset, limit, got;
    } ranges[] = {
        { 0, 0, 0 },         { 0, 10, 10 },           { LARGE - 3, 10, 3 },
        { LARGE, 10, 0 },    { LARGE + 5, 1, 0 },     { 7, 1000000, 1000000 },
        { 0, LARGE, LARGE }, { 5, LARGE, LARGE - 5 },
    };
    char digest[DIGEST_TEXT_SIZE];
    struct err err;

    expect_ok(bulk_put_bytes(self->client, bytes, LARGE, digest, &err), &err);
    for (size_t i = 0; i < COUNT_OF(ranges); i++) {
        scoped_buf out;
        uint64_t total = 0;

        buf_init(&out, 0);
        expect_ok(bulk_get_range(self->client, digest, ranges[i].offset, ranges[i].limit,
                                 &out, &total, &err),
                  &err);
        assert_int_equal(total, LARGE);
        assert_int_equal(out.size, ranges[i].got);
        if (out.size > 0)
            assert_memory_equal(out.data, bytes + ranges[i].offset, out.size);
    }
    free(bytes);
}

static void test_have_asks_for_any_number_of_digests(void **state)
{
    enum { COUNT = 2 * BULK_HAVE_MAX + 5 };
    struct fixture *self = *state;
    char(*texts)[DIGEST_TEXT_SIZE] = calloc(COUNT, DIGEST_TEXT_SIZE);
    const char **digests = calloc(COUNT, sizeof *digests);
    bool *missing = calloc(COUNT, sizeof *missing);
    struct err err;

    assert_true(texts && digests && missing);
    for (size_t i = 0; i < COUNT; i++) {
        digest_bytes(&i, sizeof i, texts[i]);
        digests[i] = texts[i];
        if (i % 5000 == 4)
            expect_ok(bulk_put_bytes(self->client, &i, sizeof i, texts[i], &err), &err);
    }
    expect_ok(bulk_have(self->client, digests, COUNT, missing, &err), &err);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(missing[i], i % 5000 != 4);
    expect_ok(bulk_have(self->client, digests, 0, missing, &err), &err);
    digests[3] = "sha256:no";
    assert_int_equal(bulk_have(self->client, digests, 4, missing, &err), RC_INVALID);
    free(texts);
    free(digests);
    free(missing);
}

struct worker {
    struct fixture *fixture;
    unsigned seed;
};

static void *work(void *context)
{
    struct worker *self = context;
    struct bulk_client *client = client_of(self->fixture, WAIT_MS);
    char digest[DIGEST_TEXT_SIZE];
    struct err err;

    for (unsigned i = 0; i < 60; i++) {
        size_t size = i % 20 == 7 ? 2000000 : i;
        unsigned char *bytes = bytes_new(size, self->seed + i);
        scoped_buf out;
        uint64_t total;

        buf_init(&out, 0);
        expect_ok(bulk_put_bytes(client, bytes, size, digest, &err), &err);
        expect_ok(bulk_get_range(client, digest, 0, size, &out, &total, &err), &err);
        must(out.size == size && memcmp(out.data, bytes, size) == 0);
        free(bytes);
    }
    bulk_client_destroy(client);
    return NULL;
}

static void test_two_clients_work_at_once(void **state)
{
    /* Overlapping seeds: some objects are put by both. */
    struct worker workers[2] = { { *state, 1 }, { *state, 30 } };
    pthread_t threads[2];

    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

/* The stream of a made-up attempt: its token tells what happens. */
static enum rc stream_test_read(void *context, uint64_t token, enum stream stream,
                                uint64_t offset, uint32_t limit, struct buf *out,
                                struct stream_chunk *chunk, struct err *err)
{
    const char *text = context;
    size_t size = strlen(text);

    if (token != 42 || stream != STREAM_STDERR)
        return err_set(err, RC_NOT_FOUND, "attempt %llu is not here",
                       (unsigned long long)token);
    if (offset < size)
        buf_add(out, text + offset, size - offset < limit ? size - offset : limit);
    *chunk = (struct stream_chunk){ .size = size, .is_final = offset >= size };
    return RC_OK;
}

/* Until the node is known to the server: its connection is made by another thread. */
static enum rc stream_try(struct fixture *self, uint64_t token, uint64_t offset,
                          uint32_t limit, struct buf *out, struct stream_chunk *chunk,
                          struct err *err)
{
    enum rc rc;

    do
        rc = bulk_stream_read(self->client, "node-1", token, STREAM_STDERR, offset, limit,
                              out, chunk, err);
    while (rc == RC_UNREACHABLE);
    return rc;
}

static void test_streams_are_read_through_the_server(void **state)
{
    struct fixture *self = *state;
    static const struct stream_calls calls = { .read = stream_test_read };
    static char text[] = "what the task said";
    struct stream_server *node;
    struct stream_chunk chunk = { 0 };
    scoped_buf out;
    struct err err;

    buf_init(&out, 0);
    assert_int_equal(bulk_stream_read(self->client, "node-1", 42, STREAM_STDERR, 0, 5,
                                      &out, &chunk, &err),
                     RC_UNREACHABLE);
    assert_non_null(strstr(err.text, "node-1"));
    expect_ok(stream_server_create(self->zmq, self->endpoint, "node-1", &calls, text,
                                   &node, &err),
              &err);

    expect_ok(stream_try(self, 42, 0, 4, &out, &chunk, &err), &err);
    assert_int_equal(chunk.size, strlen(text));
    assert_false(chunk.is_final);
    expect_ok(stream_try(self, 42, 4, UINT32_MAX, &out, &chunk, &err), &err);
    assert_int_equal(out.size, strlen(text));
    assert_memory_equal(out.data, text, out.size);
    expect_ok(stream_try(self, 42, out.size, 100, &out, &chunk, &err), &err);
    assert_true(chunk.is_final);
    assert_int_equal(out.size, strlen(text));
    assert_int_equal(stream_try(self, 43, 0, 4, &out, &chunk, &err), RC_NOT_FOUND);
    assert_string_equal(err.text, "attempt 43 is not here");
    stream_server_destroy(node);
}

static void *raw_connect(struct fixture *self, const char *identity)
{
    void **socket = &self->raw[self->raw_count];
    struct err err;

    must(self->raw_count < COUNT_OF(self->raw));
    expect_ok(link_connect(self->zmq, ZMQ_DEALER, self->endpoint, identity, socket, &err),
              &err);
    self->raw_count++;
    return *socket;
}

static void raw_send(void *socket, struct bulk_message message)
{
    struct err err;

    expect_ok(bulk_send(socket, (struct bytes){ 0 }, &message, &err), &err);
}

/* Waits for an answer; its id, and its code if it is an error, else "". */
static enum bulk_type raw_receive(void *socket, uint64_t *id, char code[64])
{
    zmq_pollitem_t item = { .socket = socket, .events = ZMQ_POLLIN };
    struct link_message raw;
    struct bulk_message message;
    struct err err;

    assert_int_equal(zmq_poll(&item, 1, WAIT_MS), 1);
    expect_ok(link_receive(socket, &raw, &err), &err);
    expect_ok(bulk_decode(raw.frames, raw.count, &message, id, &err), &err);
    snprintf(code, 64, "%.*s", message.type == BULK_ERROR ? (int)message.code.size : 0,
             message.code.data);
    link_free(&raw);
    return message.type;
}

static void test_garbage_is_counted_and_harms_nobody(void **state)
{
    static const struct {
        size_t count;
        const char *frames[4];
        size_t sizes[4];
    } messages[] = {
        { 1, { "" }, { 0 } },
        { 1, { "\x93\x01\x05\x07" }, { 4 } },
        { 2, { "\x93\x01\x05", "\x80" }, { 3, 1 } },
        { 2, { "\xdf\xff\xff\xff\xff", "\x80" }, { 5, 1 } },
        { 2, { "\xdd\xff\xff\xff\xff", "\xdd\xff\xff\xff\xff" }, { 5, 5 } },
        { 4, { "\x93\x01\x05\x07", "\x80", "a", "b" }, { 4, 1, 1, 1 } },
        { 2, { "GET / HTTP/1.1\r\n\r\n", "x" }, { 18, 1 } },
        { 2, { "\x93\x01\x25\x07", "\x80" }, { 4, 1 } },
    };
    struct fixture *self = *state;
    void *socket = raw_connect(self, NULL);
    char digest[DIGEST_TEXT_SIZE], code[64];
    uint64_t id;
    struct err err;

    for (size_t i = 0; i < COUNT_OF(messages); i++) {
        struct link_frame frames[4];

        for (size_t k = 0; k < messages[i].count; k++)
            frames[k] =
                (struct link_frame){ messages[i].frames[k], messages[i].sizes[k] };
        expect_ok(link_send(socket, frames, messages[i].count, &err), &err);
    }
    raw_send(socket, (struct bulk_message){ .type = BULK_HAVE, .id = 99 });
    assert_int_equal(raw_receive(socket, &id, code), BULK_HAD);
    assert_int_equal(id, 99);
    assert_int_equal(bulk_server_dropped(self->server), COUNT_OF(messages));
    expect_ok(bulk_put_bytes(self->client, "abc", 3, digest, &err), &err);
}

static void test_a_wrong_request_with_a_number_gets_an_error(void **state)
{
    static const struct {
        const char *header, *body, *code;
        size_t size;
    } messages[] = {
        { "\x93\x02\x05\x07", "\x80", "unsupported", 1 },
        { "\x93\x01\x7a\x07", "\x80", "unsupported", 1 },
        { "\x93\x01\x05\x07", "\x80", "protocol", 1 },
        { "\x93\x01\x05\x07", "\xc0", "protocol", 1 },
        { "\x93\x01\x05\x07", "\xdf\xff\xff\xff\xff", "protocol", 5 },
        { "\x93\x01\x06\x07",
          "\x81\xa6"
          "digest\xa3"
          "abc",
          "protocol", 12 },
        { "\x93\x01\x01\x07",
          "\x81\xa7"
          "digests\xdd\xff\xff\xff\xff",
          "protocol", 14 },
        { "\x93\x01\x03\x07",
          "\x81\xa6"
          "offset\x00",
          "protocol", 9 },
    };
    struct fixture *self = *state;
    void *socket = raw_connect(self, NULL);
    char code[64];
    uint64_t id;
    struct err err;

    for (size_t i = 0; i < COUNT_OF(messages); i++) {
        struct link_frame frames[2] = { { messages[i].header, 4 },
                                        { messages[i].body, messages[i].size } };

        expect_ok(link_send(socket, frames, 2, &err), &err);
        assert_int_equal(raw_receive(socket, &id, code), BULK_ERROR);
        assert_int_equal(id, 7);
        assert_string_equal(code, messages[i].code);
    }
}

static void test_unknown_fields_and_header_items_are_skipped(void **state)
{
    struct fixture *self = *state;
    struct link_frame frames[2] = {
        { "\x95\x01\x01\x07\xc0\x91\x01", 7 },
        { "\x82\xa3"
          "new\x81\x01\x02\xa7"
          "digests\x90",
          17 },
    };
    void *socket = raw_connect(self, NULL);
    char code[64];
    uint64_t id;
    struct err err;

    expect_ok(link_send(socket, frames, 2, &err), &err);
    assert_int_equal(raw_receive(socket, &id, code), BULK_HAD);
}

static struct bulk_message put_of(uint64_t id, const char *digest, uint64_t size)
{
    struct bulk_message put = { .type = BULK_PUT, .id = id, .size = size };

    memcpy(put.digest, digest, sizeof put.digest);
    return put;
}

static void test_uploads_are_bounded_and_must_be_in_order(void **state)
{
    struct fixture *self = *state;
    void *socket = raw_connect(self, NULL);
    struct bulk_message piece = {
        .type = BULK_PUT_DATA, .id = 1, .offset = 1, .has_data = true, .data = { "ab", 2 }
    };
    char code[64];
    uint64_t id;

    for (uint64_t i = 1; i <= 8; i++) {
        raw_send(socket, put_of(i, absent, 3));
        assert_int_equal(raw_receive(socket, &id, code), BULK_GO_ON);
    }
    raw_send(socket, put_of(9, absent, 3));
    assert_int_equal(raw_receive(socket, &id, code), BULK_ERROR);
    assert_string_equal(code, "full");
    assert_int_equal(id, 9);

    raw_send(socket, piece); /* at 1 instead of 0: ends upload 1 */
    assert_int_equal(raw_receive(socket, &id, code), BULK_ERROR);
    assert_string_equal(code, "invalid");
    piece.offset = 0;
    raw_send(socket, piece);
    assert_int_equal(raw_receive(socket, &id, code), BULK_ERROR);
    assert_string_equal(code, "not-found");

    raw_send(socket, put_of(9, absent, 3));
    assert_int_equal(raw_receive(socket, &id, code), BULK_GO_ON);
    piece.id = 9;
    raw_send(socket, piece);
    assert_int_equal(raw_receive(socket, &id, code), BULK_GO_ON);
    piece.offset = 2;
    raw_send(socket, piece); /* beyond the end */
    assert_int_equal(raw_receive(socket, &id, code), BULK_ERROR);
    assert_string_equal(code, "invalid");

    piece.id = 2;
    piece.offset = 0;
    piece.data = (struct bytes){ "abc", 3 };
    raw_send(socket, piece);
    assert_int_equal(raw_receive(socket, &id, code), BULK_STORED);
    assert_true(objects_has(self->there, absent, NULL));
}

/* The next message of the socket; the caller frees raw, which message borrows from. */
static void raw_take(void *socket, struct link_message *raw, struct bulk_message *message)
{
    zmq_pollitem_t item = { .socket = socket, .events = ZMQ_POLLIN };
    uint64_t id;
    struct err err;

    assert_int_equal(zmq_poll(&item, 1, WAIT_MS), 1);
    expect_ok(link_receive(socket, raw, &err), &err);
    expect_ok(bulk_decode(raw->frames, raw->count, message, &id, &err), &err);
}

static void test_what_a_node_gives_carries_the_name_of_its_socket(void **state)
{
    struct fixture *self = *state;
    void *node = raw_connect(self, "node-9"), *asker = raw_connect(self, NULL);
    struct link_message raw;
    struct bulk_message message;
    char code[64];
    uint64_t id;

    /* When this is answered, the server knows the node. */
    raw_send(node, (struct bulk_message){ .type = BULK_HAVE, .id = 1 });
    assert_int_equal(raw_receive(node, &id, code), BULK_HAD);
    raw_send(asker, (struct bulk_message){ .type = BULK_STREAM_READ,
                                           .id = 5,
                                           .node = { "node-9", 6 },
                                           .token = 1,
                                           .limit = 10 });
    raw_take(node, &raw, &message);
    assert_int_equal(message.type, BULK_STREAM_ASK);
    assert_int_equal(message.id, 5);
    assert_int_equal(message.limit, 10);
    raw_send(node, (struct bulk_message){ .type = BULK_STREAM_GIVE,
                                          .id = 5,
                                          .client = message.client,
                                          .has_data = true });
    link_free(&raw);
    raw_take(asker, &raw, &message);
    assert_int_equal(message.type, BULK_STREAM_DATA);
    assert_int_equal(message.id, 5);
    assert_true(bytes_are(message.node, "node-9"));
    link_free(&raw);
}

static void test_a_lost_server_is_a_timeout_and_a_new_one_is_found(void **state)
{
    struct fixture *self = *state;
    struct bulk_client *client;
    char digest[DIGEST_TEXT_SIZE];
    const LargestIntegralType gone[] = { RC_TIMEOUT, RC_UNREACHABLE }; /* it may break */
    void *zmq = zmq_ctx_new();
    struct err err;

    /* A context of its own: only its end tells that the endpoint is free. */
    bulk_server_destroy(self->server);
    snprintf(self->endpoint, sizeof self->endpoint, "ipc://%s/again", self->folder);
    server_start(self, zmq);
    client = client_of(self, WAIT_MS);
    expect_ok(bulk_put_bytes(client, "a", 1, digest, &err), &err);
    struct bulk_client *hasty = client_of(self, 50);
    bulk_server_destroy(self->server);
    zmq_ctx_term(zmq);
    assert_in_set(bulk_put_bytes(hasty, "b", 1, digest, &err), gone, COUNT_OF(gone));
    assert_non_null(strstr(err.text, self->endpoint));
    assert_int_equal(bulk_put_bytes(hasty, "b", 1, digest, &err), RC_TIMEOUT);

    server_start(self, self->zmq);
    expect_ok(bulk_put_bytes(client, "abc", 3, digest, &err), &err);
    assert_true(objects_has(self->there, absent, NULL));
    bulk_client_destroy(hasty);
    bulk_client_destroy(client);
}

static void test_an_upload_does_not_outlive_the_server(void **state)
{
    struct fixture *self = *state;
    struct bulk_message piece = {
        .type = BULK_PUT_DATA, .id = 1, .offset = 1, .has_data = true, .data = { "bc", 2 }
    };
    void *zmq = zmq_ctx_new();
    struct bulk_server *first;
    char code[64];
    uint64_t id;
    struct err err;

    snprintf(self->endpoint, sizeof self->endpoint, "ipc://%s/again", self->folder);
    expect_ok(bulk_server_create(zmq, self->endpoint, self->there, NULL, &first, &err),
              &err);
    void *socket = raw_connect(self, NULL);
    raw_send(socket, put_of(1, absent, 3));
    assert_int_equal(raw_receive(socket, &id, code), BULK_GO_ON);
    bulk_server_destroy(first);
    zmq_ctx_term(zmq);

    bulk_server_destroy(self->server);
    server_start(self, self->zmq);
    /* What is sent before the client knows of the end is lost with the old connection:
     * every now and then the piece is sent again, until the new server answers. */
    zmq_pollitem_t item = { .socket = socket, .events = ZMQ_POLLIN };
    do
        raw_send(socket, piece);
    while (zmq_poll(&item, 1, 100) == 0);
    assert_int_equal(raw_receive(socket, &id, code), BULK_ERROR);
    assert_string_equal(code, "not-found");
    assert_false(objects_has(self->there, absent, NULL));
}

static void test_a_taken_endpoint_is_a_conflict(void **state)
{
    struct fixture *self = *state;
    struct bulk_server *second = NULL;

    assert_int_equal(
        bulk_server_create(self->zmq, self->endpoint, self->there, NULL, &second, NULL),
        RC_CONFLICT);
    assert_null(second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_objects_of_all_sizes_go_there_and_back),
        TEST(test_bytes_in_memory_are_stored_under_their_digest),
        TEST(test_bytes_that_do_not_give_the_digest_are_refused),
        TEST(test_a_file_that_shrinks_while_it_is_sent_is_refused),
        TEST(test_a_damaged_object_is_never_given_and_set_aside),
        TEST(test_what_is_not_there_is_told),
        TEST(test_ranges_give_what_is_there),
        TEST(test_have_asks_for_any_number_of_digests),
        TEST(test_two_clients_work_at_once),
        TEST(test_streams_are_read_through_the_server),
        TEST(test_garbage_is_counted_and_harms_nobody),
        TEST(test_a_wrong_request_with_a_number_gets_an_error),
        TEST(test_unknown_fields_and_header_items_are_skipped),
        TEST(test_uploads_are_bounded_and_must_be_in_order),
        TEST(test_what_a_node_gives_carries_the_name_of_its_socket),
        TEST(test_a_lost_server_is_a_timeout_and_a_new_one_is_found),
        TEST(test_an_upload_does_not_outlive_the_server),
        TEST(test_a_taken_endpoint_is_a_conflict),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
