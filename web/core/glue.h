/*
 * The core in a browser: what passes between C and TypeScript. One call goes in, `call` (glue.c): the name of a verb and its arguments,
 * each a slice. One value comes out: text in JSON, which every engine reads faster than anything written here could. Ids are hex; numbers
 * that stand for bytes (of a frame to send, of a batch to keep) are addresses in this module's memory, good until the next call.
 *
 * Nothing of the host's is trusted to be well formed: what is missing or not of its kind is BAD_FIELD. One module is one core.
 */
#ifndef GALKA_WEB_GLUE_H
#define GALKA_WEB_GLUE_H

#include "core/core.h"
#include "json.h"

#define GLUE_ARENA_MAX  (128u << 20) /* of the core: far above what its own limits come to */
#define GLUE_INPUT_MAX  (8u << 20)
#define GLUE_OUTPUT_MAX (32u << 20)

struct glue {
        struct core *core; /* NULL until `new` */
        struct arena arena;
        struct core_time time; /* of this call */
};

/* Does what the input's first slice names with those that follow. Whatever comes of it, `out` holds one JSON value, the error's name where it is one;
 * or nothing. */
enum error glue_call(struct glue *glue, struct slice input, struct json *out);

/* What a call brought: slices of the input, taken one after the other. bad: one was missing or malformed. */
struct args {
        struct slice rest;
        bool bad;
};

bool args_left(const struct args *args);
struct slice args_bytes(struct args *args);
struct id args_id(struct args *args);    /* 32 hex digits */
bool args_no_id(struct args *args);      /* an empty one stands for none, and is passed over */
uint64_t args_user(struct args *args);   /* 16 hex digits; empty: 0 */
uint64_t args_number(struct args *args); /* decimal */
struct wire_operation args_operation(struct args *args, uint8_t link[16]);

/* A verb: OK and something in `out`, or what went wrong. */
struct verb {
        const char *name;
        enum error (*run)(struct glue *glue, struct args *args, struct json *out);
        bool alone; /* it needs no core */
};

extern const struct verb verbs_in[], verbs_user[], verbs_look[], verbs_stored[]; /* each ends with a name of NULL */

/* Things as types.ts calls them. */
void json_person(struct json *out, const struct wire_person *person);
void json_row(struct json *out, const struct wire_row *row);
void json_operation(struct json *out, const struct wire_operation *operation);
void json_room(struct json *out, const struct core_room_info *info, uint64_t me);
void json_event(struct json *out, const struct glue *glue, const struct core_event *event);
void json_error(struct json *out, enum error error);
void json_role(struct json *out, uint64_t role);
const char *phase_name(enum core_phase phase);

#endif
