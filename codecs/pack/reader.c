/* reader.c - the reading half: every read goes through one decoder of heads. */
#include "codecs/pack/pack.h"

#include <stdlib.h>
#include <string.h>

enum head_kind {
    HEAD_NULL,
    HEAD_BOOL,
    HEAD_UINT, /* not negative */
    HEAD_INT,  /* negative */
    HEAD_FLOAT,
    HEAD_STRING,
    HEAD_BYTES,
    HEAD_LIST,
    HEAD_MAP,
    HEAD_EXT,
};

struct head {
    enum head_kind kind;
    uint64_t number; /* HEAD_BOOL, HEAD_UINT; bytes, items or entries that follow */
    int64_t negative;
    double real;
    int8_t ext_type;
};

void reader_init(struct reader *reader, const void *data, size_t size)
{
    *reader = (struct reader){ .data = data, .size = size };
}

bool reader_at_end(const struct reader *reader)
{
    return !reader->failed && reader->at == reader->size;
}

void reader_fail(struct reader *reader)
{
    reader->failed = true;
}

static size_t bytes_left(const struct reader *reader)
{
    return reader->size - reader->at;
}

/* A big-endian number of width bytes; 0 and a failure when they are not there. */
static uint64_t take_number(struct reader *reader, size_t width)
{
    uint64_t number = 0;

    if (bytes_left(reader) < width) {
        reader_fail(reader);
        return 0;
    }
    for (size_t i = 0; i < width; i++)
        number = number << 8 | reader->data[reader->at++];
    return number;
}

static struct head take_signed(struct reader *reader, size_t width)
{
    unsigned unused = (unsigned)(8 - width) * 8;
    int64_t integer = (int64_t)(take_number(reader, width) << unused) >> unused;

    if (integer < 0)
        return (struct head){ .kind = HEAD_INT, .negative = integer };
    return (struct head){ .kind = HEAD_UINT, .number = (uint64_t)integer };
}

static struct head take_float(struct reader *reader, size_t width)
{
    uint64_t bits = take_number(reader, width);
    struct head head = { .kind = HEAD_FLOAT };

    if (width == 4) {
        uint32_t half = (uint32_t)bits;
        float real;

        memcpy(&real, &half, sizeof real);
        head.real = (double)real;
    } else {
        memcpy(&head.real, &bits, sizeof head.real);
    }
    return head;
}

static struct head sized(enum head_kind kind, uint64_t number)
{
    return (struct head){ .kind = kind, .number = number };
}

static struct head take_ext(struct reader *reader, uint64_t size)
{
    struct head head = sized(HEAD_EXT, size);

    head.ext_type = (int8_t)take_number(reader, 1);
    return head;
}

/* The heads of one byte and a number behind it, 0xc0 to 0xdf. */
static struct head take_long_head(struct reader *reader, unsigned byte)
{
    switch (byte) {
    case 0xc0:
        return (struct head){ .kind = HEAD_NULL };
    case 0xc2:
    case 0xc3:
        return sized(HEAD_BOOL, byte & 1);
    case 0xc4:
    case 0xc5:
    case 0xc6:
        return sized(HEAD_BYTES, take_number(reader, 1u << (byte - 0xc4)));
    case 0xc7:
    case 0xc8:
    case 0xc9:
        return take_ext(reader, take_number(reader, 1u << (byte - 0xc7)));
    case 0xca:
    case 0xcb:
        return take_float(reader, byte == 0xca ? 4 : 8);
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
        return sized(HEAD_UINT, take_number(reader, 1u << (byte - 0xcc)));
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
        return take_signed(reader, 1u << (byte - 0xd0));
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
        return take_ext(reader, 1u << (byte - 0xd4));
    case 0xd9:
    case 0xda:
    case 0xdb:
        return sized(HEAD_STRING, take_number(reader, 1u << (byte - 0xd9)));
    case 0xdc:
    case 0xdd:
        return sized(HEAD_LIST, take_number(reader, byte == 0xdc ? 2 : 4));
    case 0xde:
    case 0xdf:
        return sized(HEAD_MAP, take_number(reader, byte == 0xde ? 2 : 4));
    default:
        reader_fail(reader);
        return (struct head){ .kind = HEAD_NULL };
    }
}

static struct head take_any_head(struct reader *reader)
{
    unsigned byte = (unsigned)take_number(reader, 1);

    if (reader->failed)
        return (struct head){ .kind = HEAD_NULL };
    if (byte < 0x80)
        return sized(HEAD_UINT, byte);
    if (byte < 0x90)
        return sized(HEAD_MAP, byte & 0x0f);
    if (byte < 0xa0)
        return sized(HEAD_LIST, byte & 0x0f);
    if (byte < 0xc0)
        return sized(HEAD_STRING, byte & 0x1f);
    if (byte >= 0xe0)
        return (struct head){ .kind = HEAD_INT, .negative = (int8_t)byte };
    return take_long_head(reader, byte);
}

/* What the head announces must fit into the bytes that are left. */
static bool head_fits(const struct reader *reader, const struct head *head)
{
    switch (head->kind) {
    case HEAD_STRING:
    case HEAD_BYTES:
    case HEAD_EXT:
    case HEAD_LIST:
        return head->number <= bytes_left(reader);
    case HEAD_MAP:
        return head->number <= bytes_left(reader) / 2;
    case HEAD_NULL:
    case HEAD_BOOL:
    case HEAD_UINT:
    case HEAD_INT:
    case HEAD_FLOAT:
        return true;
    }
    unreachable_because("kinds of heads are closed");
}

static unsigned bit(enum head_kind kind)
{
    return 1u << kind;
}

enum { ANY_KIND = 0x3ff };

/* The next head if its kind is one of the wanted bits; else a failure at its first byte,
 * and a head of zeroes that every reading function can use as it is. */
static struct head take_head(struct reader *reader, unsigned wanted)
{
    size_t start = reader->at;
    struct head head = { 0 };

    if (reader->failed)
        return head;
    head = take_any_head(reader);
    if (!reader->failed && (wanted & bit(head.kind)) && head_fits(reader, &head))
        return head;
    reader->at = start;
    reader_fail(reader);
    return (struct head){ 0 };
}

static struct bytes take_bytes(struct reader *reader, uint64_t size)
{
    struct bytes bytes = { .data = "", .size = (size_t)size };

    if (size > 0)
        bytes.data = (const char *)reader->data + reader->at;
    reader->at += (size_t)size;
    return bytes;
}

/* A failure that is found only after the head was consumed. */
static void fail_at(struct reader *reader, size_t start)
{
    reader->at = start;
    reader_fail(reader);
}

static void fail_for_memory(struct reader *reader)
{
    reader->no_memory = true;
    reader_fail(reader);
}

bool reader_is_null(struct reader *reader)
{
    if (reader->failed || reader->at == reader->size || reader->data[reader->at] != 0xc0)
        return false;
    reader->at++;
    return true;
}

bool reader_bool(struct reader *reader)
{
    return take_head(reader, bit(HEAD_BOOL)).number != 0;
}

uint64_t reader_uint(struct reader *reader)
{
    return take_head(reader, bit(HEAD_UINT)).number;
}

uint64_t reader_uint_max(struct reader *reader, uint64_t max)
{
    size_t start = reader->at;
    uint64_t number = reader_uint(reader);

    if (number <= max)
        return number;
    fail_at(reader, start);
    return 0;
}

int64_t reader_int(struct reader *reader)
{
    size_t start = reader->at;
    struct head head = take_head(reader, bit(HEAD_UINT) | bit(HEAD_INT));

    if (head.kind == HEAD_INT)
        return head.negative;
    if (head.number <= INT64_MAX)
        return (int64_t)head.number;
    fail_at(reader, start);
    return 0;
}

double reader_float(struct reader *reader)
{
    struct head head =
        take_head(reader, bit(HEAD_UINT) | bit(HEAD_INT) | bit(HEAD_FLOAT));

    if (head.kind == HEAD_INT)
        return (double)head.negative;
    return head.kind == HEAD_UINT ? (double)head.number : head.real;
}

struct bytes reader_string(struct reader *reader)
{
    return take_bytes(reader,
                      take_head(reader, bit(HEAD_STRING) | bit(HEAD_BYTES)).number);
}

struct bytes reader_bytes(struct reader *reader)
{
    return reader_string(reader);
}

const char *reader_text(struct reader *reader, struct arena *arena, size_t max)
{
    size_t start = reader->at;
    struct bytes bytes = reader_string(reader);
    const char *text = NULL;

    if (reader->failed)
        return "";
    if (bytes.size <= max && !memchr(bytes.data, '\0', bytes.size)) {
        text = arena_copy(arena, bytes.data, bytes.size);
        reader->no_memory = !text;
    }
    if (text)
        return text;
    fail_at(reader, start);
    return "";
}

const char *reader_text_or_null(struct reader *reader, struct arena *arena, size_t max)
{
    return reader_is_null(reader) ? NULL : reader_text(reader, arena, max);
}

size_t reader_list(struct reader *reader)
{
    return (size_t)take_head(reader, bit(HEAD_LIST)).number;
}

size_t reader_map(struct reader *reader)
{
    return (size_t)take_head(reader, bit(HEAD_MAP)).number;
}

/* Without recursion: counts the values that are still to come. Each takes a byte at
 * least, so the count stays below the bytes that are left. */
/* Most values are a number or a text that one byte announces. */
static bool skip_short(struct reader *reader)
{
    size_t left = bytes_left(reader), size = 1;

    if (reader->failed || left == 0)
        return false;

    unsigned byte = reader->data[reader->at];

    if (byte >= 0xa0 && byte < 0xc0)
        size += byte & 0x1f;
    else if (byte >= 0x80 && byte < 0xe0)
        return false;
    if (size > left)
        return false;
    reader->at += size;
    return true;
}

void reader_skip(struct reader *reader)
{
    for (size_t pending = 1; pending > 0 && !reader->failed; pending--) {
        if (skip_short(reader))
            continue;

        struct head head = take_head(reader, ANY_KIND);

        if (head.kind == HEAD_LIST)
            pending += (size_t)head.number;
        else if (head.kind == HEAD_MAP)
            pending += 2 * (size_t)head.number;
        else if (head.kind >= HEAD_STRING)
            take_bytes(reader, head.number);
        if (pending - 1 > bytes_left(reader))
            reader_fail(reader);
    }
}

static void read_list(struct reader *reader, struct arena *arena, size_t count,
                      struct value *value)
{
    struct value *items = arena_array(arena, count, sizeof *items);

    if (!items) {
        fail_for_memory(reader);
        return;
    }
    for (size_t i = 0; i < count && !reader->failed; i++)
        reader_value(reader, arena, &items[i]);
    *value =
        (struct value){ .kind = VALUE_LIST, .list = { .items = items, .count = count } };
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void check_keys(struct reader *reader, struct arena *arena,
                       const struct value_entry *entries, size_t count)
{
    const char **keys = arena_array(arena, count, sizeof *keys);

    if (!keys) {
        fail_for_memory(reader);
        return;
    }
    for (size_t i = 0; i < count; i++)
        keys[i] = entries[i].key;
    qsort(keys, count, sizeof *keys, compare_keys);
    for (size_t i = 1; i < count; i++)
        if (strcmp(keys[i - 1], keys[i]) == 0)
            reader_fail(reader);
}

static void read_map(struct reader *reader, struct arena *arena, size_t count,
                     struct value *value)
{
    struct value_entry *entries = arena_array(arena, count, sizeof *entries);

    if (!entries) {
        fail_for_memory(reader);
        return;
    }
    for (size_t i = 0; i < count && !reader->failed; i++) {
        entries[i].key = reader_text(reader, arena, reader->size);
        reader_value(reader, arena, &entries[i].value);
    }
    if (!reader->failed)
        check_keys(reader, arena, entries, count);
    *value = (struct value){ .kind = VALUE_MAP,
                             .map = { .entries = entries, .count = count } };
}

static void read_nested(struct reader *reader, struct arena *arena, struct head head,
                        struct value *value)
{
    if (reader->depth >= VALUE_DEPTH_MAX) {
        reader_fail(reader);
        return;
    }
    reader->depth++;
    if (head.kind == HEAD_LIST)
        read_list(reader, arena, (size_t)head.number, value);
    else
        read_map(reader, arena, (size_t)head.number, value);
    reader->depth--;
}

static struct value read_string(struct reader *reader, struct arena *arena, uint64_t size)
{
    struct bytes bytes = take_bytes(reader, size);
    const char *data = arena_copy(arena, bytes.data, bytes.size);

    if (!data) {
        fail_for_memory(reader);
        return value_null();
    }
    return (struct value){ .kind = VALUE_STRING,
                           .string = { .data = data, .size = bytes.size } };
}

static void read_by_head(struct reader *reader, struct arena *arena, struct head head,
                         struct value *value)
{
    switch (head.kind) {
    case HEAD_NULL:
        *value = value_null();
        return;
    case HEAD_BOOL:
        *value = value_bool(head.number != 0);
        return;
    case HEAD_UINT:
        *value = head.number <= INT64_MAX ? value_int((int64_t)head.number)
                                          : value_float((double)head.number);
        return;
    case HEAD_INT:
        *value = value_int(head.negative);
        return;
    case HEAD_FLOAT:
        *value = value_float(head.real);
        return;
    case HEAD_STRING:
    case HEAD_BYTES:
        *value = read_string(reader, arena, head.number);
        return;
    case HEAD_LIST:
    case HEAD_MAP:
        read_nested(reader, arena, head, value);
        return;
    case HEAD_EXT:
        if (head.number != 0 || head.ext_type != PACK_EXT_ABSENT)
            reader_fail(reader);
        *value = (struct value){ .kind = VALUE_ABSENT };
        return;
    }
    unreachable_because("kinds of heads are closed");
}

void reader_value(struct reader *reader, struct arena *arena, struct value *value)
{
    struct head head = take_head(reader, ANY_KIND);
    struct value read = { .kind = VALUE_ABSENT };

    if (!reader->failed)
        read_by_head(reader, arena, head, &read);
    *value = reader->failed ? (struct value){ .kind = VALUE_ABSENT } : read;
}
