/* s3_error.c - the codes that people meet, and what to do about each. */
#include "nodes/stores/s3_error.h"

#include "nodes/stores/xml.h"

#include <stdio.h>
#include <string.h>

struct said {
    char code[100], message[300];
};

static enum rc take(void *context, const char *path, const char *text, struct err *err)
{
    struct said *said = context;

    (void)err;
    if (strcmp(path, "Error/Code") == 0)
        snprintf(said->code, sizeof said->code, "%s", text);
    else if (strcmp(path, "Error/Message") == 0)
        snprintf(said->message, sizeof said->message, "%s", text);
    return RC_OK;
}

static const char *way_out(const char *code, long status)
{
    static const struct {
        const char *code, *advice;
    } ways[] = {
        { "ExpiredToken", "the credentials have expired: renew them" },
        { "TokenRefreshRequired", "the credentials have expired: renew them" },
        { "InvalidAccessKeyId", "the store does not know this access key" },
        { "SignatureDoesNotMatch", "the secret key is wrong, or something between "
                                   "changes requests" },
        { "RequestTimeTooSkewed", "set this machine's clock" },
        { "AuthorizationHeaderMalformed", "set the store's region" },
        { "PermanentRedirect", "set the store's region and endpoint" },
        { "NoSuchBucket", "there is no such bucket at this endpoint" },
        { "AccessDenied", "these credentials may not do that" },
    };

    for (size_t i = 0; i < COUNT_OF(ways); i++)
        if (strcmp(ways[i].code, code) == 0)
            return ways[i].advice;
    if (status == 301 || status == 307)
        return "set the store's region and endpoint";
    return status == 403 ? "these credentials may not do that" : NULL;
}

enum rc s3_error_tell(const struct web_request *request, struct web_answer *answer,
                      struct err *err)
{
    struct said said = { .code = "" };
    struct err ignored;
    const char *origin = request->store->origin, *advice;
    bool is_missing = answer->status == 404;

    if (answer->text.size > 0
        && xml_read(answer->text.data, answer->text.size, take, &said, &ignored) != RC_OK)
        said = (struct said){ .code = "" };
    advice = way_out(said.code, answer->status);
    return err_set(err, is_missing ? RC_NOT_FOUND : RC_UNREACHABLE,
                   "%s: HTTP status %ld%s%s%s%s%s%s%s%s%s%s%s", request->shown,
                   answer->status, said.code[0] ? " " : "", said.code,
                   said.message[0] ? ": " : "", said.message, advice ? "; " : "",
                   advice ? advice : "",
                   answer->region[0] ? "; the bucket's region is " : "", answer->region,
                   advice && origin ? " (credentials: " : "",
                   advice && origin ? origin : "", advice && origin ? ")" : "");
}
