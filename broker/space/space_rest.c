/* space_rest.c - see space_rest.h. */
#include "broker/space/space_rest.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct space_rest space_rest_walk(const char *folder, space_rest_take *take,
                                  void *context)
{
    struct space_rest rest = { 0 };
    DIR *open = opendir(folder);
    const struct dirent *entry;
    struct stat status;

    while (open && (entry = readdir(open)) != NULL) {
        if (fstatat(dirfd(open), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0
            || !S_ISREG(status.st_mode))
            continue;
        if (take
            && take(context, entry->d_name, (uint64_t)status.st_size,
                    (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec)
            && unlinkat(dirfd(open), entry->d_name, 0) == 0)
            continue;
        rest.files++;
        rest.bytes += (uint64_t)status.st_size;
    }
    if (open)
        closedir(open);
    return rest;
}
