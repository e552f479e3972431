/* get.h - one file over HTTP into an object writer, resumed where it broke off.
 *
 * A strong ETag says whether what is fetched later still belongs to what came before:
 * the rest is asked for by Range and If-Match. Without one, or when the server sends
 * another file, all is fetched anew. What came of a file with such an ETag outlives the
 * process, as a part in the folder of objects (object_writer_resume). */
#pragma once

#include "broker/artifacts/objects.h"
#include "nodes/stores/web.h"

struct web_got {
    char etag[WEB_TAG_MAX]; /* "" if the server gave none that is strong, or the file may
                               change once more without another */
    char version[WEB_TAG_MAX];  /* of an object, by a store that keeps versions; or "" */
    char modified[WEB_TAG_MAX]; /* when it was changed, as the server says it; or "" */
    char sha256[DIGEST_TEXT_SIZE]; /* what the store says it is; "" if it does not */
};

/* Uses of request: url, shown, store, progress, its context, and cancelled. *writer has
 * the whole file then, and is the caller's. The failures of web_exchange and
 * web_answer_judge, and of the writer. */
NODISCARD enum rc web_get(const struct web_request *request, struct objects *objects,
                          struct object_writer **writer, struct web_got *got,
                          struct err *err);

/* Whether the server still has what had this strong ETag and so many bytes; its body is
 * not fetched. If not, etag is the one of what it has now, "" if it tells none that is
 * strong: then only the bytes tell. The same failures. */
struct web_sameness {
    bool is_same;
    char etag[WEB_TAG_MAX];
};
NODISCARD enum rc web_compare(const struct web_request *request, const char *etag,
                              uint64_t size, struct web_sameness *sameness,
                              struct err *err);
