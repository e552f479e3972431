/* link.c - libzmq sockets with the options that the protocol relies on.
 *
 * ZMQ_IMMEDIATE stays off: a client may then speak before the broker has bound, and its
 * message leaves with the connection. Nothing is kept by the socket at close (linger 0);
 * whoever needs to know that a message arrived waits for its answer. CZMQ's sockets are
 * not used here: they keep a process-wide state and signal handlers. */
#include "broker/link/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

enum {
    RECONNECT_MS = 2,           /* first wait before another try to connect */
    RECONNECT_LOCAL_MAX_MS = 8, /* on this machine a try costs a few microseconds */
    RECONNECT_REMOTE_MAX_MS = 1000,
    UNANSWERED_MS = 8000,  /* bytes that were sent: the connection is over */
    KEEPALIVE_IDLE_S = 8,  /* the same when nothing is sent: after so long one probe, */
    KEEPALIVE_PAUSE_S = 2, /* and others with this pause, */
    KEEPALIVE_COUNT = 3,   /* of which none is answered */
    HEARTBEAT_MS = 30000,
    HEARTBEAT_TIMEOUT_MS = 8000, /* without an answer to one */
    HANDSHAKE_MS = 10000,
    IDENTITY_MAX = 255,
    MAPPED_FROM_BYTES = 1 << 20, /* such a block gets pages of its own */
    KEPT_BYTES = 4 << 20,        /* free memory at the end of a heap that is kept */
};

void link_keep_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, MAPPED_FROM_BYTES);
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
}

static enum rc zmq_failed(struct err *err, int sys, const char *doing, const char *what)
{
    enum rc rc;

    switch (sys) {
    case EADDRINUSE:
        rc = RC_CONFLICT;
        break;
    case EINVAL:
    case EADDRNOTAVAIL:
    case ENODEV:
    case EPROTONOSUPPORT:
    case ENOCOMPATPROTO:
    case ENAMETOOLONG:
        rc = RC_INVALID;
        break;
    case EAGAIN:
        rc = RC_FULL;
        break;
    case EHOSTUNREACH:
        rc = RC_UNREACHABLE;
        break;
    case ETERM:
        rc = RC_CANCELLED;
        break;
    default:
        rc = rc_of_errno(sys);
    }
    err_set(err, rc, "%s %s: %s", doing, what, zmq_strerror(sys));
    if (err)
        err->sys = sys;
    return rc;
}

/* The part of an endpoint behind its transport, or NULL if it has another one. */
static const char *endpoint_of(const char *endpoint, const char *transport)
{
    size_t size = strlen(transport);

    return strncmp(endpoint, transport, size) == 0 ? endpoint + size : NULL;
}

enum rc link_ipc_endpoint(const char *folder, const char *name, char out[ENDPOINT_MAX],
                          struct err *err)
{
    const size_t path_max = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;
    size_t folder_size = strlen(folder), name_size = strlen(name);

    if (name_size == 0 || strchr(name, '/'))
        return err_set(err, RC_INVALID, "socket name '%s': must be a plain file name",
                       name);
    if (folder_size + 1 + name_size <= path_max) {
        snprintf(out, ENDPOINT_MAX, "ipc://%s/%s", folder, name);
        return RC_OK;
    }
    if (name_size > path_max - sizeof "/proc/self/fd/2147483647/")
        return err_set(err, RC_INVALID, "socket name '%s': too long", name);

    int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        int sys = errno;

        return err_set_sys(err, rc_of_errno(sys), sys, "folder of the socket %s", folder);
    }
    snprintf(out, ENDPOINT_MAX, "ipc:///proc/self/fd/%d/%s", fd, name);
    return RC_OK;
}

/* Whether host, of size bytes, is an address that never leaves this machine. */
static bool is_loopback(const char *host, size_t size)
{
    char text[INET6_ADDRSTRLEN + 1];
    struct in_addr four;
    struct in6_addr six;

    if (size >= 2 && host[0] == '[' && host[size - 1] == ']') {
        host++;
        size -= 2;
    }
    if (size >= sizeof text)
        return false;
    memcpy(text, host, size);
    text[size] = '\0';
    if (inet_pton(AF_INET, text, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, text, &six) == 1)
        return IN6_IS_ADDR_LOOPBACK(&six);
    return strcmp(text, "localhost") == 0;
}

bool link_is_local(const char *endpoint)
{
    const char *address = endpoint_of(endpoint, "tcp://");

    if (endpoint_of(endpoint, "ipc://") || endpoint_of(endpoint, "inproc://"))
        return true;
    if (!address)
        return false;

    /* "source;destination": where to is what counts. */
    const char *destination = strchr(address, ';');
    if (destination)
        address = destination + 1;
    const char *port = strrchr(address, ':');
    return port && is_loopback(address, (size_t)(port - address));
}

enum rc link_check(const char *what, const char *endpoint, bool is_insecure,
                   struct err *err)
{
    if (is_insecure || link_is_local(endpoint))
        return RC_OK;
    return err_set(err, RC_DENIED,
                   "%s: %s is not on this machine, and what goes there is neither "
                   "encrypted nor protected by a password; if everybody on that network "
                   "may use the broker, say so with `insecure: true` in the settings (or "
                   "sluice --insecure), else use an address of this machine, such as "
                   "127.0.0.1",
                   what, endpoint);
}

/* Host and port of a tcp:// endpoint; false for others. The host keeps its brackets. */
static bool split_tcp(const char *endpoint, const char **host, size_t *size,
                      const char **port)
{
    const char *address = endpoint_of(endpoint, "tcp://");
    const char *colon = address ? strrchr(address, ':') : NULL;

    if (!colon)
        return false;
    *host = address;
    *size = (size_t)(colon - address);
    *port = colon + 1;
    return true;
}

void link_with_host(const char *endpoint, const char *host, char out[ENDPOINT_MAX])
{
    bool is_bare_six = strchr(host, ':') && host[0] != '[';
    const char *old, *port;
    size_t size;

    if (split_tcp(endpoint, &old, &size, &port))
        snprintf(out, ENDPOINT_MAX, "tcp://%s%s%s:%s", is_bare_six ? "[" : "", host,
                 is_bare_six ? "]" : "", port);
    else
        snprintf(out, ENDPOINT_MAX, "%s", endpoint);
}

static bool is_wildcard(const char *host, size_t size)
{
    static const char *const all[] = { "*", "0.0.0.0", "[::]" };

    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (strlen(all[i]) == size && memcmp(all[i], host, size) == 0)
            return true;
    return false;
}

void link_seen_from(const char *told, const char *used, char out[ENDPOINT_MAX])
{
    const char *host, *port, *used_host, *used_port;
    char name[ENDPOINT_MAX];
    size_t size, used_size;

    if (!split_tcp(told, &host, &size, &port) || !is_wildcard(host, size)) {
        snprintf(out, ENDPOINT_MAX, "%s", told);
        return;
    }
    if (!split_tcp(used, &used_host, &used_size, &used_port)) {
        used_host = "127.0.0.1";
        used_size = strlen(used_host);
    }
    snprintf(name, sizeof name, "%.*s", (int)used_size, used_host);
    link_with_host(told, name, out);
}

void link_bound(void *socket, const char *configured, char out[ENDPOINT_MAX])
{
    size_t length = strlen(configured), size = ENDPOINT_MAX;
    char bound[ENDPOINT_MAX], host[ENDPOINT_MAX];
    const char *at, *port;
    size_t host_size;

    snprintf(out, ENDPOINT_MAX, "%s", configured);
    if (length < 2 || strcmp(configured + length - 2, ":*") != 0
        || zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, bound, &size) != 0
        || !split_tcp(configured, &at, &host_size, &port))
        return;
    snprintf(host, sizeof host, "%.*s", (int)host_size, at);
    link_with_host(bound, host, out);
}

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

/* That a peer is gone the kernel sees, at no cost to either process. What it cannot see
 * is somebody between the two who answers in the place of one that is gone: for that, who
 * connects asks now and then. Only one side does, and rarely: a broker would spend more
 * on it than on anything else while there is nothing to do. */
static bool set_heartbeat(void *socket, bool is_bound)
{
    return set_int(socket, ZMQ_TCP_KEEPALIVE, 1)
           && set_int(socket, ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S)
           && set_int(socket, ZMQ_TCP_KEEPALIVE_INTVL, KEEPALIVE_PAUSE_S)
           && set_int(socket, ZMQ_TCP_KEEPALIVE_CNT, KEEPALIVE_COUNT)
           && set_int(socket, ZMQ_TCP_MAXRT, UNANSWERED_MS)
           && (is_bound
               || (set_int(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS)
                   && set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS)));
}

static bool set_options(void *socket, int type, const char *endpoint,
                        struct link_bounds bounds)
{
    int reconnect_max =
        link_is_local(endpoint) ? RECONNECT_LOCAL_MAX_MS : RECONNECT_REMOTE_MAX_MS;
    bool ok = set_int(socket, ZMQ_LINGER, 0)
              && set_int(socket, ZMQ_SNDHWM, bounds.queue_max)
              && set_int(socket, ZMQ_RCVHWM,
                         bounds.receive_max ? bounds.receive_max : bounds.queue_max)
              && zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &bounds.message_max,
                                sizeof bounds.message_max)
                     == 0
              && set_int(socket, ZMQ_IPV6, 1)
              && set_int(socket, ZMQ_RECONNECT_IVL, RECONNECT_MS)
              && set_int(socket, ZMQ_RECONNECT_IVL_MAX, reconnect_max)
              && set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);

    /* Handover: a node that comes back before its old connection is known to be dead
     * keeps its name; the newest connection wins. */
    if (ok && type == ZMQ_ROUTER)
        ok = set_int(socket, ZMQ_ROUTER_MANDATORY, 1)
             && set_int(socket, ZMQ_ROUTER_HANDOVER, 1);
    return ok;
}

static enum rc socket_open(void *zmq_context, int type, const char *endpoint,
                           struct link_bounds bounds, bool is_bound, void **socket,
                           struct err *err)
{
    void *self = zmq_socket(zmq_context, type);

    if (!self)
        return zmq_failed(err, zmq_errno(), "socket for", endpoint);
    if (!set_options(self, type, endpoint, bounds) || !set_heartbeat(self, is_bound)) {
        enum rc rc = zmq_failed(err, zmq_errno(), "options of the socket for", endpoint);

        link_close(self);
        return rc;
    }
    *socket = self;
    return RC_OK;
}

/* libzmq removes a socket file before it binds, whoever listens there: ask first. */
static bool is_taken(const char *endpoint)
{
    const char *path = endpoint_of(endpoint, "ipc://");
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (!path || path[0] == '@' || path[0] == '*'
        || strlen(path) >= sizeof address.sun_path)
        return false;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);

    scoped_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    return connect(fd, (struct sockaddr *)&address, sizeof address) == 0
           || errno == EAGAIN;
}

enum rc link_bind_bounded(void *zmq_context, int type, const char *endpoint,
                          struct link_bounds bounds, void **socket, struct err *err)
{
    void *self;

    if (is_taken(endpoint))
        return err_set(err, RC_CONFLICT, "bind %s: another process listens there",
                       endpoint);

    enum rc rc = socket_open(zmq_context, type, endpoint, bounds, true, &self, err);
    if (rc != RC_OK)
        return rc;
    if (zmq_bind(self, endpoint) != 0) {
        rc = zmq_failed(err, zmq_errno(), "bind", endpoint);
        link_close(self);
        return rc;
    }
    *socket = self;
    return RC_OK;
}

enum rc link_connect_bounded(void *zmq_context, int type, const char *endpoint,
                             const char *identity, struct link_bounds bounds,
                             void **socket, struct err *err)
{
    size_t identity_size = identity ? strlen(identity) : 0;
    void *self;

    if (identity && (identity_size == 0 || identity_size > IDENTITY_MAX))
        return err_set(err, RC_INVALID, "connect %s: an identity has 1 to %d bytes",
                       endpoint, IDENTITY_MAX);

    enum rc rc = socket_open(zmq_context, type, endpoint, bounds, false, &self, err);
    if (rc != RC_OK)
        return rc;
    if ((identity && zmq_setsockopt(self, ZMQ_ROUTING_ID, identity, identity_size) != 0)
        || zmq_connect(self, endpoint) != 0) {
        rc = zmq_failed(err, zmq_errno(), "connect", endpoint);
        link_close(self);
        return rc;
    }
    *socket = self;
    return RC_OK;
}

static const struct link_bounds usual = { .queue_max = LINK_QUEUE_MAX,
                                          .message_max = LINK_MESSAGE_MAX };

enum rc link_bind(void *zmq_context, int type, const char *endpoint, void **socket,
                  struct err *err)
{
    return link_bind_bounded(zmq_context, type, endpoint, usual, socket, err);
}

enum rc link_connect(void *zmq_context, int type, const char *endpoint,
                     const char *identity, void **socket, struct err *err)
{
    return link_connect_bounded(zmq_context, type, endpoint, identity, usual, socket,
                                err);
}

void link_close(void *socket)
{
    if (socket)
        zmq_close(socket);
}
