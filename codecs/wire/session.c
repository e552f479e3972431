/* session.c - see session.h. */
#include "codecs/wire/session.h"

enum { BEATS_IN_TIMEOUT = 3, BEAT_TIMES = 32 };

bool message_is_numbered(enum message_type type)
{
    return type == MESSAGE_CLASS || type == MESSAGE_ASSIGN || type == MESSAGE_STOP
           || type == MESSAGE_DROP || type == MESSAGE_WANT || type == MESSAGE_STARTED
           || type == MESSAGE_NOTE || type == MESSAGE_LOOK || type == MESSAGE_LOOKED;
}

void session_begin(struct session *session, uint64_t number)
{
    *session = (struct session){ .number = number };
}

uint64_t session_stamp(struct session *session, enum message_type type)
{
    if (message_is_numbered(type))
        return ++session->sent;
    return type == MESSAGE_BEAT ? session->sent : 0;
}

enum session_verdict session_hear(struct session *session,
                                  const struct message_header *header)
{
    bool is_numbered = message_is_numbered(header->type);

    if (header->type == MESSAGE_LEAVE && header->session != 0)
        return header->session == session->number ? SESSION_TAKE : SESSION_SKIP;
    if (header->session == 0 || (!is_numbered && header->type != MESSAGE_BEAT))
        return SESSION_TAKE;
    if (header->session != session->number)
        return header->session < session->number ? SESSION_SKIP : SESSION_BREAK;
    if (!is_numbered)
        return header->id > session->heard ? SESSION_BREAK : SESSION_TAKE;
    if (header->id <= session->heard)
        return SESSION_SKIP;
    if (header->id > session->heard + 1)
        return SESSION_BREAK;
    session->heard = header->id;
    return SESSION_TAKE;
}

int64_t session_deaf_us(struct session *session, uint64_t heard, int64_t now_us)
{
    if (heard >= session->sent) {
        session->deaf_us = 0;
    } else if (session->deaf_us == 0 || heard >= session->awaited) {
        session->awaited = session->sent;
        session->deaf_us = now_us;
    }
    return session->deaf_us;
}

bool session_beat_is_due(const struct session *session, const struct beat *beat)
{
    return !beat->is_quiet || !beat->has_heard || beat->heard != session->sent;
}

int64_t session_next_beat_us(int64_t now_us, uint64_t timeout_ms)
{
    int64_t step_us = (int64_t)(timeout_ms * 1000 / BEATS_IN_TIMEOUT / BEAT_TIMES);

    step_us = step_us > 0 ? step_us : 1;
    return now_us / step_us * step_us + BEAT_TIMES * step_us;
}

void session_excuse(struct session *session)
{
    session->deaf_us = 0;
}

enum join_verdict session_judge(const struct session *last, bool is_open, uint64_t number)
{
    if (number > last->number)
        return JOIN_ACCEPT;
    return is_open && number == last->number ? JOIN_REPEAT : JOIN_REFUSE;
}

bool session_is_broken(const struct session *session, bool is_joined, uint64_t told)
{
    return told == 0 ? is_joined : told >= session->number;
}

uint64_t session_next(const struct session *session, int64_t now_us, uint64_t told)
{
    uint64_t beyond = session->number > told ? session->number : told;

    return now_us > 0 && (uint64_t)now_us > beyond ? (uint64_t)now_us : beyond + 1;
}
