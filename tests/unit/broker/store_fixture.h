/* store_fixture.h - a store in a folder of its own that goes with the test. */
#pragma once

#include "broker/store/tables.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char folder[64], directory[80]; /* the store is in a folder of the folder */
    struct store *store;
};

static inline void expect_ok(enum rc rc, const struct err *err)
{
    if (rc != RC_OK)
        fail_msg("%s: %s", rc_name(rc), err->text);
}

static inline void fixture_open(struct fixture *self)
{
    struct err err;

    expect_ok(store_open(self->directory, &self->store, &err), &err);
}

static inline void fixture_close(struct fixture *self)
{
    store_destroy(self->store);
    self->store = NULL;
}

static inline void fixture_reopen(struct fixture *self)
{
    fixture_close(self);
    fixture_open(self);
}

/* A folder, without a store yet. */
static inline int fixture_setup_empty(void **state)
{
    struct fixture *self = calloc(1, sizeof *self);

    assert_non_null(self);
    snprintf(self->folder, sizeof self->folder, "/tmp/sluice-store-XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    snprintf(self->directory, sizeof self->directory, "%s/store", self->folder);
    *state = self;
    return 0;
}

static inline int fixture_setup(void **state)
{
    fixture_setup_empty(state);
    fixture_open(*state);
    return 0;
}

/* How many names are in the store's folder; each is removed when is_removing. */
static inline size_t fixture_names(const struct fixture *self, bool is_removing)
{
    DIR *folder = opendir(self->directory);
    struct dirent *entry;
    size_t count = 0;

    while (folder && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        count++;
        if (is_removing)
            assert_int_equal(unlinkat(dirfd(folder), entry->d_name, 0), 0);
    }
    if (folder)
        closedir(folder);
    return count;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *self = *state;

    fixture_close(self);
    fixture_names(self, true);
    rmdir(self->directory);
    rmdir(self->folder);
    free(self);
    return 0;
}
