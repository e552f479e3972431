/* xml.c - one path and one text grow and shrink with the elements. */
#include "nodes/stores/xml.h"

#include "codecs/base/buf.h"

#include <expat.h>
#include <string.h>

enum { PATH_MAX_BYTES = 500, TEXT_MAX = 64 << 10, SIZE_MAX_BYTES = 64 << 20 };

struct reading {
    XML_Parser parser;
    char path[PATH_MAX_BYTES];
    struct buf text;
    enum rc (*take)(void *context, const char *path, const char *text, struct err *err);
    void *context;
    struct err *err;
    enum rc rc;
};

static void stop(struct reading *reading, enum rc rc)
{
    reading->rc = rc;
    XML_StopParser(reading->parser, XML_FALSE);
}

static void element_starts(void *context, const char *name, const char **attributes)
{
    struct reading *reading = context;
    size_t used = strlen(reading->path);
    const char *colon = strrchr(name, ':');

    (void)attributes;
    name = colon ? colon + 1 : name;
    if (used + strlen(name) + 2 > sizeof reading->path) {
        stop(reading, err_set(reading->err, RC_PROTOCOL, "XML is nested too deep"));
        return;
    }
    if (used > 0)
        reading->path[used++] = '/';
    memcpy(reading->path + used, name, strlen(name) + 1);
    buf_clear(&reading->text);
}

static void element_ends(void *context, const char *name)
{
    struct reading *reading = context;
    char *slash = strrchr(reading->path, '/');

    (void)name;
    if (!buf_ok(&reading->text)) {
        stop(reading, err_set(reading->err, RC_PROTOCOL, "a text in XML is too long"));
        return;
    }

    enum rc rc = reading->take(reading->context, reading->path,
                               buf_string(&reading->text), reading->err);

    if (rc != RC_OK)
        stop(reading, rc);
    *(slash ? slash : reading->path) = '\0';
    buf_clear(&reading->text);
}

static void text_comes(void *context, const char *bytes, int size)
{
    struct reading *reading = context;

    buf_add(&reading->text, bytes, (size_t)size);
}

/* Entities of one's own could make a small document large. */
static void type_starts(void *context, const char *name, const char *system,
                        const char *public, int has_subset)
{
    struct reading *reading = context;

    (void)name;
    (void)system;
    (void)public;
    (void)has_subset;
    stop(reading, err_set(reading->err, RC_PROTOCOL, "XML with a document type"));
}

enum rc xml_read(const void *bytes, size_t size,
                 enum rc (*take)(void *context, const char *path, const char *text,
                                 struct err *err),
                 void *context, struct err *err)
{
    struct reading reading = {
        .parser = XML_ParserCreate("UTF-8"), .take = take, .context = context, .err = err
    };
    enum rc rc = RC_OK;

    if (!reading.parser)
        return err_set(err, RC_NO_MEMORY, "no memory to read XML");
    buf_init(&reading.text, TEXT_MAX);
    XML_SetUserData(reading.parser, &reading);
    XML_SetElementHandler(reading.parser, element_starts, element_ends);
    XML_SetCharacterDataHandler(reading.parser, text_comes);
    XML_SetStartDoctypeDeclHandler(reading.parser, type_starts);
    if (size > SIZE_MAX_BYTES
        || XML_Parse(reading.parser, bytes, (int)size, XML_TRUE) != XML_STATUS_OK)
        rc = reading.rc != RC_OK
                 ? reading.rc
                 : err_set(err, RC_PROTOCOL, "no XML: %s",
                           XML_ErrorString(XML_GetErrorCode(reading.parser)));
    XML_ParserFree(reading.parser);
    buf_fini(&reading.text);
    return rc;
}
