/* raw_server.c - for tests: a web server that says what it is told to, right or wrong.
 *
 * usage: raw_server FOLDER. The port, of 127.0.0.1, is printed. The n-th request of
 * /NAME, from 1, gets the bytes of FOLDER/NAME.n as they are, or, if there is no such
 * file, those of FOLDER/NAME, and then the end of the connection. With a FIFO
 * FOLDER/NAME.wait the connection stays open until somebody has written to that.
 * FOLDER/log gets a line "NAME RANGE" for each request. One request after the other. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REQUEST_MAX = 65536, NAMES_MAX = 100, NAME_SIZE = 100 };

static struct {
    char name[NAME_SIZE];
    unsigned count;
} seen[NAMES_MAX];

static unsigned count_of(const char *name)
{
    for (size_t i = 0; i < NAMES_MAX; i++)
        if (!seen[i].name[0] || strcmp(seen[i].name, name) == 0) {
            snprintf(seen[i].name, sizeof seen[i].name, "%s", name);
            return ++seen[i].count;
        }
    return 0;
}

/* false: the other side went before the end of its request. */
static bool request_read(int fd, char request[REQUEST_MAX])
{
    size_t size = 0;
    ssize_t got;

    request[0] = '\0';
    while (!strstr(request, "\r\n\r\n")) {
        got = read(fd, request + size, REQUEST_MAX - 1 - size);
        if (got <= 0)
            return false;
        request[size += (size_t)got] = '\0';
    }
    return true;
}

static void request_log(int folder, const char *name, const char *request)
{
    const char *range = strcasestr(request, "\r\nrange: ");
    int log = openat(folder, "log", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    range = range ? range + strlen("\r\nrange: ") : "-";
    dprintf(log, "%s %.*s\n", name, (int)strcspn(range, "\r"), range);
    close(log);
}

static void answer(int fd, int folder, const char *name)
{
    char path[NAME_SIZE + 20];
    struct stat found;
    int file;

    snprintf(path, sizeof path, "%s.%u", name, count_of(name));
    file = openat(folder, path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        file = openat(folder, name, O_RDONLY | O_CLOEXEC);
    while (file >= 0 && sendfile(fd, file, NULL, 1 << 20) > 0)
        ;
    close(file);
    snprintf(path, sizeof path, "%s.wait", name);
    if (fstatat(folder, path, &found, 0) != 0)
        return;
    file = openat(folder, path, O_RDONLY | O_CLOEXEC);
    if (file >= 0 && read(file, path, 1) < 0)
        perror("wait");
    close(file);
}

int main(int argc, char **argv)
{
    static char request[REQUEST_MAX];
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t size = sizeof address;
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int folder = argc > 1 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int fd;

    signal(SIGPIPE, SIG_IGN);
    if (folder < 0 || bind(listening, (struct sockaddr *)&address, size) != 0
        || listen(listening, 16) != 0
        || getsockname(listening, (struct sockaddr *)&address, &size) != 0) {
        fputs("usage: raw_server FOLDER\n", stderr);
        return 1;
    }
    printf("%u\n", ntohs(address.sin_port));
    fflush(stdout);
    while ((fd = accept(listening, NULL, NULL)) >= 0) {
        char name[NAME_SIZE] = "";

        if (request_read(fd, request) && sscanf(request, "GET /%99[^ ?]", name) == 1) {
            request_log(folder, name, request);
            answer(fd, folder, name);
        }
        shutdown(fd, SHUT_WR);
        close(fd);
    }
    return 0;
}
