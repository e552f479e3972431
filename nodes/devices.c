/* devices.c - see devices.h. Names and codes of nvml.h (NVML API reference,
 * "Initialization and Cleanup", "Device Queries") and of the amdkfd topology: a node with
 * compute units (simd_count above 0) is a GPU. */
#include "nodes/devices.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

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

void devices_describe(const char *path, uint64_t offered, struct device_facts *facts)
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

static unsigned simd_count(const char *folder, const char *node)
{
    char path[PATH_MAX_BYTES], line[LINE_MAX_BYTES];
    unsigned count = 0;

    if (snprintf(path, sizeof path, "%s/%s/properties", folder, node) >= (int)sizeof path)
        return 0;

    FILE *file = fopen(path, "re");

    if (!file)
        return 0;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "simd_count %u", &count) == 1)
            break;
    fclose(file);
    return count;
}

uint64_t devices_of_topology(const char *folder)
{
    DIR *nodes = opendir(folder);
    unsigned count = 0;

    if (!nodes)
        return 0;
    for (const struct dirent *entry; (entry = readdir(nodes));)
        count += entry->d_name[0] != '.' && simd_count(folder, entry->d_name) > 0;
    closedir(nodes);
    return first_bits(count);
}

uint64_t devices_find(void)
{
    uint64_t found = devices_of_library("libnvidia-ml.so.1");

    return found ? found : devices_of_topology("/sys/class/kfd/kfd/topology/nodes");
}
