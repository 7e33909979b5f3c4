/*
 * Clients that do not behave: they have an account like others, and speak frames of their own making: without Join, with forged
 * tokens, with other people's ids, again and again the same, with changed content, into rooms of strangers. What comes back is
 * checked: nobody may learn or do what is not his.
 *
 * Some come as twins: two connections of one device. One signs the device out; the other stays, and may neither write nor hear
 * anything from then on. Calm twins wait with that until nothing breaks any more: then the other must be closed at once, though he
 * says not a word.
 */
#ifndef GALKA_TEST_SIM_ROGUE_H
#define GALKA_TEST_SIM_ROGUE_H

#include "sim/client.h"
#include "wire/wire.h"

#define ROGUES_MAX       4
#define ROGUE_FRAMES_MAX 12 /* kept for being sent again */
#define ROGUE_FRAME_SIZE 512
#define ROGUE_INPUT_SIZE (512 * 1024)
#define ROGUE_CALM_US    UINT64_C(5000000) /* so long the sign-out by calm twins may take to reach the other one */

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

/* ---- rogue_hear.c ---- */

void rogue_hear(struct sim *sim, struct rogue *rogue, struct slice bytes);

#endif
