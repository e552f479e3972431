/* test_devices.c - GPUs of this machine, of a library and of a topology that are made up.
 */
#include "nodes/devices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void test_without_the_library_there_are_no_devices(void **state)
{
    (void)state;
    assert_int_equal(devices_of_library("libno-such-thing.so.1"), 0);
}

static void test_a_library_that_lacks_the_functions_has_none(void **state)
{
    (void)state;
    assert_int_equal(devices_of_library("libm.so.6"), 0);
}

/* <folder>/<name>, which may have folders, with that text. */
static void make_file(const char *folder, const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (char *at = path + strlen(folder) + 1; *at; at++)
        if (*at == '/') {
            *at = '\0';
            mkdir(path, 0700);
            *at = '/';
        }
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void remove_all(const char *folder)
{
    char command[128];

    snprintf(command, sizeof command, "rm -r '%s'", folder);
    assert_int_equal(system(command), 0);
}

static void test_nodes_of_the_topology_with_compute_units_are_devices(void **state)
{
    static const char gpu[] = "cpu_cores_count 0\nsimd_count 256\nmem_banks_count 1\n";
    char folder[] = "/tmp/sluice-devices.XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(devices_of_topology(folder), 0);
    make_file(folder, "0/properties", "cpu_cores_count 8\nsimd_count 0\n");
    make_file(folder, "1/properties", gpu);
    make_file(folder, "2/properties", gpu);
    assert_int_equal(devices_of_topology(folder), 3);
    remove_all(folder);
    assert_int_equal(devices_of_topology(folder), 0);
}

static void test_models_and_memory_are_in_the_topology(void **state)
{
    char folder[] = "/tmp/sluice-devices.XXXXXX", driver[64];
    struct device_facts facts;

    (void)state;
    assert_non_null(mkdtemp(folder));
    make_file(folder, "0/properties", "cpu_cores_count 8\nsimd_count 0\n");
    make_file(folder, "1/properties", "simd_count 416\ngfx_target_version 90010\n");
    make_file(folder, "1/name", "aldebaran\n");
    make_file(folder, "1/mem_banks/0/properties",
              "heap_type 1\nsize_in_bytes 68702699520\n");
    make_file(folder, "1/mem_banks/1/properties", "heap_type 4\nsize_in_bytes 4096\n");
    make_file(folder, "2/properties", "simd_count 160\ngfx_target_version 100300\n");
    make_file(folder, "10/properties", "simd_count 1\n");
    make_file(folder, "10/name", "early\n");
    snprintf(driver, sizeof driver, "%s/version", folder);

    devices_describe_topology(folder, driver, 7, &facts);
    assert_int_equal(facts.count, 3);
    assert_string_equal(facts.driver, "");
    assert_string_equal(facts.devices[0].model, "aldebaran gfx90a");
    assert_int_equal(facts.devices[0].memory, 68702699520);
    assert_string_equal(facts.devices[1].model, "gfx1030");
    assert_int_equal(facts.devices[1].memory, 0);
    assert_string_equal(facts.devices[2].model, "early");

    make_file(folder, "version", "6.3.6\n");
    devices_describe_topology(folder, driver, 2, &facts); /* the second alone */
    assert_int_equal(facts.count, 1);
    assert_int_equal(facts.devices[0].index, 1);
    assert_string_equal(facts.driver, "6.3.6");
    remove_all(folder);
    devices_describe_topology(folder, driver, 7, &facts);
    assert_int_equal(facts.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_the_library_there_are_no_devices),
        cmocka_unit_test(test_a_library_that_lacks_the_functions_has_none),
        cmocka_unit_test(test_nodes_of_the_topology_with_compute_units_are_devices),
        cmocka_unit_test(test_models_and_memory_are_in_the_topology),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
