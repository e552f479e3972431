/* test_devices.c - GPUs of this machine, of a library and of a topology that are made up.
 */
#include "nodes/devices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
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

static void make_node(const char *folder, unsigned number, unsigned simd_count)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof path, "%s/%u", folder, number);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/%u/properties", folder, number);
    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "cpu_cores_count 8\nsimd_count %u\nmem_banks_count 1\n", simd_count);
    fclose(file);
}

static void remove_node(const char *folder, unsigned number)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%u/properties", folder, number);
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof path, "%s/%u", folder, number);
    assert_int_equal(rmdir(path), 0);
}

static void test_nodes_of_the_topology_with_compute_units_are_devices(void **state)
{
    char folder[] = "/tmp/sluice-devices.XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(devices_of_topology(folder), 0);
    make_node(folder, 0, 0); /* the processor */
    make_node(folder, 1, 256);
    make_node(folder, 2, 256);
    assert_int_equal(devices_of_topology(folder), 3);
    for (unsigned i = 0; i < 3; i++)
        remove_node(folder, i);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(devices_of_topology(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_the_library_there_are_no_devices),
        cmocka_unit_test(test_a_library_that_lacks_the_functions_has_none),
        cmocka_unit_test(test_nodes_of_the_topology_with_compute_units_are_devices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
