/* Packets over a real socket pair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nodes/supervisor/channel.h"

struct pair {
    int ends[2];
};

static int setup(void **state)
{
    static struct pair pair;

    *state = &pair;
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                      pair.ends);
}

static int teardown(void **state)
{
    struct pair *pair = *state;

    for (int i = 0; i < 2; i++)
        if (pair->ends[i] >= 0)
            close(pair->ends[i]);
    return 0;
}

static struct channel_message full_message(void)
{
    struct channel_message message;

    /* Byte for byte, so that padding compares equal too. */
    memset(&message, 0, sizeof message);
    message.kind = CHANNEL_EXITED;
    message.token = UINT64_MAX;
    message.pid = INT32_MAX;
    message.signal = -1;
    message.status = INT32_MIN;
    message.has_namespace = true;
    message.out_of_memory = true;
    message.time_us = INT64_MIN;
    message.start_ticks = UINT64_MAX;
    message.usage.wall_us = message.usage.user_us = UINT64_MAX;
    message.usage.system_us = message.usage.memory_peak_bytes = UINT64_MAX;
    message.usage.read_bytes = message.usage.written_bytes = UINT64_MAX;
    memset(message.text, 'x', CHANNEL_TEXT_MAX - 1);
    return message;
}

static void test_every_field_arrives_at_its_extreme(void **state)
{
    struct pair *pair = *state;
    struct channel_message sent = full_message(), got;

    assert_int_equal(channel_send(pair->ends[0], &sent, NULL), RC_OK);
    assert_int_equal(channel_receive(pair->ends[1], &got, NULL), RC_OK);
    assert_int_equal(got.kind, sent.kind);
    assert_int_equal(got.token, sent.token);
    assert_int_equal(got.pid, sent.pid);
    assert_int_equal(got.signal, sent.signal);
    assert_int_equal(got.status, sent.status);
    assert_true(got.has_namespace && got.out_of_memory);
    assert_int_equal(got.time_us, sent.time_us);
    assert_int_equal(got.start_ticks, sent.start_ticks);
    assert_memory_equal(&got.usage, &sent.usage, sizeof got.usage);
    assert_string_equal(got.text, sent.text);
}

static void test_an_empty_socket_is_not_found_and_a_full_one_is_full(void **state)
{
    struct pair *pair = *state;
    struct channel_message message = full_message();
    size_t sent = 0, got = 0;
    enum rc rc;

    assert_int_equal(channel_receive(pair->ends[1], &message, NULL), RC_NOT_FOUND);
    while ((rc = channel_send(pair->ends[0], &message, NULL)) == RC_OK)
        sent++;
    assert_int_equal(rc, RC_FULL);
    while ((rc = channel_receive(pair->ends[1], &message, NULL)) == RC_OK)
        got++;
    assert_int_equal(rc, RC_NOT_FOUND);
    assert_int_equal(got, sent);
    assert_int_equal(channel_send(pair->ends[0], &message, NULL), RC_OK);
}

static void test_a_closed_peer_is_unreachable_both_ways(void **state)
{
    struct pair *pair = *state;
    struct channel_message message = full_message();

    close(pair->ends[1]);
    pair->ends[1] = -1;
    assert_int_equal(channel_send(pair->ends[0], &message, NULL), RC_UNREACHABLE);
    assert_int_equal(channel_receive(pair->ends[0], &message, NULL), RC_UNREACHABLE);
}

static void test_other_bytes_are_refused_and_change_nothing(void **state)
{
    struct pair *pair = *state;
    struct channel_message sent = full_message(), got = { .token = 5 };
    unsigned char large[CHANNEL_PACKET_MAX + 1] = { 0 };
    scoped_buf buf = { 0 };

    channel_pack(&buf, &sent);
    assert_true(buf_ok(&buf));
    /* Every shorter packet, and one byte more. */
    for (size_t size = 1; size < buf.size; size++) {
        assert_int_equal(send(pair->ends[0], buf.data, size, 0), size);
        assert_int_equal(channel_receive(pair->ends[1], &got, NULL), RC_PROTOCOL);
    }
    buf_byte(&buf, 0);
    assert_int_equal(send(pair->ends[0], buf.data, buf.size, 0), buf.size);
    assert_int_equal(channel_receive(pair->ends[1], &got, NULL), RC_PROTOCOL);
    assert_int_equal(send(pair->ends[0], large, sizeof large, 0), sizeof large);
    assert_int_equal(channel_receive(pair->ends[1], &got, NULL), RC_PROTOCOL);
    assert_int_equal(got.token, 5);
}

static void test_an_unknown_kind_is_refused(void **state)
{
    struct pair *pair = *state;
    struct channel_message message = full_message();

    message.kind = CHANNEL_KIND_COUNT;
    assert_int_equal(channel_send(pair->ends[0], &message, NULL), RC_OK);
    assert_int_equal(channel_receive(pair->ends[1], &message, NULL), RC_PROTOCOL);
}

static void test_another_version_is_unsupported_but_for_the_greeting(void **state)
{
    struct pair *pair = *state;
    struct channel_message message = full_message(), got = { .token = 5 };

    message.version = channel_ours().highest + 1;
    assert_int_equal(channel_send(pair->ends[0], &message, NULL), RC_OK);
    assert_int_equal(channel_receive(pair->ends[1], &got, NULL), RC_UNSUPPORTED);
    assert_int_equal(got.token, 5);
    message.kind = CHANNEL_LISTED;
    message.speaks = (struct protocol_range){ 4, 9 };
    assert_int_equal(channel_send(pair->ends[0], &message, NULL), RC_OK);
    assert_int_equal(channel_receive(pair->ends[1], &got, NULL), RC_OK);
    assert_int_equal(got.version, channel_ours().highest + 1);
    assert_int_equal(got.speaks.lowest, 4);
    assert_int_equal(got.speaks.highest, 9);
}

int main(void)
{
#define PAIR_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        PAIR_TEST(test_every_field_arrives_at_its_extreme),
        PAIR_TEST(test_an_empty_socket_is_not_found_and_a_full_one_is_full),
        PAIR_TEST(test_a_closed_peer_is_unreachable_both_ways),
        PAIR_TEST(test_other_bytes_are_refused_and_change_nothing),
        PAIR_TEST(test_an_unknown_kind_is_refused),
        PAIR_TEST(test_another_version_is_unsupported_but_for_the_greeting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
