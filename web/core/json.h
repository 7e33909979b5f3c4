/*
 * Writes JSON (RFC 8259) into a buffer that grows. A comma is put where one belongs, by what was written last. Texts are UTF-8, which
 * whoever decoded them has seen to.
 */
#ifndef GALKA_WEB_JSON_H
#define GALKA_WEB_JSON_H

#include "base/id.h"

struct json {
        uint8_t *bytes;
        size_t size, room;
        bool full; /* it did not fit: what is there is cut off */
        bool (*grow)(struct json *json, size_t size);
};

void json_open(struct json *json, char bracket);
void json_close(struct json *json, char bracket);
void json_key(struct json *json, const char *key);
void json_key_of(struct json *json, struct slice key);
void json_text(struct json *json, struct slice text);
void json_number(struct json *json, uint64_t number);
void json_endless(struct json *json); /* Infinity, in the only way that JSON has */
void json_bool(struct json *json, bool value);
void json_null(struct json *json);
void json_hex(struct json *json, struct slice bytes);
void json_id(struct json *json, const struct id *id);
void json_user(struct json *json, uint64_t user);

#endif
