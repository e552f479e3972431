/* facts.c - see facts.h. */
#include "nodes/staging/facts.h"

#include "nodes/staging/folder.h"
#include "nodes/staging/interpreter.h"
#include "nodes/staging/json.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum {
    FACTS_ARENA_MAX = 16 << 20,
    KEPT_MAX = 32,  /* environments of this machine that are remembered */
    ADDRESS_S = 10, /* for so long the address is not asked for again */
    STORED_S = 600, /* for so long the store is believed to have an object */
};

struct kept {
    uint64_t stamp;
    char digest[DIGEST_TEXT_SIZE];
    time_t stored_s; /* 0: not known to be stored */
    unsigned store;  /* in which it is, by facts->store at that moment */
    struct buf json;
};

struct facts {
    struct device_facts devices;
    struct utsname system;
    char os[FACTS_TEXT_MAX], cpu[FACTS_TEXT_MAX];
    long cpus;
    int64_t memory;    /* bytes */
    atomic_uint store; /* counts on when it may be another one */
    pthread_mutex_t lock;
    struct kept kept[KEPT_MAX];
    unsigned next;
    pthread_mutex_t address_lock;
    time_t address_s; /* when address was read; 0: never */
    char address[FACTS_ADDRESS_SIZE];
};

/* The value of the first line "name<blanks><separator>value", without quotes. */
static bool read_line(const char *path, const char *name, char separator,
                      char value[FACTS_TEXT_MAX])
{
    char line[1024];
    bool is_found = false;
    FILE *file = fopen(path, "re");

    if (!file)
        return false;
    while (!is_found && fgets(line, sizeof line, file)) {
        const char *at = strchr(line, separator);

        if (strncmp(line, name, strlen(name)) != 0 || !at)
            continue;
        at += 1 + strspn(at + 1, " \t\"");
        snprintf(value, FACTS_TEXT_MAX, "%.*s", (int)strcspn(at, "\"\n"), at);
        is_found = true;
    }
    fclose(file);
    return is_found;
}

struct facts *facts_create(const struct device_facts *devices)
{
    scoped(facts) facts = calloc(1, sizeof *facts);

    if (!facts || pthread_mutex_init(&facts->lock, NULL) != 0
        || pthread_mutex_init(&facts->address_lock, NULL) != 0)
        return NULL;
    if (devices)
        facts->devices = *devices;
    if (uname(&facts->system) != 0)
        facts->system = (struct utsname){ 0 };
    if (!read_line("/etc/os-release", "PRETTY_NAME", '=', facts->os))
        read_line("/usr/lib/os-release", "PRETTY_NAME", '=', facts->os);
    if (!read_line("/proc/cpuinfo", "model name", ':', facts->cpu))
        snprintf(facts->cpu, sizeof facts->cpu, "%.64s", facts->system.machine);
    facts->cpus = sysconf(_SC_NPROCESSORS_ONLN);
    facts->memory = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    return steal(&facts);
}

void facts_destroy(struct facts *facts)
{
    if (!facts)
        return;
    for (unsigned i = 0; i < KEPT_MAX; i++)
        buf_fini(&facts->kept[i].json);
    pthread_mutex_destroy(&facts->lock);
    pthread_mutex_destroy(&facts->address_lock);
    free(facts);
}

/* As the command will see it: what the step sets, else what this process has. */
static const char *variable(const struct plan_stage *stage, const char *name)
{
    for (size_t i = 0; i < stage->variable_count; i++)
        if (strcmp(stage->variables[i].name, name) == 0 && stage->variables[i].value)
            return stage->variables[i].value;
    return getenv(name);
}

static void find_interpreter(const struct plan_stage *stage, const char *folder,
                             struct interpreter *interpreter)
{
    const char *path = variable(stage, "PATH");
    const struct interpreter_search search = {
        .path = path ? path : "/usr/local/bin:/usr/bin:/bin",
        .python_path = variable(stage, "PYTHONPATH"),
        .pyenv_version = variable(stage, "PYENV_VERSION"),
        .folder = folder,
    };

    interpreter_find(&search, interpreter);
}

static struct value list_of(struct arena *arena, size_t count, struct value **items)
{
    *items = arena_array(arena, count, sizeof **items);
    return (struct value){ .kind = VALUE_LIST, .list = { *items, *items ? count : 0 } };
}

static struct value devices_value(const struct facts *facts, struct arena *arena)
{
    struct value *items, list = list_of(arena, facts->devices.count, &items);

    for (unsigned i = 0; items && i < facts->devices.count; i++) {
        struct map_maker maker = { .arena = arena };

        map_add(&maker, "index", value_int(facts->devices.devices[i].index));
        map_add_text(&maker, "model", facts->devices.devices[i].model);
        map_add(&maker, "memory", value_int((int64_t)facts->devices.devices[i].memory));
        items[i] = map_value(&maker);
    }
    return list;
}

static enum rc interpreter_value(const struct interpreter *interpreter,
                                 struct arena *arena, struct value *value,
                                 struct err *err)
{
    struct packages packages = { .arena = arena };
    struct map_maker maker = { .arena = arena };
    struct value *items, list;
    enum rc rc;

    *value = value_null();
    if (!interpreter->path[0])
        return RC_OK;
    rc = interpreter_packages(interpreter, &packages, err);
    if (rc != RC_OK)
        return rc;
    list = list_of(arena, packages.count, &items);
    for (size_t i = 0; items && i < packages.count; i++)
        items[i] = value_text(packages.names[i]);
    map_add_text(&maker, "path", interpreter->path);
    map_add_text(&maker, "version",
                 interpreter->version[0] ? interpreter->version : NULL);
    map_add(&maker, "packages", list);
    *value = map_value(&maker);
    return RC_OK;
}

static enum rc write_json(const struct facts *facts,
                          const struct interpreter *interpreter, struct buf *json,
                          struct err *err)
{
    scoped(arena) arena = arena_create(FACTS_ARENA_MAX);
    struct map_maker maker = { .arena = arena };
    struct value python, map;
    enum rc rc = arena ? interpreter_value(interpreter, arena, &python, err)
                       : err_set(err, RC_NO_MEMORY, "no memory for the environment");

    if (rc != RC_OK)
        return rc;
    map_add(&maker, "environment", value_int(1));
    map_add_text(&maker, "os", facts->os);
    map_add_text(&maker, "kernel", facts->system.release);
    map_add_text(&maker, "machine", facts->system.machine);
    map_add_text(&maker, "cpu", facts->cpu);
    map_add(&maker, "cpus", value_int(facts->cpus));
    map_add(&maker, "memory", value_int(facts->memory));
    map_add_text(&maker, "gpu_driver",
                 facts->devices.driver[0] ? facts->devices.driver : NULL);
    map_add(&maker, "gpus", devices_value(facts, arena));
    map_add(&maker, "python", python);
    map = map_value(&maker);
    value_to_json(json, &map);
    if (maker.failed || !buf_ok(json))
        return err_set(err, RC_NO_MEMORY, "no memory for the environment");
    return RC_OK;
}

static enum rc put(const struct store_port *port, struct kept *kept, struct err *err)
{
    scoped_fd int fd = memfd_create("environment", MFD_CLOEXEC);

    if (fd < 0)
        return err_set_sys(err, rc_of_errno(errno), errno,
                           "cannot make a file in memory");

    int code = write_all(fd, kept->json.data, kept->json.size);

    if (code < 0)
        return err_set_sys(err, rc_of_errno(-code), -code,
                           "cannot write the environment");
    return port->put(port->context, fd, kept->digest, kept->json.size, err);
}

static struct kept *kept_find(struct facts *facts, uint64_t stamp)
{
    for (unsigned i = 0; i < KEPT_MAX; i++)
        if (facts->kept[i].json.size > 0 && facts->kept[i].stamp == stamp)
            return &facts->kept[i];
    return NULL;
}

/* The remembered one with this stamp, or room for it in place of the oldest. */
static enum rc recall(struct facts *facts, const struct interpreter *interpreter,
                      struct kept **kept, struct err *err)
{
    uint64_t stamp = interpreter_stamp(interpreter);
    scoped_buf json = { 0 };
    struct kept *slot;
    enum rc rc;

    if ((*kept = kept_find(facts, stamp)) != NULL)
        return RC_OK;
    rc = write_json(facts, interpreter, &json, err);
    if (rc != RC_OK)
        return rc;
    slot = &facts->kept[facts->next++ % KEPT_MAX];
    buf_fini(&slot->json);
    *slot = (struct kept){ .stamp = stamp, .json = json };
    json = (struct buf){ 0 };
    digest_bytes(slot->json.data, slot->json.size, slot->digest);
    *kept = slot;
    return RC_OK;
}

static bool is_stored(const struct facts *facts, const struct kept *kept, time_t now_s)
{
    return kept->stored_s != 0 && kept->store == atomic_load(&facts->store)
           && now_s - kept->stored_s <= STORED_S;
}

static enum rc store_locked(struct facts *facts, const struct store_port *port,
                            const struct interpreter *interpreter,
                            char digest[DIGEST_TEXT_SIZE], struct err *err)
{
    unsigned store = atomic_load(&facts->store);
    struct timespec now;
    struct kept *kept;
    enum rc rc = recall(facts, interpreter, &kept, err);

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (rc == RC_OK && !is_stored(facts, kept, now.tv_sec)) {
        rc = put(port, kept, err);
        if (rc == RC_OK)
            kept->stored_s = now.tv_sec;
        kept->store = store;
    }
    if (rc == RC_OK)
        memcpy(digest, kept->digest, DIGEST_TEXT_SIZE);
    return rc;
}

void facts_doubt_store(struct facts *facts)
{
    atomic_fetch_add(&facts->store, 1);
}

enum rc facts_store(struct facts *facts, const struct store_port *port,
                    const struct plan_stage *stage, const char *folder,
                    char digest[DIGEST_TEXT_SIZE], struct err *err)
{
    struct interpreter *interpreter = calloc(1, sizeof *interpreter);
    enum rc rc;

    if (!interpreter)
        return err_set(err, RC_NO_MEMORY, "no memory for the environment");
    find_interpreter(stage, folder, interpreter);
    pthread_mutex_lock(&facts->lock);
    rc = store_locked(facts, port, interpreter, digest, err);
    pthread_mutex_unlock(&facts->lock);
    free(interpreter);
    return rc;
}

bool facts_known(struct facts *facts, const struct plan_stage *stage, const char *folder,
                 char digest[DIGEST_TEXT_SIZE])
{
    struct interpreter *interpreter = calloc(1, sizeof *interpreter);
    struct timespec now;
    struct kept *kept;
    bool is_known;

    /* Somebody who waits for the store has the lock. */
    if (!interpreter || pthread_mutex_trylock(&facts->lock) != 0) {
        free(interpreter);
        return false;
    }
    find_interpreter(stage, folder, interpreter);
    clock_gettime(CLOCK_MONOTONIC, &now);
    kept = kept_find(facts, interpreter_stamp(interpreter));
    is_known = kept && is_stored(facts, kept, now.tv_sec);
    if (is_known)
        memcpy(digest, kept->digest, DIGEST_TEXT_SIZE);
    pthread_mutex_unlock(&facts->lock);
    free(interpreter);
    return is_known;
}

/* The first address of this machine that is not loopback, or 127.0.0.1. */
static void address_read(char text[FACTS_ADDRESS_SIZE])
{
    struct ifaddrs *all = NULL;

    snprintf(text, FACTS_ADDRESS_SIZE, "127.0.0.1");
    if (getifaddrs(&all) != 0)
        return;
    for (struct ifaddrs *at = all; at; at = at->ifa_next) {
        struct sockaddr_in address;

        if (!at->ifa_addr || at->ifa_addr->sa_family != AF_INET
            || (at->ifa_flags & IFF_LOOPBACK) || !(at->ifa_flags & IFF_UP))
            continue;
        memcpy(&address, at->ifa_addr, sizeof address);
        if (inet_ntop(AF_INET, &address.sin_addr, text, FACTS_ADDRESS_SIZE))
            break;
    }
    freeifaddrs(all);
}

void facts_address(struct facts *facts, char text[FACTS_ADDRESS_SIZE])
{
    struct timespec now;

    if (!facts) {
        address_read(text);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    pthread_mutex_lock(&facts->address_lock);
    if (facts->address_s == 0 || now.tv_sec - facts->address_s > ADDRESS_S) {
        address_read(facts->address);
        facts->address_s = now.tv_sec;
    }
    memcpy(text, facts->address, FACTS_ADDRESS_SIZE);
    pthread_mutex_unlock(&facts->address_lock);
}
