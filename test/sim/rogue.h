/*
 * Clients that do not behave: they have an account like others, and speak frames of their own making: without Join, with forged
 * tokens, with other people's ids, again and again the same, with changed content, into rooms of strangers. What comes back is
 * checked: nobody may learn or do what is not his.
 */
#ifndef GALKA_TEST_SIM_ROGUE_H
#define GALKA_TEST_SIM_ROGUE_H

#include "sim/client.h"
#include "wire/wire.h"

#define ROGUES_MAX         3
#define ROGUE_FRAMES_MAX   12   /* kept for being replayed */
#define ROGUE_FRAME_SIZE   512
#define ROGUE_OUTCOMES_MAX 1024

struct sim;

/* What this rogue was told about one request of his. */
struct rogue_outcome {
        struct id request;
        uint64_t seq; /* 0: refused for good */
        uint8_t error;
};

enum rogue_state { ROGUE_AWAY, ROGUE_CONNECTING, ROGUE_HELLO, ROGUE_OUTSIDE, ROGUE_JOINING, ROGUE_INSIDE };

struct rogue {
        struct line_owner owner;
        struct line *line;
        struct user *user;
        unsigned number, said;
        enum rogue_state state;
        uint64_t act_us, pace_us;
        uint8_t *input;
        size_t input_size;
        struct {
                uint8_t bytes[ROGUE_FRAME_SIZE];
                size_t size;
        } frames[ROGUE_FRAMES_MAX];
        unsigned frame_count;
        struct rogue_outcome outcomes[ROGUE_OUTCOMES_MAX];
        unsigned outcome_count;
        struct id asked_room; /* of somebody else: nothing of it may come */
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
void rogues_heal(struct sim *sim);

#endif
