/* See json.h. */
#include "json.h"

static void put(struct json *json, struct slice bytes)
{
        if (json->full || (json->room - json->size < bytes.size && !json->grow(json, json->size + bytes.size))) {
                json->full = true;
                return;
        }
        if (bytes.size)
                memcpy(json->bytes + json->size, bytes.data, bytes.size);
        json->size += bytes.size;
}

static void put_one(struct json *json, char byte)
{
        put(json, slice_of(&byte, 1));
}

/* Before a value or a key. */
static void begin(struct json *json)
{
        char last = json->size ? (char)json->bytes[json->size - 1] : '[';

        if (last != '[' && last != '{' && last != ':')
                put_one(json, ',');
}

void json_open(struct json *json, char bracket)
{
        begin(json);
        put_one(json, bracket);
}

void json_close(struct json *json, char bracket)
{
        put_one(json, bracket);
}

static const char digits[] = "0123456789abcdef";

/* Whole runs of what needs no escape go at once. */
static void put_escaped(struct json *json, struct slice text)
{
        size_t from = 0;

        for (size_t i = 0; i < text.size; i++) {
                uint8_t byte = text.data[i];

                if (byte >= 0x20 && byte != '"' && byte != '\\')
                        continue;
                put(json, slice_of(text.data + from, i - from));
                from = i + 1;
                if (byte >= 0x20) {
                        put_one(json, '\\');
                        put_one(json, (char)byte);
                } else {
                        char escaped[] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};

                        put(json, slice_of(escaped, sizeof(escaped)));
                }
        }
        put(json, slice_of(text.data + from, text.size - from));
}

void json_text(struct json *json, struct slice text)
{
        begin(json);
        put_one(json, '"');
        if (text.size)
                put_escaped(json, text);
        put_one(json, '"');
}

void json_key_of(struct json *json, struct slice key)
{
        json_text(json, key);
        put_one(json, ':');
}

void json_key(struct json *json, const char *key)
{
        json_key_of(json, slice_text(key));
}

void json_number(struct json *json, uint64_t number)
{
        char text[20];
        size_t at = sizeof(text);

        begin(json);
        do {
                text[--at] = digits[number % 10];
                number /= 10;
        } while (number);
        put(json, slice_of(text + at, sizeof(text) - at));
}

void json_endless(struct json *json)
{
        begin(json);
        put(json, SLICE_LITERAL("1e999"));
}

void json_bool(struct json *json, bool value)
{
        begin(json);
        put(json, value ? SLICE_LITERAL("true") : SLICE_LITERAL("false"));
}

void json_null(struct json *json)
{
        begin(json);
        put(json, SLICE_LITERAL("null"));
}

void json_hex(struct json *json, struct slice bytes)
{
        begin(json);
        put_one(json, '"');
        for (size_t i = 0; i < bytes.size; i++) {
                put_one(json, digits[bytes.data[i] >> 4]);
                put_one(json, digits[bytes.data[i] & 15]);
        }
        put_one(json, '"');
}

void json_id(struct json *json, const struct id *id)
{
        json_hex(json, slice_of(id->bytes, sizeof(id->bytes)));
}

void json_user(struct json *json, uint64_t user)
{
        uint8_t bytes[8];

        be64_put(bytes, user);
        json_hex(json, slice_of(bytes, sizeof(bytes)));
}
