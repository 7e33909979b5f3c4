/*
 * Rates. A bucket is one number: the moment up to which it is used up (the "generic cell rate algorithm"): a
 * full bucket is one that lies in the past, so a bucket that is not in use needs no memory. Connections keep
 * their bucket in themselves; users and addresses have entries in a limiter, which forgets an entry once its
 * bucket is full and nothing refers to it.
 */
#ifndef GALKA_FRONTEND_LIMIT_H
#define GALKA_FRONTEND_LIMIT_H

#include "base/list.h"
#include "base/map.h"
#include "frontend/pool.h"
#include "seam/net.h"

struct limit_rate {
        uint64_t interval_us; /* one frame uses up so much */
        uint64_t burst_us;    /* and so much may be used up ahead */
};

struct limit_rate limit_rate_of(uint32_t frames_a_second, uint32_t burst);

/* Takes one from the bucket. Returns 0, or in how many microseconds one will be there (nothing is taken
 * then). */
uint64_t limit_take(uint64_t *bucket_us, const struct limit_rate *rate, uint64_t now_us);

struct limit_entry {
        struct map_node node;
        struct list_node idle; /* in limiter.idle while nothing refers to it, longest idle first */
        uint64_t key[2];
        uint64_t bucket_us;
        uint32_t connections; /* that refer to it */
};

struct limiter {
        struct map map;
        struct list idle;
        struct pool pool;
        struct limit_rate rate;
        uint64_t seed; /* so that nobody can choose keys that collide */
};

/* False without memory. entries_max: above it the longest idle entry is forgotten early. */
bool limiter_init(struct limiter *limiter, struct limit_rate rate, uint32_t entries_max, uint64_t seed);
void limiter_finish(struct limiter *limiter);

/* The entry of a key, made if need be. NULL when entries_max are all in use or without memory. */
struct limit_entry *limiter_entry(struct limiter *limiter, const uint64_t key[2], uint64_t now_us);

/* A connection refers to the entry, or no longer does. */
void limiter_hold(struct limiter *limiter, struct limit_entry *entry);
void limiter_drop(struct limiter *limiter, struct limit_entry *entry);

/* The key of an address: all of an IPv4 address, the first 64 bits of an IPv6 one (one customer has all the
 * rest). Returns false for the machine's own addresses, which are not limited. */
bool limit_address_key(const struct net_address *address, uint64_t key[2]);

#endif
