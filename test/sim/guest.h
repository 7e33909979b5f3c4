/*
 * One who has no account yet, and speaks frames of his own making: two ask for an account with an invitation that is for one; codes are
 * guessed; a password is reset while the first device is there. In the rush of faults he only tries, each time from the beginning; in
 * the peace of PROBE what comes of it is checked: rules 7 and 8.
 */
#ifndef GALKA_TEST_SIM_GUEST_H
#define GALKA_TEST_SIM_GUEST_H

#include "crypto/token.h"
#include "rules/invite.h"
#include "sim/speaker.h"

#define GUEST_TRIES_MAX 3 /* in the rush of faults */

struct sim;

enum guest_step {
        GUEST_ASKS,         /* the first sign-up with the invitation */
        GUEST_ASKS_TOO,     /* and the second */
        GUEST_CONFIRMS,     /* the first: he is in */
        GUEST_CONFIRMS_TOO, /* the second: it was for one */
        GUEST_JOINS,
        GUEST_RESETS_NOBODY, /* a code for an address that nobody has, and another */
        GUEST_GUESSES,
        GUEST_RESETS, /* from another line, while the first stays */
        GUEST_SETS,
        GUEST_IS_OUT,  /* the first line is closed … */
        GUEST_REJOINS, /* … and its device does not come in again */
        GUEST_DONE
};

struct guest {
        struct speaker lines[2];
        enum guest_step step;
        bool judged; /* peace */
        unsigned run, asked, guesses, letters;
        bool waits;
        struct id request, asks[2], resets[2]; /* request: what is asked now */
        uint64_t user, device, act_us, sent_us, out_us;
        uint8_t token[TOKEN_SIZE];
        char invite[INVITE_TEXT_SIZE], for_one[INVITE_TEXT_SIZE]; /* this time's; the one for peace */
        bool moved;
};

void guest_start(struct sim *sim);
void guest_finish(struct sim *sim);
void guest_run(struct sim *sim);
uint64_t guest_next_us(const struct sim *sim);

/* Peace: from the beginning, and now it counts. */
void guest_probe(struct sim *sim);

/* False, and why, until he has done in peace. */
bool guest_rests(const struct sim *sim, char *why, size_t size);

#endif
