/*
 * WebSocket's frames as a filter of bytes: what a client sent goes in, the bytes of its binary messages come out in the same memory, and
 * between them what it says of the connection itself. wslay parses and unmasks; its context holds 4 KB, so there is one for a whole
 * loop, and of a connection only what is left of a frame that is not whole: a struct framing_rest.
 *
 *      framing_new → (framing_begin → framing_next … → framing_end) … → framing_free
 *
 * A frame that was begun is handed to the context again as one of what is left, with its mask turned; a header or a control frame that
 * is not whole is kept as it came.
 *
 * Followed: RFC 6455, sections 5 and 7.4; no extensions.
 */
#ifndef GALKA_FRONTEND_FRAMING_H
#define GALKA_FRONTEND_FRAMING_H

#include "base/error.h"
#include "base/slice.h"

#define FRAMING_MESSAGE_MAX (65 * 1024) /* bytes of one message: of a frame of ours, and its header */
#define FRAMING_CONTROL_MAX 125         /* bytes of a ping, or of a close */
#define FRAMING_HEADER_MAX  14          /* bytes before a payload */

/* Why a connection is closed (RFC 6455, section 7.4.1). */
enum framing_code {
        FRAMING_NORMAL = 1000,
        FRAMING_GOING_AWAY = 1001,
        FRAMING_PROTOCOL = 1002,
        FRAMING_UNSUPPORTED = 1003,
        FRAMING_NO_CODE = 1005, /* a close without one; never sent */
        FRAMING_NOT_TEXT = 1007,
        FRAMING_TOO_BIG = 1009
};

/* Of one connection, between two reads. All zero: nothing is left. */
struct framing_rest {
        uint8_t raw[FRAMING_HEADER_MAX + FRAMING_CONTROL_MAX];
        uint8_t raw_size; /* bytes of a header or a control frame */
        uint8_t first;    /* of the frame that is under way: its first byte */
        uint8_t mask[4];
        uint32_t left;       /* bytes of its payload that are to come; 0: none is under way */
        uint32_t message;    /* bytes of the message so far, as its frames' headers say */
        bool within_message; /* its last frame has not come */
};

enum framing_kind {
        FRAMING_NOTHING, /* all is taken */
        FRAMING_BYTES,   /* of messages */
        FRAMING_PING,    /* bytes: what the pong says */
        FRAMING_CLOSE,   /* code: what the client said, or how to answer what it said wrongly */
        FRAMING_BAD      /* code: the client broke the rules */
};

struct framing_event {
        enum framing_kind kind;
        uint16_t code;
        uint8_t *bytes;
        size_t size;
};

struct framing;

/* NO_MEMORY. */
must_use enum error framing_new(struct framing **framing);
void framing_free(struct framing **framing);

/* Begins with what is left of a connection's frames, and the bytes it sent now, which are written to. Only one is at a time.
 * NO_MEMORY: the context that a half frame was left in cannot be made anew. */
must_use enum error framing_begin(struct framing *framing, const struct framing_rest *rest, uint8_t *bytes, size_t size);

/* In the order in which it came. After NOTHING, CLOSE and BAD comes framing_end; bytes are there until the next call. */
void framing_next(struct framing *framing, struct framing_event *event);

/* How many frames since framing_begin carried nothing: empty ones of messages, pongs. They cost as much as others. */
uint32_t framing_idle(const struct framing *framing);

/* *rest: what to begin with next time. Also to be called when the rest is not wanted any more. */
void framing_end(struct framing *framing, struct framing_rest *rest);

bool framing_is_clean(const struct framing_rest *rest);

/* ---- what goes to clients ---- */

#define FRAMING_HEAD_MAX 10 /* bytes before a payload from here: it is not masked */

/* The head of a whole binary message of that size. Returns how many bytes it has. */
size_t framing_head(uint8_t head[static FRAMING_HEAD_MAX], uint64_t size);

/* A whole control frame. Returns its size. */
#define FRAMING_CONTROL_SIZE (2 + FRAMING_CONTROL_MAX)
size_t framing_pong(uint8_t frame[static FRAMING_CONTROL_SIZE], struct slice echo);
size_t framing_close(uint8_t frame[static FRAMING_CONTROL_SIZE], uint16_t code);

#endif
