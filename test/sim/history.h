/*
 * What everybody did and what came of it, for the checker. An operation is a message that a client was asked to send: it is
 * ACKED (the client was told "sent"), REFUSED (told "failed", for good), LOST (its client crashed before it was kept: it must never
 * appear), or still OPEN.
 */
#ifndef GALKA_TEST_SIM_HISTORY_H
#define GALKA_TEST_SIM_HISTORY_H

#include "base/id.h"
#include "base/map.h"
#include "rules/limits.h"

#define HISTORY_MESSAGES_MAX 8192
#define HISTORY_ROOMS_MAX    96
#define HISTORY_SHOWN_MAX    32768
#define HISTORY_GROUPS_MAX   4

struct sim;
struct wire_row;

enum message_state { MESSAGE_OPEN, MESSAGE_ACKED, MESSAGE_REFUSED, MESSAGE_LOST };

struct message {
        struct map_node node; /* by request id */
        struct id request;
        unsigned room, client, number; /* number: rises with each message of the client */
        uint64_t sender;
        enum message_state state;
        bool kept;       /* its client's storage has it */
        bool abandoned;  /* its client was signed out: nobody waits for it any more */
        bool forgiven;   /* acknowledged, and then the store was taken back to a time before */
        bool in_log;     /* the checker's */
        bool changed;    /* the same id was used again, with another content */
        bool rogue;      /* by a client that does not behave: its content may differ between tries */
        bool past_row;   /* its client had not heard that the store went back: its target may be another row by now */
        bool spoken;     /* in a scenario: its text is a person's own words */
        bool may_fail;   /* it may be refused: the row is another's, or is deleted by then */
        bool in_group;   /* others may have taken the right to it from him: it may be refused */
        bool off;        /* PINNED: no longer */
        bool deed;       /* it changes the group: its row has another text, or none */
        unsigned alters; /* EDITED, DELETED, REACTED, PINNED (rules/row.h): it makes no row, but alters this one */
        uint64_t target;
        const char *reaction; /* REACTED: which; lives for ever */
        uint64_t brings;      /* JOINED: whom */
        uint64_t sent_us;
        uint64_t seq;      /* as anybody was told first; 0: nobody was */
        uint64_t acked_us; /* or refused */
        uint8_t error;     /* REFUSED: why */
};

struct history_room {
        struct id id;
        uint64_t users[2]; /* the same twice: a self room; zeros: a group */
        uint8_t link[LINK_SIZE];
        uint64_t met[16]; /* of a group: who made it, who was asked to come, or tried to */
        unsigned met_count;
        bool has_link; /* somebody has asked for this link to be the group's */
};

/* That somebody was shown a row of a group: whether he could be is known when all stays are. */
struct shown {
        uint64_t user, seq, changed;
        unsigned room;
};

struct history {
        struct message messages[HISTORY_MESSAGES_MAX];
        unsigned count, acked, refused;
        struct history_room rooms[HISTORY_ROOMS_MAX];
        unsigned room_count;
        struct shown shown[HISTORY_SHOWN_MAX];
        unsigned shown_count;
        struct map map;
        struct map_node *buckets[4096];
};

void history_start(struct sim *sim);

/* The number of a room; it is added if it is new. */
unsigned history_room(struct sim *sim, const struct id *room);

bool history_is_group(const struct history_room *room);

/* Of a group: he may be in it from now on. watching.c */
void history_met(struct sim *sim, const struct id *room, uint64_t user);

/* NULL: no room for more. */
struct message *history_sent(struct sim *sim, const struct id *request, unsigned client, uint64_t sender,
                             const struct id *room, unsigned number);
struct message *history_find(const struct sim *sim, const struct id *request, uint64_t sender, const struct id *room);

void history_acked(struct sim *sim, struct message *message, uint64_t seq);
void history_refused(struct sim *sim, struct message *message, unsigned error);

/* The store went back to what it was at since_us, in a new era. */
void history_restored(struct sim *sim, uint64_t since_us);

/* Somebody was shown this row: checks what can be checked at once. of_the_past: by a client that has not heard of a new era, and may
 * show what was done before and is refused now. */
/* That user was shown something of that row, as it was since `changed`: he must be in the room, of a group then (check_store.c). False:
 * he is not. */
bool history_saw(struct sim *sim, uint64_t user, const struct id *room, uint64_t seq, uint64_t changed);

/* Did that user ever give that reaction to that row? */
bool history_has_reaction(const struct sim *sim, unsigned room, uint64_t seq, uint64_t user, struct slice emoji);

void history_shown(struct sim *sim, uint64_t user, const struct id *room, const struct wire_row *row, bool of_the_past);

/* Is that what the row's maker wrote, or one of his edits of it? Of a tombstone: did somebody delete it? */
bool history_text_is_right(const struct sim *sim, const struct message *message, uint64_t seq, unsigned kind,
                           struct slice text);

/* The reaction that a client's message of that number is, if it is one: of a few, and sometimes none. */
const char *history_reaction(unsigned number);

/* Texts are "<client> <number>", so that order and owner can be read from them. */
#define HISTORY_TEXT_SIZE 32
size_t history_text(unsigned client, unsigned number, char text[static HISTORY_TEXT_SIZE]);
bool history_text_read(struct slice text, unsigned *client, unsigned *number);

#endif
