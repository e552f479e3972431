/* move.c - `move FOLDER FILE`: hashes the file, stores it with a bulk server in a process
 * of its own over TCP on loopback, and fetches it back into a folder of objects; prints
 * how long each took, in ms. What the workload `transfer` measures. */
#include "bench/measure.h"
#include "broker/artifacts/bulk.h"
#include "broker/artifacts/hasher.h"
#include "broker/link/link.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

enum { WAIT_MS = 60000 };

static void check(enum rc rc, const struct err *err)
{
    if (rc != RC_OK)
        fail("%s", err->text);
}

static struct objects *objects_in(const char *folder, const char *name)
{
    struct objects *objects = NULL;
    char path[PATH_MAX];
    struct err err;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    check(objects_open(path, &objects, &err), &err);
    return objects;
}

/* Until its standard input ends. */
static void serve(const char *folder, int said)
{
    struct objects *objects = objects_in(folder, "store");
    struct bulk_server *server;
    void *zmq = zmq_ctx_new();
    struct err err;
    char byte;

    check(bulk_server_create(zmq, "tcp://127.0.0.1:*", objects, NULL, &server, &err),
          &err);

    const char *endpoint = bulk_server_endpoint(server);

    if (write(said, endpoint, strlen(endpoint) + 1) < 0)
        fail("cannot say where the server is");
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    bulk_server_destroy(server);
    objects_destroy(objects);
    zmq_ctx_term(zmq);
    _exit(0);
}

static pid_t server_start(const char *folder, char *endpoint, size_t size, int *alive)
{
    int said[2], live[2];

    if (pipe(said) != 0 || pipe(live) != 0)
        fail("cannot make a pipe");

    pid_t pid = fork();

    if (pid == 0) {
        dup2(live[0], STDIN_FILENO);
        close(live[1]);
        serve(folder, said[1]);
    }
    close(said[1]);
    close(live[0]);
    if (read(said[0], endpoint, size) <= 0)
        fail("the server did not start");
    *alive = live[1];
    return pid;
}

int main(int argc, char **argv)
{
    char endpoint[ENDPOINT_MAX];
    struct bulk_client *client;
    struct digest_set set;
    struct err err;
    uint64_t size;
    int alive, status;

    if (argc != 3)
        fail("move FOLDER FILE");

    link_keep_memory(); /* as the daemons do */

    pid_t pid = server_start(argv[1], endpoint, sizeof endpoint, &alive);
    struct objects *here = objects_in(argv[1], "cache");
    void *zmq = zmq_ctx_new();
    int fd = open(argv[2], O_RDONLY | O_CLOEXEC);

    check(bulk_client_create(zmq, endpoint, WAIT_MS, &client, &err), &err);

    double start = now_ms();

    check(file_digest(fd, false, &set, &size, &err), &err);

    double hashing = now_ms() - start;

    start = now_ms();
    check(file_digest(fd, true, &set, &size, &err), &err);

    double digests = now_ms() - start;

    memory_warm(argv[1], size);
    start = now_ms();
    check(bulk_put(client, fd, set.sha256, size, NULL, NULL, &err), &err);

    double storing = now_ms() - start;

    memory_warm(argv[1], size);
    start = now_ms();
    check(bulk_get(client, set.sha256, here, NULL, NULL, &err), &err);
    printf("%.3f %.3f %.3f %.3f\n", hashing, digests, storing, now_ms() - start);
    bulk_client_destroy(client);
    objects_destroy(here);
    close(fd);
    zmq_ctx_term(zmq);
    close(alive);
    return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1;
}
