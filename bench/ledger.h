/*
 * What was sent to a room and where it arrived: each message carries its number in its text, and must arrive exactly once at each
 * of its readers. Whoever reads more often than once, or reads what was never sent, is counted: then there is no figure.
 */
#ifndef GALKA_BENCH_LEDGER_H
#define GALKA_BENCH_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "histogram.h"

#define LEDGER_MESSAGES_MAX 200000
#define LEDGER_MEMBERS_MAX  1024
#define LEDGER_ENDED_MAX    64
#define LEDGER_NUMBER_SIZE  12 /* digits at the beginning of the text */

struct ledger_message {
        uint64_t sent_us;
        uint32_t arrived, expected;
        uint32_t sender;
};

struct ledger {
        struct ledger_message *messages;
        uint64_t (*readers)[LEDGER_MEMBERS_MAX / 64]; /* a bit a member, by number */
        uint64_t sent, whole, deliveries;
        uint64_t doubled, unknown;
        uint32_t ended[LEDGER_ENDED_MAX]; /* senders whose message has arrived everywhere, until they are taken */
        uint32_t ended_count;
        struct histogram times; /* of each delivery, while `timing` */
        bool timing;
};

/* False: no memory. */
bool ledger_init(struct ledger *ledger);
void ledger_finish(struct ledger *ledger);

/* The next message, to be read by `expected` members: its text, `size` bytes of at least LEDGER_NUMBER_SIZE + 1. False: too many. */
bool ledger_send(struct ledger *ledger, uint32_t sender, uint32_t expected, uint64_t now_us, char *text, size_t size);

/* Writes a number as a text begins with it. */
void ledger_put_number(uint8_t digits[static LEDGER_NUMBER_SIZE], uint64_t number);

/* Of a text of ledger_send, all of which is looked at; LEDGER_MESSAGES_MAX: it is none. */
uint64_t ledger_number(struct slice text);

void ledger_arrived(struct ledger *ledger, uint32_t member, uint64_t number, uint64_t now_us);

/* All sent have arrived everywhere, none twice; says on standard error what is not so. */
bool ledger_is_whole(const struct ledger *ledger, const char *of);

#endif
