/* Loading, making and caching rooms; lowest marks. */
#include "driver/store/rooms.h"

#include "base/assert.h"
#include "base/memory.h"
#include "rules/room.h"

#define BUCKETS 65536

enum error room_cache_init(struct room_cache *rooms)
{
        struct map_node **buckets = memory_new(sizeof(*buckets) * BUCKETS);

        *rooms = (struct room_cache){0};
        if (!buckets)
                return ERR_NO_MEMORY;
        map_init(&rooms->map, buckets, BUCKETS);
        return ERR_OK;
}

static void room_free(struct room *room)
{
        if (room)
                memory_free(room->members);
        memory_free(room);
}

void room_cache_drop(struct room_cache *rooms)
{
        for (uint32_t i = 0; rooms->map.count > 0 && i < rooms->map.bucket_count; i++) {
                while (rooms->map.buckets[i]) {
                        struct map_node *node = rooms->map.buckets[i];

                        map_remove(&rooms->map, node);
                        room_free(container_of(node, struct room, node));
                }
        }
}

void room_cache_finish(struct room_cache *rooms)
{
        if (rooms->map.buckets)
                room_cache_drop(rooms);
        memory_free(rooms->map.buckets);
        *rooms = (struct room_cache){0};
}

/* ---- lowest marks ---- */

bool room_lower(struct database *database, struct room *room)
{
        struct store_lowest lowest = lowest_of(room->members, room->member_count);

        return !lowest_equal(&lowest, &room->lowest) && room_lower_anew(database, room);
}

bool room_lower_anew(struct database *database, struct room *room)
{
        struct store_lowest lowest = lowest_of(room->members, room->member_count);
        uint8_t bytes[LOWEST_SIZE];
        sqlite3_stmt *statement;

        lowest.version = room->lowest.version + 1;
        lowest_put(&lowest, bytes);
        statement = database_use(database, STATEMENT_ROOM_LOWEST);
        bind_number(statement, 1, room->number);
        bind_bytes(statement, 2, slice_of(bytes, sizeof(bytes)));
        if (!database_run(database, statement))
                return false;
        room->lowest = lowest;
        return true;
}

/* ---- members ---- */

bool user_without_receipts(struct database *database, uint64_t user)
{
        sqlite3_stmt *statement = database_use(database, STATEMENT_USER_RECEIPTS);
        bool off;

        bind_number(statement, 1, user);
        off = database_row(database, statement) && column_number(statement, 0) % 2;
        database_end(statement);
        return off;
}

struct member *room_member(struct room *room, uint64_t user)
{
        for (uint32_t i = 0; i < room->member_count; i++)
                if (room->members[i].user == user)
                        return &room->members[i];
        return NULL;
}

bool user_receipts_due(struct database *database, uint64_t user)
{
        sqlite3_stmt *statement = database_use(database, STATEMENT_USER_RECEIPTS);
        bool due;

        bind_number(statement, 1, user);
        due = database_row(database, statement) && column_number(statement, 0) != column_number(statement, 1);
        database_end(statement);
        return due;
}

bool member_store(struct database *database, struct room *room, struct member *member)
{
        sqlite3_stmt *statement = database_use(database, STATEMENT_MEMBER_MARK);

        member->own_as_of = room->head;
        bind_number(statement, 1, room->number);
        bind_number(statement, 2, member->user);
        bind_number(statement, 3, member->joined_seq);
        bind_number(statement, 4, member->delivered);
        bind_number(statement, 5, member->read);
        bind_number(statement, 6, member->shown);
        bind_number(statement, 7, member->read_n);
        bind_number(statement, 8, member->read_own);
        bind_number(statement, 9, member->own_sends);
        bind_number(statement, 10, member->own_as_of);
        return database_run(database, statement);
}

struct member member_read(sqlite3_stmt *statement, uint64_t *left)
{
        *left = sqlite3_column_type(statement, 2) == SQLITE_NULL ? STORE_NONE : column_number(statement, 2);
        return (struct member){
                .user = column_number(statement, 0),
                .joined_seq = column_number(statement, 1),
                .delivered = column_number(statement, 3),
                .read = column_number(statement, 4),
                .shown = column_number(statement, 5),
                .counted_from = column_number(statement, 6),
                .read_n = column_number(statement, 7),
                .read_own = column_number(statement, 8),
                .own_sends = column_number(statement, 9),
                .own_as_of = column_number(statement, 10),
                .role = (uint8_t)column_number(statement, 11),
        };
}

uint64_t count_own(struct database *database, uint64_t room, uint64_t from, uint64_t to, uint64_t user)
{
        sqlite3_stmt *statement;
        uint64_t count = 0;

        if (from >= to)
                return 0;
        statement = database_use(database, STATEMENT_OWN_SENDS);
        bind_number(statement, 1, room);
        bind_number(statement, 2, from);
        bind_number(statement, 3, to);
        bind_number(statement, 4, user);
        if (database_row(database, statement))
                count = column_number(statement, 0);
        database_end(statement);
        return count;
}

uint64_t n_at(struct database *database, uint64_t room, uint64_t seq)
{
        sqlite3_stmt *statement = database_use(database, STATEMENT_N_AT);
        uint64_t n = 0;

        bind_number(statement, 1, room);
        bind_number(statement, 2, seq);
        if (database_row(database, statement))
                n = column_number(statement, 0);
        database_end(statement);
        return n;
}

void read_head(struct database *database, uint64_t room, uint64_t *head, uint64_t *n, uint64_t *time_ms)
{
        sqlite3_stmt *statement = database_use(database, STATEMENT_ROOM_LAST);

        *head = *n = *time_ms = 0;
        bind_number(statement, 1, room);
        if (database_row(database, statement)) {
                *head = column_number(statement, 0);
                *n = column_number(statement, 1);
                *time_ms = column_number(statement, 2);
        }
        database_end(statement);
        statement = database_use(database, STATEMENT_ROOM_LAST_CHANGE);
        bind_number(statement, 1, room);
        if (database_row(database, statement))
                *head = max_of(*head, column_number(statement, 0));
        database_end(statement);
}

/* ---- loading and making ---- */

static bool load_members(struct database *database, struct room *room)
{
        sqlite3_stmt *statement = database_use(database, STATEMENT_MEMBERS_PRESENT);
        uint32_t allocated = 0;

        bind_number(statement, 1, room->number);
        while (database_row(database, statement)) {
                uint64_t left;

                if (room->member_count == allocated) {
                        struct member *members =
                                memory_resize(room->members, sizeof(*members) * (allocated = 2 * allocated + 2));

                        if (!members) {
                                database_end(statement);
                                database->code = SQLITE_NOMEM;
                                return false;
                        }
                        room->members = members;
                }
                room->members[room->member_count++] = member_read(statement, &left);
        }
        for (uint32_t i = 0; i < room->member_count; i++) {
                struct member *member = &room->members[i];

                member->own_sends += count_own(database, room->number, member->own_as_of, room->head, member->user);
        }
        return database_good(database);
}

static bool load(struct database *database, struct room *room)
{
        sqlite3_stmt *statement = database_use(database, STATEMENT_ROOM_FIND);
        uint64_t lower, higher;
        bool found;

        bind_id(statement, 1, &room->id);
        found = database_row(database, statement);
        if (found) {
                room->number = column_number(statement, 0);
                room->kind = (uint8_t)column_number(statement, 1);
                room->members_version = column_number(statement, 2);
                if (!lowest_get(column_bytes(statement, 3), &room->lowest))
                        database->code = SQLITE_CORRUPT;
        }
        database_end(statement);
        if (!found || !database_good(database))
                return false;
        read_head(database, room->number, &room->head, &room->n, &room->time_ms);
        if (room->kind == ROOM_PERSONAL && room_personal_users(&room->id, &lower, &higher))
                room->blocked = block_between(database, lower, higher);
        return load_members(database, room);
}

static uint32_t hash_of(const struct id *id)
{
        return hash_bytes(slice_of(id->bytes, sizeof(id->bytes)));
}

struct room *room_cache_find(struct room_cache *rooms, struct database *database, const struct id *id)
{
        uint32_t hash = hash_of(id);
        struct room *room;

        for (struct map_node *node = map_first(&rooms->map, hash); node; node = map_next(node, hash)) {
                room = container_of(node, struct room, node);
                if (id_equal(&room->id, id))
                        return room;
        }
        if (rooms->map.count >= ROOMS_CACHED_MAX)
                room_cache_drop(rooms);
        room = memory_new(sizeof(*room));
        if (!room) {
                database->code = SQLITE_NOMEM;
                return NULL;
        }
        room->id = *id;
        if (!load(database, room)) {
                room_free(room);
                return NULL;
        }
        map_insert(&rooms->map, &room->node, hash);
        return room;
}

bool member_insert(struct database *database, const struct id *id, uint64_t room, const struct member *member)
{
        sqlite3_stmt *statement = database_use(database, STATEMENT_MEMBER_NEW);

        check(member->delivered == member->read && member->read == member->shown && member->read_own == member->own_sends);
        bind_number(statement, 1, room);
        bind_number(statement, 2, member->user);
        bind_number(statement, 3, member->joined_seq);
        bind_number(statement, 4, member->delivered);
        bind_number(statement, 5, member->counted_from);
        bind_number(statement, 6, member->read_n);
        bind_number(statement, 7, member->own_sends);
        bind_number(statement, 8, member->own_as_of);
        bind_number(statement, 9, member->role);
        if (!database_run(database, statement))
                return false;
        statement = database_use(database, STATEMENT_USER_ROOM_NEW);
        bind_number(statement, 1, member->user);
        bind_id(statement, 2, id);
        bind_number(statement, 3, room);
        return database_run(database, statement);
}

struct room *room_cache_make(struct room_cache *rooms, struct database *database, const struct id *id,
                             const struct member *members, uint32_t member_count, uint64_t members_version,
                             struct slice title)
{
        uint8_t bytes[LOWEST_SIZE];
        struct store_lowest lowest = lowest_of(members, member_count);
        sqlite3_stmt *statement;
        uint64_t number;

        check(member_count >= 1 && members_version > 0);
        lowest.version = 1;
        lowest_put(&lowest, bytes);
        statement = database_use(database, STATEMENT_ROOM_NEW);
        bind_id(statement, 1, id);
        bind_number(statement, 2, room_kind_of(id));
        bind_number(statement, 3, members_version);
        bind_bytes(statement, 4, slice_of(bytes, sizeof(bytes)));
        bind_text(statement, 5, title);
        bind_number(statement, 6, member_count);
        if (!database_run(database, statement))
                return NULL;
        number = (uint64_t)sqlite3_last_insert_rowid(database->handle);
        for (uint32_t i = 0; i < member_count; i++)
                if (!member_insert(database, id, number, &members[i]))
                        return NULL;
        return room_cache_find(rooms, database, id);
}
