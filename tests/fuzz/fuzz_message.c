/* fuzz_message.c - every decoder of headers and bodies takes any bytes. */
#include "codecs/wire/look.h"
#include "codecs/wire/message.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    scoped(arena) arena = arena_create(64 << 20);
    struct message_header header;
    struct request request;
    struct node_hello hello;
    struct class_message class;
    struct assignment *assignments;
    struct started_item *started;
    struct result_item *results;
    struct look_message look;
    uint64_t *tokens;
    size_t count;
    struct err err;

    if (!arena)
        return 0;
    if (message_header_decode(data, size, &header, &err) == RC_OK)
        must(header.type < MESSAGE_TYPE_COUNT);
    must(message_error_decode(data, size, &err) != RC_OK);
    if (request_decode(data, size, arena, &request, &err) == RC_OK)
        must(!request.stage || strlen(request.stage) <= PLAN_NAME_MAX);
    if (node_hello_decode(data, size, arena, &hello, &err) == RC_OK)
        must(node_name_is_valid(hello.name));
    if (class_decode(data, size, arena, &class, &err) == RC_OK)
        must(class.resolved.size <= size);
    if (assignments_decode(data, size, arena, &assignments, &count, &err) == RC_OK)
        must(count <= NODE_TOKENS_MAX);
    if (started_decode(data, size, arena, &started, &count, &err) == RC_OK)
        must(count <= NODE_TOKENS_MAX);
    if (results_decode(data, size, arena, &results, &count, &err) == RC_OK)
        must(count <= NODE_TOKENS_MAX);
    if (tokens_decode(data, size, arena, &tokens, &count, &err) == RC_OK)
        must(count <= NODE_TOKENS_MAX);
    if (look_decode(data, size, arena, &look, &err) == RC_OK)
        must(look.file_count <= LOOK_FILES_MAX);
    return 0;
}
