/* channel.c - a message as a msgpack list in one packet; fields added later come last. */
#include "nodes/supervisor/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum { CHANNEL_FIELDS = 16 };

static bool is_timeless(enum channel_kind kind)
{
    return kind == CHANNEL_LIST || kind == CHANNEL_LISTED;
}

void channel_pack(struct buf *buf, const struct channel_message *message)
{
    const struct usage *usage = &message->usage;

    bool has_range = is_timeless(message->kind) && message->speaks.highest > 0;

    pack_list(buf, CHANNEL_FIELDS + has_range);
    pack_uint(buf, message->version ? message->version : channel_ours().lowest);
    pack_uint(buf, message->kind);
    pack_uint(buf, message->token);
    pack_int(buf, message->pid);
    pack_int(buf, message->signal);
    pack_int(buf, message->status);
    pack_bool(buf, message->has_namespace);
    pack_bool(buf, message->out_of_memory);
    pack_int(buf, message->time_us);
    pack_uint(buf, message->start_ticks);
    pack_uint(buf, usage->wall_us);
    pack_uint(buf, usage->user_us);
    pack_uint(buf, usage->system_us);
    pack_uint(buf, usage->memory_peak_bytes);
    pack_list(buf, 2);
    pack_uint(buf, usage->read_bytes);
    pack_uint(buf, usage->written_bytes);
    pack_string(buf, message->text, strnlen(message->text, CHANNEL_TEXT_MAX - 1));
    if (has_range)
        protocol_range_pack(buf, message->speaks);
}

enum rc channel_send(int fd, const struct channel_message *message, struct err *err)
{
    scoped_buf buf = { 0 };
    ssize_t sent;

    buf_init(&buf, CHANNEL_PACKET_MAX);
    channel_pack(&buf, message);
    if (!buf_ok(&buf))
        return err_set(err, RC_NO_MEMORY, "no memory for a message of the supervisor");
    do {
        sent = send(fd, buf.data, buf.size, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return RC_OK;

    int sys = errno;

    if (sys == EAGAIN || sys == EWOULDBLOCK || sys == ENOBUFS)
        return err_set_sys(err, RC_FULL, sys, "channel of the supervisor is full");
    return err_set_sys(err, RC_UNREACHABLE, sys, "channel of the supervisor");
}

/* An int32_t field. */
static int32_t read_int(struct reader *reader)
{
    int64_t integer = reader_int(reader);

    if (integer < INT32_MIN || integer > INT32_MAX)
        reader_fail(reader);
    return (int32_t)integer;
}

bool channel_unpack(struct reader *reader, struct channel_message *message)
{
    struct usage *usage = &message->usage;
    size_t count = reader_list(reader);

    *message = (struct channel_message){ 0 };
    message->version = (uint32_t)reader_uint_max(reader, UINT32_MAX);
    message->kind = (enum channel_kind)reader_uint_max(reader, CHANNEL_KIND_COUNT - 1);
    if (count < CHANNEL_FIELDS || message->version == 0
        || (!is_timeless(message->kind)
            && !protocol_has(channel_ours(), message->version)))
        reader_fail(reader);
    message->token = reader_uint(reader);
    message->pid = read_int(reader);
    message->signal = read_int(reader);
    message->status = read_int(reader);
    message->has_namespace = reader_bool(reader);
    message->out_of_memory = reader_bool(reader);
    message->time_us = reader_int(reader);
    message->start_ticks = reader_uint(reader);
    usage->wall_us = reader_uint(reader);
    usage->user_us = reader_uint(reader);
    usage->system_us = reader_uint(reader);
    usage->memory_peak_bytes = reader_uint(reader);
    if (reader_list(reader) != 2)
        reader_fail(reader);
    usage->read_bytes = reader_uint(reader);
    usage->written_bytes = reader_uint(reader);

    struct bytes text = reader_string(reader);

    if (text.size >= CHANNEL_TEXT_MAX)
        reader_fail(reader);
    else if (text.size > 0)
        memcpy(message->text, text.data, text.size);
    if (count > CHANNEL_FIELDS && is_timeless(message->kind)) {
        message->speaks = protocol_range_read(reader);
        count--;
    }
    for (size_t i = CHANNEL_FIELDS; i < count && reader_ok(reader); i++)
        reader_skip(reader);
    return reader_at_end(reader);
}

enum rc channel_receive(int fd, struct channel_message *message, struct err *err)
{
    unsigned char packet[CHANNEL_PACKET_MAX];
    struct channel_message fresh;
    struct reader reader;
    ssize_t got;

    do {
        got = recv(fd, packet, sizeof packet, MSG_TRUNC);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        int sys = errno;

        if (sys == EAGAIN || sys == EWOULDBLOCK)
            return err_set(err, RC_NOT_FOUND, "no message of the supervisor is there");
        return err_set_sys(err, RC_UNREACHABLE, sys, "channel of the supervisor");
    }
    if (got == 0)
        return err_set(err, RC_UNREACHABLE, "channel of the supervisor was closed");
    if ((size_t)got > sizeof packet)
        return err_set(err, RC_PROTOCOL, "channel of the supervisor: %zd bytes, above %d",
                       got, CHANNEL_PACKET_MAX);
    reader_init(&reader, packet, (size_t)got);
    if (!channel_unpack(&reader, &fresh)) {
        if (fresh.version > 0 && !protocol_has(channel_ours(), fresh.version))
            return err_set(err, RC_UNSUPPORTED,
                           "channel of the supervisor: a message of version %u",
                           fresh.version);
        return err_set(err, RC_PROTOCOL,
                       "channel of the supervisor: no message, at byte %zu", reader.at);
    }
    *message = fresh;
    return RC_OK;
}
