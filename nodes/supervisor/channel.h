/* channel.h - what agent and supervisor say to each other, over a SOCK_SEQPACKET pair.
 *
 * One packet is one message: a msgpack list that starts with a version, so that an agent
 * may be newer than the supervisor that restarts it. LIST and LISTED have one form in
 * every version and carry the versions that each side speaks; from there on both use the
 * highest that they have in common. Until then the supervisor uses its lowest, and the
 * agent skips what it cannot read: LIST has all of it told again. The supervisor never
 * blocks on a slow agent: what does not fit is sent when the socket is writable again,
 * from its table of attempts; starts wait some milliseconds in any case. An attempt that
 * ended meanwhile is then told by its end alone, without the start. STARTED, FAILED,
 * EXITED and LOST state a fact and may be told more than once, always so after LIST. The
 * keeper of an attempt (keeper.h) uses the same messages. */
#pragma once

#include "codecs/pack/pack.h"
#include "codecs/wire/protocol_range.h"
#include "codecs/wire/result.h"

enum channel_kind {
    /* agent to supervisor */
    CHANNEL_START,  /* start <directory>/attempts/<token>/launch, the token in decimal; a
                       token that is known is not started again, its state is told */
    CHANNEL_SIGNAL, /* send `signal` to every process of the attempt */
    CHANNEL_FORGET, /* the result is safe elsewhere: drop the attempt from table and
                       journal; without effect while it runs */
    CHANNEL_LIST,   /* tell all attempts known, then CHANNEL_LISTED */
    /* supervisor to agent */
    CHANNEL_STARTED, /* pid, time; also the answer for a running one to LIST */
    CHANNEL_FAILED,  /* the command could not be started: text says why (also errno in
                        status) */
    CHANNEL_EXITED,  /* status (wait status), usage, time; also for ended ones to LIST */
    CHANNEL_LOST,    /* ran under an earlier supervisor that died; killed */
    CHANNEL_LISTED,
    CHANNEL_NOTE, /* text for the person, once per supervisor: namespaces are not allowed
                   */
    CHANNEL_KIND_COUNT
};

enum { CHANNEL_TEXT_MAX = 400 };

struct channel_message {
    enum channel_kind kind;
    uint64_t token;
    int32_t pid, signal, status;
    bool has_namespace; /* STARTED: the binds are shown */
    bool out_of_memory; /* EXITED: the kernel killed it for memory, as far as can be known
                         */
    int64_t time_us;    /* Unix time of start or end, microseconds */
    uint64_t
        start_ticks; /* STARTED, keeper to supervisor: field 22 of /proc/<pid>/stat */
    struct usage usage;
    char text[CHANNEL_TEXT_MAX];
    uint32_t version;             /* written under it; 0: the lowest of ours */
    struct protocol_range speaks; /* LIST, LISTED; in others not sent */
};

enum { CHANNEL_PACKET_MAX = 1024 };

/* RC_UNREACHABLE when the peer is gone, RC_FULL when a non-blocking socket is full. */
NODISCARD enum rc channel_send(int fd, const struct channel_message *message,
                               struct err *err);
/* RC_NOT_FOUND when nothing is there on a non-blocking socket, RC_UNREACHABLE at the end,
 * RC_PROTOCOL when the packet is not a message, RC_UNSUPPORTED when it is one of a
 * version that is not ours. */
NODISCARD enum rc channel_receive(int fd, struct channel_message *message,
                                  struct err *err);

/* The same list as bytes, for the journal. channel_unpack: false when the reader failed;
 * message is then undefined, but for its version (0: not even that was read). */
void channel_pack(struct buf *buf, const struct channel_message *message);
NODISCARD bool channel_unpack(struct reader *reader, struct channel_message *message);
