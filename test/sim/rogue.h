/*
 * Clients that do not behave: they have an account like others, and speak frames of their own making: without Join, with forged
 * tokens, with other people's ids, again and again the same, with changed content, into rooms of strangers. What comes back is
 * checked: nobody may learn or do what is not his.
 *
 * Some come as twins: two connections of one device. One signs the device out; the other stays, and may neither write nor hear
 * anything from then on. Calm twins wait with that until nothing breaks any more: then the other must be closed at once, though he
 * says not a word.
 *
 * In some runs people let them into groups, and remove them; what they do there is done with and without the right to it.
 */
#ifndef GALKA_TEST_SIM_ROGUE_H
#define GALKA_TEST_SIM_ROGUE_H

#include "sim/client.h"
#include "wire/wire.h"

#define ROGUES_MAX         4
#define ROGUE_REACTORS_SEQ 1  /* whose reactions he asks for: what was there before he was */
#define ROGUE_FRAMES_MAX   12 /* kept for being sent again */
#define ROGUE_FRAME_SIZE   512
#define ROGUE_INPUT_SIZE   (512 * 1024)
#define ROGUE_CALM_US      UINT64_C(5000000) /* so long the sign-out by calm twins may take to reach the other one */

struct sim;

enum rogue_state { ROGUE_AWAY, ROGUE_CONNECTING, ROGUE_HELLO, ROGUE_OUTSIDE, ROGUE_JOINING, ROGUE_INSIDE };

struct rogue {
        struct line_owner owner;
        struct line *line;
        struct user *user;
        struct rogue *twin;
        unsigned number, said; /* number: as a client's in the history */
        enum rogue_state state;
        bool forged;    /* the Join under way cannot be good */
        bool signs_out; /* a sign-out of the own device is under way */
        bool revoked;   /* and was done */
        bool doomed;    /* the Join under way was sent after that */
        bool calm;      /* one of calm twins */
        unsigned waits; /* calm: so often nothing came */
        uint64_t act_us, pace_us, revoked_us;
        struct id join, sign_out, last_room, last_request; /* join: of the Join under way */
        struct id group;                                   /* where something of his was done last */
        uint8_t *input;
        size_t input_size;
        struct {
                uint8_t bytes[ROGUE_FRAME_SIZE];
                size_t size;
        } frames[ROGUE_FRAMES_MAX];
        unsigned frame_next;
};

struct rogues {
        struct rogue all[ROGUES_MAX];
        unsigned count;
        bool moved;
        bool invited;      /* people let them into groups, as anybody else */
        unsigned leaver;   /* which of them deletes his account, if there is such a one (leaving.h) */
        struct id left[3]; /* groups that he makes before */
        unsigned left_count;
};

void rogues_start(struct sim *sim);
void rogues_finish(struct sim *sim);
void rogues_run(struct sim *sim);
uint64_t rogues_next_us(const struct sim *sim);

/* The store went back to a time before since_us: sign-outs since then never were. */
void rogues_restored(struct sim *sim, uint64_t since_us);

/* False, and why, as long as a device that was signed out is connected, or calm twins have still to do it. */
bool rogues_rest(struct sim *sim, char *why, size_t size);

/* Somebody says what brings down the worker that would write it. False: nobody is there to say it. */
bool rogues_say_deadly(struct sim *sim);

/* ---- what they all speak with ---- */

struct id rogue_new_id(struct sim *sim);

/* With his token; room NULL: in none. */
struct wire_frame rogue_frame(struct sim *sim, const struct rogue *rogue, uint8_t code, const struct id *room);

/* keep: it may be sent again, the same to the last byte. */
void rogue_send(struct sim *sim, struct rogue *rogue, const struct wire_frame *frame, const void *message, bool keep);

/* ---- rogue_group.c ---- */

/* Sends it, with the text that its kind needs; in_vain: it can never be done. */
void rogue_does(struct sim *sim, struct rogue *rogue, const struct id *room, struct wire_operation *operation, bool in_vain);

/* Anything in any group, be he in it or not. Whether he had the right to it the checker says, if it was done. */
void rogue_act_in_group(struct sim *sim, struct rogue *rogue);

/* Into the room of two strangers: a text, marks, questions. */
void rogue_trespass(struct sim *sim, struct rogue *rogue);

/* In a room of two that is his: alters what the other wrote, or rows that are not there. */
void rogue_forge_alteration(struct sim *sim, struct rogue *rogue);

/* A watch of everybody and, sometimes, of the room. users: USERS_MAX of them. watching.c */
const struct wire_watch *watching_all(struct sim *sim, struct wire_watch *watch, struct wire_user_ref *users,
                                      const struct id *room);

/* ---- rogue_hear.c ---- */

void rogue_hear(struct sim *sim, struct rogue *rogue, struct slice bytes);

#endif
