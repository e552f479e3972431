/* devices.h - which GPUs this machine has.
 *
 * Asks NVIDIA's management library when it is installed (it is not linked: a node without
 * it has none of these), else counts the render nodes of AMD's driver. Device i is the
 * one that CUDA_VISIBLE_DEVICES=i (or its ROCm twin) means. */
#pragma once

#include "nodes/staging/facts.h"

/* Bit i: device i is there; at most 64. Only at the start: the library is unloaded again
 * and may take a second. */
uint64_t devices_find(void);

/* Model and memory of those devices among `offered`, and the driver; nothing of what is
 * not there. At the start only, as devices_find. */
void devices_describe(uint64_t offered, struct device_facts *facts);

/* The two ways, apart for tests: the path of the library; the folder of the kernel's
 * topology, and the file with the version of AMD's driver, which only a driver that was
 * installed by itself has. */
uint64_t devices_of_library(const char *path);
uint64_t devices_of_topology(const char *folder);
void devices_describe_library(const char *path, uint64_t offered,
                              struct device_facts *facts);
void devices_describe_topology(const char *folder, const char *driver, uint64_t offered,
                               struct device_facts *facts);
