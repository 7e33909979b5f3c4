/* See pending.h. An entry may outlive its connection: then nobody is told. */
#include "frontend/pending.h"

#include "base/memory.h"
#include "frontend/answer.h"
#include "frontend/ending.h"

#define BUCKETS_AT_FIRST 256
#define EXPIRED_MAX      1024 /* of one turn */

struct pending {
        struct map_node node;
        struct list_node order;
        struct id request;
        uint64_t connection;
        uint64_t since_us, deadline_ms;
        bool is_write;
        uint16_t room; /* of pendings.writes */
};

bool pendings_init(struct pendings *pendings, uint32_t count_max, const uint64_t seed[2])
{
        struct map_node **buckets = memory_new(BUCKETS_AT_FIRST * sizeof(struct map_node *));

        if (!buckets)
                return false;
        *pendings = (struct pendings){.seed = {seed[0] | 1, seed[1]}};
        map_init(&pendings->map, buckets, BUCKETS_AT_FIRST);
        list_init(&pendings->by_deadline);
        pool_init(&pendings->pool, sizeof(struct pending), count_max);
        return true;
}

void pendings_finish(struct pendings *pendings)
{
        memory_free(pendings->map.buckets);
        pool_finish(&pendings->pool);
        *pendings = (struct pendings){0};
}

/* Clients choose the ids: the secret seed goes through a product, so that nobody can aim many at one bucket. */
static uint32_t hash_of(const struct pendings *pendings, uint64_t connection, const struct id *request)
{
        uint64_t hash = (be64_get(request->bytes) ^ pendings->seed[1]) * pendings->seed[0];

        hash = (hash ^ hash >> 32) + be64_get(request->bytes + 8);
        return hash_u64(hash * pendings->seed[0] ^ connection);
}

static struct pending *find(const struct pendings *pendings, uint32_t hash, uint64_t connection, const struct id *request)
{
        for (struct map_node *node = map_first(&pendings->map, hash); node; node = map_next(node, hash)) {
                struct pending *pending = container_of(node, struct pending, node);

                if (pending->connection == connection && id_equal(&pending->request, request))
                        return pending;
        }
        return NULL;
}

static void make_room(struct map *map)
{
        uint32_t count = map->bucket_count * 2;
        struct map_node **buckets;

        if (!map_is_crowded(map))
                return;
        buckets = memory_new(count * sizeof(struct map_node *));
        if (buckets)
                memory_free(map_rehash(map, buckets, count));
}

static uint16_t place_of(const struct pendings *pendings, const struct id *room)
{
        return hash_of(pendings, 0, room) % PENDING_ROOMS;
}

uint32_t pending_writes(const struct frontend *frontend, const struct id *room)
{
        return frontend->pendings.writes[place_of(&frontend->pendings, room)];
}

bool pending_add(struct frontend *frontend, struct connection *connection, const struct wire_frame *frame)
{
        const struct id *request = &frame->request;
        struct pendings *pendings = &frontend->pendings;
        uint32_t hash = hash_of(pendings, connection->id, request);
        struct pending *pending = find(pendings, hash, connection->id, request);

        if (!pending) {
                if (connection->pending >= FRONTEND_PENDING_OF_ONE)
                        return false;
                pending = pool_take(&pendings->pool);
                if (!pending)
                        return false;
                pending->request = *request;
                pending->connection = connection->id;
                pending->since_us = frontend->now_us;
                pending->is_write = frame->code == WIRE_CODE_write;
                pending->room = place_of(pendings, &frame->room);
                pendings->writes[pending->room] += pending->is_write;
                map_insert(&pendings->map, &pending->node, hash);
                make_room(&pendings->map);
                connection->pending++;
        }
        list_remove(&pending->order);
        list_append(&pendings->by_deadline, &pending->order);
        pending->deadline_ms = frontend->now_ms + frontend->options.reply_ms;
        return true;
}

/* Returns its connection if that is still there. */
static struct connection *take_away(struct frontend *frontend, struct pending *pending)
{
        struct connection *connection = connection_find(&frontend->connections, pending->connection);

        list_remove(&pending->order);
        frontend->pendings.writes[pending->room] -= pending->is_write;
        map_remove(&frontend->pendings.map, &pending->node);
        pool_give(&frontend->pendings.pool, pending);
        if (connection) {
                check(connection->pending > 0);
                connection->pending--;
        }
        return connection;
}

void pending_remove(struct frontend *frontend, uint64_t connection, const struct id *request)
{
        struct pendings *pendings = &frontend->pendings;
        struct pending *pending = find(pendings, hash_of(pendings, connection, request), connection, request);

        if (pending)
                (void)take_away(frontend, pending);
}

uint64_t pending_answered(struct frontend *frontend, uint64_t connection, const struct id *request)
{
        struct pendings *pendings = &frontend->pendings;
        struct frontend_watch *watch = frontend->seams.watch;
        struct pending *pending = find(pendings, hash_of(pendings, connection, request), connection, request);
        uint64_t since_us;

        if (!pending)
                return 0;
        since_us = pending->since_us;
        if (watch)
                watch->replied(watch, frontend->now_us - since_us);
        (void)take_away(frontend, pending);
        return since_us / 1000;
}

static struct pending *first(const struct frontend *frontend)
{
        struct list_node *node = list_first(&frontend->pendings.by_deadline);

        return node ? container_of(node, struct pending, order) : NULL;
}

void pending_run(struct frontend *frontend)
{
        struct pending *pending;

        for (int i = 0; i < EXPIRED_MAX && (pending = first(frontend)) && pending->deadline_ms <= frontend->now_ms; i++) {
                struct id request = pending->request;
                struct connection *connection = take_away(frontend, pending);
                uint64_t id = connection ? connection->id : 0;

                frontend->counts.deadline_passed++;
                if (!connection || connection->state >= CONNECTION_CLOSING)
                        continue;
                answer_error(frontend, connection, &request, ERR_UNKNOWN, 0, NULL);
                if (connection->id == id)
                        connection_reply_settled(frontend, connection);
        }
}

uint64_t pending_next_ms(const struct frontend *frontend)
{
        const struct pending *pending = first(frontend);

        return pending ? pending->deadline_ms : UINT64_MAX;
}
