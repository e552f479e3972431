/* yaml.c - prints a YAML file as JSON, as `json` would print it: compact, keys sorted.
 *
 *   yaml FILE
 *
 * Plain scalars become what JSON would make of them, else texts; quoted ones are texts.
 * Exit: 0; 1 for a file that cannot be read or is not one YAML document. */
#include <jansson.h>
#include <stdio.h>
#include <yaml.h>

static json_t *value_of(yaml_document_t *document, int id);

static json_t *mapping_of(yaml_document_t *document, const yaml_node_t *node)
{
    json_t *object = json_object();

    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);

        json_object_set_new(object, (const char *)key->data.scalar.value,
                            value_of(document, pair->value));
    }
    return object;
}

static json_t *sequence_of(yaml_document_t *document, const yaml_node_t *node)
{
    json_t *array = json_array();

    for (const yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++)
        json_array_append_new(array, value_of(document, *item));
    return array;
}

static json_t *scalar_of(const yaml_node_t *node)
{
    const char *text = (const char *)node->data.scalar.value;
    json_t *value = NULL;

    if (node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        value = json_loads(text, JSON_DECODE_ANY, NULL);
    return value ? value : json_string(text);
}

static json_t *value_of(yaml_document_t *document, int id)
{
    const yaml_node_t *node = yaml_document_get_node(document, id);

    if (node->type == YAML_MAPPING_NODE)
        return mapping_of(document, node);
    if (node->type == YAML_SEQUENCE_NODE)
        return sequence_of(document, node);
    return scalar_of(node);
}

int main(int argc, char **argv)
{
    FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
    yaml_parser_t parser;
    yaml_document_t document;

    if (!file || !yaml_parser_initialize(&parser))
        return 1;
    yaml_parser_set_input_file(&parser, file);
    if (!yaml_parser_load(&parser, &document)
        || !yaml_document_get_root_node(&document)) {
        fprintf(stderr, "yaml: %s: %s\n", argv[1], parser.problem);
        return 1;
    }

    json_t *value = value_of(&document, 1);

    json_dumpf(value, stdout,
               JSON_COMPACT | JSON_REAL_PRECISION(15) | JSON_ENCODE_ANY | JSON_SORT_KEYS);
    putchar('\n');
    json_decref(value);
    yaml_document_delete(&document);
    yaml_parser_delete(&parser);
    fclose(file);
    return 0;
}
