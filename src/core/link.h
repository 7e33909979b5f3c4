/*
 * The link: one connection at a time, its states, what goes in and out over it, pings, and the pauses between two.
 *
 *      DOWN → CONNECTING → HELLO → WELCOME → JOINING → READY
 *
 * From every state back to DOWN. WELCOME: the server has said its limits; a sign-in or a Join may go. Input is cut into
 * frames; a partial frame is kept in memory of its size, and only while there is one. Output is one buffer that grows with
 * what has not been taken yet; empty, it is given back.
 */
#ifndef GALKA_CORE_LINK_H
#define GALKA_CORE_LINK_H

#include "core/core.h"

/* Each line: state, its text, the states it may move to. */
#define LINK_STATES(X)                                                                                                      \
        X(DOWN, "down", TO(CONNECTING))                                                                                     \
        X(CONNECTING, "connecting", TO(HELLO) | TO(DOWN))                                                                   \
        X(HELLO, "hello", TO(WELCOME) | TO(DOWN))                                                                           \
        X(WELCOME, "welcome", TO(JOINING) | TO(DOWN))                                                                       \
        X(JOINING, "joining", TO(READY) | TO(WELCOME) | TO(DOWN))                                                           \
        X(READY, "ready", TO(WELCOME) | TO(DOWN))

enum link_state {
#define X(name, text, moves) LINK_##name,
        LINK_STATES(X)
#undef X
};

#define LINK_RETRY_FIRST_MS 500
#define LINK_RETRY_MAX_MS   60000
#define LINK_STEADY_MS      10000 /* a link that was ready for so long starts the pauses anew */
#define LINK_CONNECT_MS     20000 /* from CONNECT to connected: the host's own patience may be minutes */
#define LINK_HELLO_MS       15000 /* from connected to Welcome */
#define LINK_OUTPUT_FIRST   256
#define LINK_BLOCKED_MS     50 /* output is offered again after so long, if nobody says that the socket is writable */

struct link {
        enum link_state state;
        enum error refused; /* what the server's error about Hello, or its bye, said; OK: nothing since the last connect */
        bool wanted;        /* the host would like to be connected */
        bool close_due;     /* CLOSE is to be polled */
        bool connect_due;   /* CONNECT is to be polled */
        uint8_t tries;
        uint64_t retry_ms; /* DOWN: not before */
        uint64_t asked_ms; /* DOWN: nor before this, which the server asked for; a hurry does not change it */
        uint64_t heard_ms, pinged_ms, since_ms;
        uint32_t ping_ms, reply_ms, margin_ms; /* as Welcome said, in sane bounds */
        uint32_t up_max, down_max, operations_max;
        uint8_t bound[WIRE_TOKEN_SIZE]; /* from Join on every frame carries the token of that Join */

        uint8_t head[WIRE_LENGTH_SIZE + 1]; /* the first bytes of a frame whose size is not known yet */
        uint8_t head_size;
        uint8_t *input; /* a partial frame: input_size of input_whole bytes are here */
        uint32_t input_size, input_whole;

        uint8_t *output;
        uint32_t output_size, output_room, output_offered;
        uint64_t blocked_ms; /* 0: output may be offered; else: not before, or when the host says */
};

void link_init(struct link *link);
void link_move(struct core *core, enum link_state state);

/* Writes a frame into the output with the account's token and device. False: output_max reached, or no memory. */
bool link_send(struct core *core, struct wire_frame *frame, const void *message);

/* Gives the link up and tries again after a pause of at least pause_ms. */
void link_close(struct core *core, uint64_t pause_ms);

/* Wants a connection, or none, as it is now. */
void link_step(struct core *core);
uint64_t link_due(const struct core *core);

bool link_poll_output(struct core *core, struct core_event *event);
void link_receive(struct core *core, struct slice bytes);

/* The host said. */
void link_connected(struct core *core);
void link_disconnected(struct core *core);

/* Connects now rather than after the pause, unless the server asked for that pause. */
void link_hurry(struct core *core);

/* Handles one whole frame (after its length). False: it breaks the protocol. dispatch.c */
bool link_frame(struct core *core, struct slice after_length);

/* Handlers of frames of the connection itself. */
bool link_welcome(struct core *core, const struct wire_welcome *welcome);
bool link_bye(struct core *core, const struct wire_bye *bye);

/* Is there something to do with such a frame of the server's? */
bool core_understands(uint8_t code);

#endif
