/* See limit.h. */
#include "frontend/limit.h"

#include "base/memory.h"

#define BUCKETS_AT_FIRST 256
#define FORGET_AT_A_TIME                                                                                                    \
        2 /* full buckets looked for at each use, so that forgetting keeps up with making                    \
           */

struct limit_rate limit_rate_of(uint32_t frames_a_second, uint32_t burst)
{
        struct limit_rate rate;

        check(frames_a_second > 0 && burst > 0);
        rate.interval_us = max_of(1000000 / frames_a_second, 1);
        rate.burst_us = rate.interval_us * burst;
        return rate;
}

uint64_t limit_take(uint64_t *bucket_us, const struct limit_rate *rate, uint64_t now_us)
{
        uint64_t next = max_of(*bucket_us, now_us) + rate->interval_us;

        if (next - now_us > rate->burst_us)
                return next - now_us - rate->burst_us;
        *bucket_us = next;
        return 0;
}

bool limiter_init(struct limiter *limiter, struct limit_rate rate, uint32_t entries_max, uint64_t seed)
{
        struct map_node **buckets = memory_new(BUCKETS_AT_FIRST * sizeof(struct map_node *));

        if (!buckets)
                return false;
        *limiter = (struct limiter){.rate = rate, .seed = seed};
        map_init(&limiter->map, buckets, BUCKETS_AT_FIRST);
        list_init(&limiter->idle);
        pool_init(&limiter->pool, sizeof(struct limit_entry), entries_max);
        return true;
}

void limiter_finish(struct limiter *limiter)
{
        memory_free(limiter->map.buckets);
        pool_finish(&limiter->pool);
        *limiter = (struct limiter){0};
}

static void forget(struct limiter *limiter, struct limit_entry *entry)
{
        check(entry->connections == 0);
        list_remove(&entry->idle);
        map_remove(&limiter->map, &entry->node);
        pool_give(&limiter->pool, entry);
}

static void forget_full(struct limiter *limiter, uint64_t now_us)
{
        for (int i = 0; i < FORGET_AT_A_TIME && !list_empty(&limiter->idle); i++) {
                struct limit_entry *entry = container_of(list_first(&limiter->idle), struct limit_entry, idle);

                if (entry->bucket_us > now_us)
                        return;
                forget(limiter, entry);
        }
}

static struct limit_entry *make(struct limiter *limiter, const uint64_t key[2], uint32_t hash)
{
        struct limit_entry *entry;

        if (limiter->pool.count == limiter->pool.count_max && !list_empty(&limiter->idle))
                forget(limiter, container_of(list_first(&limiter->idle), struct limit_entry, idle));
        entry = pool_take(&limiter->pool);
        if (!entry)
                return NULL;
        entry->key[0] = key[0];
        entry->key[1] = key[1];
        map_insert(&limiter->map, &entry->node, hash);
        if (map_is_crowded(&limiter->map)) {
                uint32_t count = limiter->map.bucket_count * 2;
                struct map_node **buckets = memory_new(count * sizeof(struct map_node *));

                if (buckets)
                        memory_free(map_rehash(&limiter->map, buckets, count));
        }
        return entry;
}

struct limit_entry *limiter_entry(struct limiter *limiter, const uint64_t key[2], uint64_t now_us)
{
        uint32_t hash = hash_u64(key[0] ^ (uint64_t)hash_u64(key[1] ^ limiter->seed) << 32 ^ limiter->seed);
        struct limit_entry *entry = NULL;

        forget_full(limiter, now_us);
        for (struct map_node *node = map_first(&limiter->map, hash); node && !entry; node = map_next(node, hash)) {
                struct limit_entry *found = container_of(node, struct limit_entry, node);

                if (found->key[0] == key[0] && found->key[1] == key[1])
                        entry = found;
        }
        if (!entry)
                entry = make(limiter, key, hash);
        if (entry && entry->connections == 0) {
                list_remove(&entry->idle);
                list_append(&limiter->idle, &entry->idle);
        }
        return entry;
}

void limiter_hold(struct limiter *limiter, struct limit_entry *entry)
{
        (void)limiter;
        if (entry->connections++ == 0)
                list_remove(&entry->idle);
}

void limiter_drop(struct limiter *limiter, struct limit_entry *entry)
{
        check(entry->connections > 0);
        if (--entry->connections == 0)
                list_append(&limiter->idle, &entry->idle);
}

bool limit_address_key(const struct net_address *address, uint64_t key[2])
{
        static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}, own[16] = {[15] = 1};

        if (memcmp(address->ip, mapped, sizeof(mapped)) == 0) {
                key[0] = be32_get(address->ip + 12);
                key[1] = 4;
                return address->ip[12] != 127;
        }
        key[0] = be64_get(address->ip);
        key[1] = 6;
        return memcmp(address->ip, own, sizeof(own)) != 0;
}
