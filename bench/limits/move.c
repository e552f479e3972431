/* move.c - the limits of moving files, see limits.h: OpenSSL, sockets and tar,
 * and nothing of ours. */
#include "bench/limits/limits.h"

#include "bench/measure.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIECE = 256 << 10 };

static double hash_ms(const char *path, const EVP_MD *algorithm)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char *room = malloc(PIECE), digest[EVP_MAX_MD_SIZE];
    double start = now_ms();
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = -1;

    if (context && room && fd >= 0 && EVP_DigestInit_ex(context, algorithm, NULL))
        while ((got = read(fd, room, PIECE)) > 0)
            EVP_DigestUpdate(context, room, (size_t)got);
    if (got != 0 || !EVP_DigestFinal_ex(context, digest, NULL))
        fail("cannot hash %s", path);
    close(fd);
    EVP_MD_CTX_free(context);
    free(room);
    return now_ms() - start;
}

double limit_sha_ms(const char *path)
{
    return hash_ms(path, EVP_sha256());
}

double limit_md5_ms(const char *path)
{
    return hash_ms(path, EVP_md5());
}

/* The other end: what comes goes to a file, which is synced before the answer. */
static void receive(int listener, const char *path)
{
    char *room = malloc(PIECE);
    int from = accept(listener, NULL, NULL);
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t got = -1;

    if (room && from >= 0 && to >= 0)
        while ((got = recv(from, room, PIECE, 0)) > 0)
            if (write(to, room, (size_t)got) != got)
                _exit(1);
    _exit(got == 0 && fsync(to) == 0 && send(from, "", 1, 0) == 1 ? 0 : 1);
}

static int listen_here(struct sockaddr_in *address)
{
    socklen_t size = sizeof *address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *address = (struct sockaddr_in){ .sin_family = AF_INET,
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (listener < 0 || bind(listener, (struct sockaddr *)address, sizeof *address) != 0
        || listen(listener, 1) != 0
        || getsockname(listener, (struct sockaddr *)address, &size) != 0)
        fail("cannot listen on loopback: %s", strerror(errno));
    return listener;
}

double limit_copy_ms(const char *path, const char *folder)
{
    struct sockaddr_in address;
    char copy[PATH_MAX], *room = malloc(PIECE), byte;
    int listener = listen_here(&address), status = -1;
    ssize_t got = -1;

    snprintf(copy, sizeof copy, "%s/copy", folder);

    pid_t pid = fork();

    if (pid == 0)
        receive(listener, copy);

    double start = now_ms();
    int to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int from = open(path, O_RDONLY | O_CLOEXEC);

    if (room && from >= 0 && to >= 0
        && connect(to, (struct sockaddr *)&address, sizeof address) == 0)
        while ((got = read(from, room, PIECE)) > 0)
            if (send(to, room, (size_t)got, 0) != got)
                fail("cannot send %s", path);
    if (got != 0 || shutdown(to, SHUT_WR) != 0 || recv(to, &byte, 1, 0) != 1)
        fail("cannot copy %s over loopback", path);

    double took = now_ms() - start;

    close(from);
    close(to);
    close(listener);
    free(room);
    if (waitpid(pid, &status, 0) != pid || status != 0)
        fail("cannot copy %s over loopback", path);
    unlink(copy);
    return took;
}

double limit_tar_ms(const char *from, const char *to)
{
    return run_ms(NULL,
                  (const char *const[]){ "/bin/sh", "-c",
                                         "tar -C \"$0\" -cf - . | tar -C \"$1\" -xf -",
                                         from, to, NULL });
}
