/* test_bulk_uploads.c - how many objects may arrive at once. */
#include "broker/artifacts/bulk_uploads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ALL_MAX = 3, PEER_MAX = 2 };

static const char digest[] =
    "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static enum rc begin(struct uploads *uploads, struct objects *objects, const char *peer,
                     uint64_t id, struct upload **upload, struct err *err)
{
    struct bulk_message put = { .type = BULK_PUT, .id = id, .size = 10 };

    memcpy(put.digest, digest, sizeof digest);
    return uploads_begin(uploads, objects, (struct bytes){ peer, strlen(peer) }, &put, 1,
                         upload, err);
}

static void test_uploads_are_bounded_in_all_and_for_each_peer(void **state)
{
    char folder[] = "/tmp/sluice-uploads-XXXXXX", command[64];
    scoped(uploads) uploads = uploads_create(ALL_MAX, PEER_MAX, -1);
    struct objects *objects;
    struct upload *first, *other;
    struct err err;

    (void)state;
    must(mkdtemp(folder) && uploads);
    must(objects_open(folder, &objects, &err) == RC_OK);
    assert_int_equal(begin(uploads, objects, "a", 1, &first, &err), RC_OK);
    assert_int_equal(begin(uploads, objects, "a", 2, &other, &err), RC_OK);
    assert_int_equal(begin(uploads, objects, "a", 3, &other, &err), RC_FULL);
    assert_non_null(strstr(err.text, "2 uploads of this client"));
    assert_int_equal(begin(uploads, objects, "b", 1, &other, &err), RC_OK);
    assert_int_equal(begin(uploads, objects, "b", 2, &other, &err), RC_FULL);
    assert_non_null(strstr(err.text, "3 uploads are in progress"));
    upload_drop(first);
    assert_int_equal(begin(uploads, objects, "b", 2, &other, &err), RC_OK);
    uploads_leave_stale(uploads, 2 + UPLOAD_STALE_MS);
    objects_destroy(objects);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    must(system(command) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uploads_are_bounded_in_all_and_for_each_peer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
