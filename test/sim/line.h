/*
 * Lines between clients and frontends: what a client sends arrives later, in pieces, or never. A line has two pipes of chunks,
 * each due at its time and never before the one ahead; between lines order is free. A pipe may be stalled (cut, in one direction or
 * both): TCP keeps what was sent, and either end may lose patience. The server's end is a socket of the fake network.
 *
 *      line_open → connected → line_send, receive … → line_close or closed
 *
 * A line whose client has closed it lives on until the server knows, as half-open connections do.
 */
#ifndef GALKA_TEST_SIM_LINE_H
#define GALKA_TEST_SIM_LINE_H

#include <stdbool.h>

#include "base/slice.h"

#define LINES_MAX       96
#define LINE_RECENT_MAX 16
#define LINE_PORT       4000
#define LINE_RECENT_US  1000000 /* a frame is under way for so long, for the tally */

struct sim;
struct chunk;
struct line;

/* Whoever holds the client's end. No call comes from inside line_* calls. */
struct line_owner {
        void (*connected)(struct sim *sim, struct line_owner *owner);
        void (*receive)(struct sim *sim, struct line_owner *owner, struct slice bytes);
        void (*closed)(struct sim *sim, struct line_owner *owner);
};

struct pipe {
        struct chunk *first, *last;
        uint64_t last_due_us, stalled_until_us;
};

enum line_state { LINE_FREE, LINE_CONNECTING, LINE_OPEN, LINE_ORPHAN };

struct line {
        enum line_state state;
        struct line_owner *owner; /* NULL: orphan */
        unsigned frontend, number;
        int socket; /* −1: the server's end is closed */
        uint64_t connected_us, delay_us;
        bool server_ended; /* its end is in the down pipe */
        bool silent;       /* the server vanished without a word: the client learns it when it sends */
        struct pipe up, down;
        struct {
                uint64_t us;
                uint8_t code;
        } recent[LINE_RECENT_MAX];
        unsigned recent_next;
};

struct lines {
        struct net *net; /* the clients' machine */
        struct line all[LINES_MAX];
        uint64_t spike_until_us; /* everything is slow until then */
        bool moved;
};

void lines_start(struct sim *sim);
void lines_finish(struct sim *sim);

/* To some frontend. NULL: there are too many lines. connected or closed will be called. */
struct line *line_open(struct sim *sim, struct line_owner *owner);
void line_send(struct sim *sim, struct line *line, struct slice bytes);

/* The client closes: nothing more is called. */
void line_close(struct sim *sim, struct line *line);

/* Moves what is due; when something is due next. */
void lines_run(struct sim *sim);
uint64_t lines_next_us(const struct sim *sim);

/* ---- faults ---- */

/* Both ends find it broken, the server perhaps much later. */
void line_break(struct sim *sim, struct line *line);
void line_stall(struct sim *sim, struct line *line, bool up, bool down, uint64_t us);
void lines_server_gone(struct sim *sim, unsigned frontend, bool silent);
void lines_heal(struct sim *sim);

#endif
