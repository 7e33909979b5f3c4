/* One thread's handle on a store, for stories of many that write at once: users 1 … THREADS, each with device 1. */
#ifndef GALKA_TEST_CONTRACT_STORE_TALKER_H
#define GALKA_TEST_CONTRACT_STORE_TALKER_H

#include "seam/clock.h"
#include "seam/store.h"

#define THREADS  4
#define OUT_MAX  8 /* applies that a thread has out at once */
#define START_MS UINT64_C(1750000000000)

struct talker {
        struct store *store;
        struct arena arena;
        uint64_t user, ids;
        struct store_op ops[OUT_MAX];
        struct store_result results[OUT_MAX];
        char texts[OUT_MAX][32];
};

/* The store becomes the talker's. */
void talker_open(struct talker *talker, struct store *store, uint64_t user);
void talker_close(struct talker *talker);

/* The tag of the next completion, which must be OK. A wake-up that never comes ends the test. */
uint64_t talker_await(struct talker *talker);

void talker_plan(struct talker *talker, size_t place, struct id room, uint64_t number);
void talker_submit(struct talker *talker, size_t place);
struct store_answer talker_ask(struct talker *talker, const struct store_question *question);
void talker_make_users(struct talker *talker);

/* The store finds no fault with itself, and has at least so many rows. Closes the talker. */
void talker_check(struct talker *talker, uint64_t rows);

#endif
