/* devices.c - see devices.h. Names and codes of nvml.h (NVML API reference,
 * "Initialization and Cleanup", "Device Queries") and of the amdkfd topology (the
 * kernel's kfd_topology.c): a node with compute units (simd_count above 0) is a GPU, heap
 * types 1 and 2 are memory of its own, gfx_target_version is 10000 major + 100 minor +
 * stepping. */
#include "nodes/devices.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIBRARY    "libnvidia-ml.so.1"
#define TOPOLOGY   "/sys/class/kfd/kfd/topology/nodes"
#define AMD_DRIVER "/sys/module/amdgpu/version"

enum { DEVICES_MAX = 64, PATH_MAX_BYTES = 4096, LINE_MAX_BYTES = 256 };

static uint64_t first_bits(unsigned count)
{
    return count >= DEVICES_MAX ? UINT64_MAX : (UINT64_C(1) << count) - 1;
}

uint64_t devices_of_library(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    unsigned count = 0;

    if (!library)
        return 0;

    /* POSIX: what dlsym gives is a function where a function was asked for. */
    int (*init)(void) = __extension__(int (*)(void)) dlsym(library, "nvmlInit_v2");
    int (*get_count)(unsigned *) =
        __extension__(int (*)(unsigned *)) dlsym(library, "nvmlDeviceGetCount_v2");
    int (*shut_down)(void) = __extension__(int (*)(void)) dlsym(library, "nvmlShutdown");

    if (init && get_count && shut_down && init() == 0) {
        if (get_count(&count) != 0)
            count = 0;
        shut_down();
    }
    dlclose(library);
    return first_bits(count);
}

struct nvml_memory {
    unsigned long long total, free, used; /* bytes */
};
struct nvml { /* what is asked of it; enum nvmlReturn_t is 0 for success */
    int (*init)(void);
    int (*shut_down)(void);
    int (*driver)(char *version, unsigned size);
    int (*by_index)(unsigned index, void **device);
    int (*name)(void *device, char *name, unsigned size);
    int (*memory)(void *device, struct nvml_memory *memory);
};

static void describe(const struct nvml *nvml, uint64_t offered,
                     struct device_facts *facts)
{
    if (nvml->driver(facts->driver, sizeof facts->driver) != 0)
        facts->driver[0] = '\0';
    for (unsigned i = 0; i < DEVICES_MAX; i++) {
        struct nvml_memory memory = { 0 };
        void *device;

        if (!(offered >> i & 1) || nvml->by_index(i, &device) != 0)
            continue;

        unsigned at = facts->count++;

        facts->devices[at].index = i;
        if (nvml->name(device, facts->devices[at].model, FACTS_TEXT_MAX) != 0)
            facts->devices[at].model[0] = '\0';
        if (nvml->memory(device, &memory) == 0)
            facts->devices[at].memory = memory.total;
    }
}

void devices_describe_library(const char *path, uint64_t offered,
                              struct device_facts *facts)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    struct nvml nvml;

    *facts = (struct device_facts){ 0 };
    if (!library)
        return;
    nvml.init = __extension__(int (*)(void)) dlsym(library, "nvmlInit_v2");
    nvml.shut_down = __extension__(int (*)(void)) dlsym(library, "nvmlShutdown");
    nvml.driver = __extension__(int (*)(char *, unsigned))
        dlsym(library, "nvmlSystemGetDriverVersion");
    nvml.by_index = __extension__(int (*)(unsigned, void **))
        dlsym(library, "nvmlDeviceGetHandleByIndex_v2");
    nvml.name = __extension__(int (*)(void *, char *, unsigned))
        dlsym(library, "nvmlDeviceGetName");
    nvml.memory = __extension__(int (*)(void *, struct nvml_memory *))
        dlsym(library, "nvmlDeviceGetMemoryInfo");
    if (nvml.init && nvml.shut_down && nvml.driver && nvml.by_index && nvml.name
        && nvml.memory && nvml.init() == 0) {
        describe(&nvml, offered, facts);
        nvml.shut_down();
    }
    dlclose(library);
}

/* A number of a file of properties, "name number" a line. False: it has none. */
static bool property_read(const char *path, const char *name, uint64_t *number)
{
    char line[LINE_MAX_BYTES];
    size_t size = strlen(name);
    bool is_found = false;
    FILE *file = fopen(path, "re");

    if (!file)
        return false;
    while (!is_found && fgets(line, sizeof line, file))
        if (strncmp(line, name, size) == 0 && line[size] == ' ') {
            *number = strtoull(line + size, NULL, 10);
            is_found = true;
        }
    fclose(file);
    return is_found;
}

static bool is_gpu(const char *folder, const char *node)
{
    char path[PATH_MAX_BYTES];
    uint64_t count = 0;

    return snprintf(path, sizeof path, "%s/%s/properties", folder, node)
               < (int)sizeof path
           && property_read(path, "simd_count", &count) && count > 0;
}

static void first_line(const char *path, char text[FACTS_TEXT_MAX])
{
    FILE *file = fopen(path, "re");

    if (!file || !fgets(text, FACTS_TEXT_MAX, file))
        text[0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    if (file)
        fclose(file);
}

/* The memory of its own, which may be in several banks. */
static uint64_t memory_of(const char *node)
{
    enum { BANKS_MAX = 16, HEAP_PUBLIC = 1, HEAP_PRIVATE = 2 };
    char path[PATH_MAX_BYTES];
    uint64_t all = 0;

    for (unsigned i = 0; i < BANKS_MAX; i++) {
        uint64_t heap = 0, size = 0;

        snprintf(path, sizeof path, "%.4000s/mem_banks/%u/properties", node, i);
        if (property_read(path, "heap_type", &heap)
            && (heap == HEAP_PUBLIC || heap == HEAP_PRIVATE)
            && property_read(path, "size_in_bytes", &size))
            all += size;
    }
    return all;
}

/* "aldebaran gfx90a": the name that the driver has for it, and what programs are built
 * for. */
static void model_of(const char *node, char model[FACTS_TEXT_MAX])
{
    char path[PATH_MAX_BYTES], name[FACTS_TEXT_MAX];
    uint64_t target = 0;

    snprintf(path, sizeof path, "%.4000s/name", node);
    first_line(path, name);
    snprintf(path, sizeof path, "%.4000s/properties", node);
    if (!property_read(path, "gfx_target_version", &target) || target == 0)
        snprintf(model, FACTS_TEXT_MAX, "%s", name);
    else
        snprintf(model, FACTS_TEXT_MAX, "%.64s%sgfx%u%x%x", name, name[0] ? " " : "",
                 (unsigned)(target / 10000), (unsigned)(target / 100 % 100),
                 (unsigned)(target % 100));
}

void devices_describe_topology(const char *folder, const char *driver, uint64_t offered,
                               struct device_facts *facts)
{
    enum { NODES_MAX = 256 };
    char node[PATH_MAX_BYTES], number[16];
    unsigned index = 0;

    *facts = (struct device_facts){ 0 };
    for (unsigned i = 0; i < NODES_MAX && index < DEVICES_MAX; i++) {
        snprintf(number, sizeof number, "%u", i);
        if (!is_gpu(folder, number))
            continue;
        if (offered >> index & 1) {
            unsigned at = facts->count++;

            snprintf(node, sizeof node, "%.4000s/%s", folder, number);
            facts->devices[at].index = index;
            facts->devices[at].memory = memory_of(node);
            model_of(node, facts->devices[at].model);
        }
        index++;
    }
    if (facts->count > 0)
        first_line(driver, facts->driver);
}

uint64_t devices_of_topology(const char *folder)
{
    DIR *nodes = opendir(folder);
    unsigned count = 0;

    if (!nodes)
        return 0;
    for (const struct dirent *entry; (entry = readdir(nodes));)
        count += entry->d_name[0] != '.' && is_gpu(folder, entry->d_name);
    closedir(nodes);
    return first_bits(count);
}

uint64_t devices_find(void)
{
    uint64_t found = devices_of_library(LIBRARY);

    return found ? found : devices_of_topology(TOPOLOGY);
}

void devices_describe(uint64_t offered, struct device_facts *facts)
{
    devices_describe_library(LIBRARY, offered, facts);
    if (facts->count == 0)
        devices_describe_topology(TOPOLOGY, AMD_DRIVER, offered, facts);
}
