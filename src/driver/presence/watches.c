/* See watches.h. A pair is linked from both its sides: it lies in its connection's block, and in the list of what is watched. */
#include "driver/presence/watches.h"

#include "base/assert.h"
#include "base/memory.h"

#define BUCKETS_FIRST 64

struct watched {
        struct map_node node;
        uint64_t user; /* 0: the room */
        struct id room;
        struct list pairs; /* the newest first */
};

struct pair {
        struct list_node line; /* in watched.pairs */
        struct watcher *watcher;
        struct watched *watched;
};

struct watcher {
        struct map_node node;
        struct list_node by_end;
        struct presence_entry entry;
        uint64_t until_ms;
        uint32_t count;
        struct pair pairs[];
};

struct lingerer {
        struct map_node node;
        struct list_node by_end;
        uint64_t user, until_ms;
};

/* ---- maps ---- */

static bool map_new(struct map *map)
{
        struct map_node **buckets = memory_new(sizeof(*buckets) * BUCKETS_FIRST);

        if (buckets)
                map_init(map, buckets, BUCKETS_FIRST);
        return buckets != NULL;
}

/* More buckets make it faster: that there is no memory for them is no failure. */
static void insert(struct map *map, struct map_node *node, uint32_t hash)
{
        if (map_is_crowded(map)) {
                struct map_node **grown = memory_new(sizeof(*grown) * map->bucket_count * 4);

                if (grown)
                        memory_free(map_rehash(map, grown, map->bucket_count * 4));
        }
        map_insert(map, node, hash);
}

bool watches_init(struct watches *watches)
{
        *watches = (struct watches){0};
        list_init(&watches->watchers_by_end);
        list_init(&watches->lingering_by_end);
        if (map_new(&watches->watchers) && map_new(&watches->watched) && map_new(&watches->lingering))
                return true;
        watches_finish(watches);
        return false;
}

void watches_finish(struct watches *watches)
{
        if (watches->lingering.buckets)
                watches_clear(watches);
        memory_free(watches->watchers.buckets);
        memory_free(watches->watched.buckets);
        memory_free(watches->lingering.buckets);
        *watches = (struct watches){0};
}

/* ---- what is watched ---- */

static uint32_t hash_of(uint64_t user, const struct id *room)
{
        return user ? hash_u64(user) : hash_bytes(slice_of(room->bytes, sizeof(room->bytes)));
}

static struct watched *watched_find(const struct watches *watches, uint64_t user, const struct id *room)
{
        uint32_t hash = hash_of(user, room);

        for (struct map_node *node = map_first(&watches->watched, hash); node; node = map_next(node, hash)) {
                struct watched *watched = container_of(node, struct watched, node);

                if (watched->user == user && (user || id_equal(&watched->room, room)))
                        return watched;
        }
        return NULL;
}

static struct watched *watched_make(struct watches *watches, uint64_t user, const struct id *room)
{
        struct watched *watched = watched_find(watches, user, room);

        if (watched)
                return watched;
        watched = memory_new(sizeof(*watched));
        if (!watched)
                return NULL;
        watched->user = user;
        if (!user)
                watched->room = *room;
        list_init(&watched->pairs);
        insert(&watches->watched, &watched->node, hash_of(user, room));
        return watched;
}

/* ---- who watches ---- */

static uint32_t hash_of_connection(const struct presence_entry *entry)
{
        return hash_u64(be64_get(entry->epoch.bytes) ^ (uint64_t)hash_u64(entry->connection) << 16);
}

static struct watcher *watcher_find(const struct watches *watches, const struct presence_entry *entry)
{
        uint32_t hash = hash_of_connection(entry);

        for (struct map_node *node = map_first(&watches->watchers, hash); node; node = map_next(node, hash)) {
                struct watcher *watcher = container_of(node, struct watcher, node);

                if (watcher->entry.connection == entry->connection && id_equal(&watcher->entry.epoch, &entry->epoch))
                        return watcher;
        }
        return NULL;
}

static void watcher_end(struct watches *watches, struct watcher *watcher)
{
        for (uint32_t i = 0; i < watcher->count; i++) {
                struct watched *watched = watcher->pairs[i].watched;

                list_remove(&watcher->pairs[i].line);
                if (!list_empty(&watched->pairs))
                        continue;
                map_remove(&watches->watched, &watched->node);
                memory_free(watched);
        }
        check(watches->count >= watcher->count);
        watches->count -= watcher->count;
        map_remove(&watches->watchers, &watcher->node);
        list_remove(&watcher->by_end);
        memory_free(watcher);
}

static bool pair_add(struct watches *watches, struct watcher *watcher, uint64_t user, const struct id *room)
{
        struct watched *watched = watched_make(watches, user, room);
        struct pair *pair = &watcher->pairs[watcher->count];

        if (!watched)
                return false;
        pair->watcher = watcher;
        pair->watched = watched;
        list_prepend(&watched->pairs, &pair->line);
        watcher->count++;
        watches->count++;
        return true;
}

void watches_drop(struct watches *watches, const struct presence_entry *entry)
{
        struct watcher *watcher = watcher_find(watches, entry);

        if (watcher)
                watcher_end(watches, watcher);
}

enum error watches_set(struct watches *watches, const struct presence_request *request, uint64_t now_ms)
{
        bool room = !id_is_zero(&request->room), good = true;
        size_t count = request->user_count + room;
        struct watcher *watcher;

        check(request->user_count <= PRESENCE_WATCHED_MAX);
        watches_drop(watches, &request->entry);
        if (count == 0)
                return ERR_OK;
        if (watches->count + count > WATCHES_MAX)
                return ERR_FULL;
        watcher = memory_new(sizeof(*watcher) + sizeof(struct pair) * count);
        if (!watcher)
                return ERR_NO_MEMORY;
        watcher->entry = request->entry;
        watcher->until_ms = now_ms + PRESENCE_WATCH_MS;
        insert(&watches->watchers, &watcher->node, hash_of_connection(&request->entry));
        list_append(&watches->watchers_by_end, &watcher->by_end);
        for (size_t i = 0; i < request->user_count && good; i++)
                good = pair_add(watches, watcher, request->users[i], NULL);
        if (room && good)
                good = pair_add(watches, watcher, 0, &request->room);
        if (good)
                return ERR_OK;
        watcher_end(watches, watcher);
        return ERR_NO_MEMORY;
}

size_t watches_list(const struct watches *watches, uint64_t user, const struct id *room, uint64_t now_ms,
                    struct presence_entry *entries, size_t max)
{
        const struct watched *watched = watched_find(watches, user, room);
        size_t count = 0;

        if (!watched)
                return 0;
        list_each(&watched->pairs, pair, struct pair, line) {
                if (count == max)
                        break;
                if (now_ms >= pair->watcher->until_ms)
                        continue;
                if (entries)
                        entries[count] = pair->watcher->entry;
                count++;
        }
        return count;
}

/* ---- who was here a moment ago ---- */

static struct lingerer *lingerer_find(const struct watches *watches, uint64_t user)
{
        uint32_t hash = hash_u64(user);

        for (struct map_node *node = map_first(&watches->lingering, hash); node; node = map_next(node, hash))
                if (container_of(node, struct lingerer, node)->user == user)
                        return container_of(node, struct lingerer, node);
        return NULL;
}

static void lingerer_end(struct watches *watches, struct lingerer *lingerer)
{
        map_remove(&watches->lingering, &lingerer->node);
        list_remove(&lingerer->by_end);
        memory_free(lingerer);
}

void watches_linger(struct watches *watches, uint64_t user, uint64_t now_ms)
{
        struct lingerer *lingerer;

        watches_said(watches, user);
        if (watches->lingering.count == WATCHES_LINGER_MAX)
                lingerer_end(watches, container_of(list_first(&watches->lingering_by_end), struct lingerer, by_end));
        lingerer = memory_new(sizeof(*lingerer));
        if (!lingerer)
                return; /* when he comes back it is said once too often */
        lingerer->user = user;
        lingerer->until_ms = now_ms + PRESENCE_LINGER_MS;
        insert(&watches->lingering, &lingerer->node, hash_u64(user));
        list_append(&watches->lingering_by_end, &lingerer->by_end);
}

bool watches_lingers(const struct watches *watches, uint64_t user, uint64_t now_ms)
{
        const struct lingerer *lingerer = lingerer_find(watches, user);

        return lingerer && now_ms < lingerer->until_ms;
}

void watches_said(struct watches *watches, uint64_t user)
{
        struct lingerer *lingerer = lingerer_find(watches, user);

        if (lingerer)
                lingerer_end(watches, lingerer);
}

/* ---- the end ---- */

void watches_expire(struct watches *watches, uint64_t now_ms)
{
        for (int ended = 0; ended < WATCHES_SWEEP_MAX; ended++) {
                struct list_node *watcher = list_first(&watches->watchers_by_end);
                struct list_node *lingerer = list_first(&watches->lingering_by_end);
                bool any = false;

                if (watcher && now_ms >= container_of(watcher, struct watcher, by_end)->until_ms) {
                        watcher_end(watches, container_of(watcher, struct watcher, by_end));
                        any = true;
                }
                if (lingerer && now_ms >= container_of(lingerer, struct lingerer, by_end)->until_ms) {
                        lingerer_end(watches, container_of(lingerer, struct lingerer, by_end));
                        any = true;
                }
                if (!any)
                        break;
        }
}

void watches_clear(struct watches *watches)
{
        struct list_node *node;

        while ((node = list_first(&watches->watchers_by_end)))
                watcher_end(watches, container_of(node, struct watcher, by_end));
        while ((node = list_first(&watches->lingering_by_end)))
                lingerer_end(watches, container_of(node, struct lingerer, by_end));
        check(watches->count == 0 && watches->watched.count == 0);
}
