/*
 * A connection whose frames travel in WebSocket's messages: connection.framed is set once its upgrade is answered. What it sends goes
 * through framing.h to where the bytes of any other connection go; what is sent to it is one message a write, as many frames as there
 * are, behind a head that is made then: a payload is shared with connections that need none.
 *
 * Of an idle connection nothing is kept. What is half here or half written is in a struct websocket of its traffic.
 */
#ifndef GALKA_FRONTEND_WEBSOCKET_H
#define GALKA_FRONTEND_WEBSOCKET_H

#include "frontend/framing.h"
#include "frontend/internal.h"

#define WEBSOCKET_PARTS_MAX 64 /* of one write */
/* Bytes after which a message takes no more: a browser shows nothing of one before its end. */
#define WEBSOCKET_MESSAGE_MAX 65536

struct websocket {
        struct framing_rest in;
        uint8_t head[FRAMING_HEAD_MAX]; /* of the message that is half written */
        uint8_t head_size, head_from;   /* so many bytes of it, from there on, are to be written */
        uint32_t announced;             /* bytes of `out` that belong to that message still */
};

/* The socket has bytes, or its end. The connection may be gone when it returns. */
void websocket_readable(struct frontend *frontend, struct connection *connection);

/* Bytes that came off it, which are written to. The same. */
void websocket_take(struct frontend *frontend, struct connection *connection, uint8_t *bytes, size_t size);

/* The last message is queued: its end is told too, with that code. The connection may be gone when it returns. */
void websocket_queue_close(struct frontend *frontend, struct connection *connection, uint16_t code);

/* One write: some of `out`, in one message or, if it is bare, as it is. */
struct websocket_part {
        uint8_t head[FRAMING_HEAD_MAX];
        struct slice parts[WEBSOCKET_PARTS_MAX];
        size_t count, total;
        size_t head_size; /* in the first part; 0: there is none */
        bool framed;
};

void websocket_gather(const struct traffic *traffic, struct websocket_part *part);

/* So much of it was written. Returns how many of these bytes are of `out`. False: no memory to remember the rest. */
bool websocket_written(struct frontend *frontend, struct traffic *traffic, const struct websocket_part *part, size_t written,
                       size_t *of_out);

/* How many bytes of `out` must still go, for what is half written to be whole. */
uint32_t websocket_committed(const struct traffic *traffic);

/* Gives back what is not needed. */
void websocket_tidy(struct frontend *frontend, struct traffic *traffic);
void websocket_free(struct frontend *frontend, struct traffic *traffic);

#endif
