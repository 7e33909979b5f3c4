/*
 * One who has an account and does with it all that people seldom do: another password, other names, another address, invitations, more
 * devices and fewer, a lost password, questions of every kind, and at last its end. He speaks frames of his own making, one thing at a
 * time: each is asked with the same id until it is answered, over any number of lines, so that it is known what the account is. What
 * was acknowledged counts from then on (rule 1), and what is refused must have a reason (rule 8). In every run one thing is his
 * favourite, so that over many seeds every code is under way when any fault strikes (tally.h).
 *
 * In PROBE he does each thing once, in the order of the table, and none may fail: the account's end is the last.
 */
#ifndef GALKA_TEST_SIM_RESIDENT_H
#define GALKA_TEST_SIM_RESIDENT_H

#include "crypto/token.h"
#include "sim/client.h"
#include "sim/mailbox.h"
#include "sim/speaker.h"

#define RESIDENT_LIVES_MAX                                                                                                  \
        12 /* accounts of his: when one is at an end, or nobody knows what became of it, he takes the next */
#define RESIDENT_LETTERS_MAX 24 /* that he asks for in the rush: of a place that wants too many, none come */
#define RESIDENT_TEXT        MAILBOX_ADDRESS_SIZE

struct sim;
struct resident_deed;

struct resident_device {
        uint64_t device; /* 0: none */
        uint8_t token[TOKEN_SIZE], secret[32];
        bool has_secret;
};

/* What of an account one may change. */
struct resident_account {
        char name[RESIDENT_TEXT], display[RESIDENT_TEXT], email[RESIDENT_TEXT], password[RESIDENT_TEXT];
};

struct resident {
        struct speaker lines[2]; /* one joined with the main device, one for what is asked signed out */
        struct user lives[RESIDENT_LIVES_MAX];
        unsigned life, life_count, made, letters;
        struct resident_account is, asked; /* as acknowledged; as what is asked now would have it */
        struct resident_device main, spare, coming;
        struct {
                struct id request; /* zero: no code is awaited */
                char address[RESIDENT_TEXT];
                uint64_t since_us;
                unsigned letters; /* that had come there before */
        } email, reset;
        char code[MAILBOX_CODE_SIZE];
        const struct resident_deed *deed, *favourite; /* deed: what is asked now; NULL: nothing */
        struct id request, join;
        unsigned tries, wrongs; /* wrongs: passwords that were not his, since the last that was */
        bool joined, others;
        bool wrong;  /* what is asked now is asked with another password */
        bool waits;  /* for an answer, since sent_us */
        bool unsure; /* what this account is nobody knows: a request may or may not have been done, or the store went back */
        bool ended;  /* it was deleted, and nobody has tried to come in since */
        bool judged; /* peace */
        unsigned script; /* judged: the next thing */
        uint64_t act_us, sent_us, restored_us;
        bool moved;
};

void resident_start(struct sim *sim);
void resident_finish(struct sim *sim);
void resident_run(struct sim *sim);
uint64_t resident_next_us(const struct sim *sim);

/* Peace: now everything must be done. */
void resident_probe(struct sim *sim);

/* False, and why, as long as something is not answered, or in peace not done. */
bool resident_rests(const struct sim *sim, char *why, size_t size);

#endif
