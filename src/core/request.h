/*
 * Requests in flight: frames whose answer is awaited. One table says, by code, what to do with the answer and what if there is
 * none. A request ends exactly once: answered, refused by an Error, past its deadline (UNKNOWN), or with its link (CLOSED);
 * the handler must not free it.
 */
#ifndef GALKA_CORE_REQUEST_H
#define GALKA_CORE_REQUEST_H

#include "base/list.h"
#include "core/core.h"

#define REQUESTS_MAX  64
#define FETCH_TOUCHED 6 /* seqs changed live while a fetch is under way; one more and it is asked again */

struct room;

struct request {
        struct list_node node;
        struct id id;
        struct room *room; /* of codes with a room */
        uint64_t sent_ms, deadline_ms;
        uint8_t code;
        uint8_t touched_count;
        bool flag; /* changes: for a gap; rooms: `until` is set */
        union {
                struct {
                        uint64_t after, before, head;
                        uint64_t touched[FETCH_TOUCHED];
                } fetch;
                struct {
                        struct id after, until;
                } rooms;
                struct {
                        uint64_t delivered, read, shown;
                } mark;
        };
};

struct requests {
        struct list list;
        uint32_t count;
        uint32_t fetches, writes, marks, asks; /* of these kinds */
};

void requests_init(struct requests *requests);

/* Sends; id NULL: a new one. NULL: too many, no memory, or the output is full; nothing was sent then. */
struct request *request_send(struct core *core, enum wire_code code, const struct id *id, struct room *room,
                             const void *message);

/* An answer with a request id came. False: it breaks the protocol (another code than the request's). */
bool request_answered(struct core *core, const struct wire_frame *frame, const void *message);

/* The error is about the connection or the device, not about what was asked: the link was closed, or everything dropped. */
bool request_ended_link(struct core *core, enum error error);

/* Those past their deadline; the earliest deadline of the rest. */
void requests_expire(struct core *core);
uint64_t requests_due(const struct core *core);

/* The link is gone. */
void requests_close(struct core *core);

#endif
