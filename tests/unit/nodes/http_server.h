/* http_server.h - for tests: a server thread on 127.0.0.1 with a few fixed answers.
 *
 *   /data/<name>  200, "data of <name>"      /moved    302 to /data/moved
 *   /truncated    200, less than announced   /secret   200 with the user u:p, else 401
 *   anything else 404 */
#pragma once

#include <arpa/inet.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct http_server {
    int listening;
    unsigned port, request_count;
    pthread_t thread;
};

static inline void http_answer(int fd, const char *request)
{
    char name[256] = "", body[300], answer[1024];
    const char *status = "404 Not Found", *header = "";
    size_t announced;

    snprintf(body, sizeof body, "no such thing");
    if (sscanf(request, "GET /data/%255[^ ?]", name) == 1) {
        status = "200 OK";
        snprintf(body, sizeof body, "data of %s", name);
    } else if (strncmp(request, "GET /moved ", 11) == 0) {
        status = "302 Found";
        header = "Location: /data/moved\r\n";
    } else if (strncmp(request, "GET /truncated ", 15) == 0) {
        status = "200 OK";
    } else if (strncmp(request, "GET /secret ", 12) == 0) {
        bool is_known = strstr(request, "Authorization: Basic dTpw") != NULL;

        status = is_known ? "200 OK" : "401 Unauthorized";
        snprintf(body, sizeof body, "secret");
    }
    announced = strlen(body) + (strstr(request, "/truncated") ? 100 : 0);
    snprintf(answer, sizeof answer,
             "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
             status, header, announced, body);
    if (write(fd, answer, strlen(answer)) < 0)
        return;
}

static inline void *http_serve(void *context)
{
    struct http_server *server = context;
    int fd;

    while ((fd = accept(server->listening, NULL, NULL)) >= 0) {
        char request[4096] = "";
        size_t size = 0;
        ssize_t got;

        while (!strstr(request, "\r\n\r\n")
               && (got = read(fd, request + size, sizeof request - 1 - size)) > 0)
            request[size += (size_t)got] = '\0';
        __atomic_add_fetch(&server->request_count, 1, __ATOMIC_SEQ_CST);
        http_answer(fd, request);
        close(fd);
    }
    return NULL;
}

static inline bool http_server_start(struct http_server *server)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t size = sizeof address;

    *server = (struct http_server){ .listening = socket(AF_INET, SOCK_STREAM, 0) };
    if (bind(server->listening, (struct sockaddr *)&address, size) != 0
        || listen(server->listening, 16) != 0
        || getsockname(server->listening, (struct sockaddr *)&address, &size) != 0)
        return false;
    server->port = ntohs(address.sin_port);
    return pthread_create(&server->thread, NULL, http_serve, server) == 0;
}

static inline void http_server_stop(struct http_server *server)
{
    shutdown(server->listening, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listening);
}
