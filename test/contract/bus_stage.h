/*
 * What the bus's contract is told with: a world with a producer and two consumers, what each of them saw, and waiting for what must
 * come. Records begin with their number, 8 bytes. Needs cmocka's headers before it.
 */
#ifndef GALKA_TEST_CONTRACT_BUS_STAGE_H
#define GALKA_TEST_CONTRACT_BUS_STAGE_H

#include "contract/bus_driver.h"

#define NUMBERS_MAX 4096

/* The driver that is tried now. */
extern const struct bus_driver *driver;

/* What one handle was told so far. */
struct seen {
        size_t count;
        uint64_t numbers[NUMBERS_MAX]; /* of the records, in order */
        int32_t partitions[NUMBERS_MAX];
        uint64_t offsets[NUMBERS_MAX];
        unsigned assigned[BUS_TEST_PARTITIONS], revoked[BUS_TEST_PARTITIONS];
        uint64_t start[BUS_TEST_PARTITIONS]; /* offset of the last ASSIGNED */
        uint64_t next[BUS_TEST_PARTITIONS];  /* one past the last record */
        unsigned lost, flushed, committed, leaving;
        struct completion last; /* of FLUSHED or COMMITTED */
};

/* A world with a producer and two consumers, as most tests want it. */
struct stage {
        void *world;
        struct bus *producer, *alice, *bob;
        struct seen *alice_saw, *bob_saw;
};

/* cmocka's set-up and tear-down. */
int stage_new(void **state);
int stage_free(void **state);

/* Runs the tests on `driver`, in several processes at once if it says so; not at all if it is not this run's. How many groups failed. */
int play_all(const char *name, const struct CMUnitTest *tests, size_t count);

struct seen *seen_new(void);

/* ---- reading ---- */

/* Polls once. Returns false when there was nothing. */
bool look(struct bus *bus, struct seen *seen);

/* True once the descriptor is readable. */
bool readable(struct bus *bus, int wait_ms);

/* Waits for the descriptor, which must become readable in time. */
void await_readable(struct bus *bus);

/* Polls until nothing is left; the descriptor must say so too. */
void settle(struct bus *bus, struct seen *seen);

/* Polls until nothing is left and *counter (a member of seen) is at least `wanted`. */
void await(struct bus *bus, struct seen *seen, const unsigned *counter, unsigned wanted);
void await_records(struct bus *bus, struct seen *seen, size_t wanted);

/* Joins the group of SESSION and waits until it holds so many partitions; the other consumer, if it lives, polls meanwhile. */
void subscribe(struct bus *bus, struct seen *seen, unsigned partitions);

/* Every number below `count` is among what was seen. */
bool saw_all(const struct seen *seen, uint64_t count);

/* Every number below `count` was seen by Alice or Bob, and so many were seen once more. */
void assert_all_seen(const struct stage *stage, uint64_t count, size_t repeats);

/* ---- writing ---- */

enum error publish_to(struct bus *bus, enum bus_topic topic, int32_t partition, uint64_t key, uint64_t number);

/* To SESSION, by key. */
void publish(struct bus *bus, uint64_t key, uint64_t number);

/* Flushes and waits for the answer, which must be OK. */
void flush(struct bus *bus);

/* Commits in SESSION and waits for the answer. */
enum outcome commit(struct bus *bus, struct seen *seen, int32_t partition, uint64_t next);

/* All that was seen. */
void commit_all(struct bus *bus, struct seen *seen);

#endif
