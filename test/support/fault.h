/*
 * Faults for the decorators (faulty_bus, faulty_presence, faulty_store): a plan chooses what happens to each call; a queue
 * remembers the completions that a decorator makes up, changes or holds back.
 *
 * A decorator owns what it decorates and frees it. Its descriptor is that of the decorated one, so held completions do not
 * make it readable: decorators are for tests that poll in any case.
 */
#ifndef GALKA_TEST_FAULT_H
#define GALKA_TEST_FAULT_H

#include <stdbool.h>
#include <stddef.h>

#include "seam/outcome.h"

#define FAULT_QUEUE_MAX 64 /* completions touched and not polled; beyond: no more faults until some are */

enum fault {
        FAULT_NONE,
        FAULT_REFUSE,    /* submit says FULL: nothing was taken */
        FAULT_FAIL,      /* not done; FAILED */
        FAULT_LOSE,      /* not done; UNCERTAIN */
        FAULT_UNCERTAIN, /* done; UNCERTAIN */
        FAULT_DELAY,     /* done; the completion comes only some polls later */
        FAULT_DUPLICATE, /* flush: done twice, the whole batch again behind itself; elsewhere as NONE */
        FAULT_LATE,      /* flush: UNCERTAIN now, done before the next flush; elsewhere as LOSE */
        FAULT_SPLIT,     /* apply: done in two transactions, some polls apart; elsewhere as NONE */
        FAULT_PART /* apply: of these the first alone, then UNCERTAIN (FAILED: there is but one operation); elsewhere as NONE */
};

enum fault_call { FAULT_FLUSH, FAULT_COMMIT, FAULT_PRESENCE, FAULT_APPLY, FAULT_ASK, FAULT_CALL_COUNT };

/* Chosen by whoever makes one; must outlive the decorators that it is given to. */
struct fault_plan {
        enum fault (*choose)(struct fault_plan *plan, enum fault_call call);
        unsigned delay_polls; /* of FAULT_DELAY, and between the parts of FAULT_SPLIT */
};

/* A plan that does one fault, to the nth call of its kind (1: the first). */
struct fault_nth {
        struct fault_plan plan;
        enum fault_call call;
        enum fault fault;
        unsigned long nth, seen; /* seen: calls of that kind so far */
};

void fault_nth_init(struct fault_nth *nth, enum fault_call call, unsigned long which, enum fault fault);

/* ---- for decorators ---- */

struct fault_entry {
        struct completion completion;
        int kind;                                             /* the decorator's own */
        unsigned polls;                                       /* until it is given out */
        enum { FAULT_ENTRY_AWAITED, FAULT_ENTRY_HELD } state; /* AWAITED: the decorated one completes it first */
        enum fault fault;
};

struct fault_queue {
        struct fault_plan *plan;
        struct fault_entry entries[FAULT_QUEUE_MAX];
        size_t count;
};

/* NONE when the queue is full or there is no plan. */
enum fault fault_choose(struct fault_queue *queue, enum fault_call call);

/* True if a call with that fault is handed on to the decorated one. */
bool fault_hands_on(enum fault fault);

/* Notes a call that was taken with that fault; NONE and DUPLICATE need no note. */
void fault_note(struct fault_queue *queue, enum fault fault, int kind, uint64_t tag);

/* A completion of the decorated one: true if it goes on to the caller (perhaps with another outcome), false if it is held. */
bool fault_pass(struct fault_queue *queue, int kind, struct completion *completion);

/* One more poll has happened. */
void fault_tick(struct fault_queue *queue);

/* Takes a held completion that is due. False if there is none. */
bool fault_take(struct fault_queue *queue, int *kind, struct completion *completion);

#endif
