/* launch.c - the launch file: written and read whole. */
#include "nodes/supervisor/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codecs/pack/pack.h"
#include "nodes/supervisor/own_file.h"

enum { LAUNCH_VERSION = 1, LAUNCH_SIZE_MAX = 16 << 20, LAUNCH_TEXT_MAX = 8 << 20 };

static void texts_pack(struct buf *buf, const char *const *texts, size_t count)
{
    pack_list(buf, count);
    for (size_t i = 0; i < count; i++)
        pack_text(buf, texts[i]);
}

static void launch_pack(struct buf *buf, const struct launch *launch)
{
    pack_map(buf, 6);
    pack_text(buf, "version");
    pack_uint(buf, LAUNCH_VERSION);
    pack_text(buf, "arguments");
    texts_pack(buf, launch->arguments, launch->argument_count);
    pack_text(buf, "direct");
    texts_pack(buf, launch->direct, launch->direct_count);
    pack_text(buf, "variables");
    texts_pack(buf, launch->variables, launch->variable_count);
    pack_text(buf, "directory");
    pack_text(buf, launch->working_directory);
    pack_text(buf, "binds");
    pack_list(buf, launch->bind_count);
    for (size_t i = 0; i < launch->bind_count; i++) {
        pack_list(buf, 3);
        pack_text(buf, launch->binds[i].source);
        pack_text(buf, launch->binds[i].target);
        pack_bool(buf, launch->binds[i].readonly);
    }
}

enum rc launch_write(const char *directory, const struct launch *launch, struct err *err)
{
    scoped_fd int folder = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    scoped_buf buf = { 0 };

    if (folder < 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "%s", directory);
    buf_init(&buf, LAUNCH_SIZE_MAX);
    launch_pack(&buf, launch);
    if (!buf_ok(&buf))
        return err_set(err, RC_NO_MEMORY,
                       "%s: arguments and variables above %d bytes, or no memory",
                       directory, LAUNCH_SIZE_MAX);
    return own_file_write(folder, "launch", buf.data, buf.size, 0600, err);
}

/* A NULL-terminated array of texts, as execve wants it. */
static size_t texts_read(struct reader *reader, struct arena *arena,
                         const char *const **texts)
{
    size_t count = reader_list(reader);
    const char **list = arena_array(arena, count + 1, sizeof *list);

    if (!list) {
        reader_fail(reader);
        return 0;
    }
    for (size_t i = 0; i < count && reader_ok(reader); i++)
        list[i] = reader_text(reader, arena, LAUNCH_TEXT_MAX);
    *texts = list;
    return count;
}

static void binds_read(struct reader *reader, struct arena *arena, struct launch *launch)
{
    size_t count = reader_list(reader);
    struct launch_bind *binds = arena_array(arena, count, sizeof *binds);

    if (!binds) {
        reader_fail(reader);
        return;
    }
    for (size_t i = 0; i < count && reader_ok(reader); i++) {
        if (reader_list(reader) != 3)
            reader_fail(reader);
        binds[i].source = reader_text(reader, arena, LAUNCH_TEXT_MAX);
        binds[i].target = reader_text(reader, arena, LAUNCH_TEXT_MAX);
        binds[i].readonly = reader_bool(reader);
    }
    launch->binds = binds;
    launch->bind_count = count;
}

static bool launch_unpack(struct reader *reader, struct arena *arena,
                          struct launch *launch)
{
    for (size_t n = reader_map(reader); n > 0 && reader_ok(reader); n--) {
        struct bytes key = reader_string(reader);

        if (bytes_are(key, "version"))
            (void)reader_uint_max(reader, LAUNCH_VERSION);
        else if (bytes_are(key, "arguments"))
            launch->argument_count = texts_read(reader, arena, &launch->arguments);
        else if (bytes_are(key, "direct"))
            launch->direct_count = texts_read(reader, arena, &launch->direct);
        else if (bytes_are(key, "variables"))
            launch->variable_count = texts_read(reader, arena, &launch->variables);
        else if (bytes_are(key, "directory"))
            launch->working_directory = reader_text(reader, arena, LAUNCH_TEXT_MAX);
        else if (bytes_are(key, "binds"))
            binds_read(reader, arena, launch);
        else
            reader_skip(reader);
    }
    return reader_at_end(reader) && launch->argument_count > 0 && launch->variables
           && launch->working_directory;
}

static enum rc file_read(const char *path, struct arena *arena, struct bytes *bytes,
                         struct err *err)
{
    scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat state;

    if (fd < 0 || fstat(fd, &state) != 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "%s", path);
    if (!S_ISREG(state.st_mode) || state.st_size > LAUNCH_SIZE_MAX)
        return err_set(err, RC_CORRUPT, "%s: no file of at most %d bytes", path,
                       LAUNCH_SIZE_MAX);

    size_t size = (size_t)state.st_size, done = 0;
    char *data = arena_alloc(arena, size);

    if (!data)
        return err_set(err, RC_NO_MEMORY, "%s: no memory for %zu bytes", path, size);
    while (done < size) {
        ssize_t got = read(fd, data + done, size - done);

        if (got == 0)
            return err_set(err, RC_CORRUPT, "%s: is being written", path);
        if (got < 0 && errno != EINTR)
            return err_set_sys(err, rc_of_errno(errno), errno, "%s", path);
        done += got > 0 ? (size_t)got : 0;
    }
    *bytes = (struct bytes){ .data = data, .size = size };
    return RC_OK;
}

enum rc launch_read(const char *directory, struct arena *arena, struct launch *launch,
                    struct err *err)
{
    const char *path = arena_printf(arena, "%s/launch", directory);
    struct launch fresh = { 0 };
    struct bytes bytes = { 0 };
    struct reader reader;

    if (!path)
        return err_set(err, RC_NO_MEMORY, "no memory to read a launch file");

    enum rc rc = file_read(path, arena, &bytes, err);

    if (rc != RC_OK)
        return rc;
    reader_init(&reader, bytes.data, bytes.size);
    if (!launch_unpack(&reader, arena, &fresh))
        return err_set(err, RC_CORRUPT, "%s: no launch record of version %d, at byte %zu",
                       path, LAUNCH_VERSION, reader.at);
    *launch = fresh;
    return RC_OK;
}
