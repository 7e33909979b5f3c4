/*
 * Questions of the user: find, devices, around, pins, reactors, search. Asked once, over the link there is; answered by one event. An answer's body
 * waits here until it is polled.
 */
#ifndef GALKA_CORE_ASK_H
#define GALKA_CORE_ASK_H

#include "base/list.h"
#include "core/core.h"

#define ASKS_MAX 16 /* under way, or answered and not polled */

struct request;

struct answer {
        struct list_node node;
        struct id id, room;
        enum core_event_kind kind;
        enum error error;
        uint32_t size; /* of body */
        uint8_t body[];
};

struct asks {
        struct list answers;
        uint32_t answer_count;
        struct answer *shown; /* its slices are in the host's hands until the next poll */
};

void asks_init(struct asks *asks);
void asks_release(struct core *core);
bool asks_poll(struct core *core, struct core_event *event);

bool ask_answered(struct core *core, struct request *request, const struct wire_frame *frame, const void *message);
void ask_failed(struct core *core, struct request *request, enum error error, uint64_t retry_after_ms);

#endif
