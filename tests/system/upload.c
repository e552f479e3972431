/* upload.c - stores a file with the private broker of the project in this folder, and
 * waits in the middle of it.
 *
 *   upload FILE DIGEST STOP
 *
 * Says "begun BYTES" with the first bytes that the broker counts; "stopped BYTES" when it
 * counts STOP or more, and then waits for a line; "resumed BYTES" with the next count;
 * "stored" at the end.
 *
 * Exit: 0; 1 and the broker's words; 2 wrong usage. */
#include "client/lib/sluice.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct upload {
    uint64_t stop;
    const char *word; /* for the next count, or NULL */
};

static void say(const char *word, uint64_t bytes)
{
    printf("%s %" PRIu64 "\n", word, bytes);
    fflush(stdout);
}

static void progress(void *context, uint64_t done, uint64_t total)
{
    struct upload *upload = context;

    (void)total;
    if (upload->word)
        say(upload->word, done);
    upload->word = NULL;
    if (done < upload->stop)
        return;
    upload->stop = UINT64_MAX;
    say("stopped", done);
    if (getchar() != EOF)
        upload->word = "resumed";
}

int main(int argc, char **argv)
{
    struct upload upload = { .word = "begun" };
    struct sluice *sluice = NULL;
    struct sluice_error error;
    struct stat status;
    int fd = argc == 4 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;

    if (fd < 0 || fstat(fd, &status) != 0)
        return 2;
    upload.stop = strtoull(argv[3], NULL, 10);

    int rc = sluice_open_project(".", false, &sluice, &error);

    if (rc == SLUICE_OK)
        rc = sluice_put(sluice, fd, argv[2], (uint64_t)status.st_size, progress, &upload,
                        &error);
    if (rc == SLUICE_OK)
        puts("stored");
    else
        fprintf(stderr, "upload: %s\n", error.text);
    if (sluice)
        sluice_close(sluice);
    return rc == SLUICE_OK ? 0 : 1;
}
