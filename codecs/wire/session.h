/* session.h - how a node and its broker notice that something the other said was lost.
 *
 * A session begins with a join that the broker accepts; its number, which the node
 * chooses, grows with every one. In a session each side numbers, from 1, the messages
 * that are said only once (broker: class, assign, stop, drop; node: want, started, note);
 * a beat repeats the number of the last one. Session and number stand in the header. A
 * number that was seen is a double and changes nothing; a gap, or a message of a later
 * session, breaks the session: the node joins anew, and says what it has. What belongs to
 * an earlier session is over: its join did not name it. Welcome, taken, results and
 * blocks are repeated or harmless, and have no number; nor has leave, the last word of a
 * session, which says nothing about another one. Pure. docs/protocol.md, "Sessions". */
#pragma once

#include "codecs/wire/message.h"

struct session {
    uint64_t number;      /* 0: none */
    uint64_t sent, heard; /* numbers of the last message that was said and heard */
    uint64_t awaited;     /* with deaf_us: the message that the other has to have heard */
    int64_t deaf_us;      /* since when its beats lack that message; 0: they lack none */
};

enum session_verdict { SESSION_TAKE, SESSION_SKIP, SESSION_BREAK };
enum join_verdict {
    JOIN_ACCEPT, /* a new session */
    JOIN_REPEAT, /* the one that is open: welcome it again, it may list what is over */
    JOIN_REFUSE, /* an old one: say rejoin, with the number to go beyond */
};

bool message_is_numbered(enum message_type type);
void session_begin(struct session *session, uint64_t number);
/* The id for the header of the message that is said now. */
uint64_t session_stamp(struct session *session, enum message_type type);
/* A peer of before there were sessions in headers (0) is taken at its word. */
enum session_verdict session_hear(struct session *session,
                                  const struct message_header *header);
enum join_verdict session_judge(const struct session *last, bool is_open,
                                uint64_t number);
/* Whether a node that is told to rejoin should: told is the last number that the broker
 * knows (0: none, or an older broker). A number below its own is an answer to what it
 * said long ago. */
bool session_is_broken(const struct session *session, bool is_joined, uint64_t told);
/* The other side says, at now_us, which message it has heard last. Gives since when its
 * beats have lacked a message that had been said before the first of them; 0: it hears.
 * It is counted from a beat and not from what was said, so that nobody is called deaf
 * because we were slow to speak. */
int64_t session_deaf_us(struct session *session, uint64_t heard, int64_t now_us);
/* Whether the node that says this needs a beat in answer: unless it says that it can do
 * without, and has heard all that it was told. */
bool session_beat_is_due(const struct session *session, const struct beat *beat);
/* When a node that beats now does so again: after a third of the timeout, or up to one
 * part in 32 of that sooner, when a time that all nodes share begins. So a broker with
 * many of them wakes up once for several. */
int64_t session_next_beat_us(int64_t now_us, uint64_t timeout_ms);
/* We were away: what it has not heard counts from its next beat on. */
void session_excuse(struct session *session);
/* A node's next number: beyond its own and the one that it was told of, whatever the
 * clock says. */
uint64_t session_next(const struct session *session, int64_t now_us, uint64_t told);
