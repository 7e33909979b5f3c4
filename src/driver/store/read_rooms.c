/* What a client that comes back needs: its latest rooms with their newest page, then the rest by range of room ids. */
#include <stdlib.h>

#include "base/assert.h"
#include "driver/store/reader.h"
#include "rules/role.h"
#include "rules/room.h"

#define ROOMS_OF_USER_MAX 100000

/* A room of the user's with his stay, and the time of its last activity to choose the latest. */
struct listed {
        struct id id;
        uint64_t number;
        struct log_end end;
        struct member member;
};

struct listing {
        struct listed *rooms;
        size_t count, allocated;
};

/* Of one that he left, it says all. */
static struct listed listed_of(sqlite3_stmt *statement)
{
        struct listed room = {.id = column_id(statement, 0), .number = column_number(statement, 1), .end.left = STORE_NONE};

        if (sqlite3_column_type(statement, 2) == SQLITE_NULL)
                return room;
        room.end.left = room.end.head = column_number(statement, 2);
        room.end.n = column_number(statement, 3);
        room.end.time_ms = column_number(statement, 4);
        return room;
}

static bool add_listed(struct database *database, struct listing *listing, sqlite3_stmt *statement, struct arena *arena)
{
        if (listing->count == listing->allocated) {
                size_t allocated = listing->allocated ? 2 * listing->allocated : 64;
                struct listed *rooms = arena_array(arena, struct listed, allocated);

                if (!rooms || allocated > ROOMS_OF_USER_MAX) {
                        database->code = SQLITE_NOMEM;
                        return false;
                }
                if (listing->count)
                        memcpy(rooms, listing->rooms, sizeof(*rooms) * listing->count);
                listing->rooms = rooms;
                listing->allocated = allocated;
        }
        listing->rooms[listing->count++] = listed_of(statement);
        return true;
}

static void read_end(struct database *database, struct listed *room)
{
        if (room->end.left == STORE_NONE)
                read_head(database, room->number, &room->end.head, &room->end.n, &room->end.time_ms);
}

static int later_first(const void *left, const void *right)
{
        const struct listed *a = left, *b = right;

        if (a->end.time_ms != b->end.time_ms)
                return a->end.time_ms < b->end.time_ms ? 1 : -1;
        return id_compare(&a->id, &b->id);
}

static const struct store_cursor *find_cursor(const struct store_cursor *cursors, size_t count, const struct id *room)
{
        for (size_t i = 0; i < count; i++)
                if (id_equal(&cursors[i].room, room))
                        return &cursors[i];
        return NULL;
}

/* From where on anything of it can be his. */
static uint64_t first_stay(struct database *database, uint64_t user, const struct listed *listed)
{
        sqlite3_stmt *statement;
        uint64_t seq = listed->member.joined_seq;

        if (room_kind_of(&listed->id) != ROOM_GROUP)
                return seq;
        statement = database_use(database, STATEMENT_ASK_FIRST_STAY);
        bind_number(statement, 1, listed->number);
        bind_number(statement, 2, user);
        if (database_row(database, statement))
                seq = column_number(statement, 0);
        database_end(statement);
        return seq;
}

/* What stays of a group for one who left it. */
static void read_left(struct database *database, uint64_t user, const struct listed *listed, struct store_room *room,
                      struct arena *arena)
{
        sqlite3_stmt *statement = database_use(database, STATEMENT_ASK_TITLE_LEFT);

        room->lowest = lowest_of_none();
        room->role = ROLE_NONE;
        room->member_count = 0;
        bind_number(statement, 1, user);
        bind_id(statement, 2, &listed->id);
        if (database_row(database, statement))
                room->title = column_copy(database, statement, 0, arena);
        database_end(statement);
}

/* Everything about one room. rows_max 1 for the list. */
static void read_room(struct database *database, const struct store_question *question, struct listed *listed,
                      const struct store_cursor *cursor, uint32_t rows_max, size_t *bytes, struct store_room *room,
                      struct arena *arena)
{
        struct log_end *end = &listed->end;
        uint64_t after = cursor ? min_of(cursor->head, end->head) : 0, peer;
        bool more;

        if (!read_stay(database, question->user, listed->number, &listed->member, &end->left)) {
                database->code = database_good(database) ? SQLITE_CORRUPT : database->code;
                return;
        }
        *room = (struct store_room){.room = listed->id,
                                    .head = end->head,
                                    .last_time_ms = end->time_ms,
                                    .left = end->left != STORE_NONE,
                                    .joined_seq = first_stay(database, question->user, listed),
                                    .role = listed->member.role,
                                    .marks = read_marks(database, listed->number, end, &listed->member)};
        if (!read_room_line(database, listed->number, &room->kind, &room->lowest, room, arena)) {
                database->code = database_good(database) ? SQLITE_CORRUPT : database->code;
                return;
        }
        room->lowest = lowest_told(&room->lowest, &listed->member);
        if (room->left)
                read_left(database, question->user, listed, room, arena);
        room->rows = read_changes(database, question->user, listed->number, after, 0, rows_max, bytes, &room->row_count,
                                  &more, arena);
        room->rows_after = more ? room->rows[room->row_count - 1].changed - 1 : after;
        peer = room->kind == ROOM_PERSONAL ? room_peer(&listed->id, question->user) : 0;
        if (peer)
                room->peer = person_read(database, peer, arena);
}

/* All of the user's rooms, latest first. */
static struct listing list_latest(struct database *database, uint64_t user, struct arena *arena)
{
        sqlite3_stmt *statement = database_use(database, STATEMENT_ASK_USER_ROOMS);
        struct listing listing = {0};

        bind_number(statement, 1, user);
        while (database_row(database, statement))
                if (!add_listed(database, &listing, statement, arena))
                        break;
        database_end(statement);
        for (size_t i = 0; i < listing.count && database_good(database); i++)
                read_end(database, &listing.rooms[i]);
        if (listing.count > 1)
                qsort(listing.rooms, listing.count, sizeof(listing.rooms[0]), later_first);
        return listing;
}

struct latest_room *read_latest(struct database *database, uint64_t user, size_t *count, struct arena *arena)
{
        struct listing listing = list_latest(database, user, arena);
        struct latest_room *rooms = arena_array(arena, struct latest_room, listing.count + 1);

        *count = rooms ? listing.count : 0;
        if (!rooms)
                database->code = SQLITE_NOMEM;
        for (size_t i = 0; i < *count; i++)
                rooms[i] = (struct latest_room){listing.rooms[i].id, listing.rooms[i].number, listing.rooms[i].end.head,
                                                listing.rooms[i].end.time_ms};
        return rooms;
}

static void read_join(struct database *database, const struct store_question *question, const struct id *era,
                      struct store_answer *answer, struct arena *arena)
{
        bool same_era = id_equal(&question->join.era, era);
        struct listing listing = list_latest(database, question->user, arena);
        size_t count;

        count = min_of(listing.count, (size_t)question->join.rooms_max);
        answer->rooms.person = person_read(database, question->user, arena);
        answer->rooms.blocks = count_blocks(database, question->user);
        answer->rooms.receipts_due = user_receipts_due(database, question->user);
        answer->rooms.rooms = arena_array(arena, struct store_room, count + 1);
        answer->rooms.more = listing.count > count;
        for (size_t i = 0; i < count && answer->rooms.rooms && database_good(database); i++) {
                size_t share = question->bytes_max / count, bytes = share;
                const struct store_cursor *cursor = NULL;

                if (same_era)
                        cursor = find_cursor(question->join.cursors, question->join.cursor_count, &listing.rooms[i].id);
                read_room(database, question, &listing.rooms[i], cursor, question->join.rows_max, &bytes,
                          &answer->rooms.rooms[i], arena);
                answer->rooms.room_count++;
        }
        if (!answer->rooms.rooms)
                database->code = SQLITE_NOMEM;
}

/* Nothing of the room is new to the client. */
static bool is_known(struct database *database, const struct store_cursor *cursor, const struct listed *room)
{
        struct store_lowest lowest;
        uint8_t kind;

        return id_equal(&cursor->room, &room->id) && cursor->head == room->end.head &&
               read_room_line(database, room->number, &kind, &lowest, NULL, NULL) && cursor->lowest == lowest.version;
}

/* Rooms by id; those whose head and lowest marks the client knows are passed over. Rooms and cursors are walked side by side. */
static void read_range(struct database *database, const struct store_question *question, struct store_answer *answer,
                       struct arena *arena)
{
        static const struct id last = {{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}};
        const struct id *until = id_is_zero(&question->rooms.until) ? &last : &question->rooms.until;
        const struct store_cursor *cursors = question->rooms.cursors;
        sqlite3_stmt *statement = database_use(database, STATEMENT_ASK_USER_ROOMS_RANGE);
        size_t bytes = question->bytes_max, at = 0, count = question->rooms.cursor_count;

        check(question->rooms.rooms_max > 0 && bytes > 0);
        answer->rooms.rooms = arena_array(arena, struct store_room, question->rooms.rooms_max);
        if (!answer->rooms.rooms)
                database->code = SQLITE_NOMEM;
        bind_number(statement, 1, question->user);
        bind_id(statement, 2, &question->rooms.after);
        bind_id(statement, 3, until);
        while (database_good(database) && database_row(database, statement)) {
                struct listed room = listed_of(statement);

                while (at < count && id_compare(&cursors[at].room, &room.id) < 0)
                        at++;
                read_end(database, &room);
                if (at < count && is_known(database, &cursors[at], &room)) {
                        answer->rooms.through = room.id;
                        continue;
                }
                if (answer->rooms.room_count == question->rooms.rooms_max || bytes == 0) {
                        answer->rooms.more = true;
                        break;
                }
                /* Its last row alone: what lies below is the client's to fetch. */
                read_room(database, question, &room, NULL, 1, &bytes, &answer->rooms.rooms[answer->rooms.room_count++],
                          arena);
                answer->rooms.through = room.id;
        }
        database_end(statement);
        if (!answer->rooms.more)
                answer->rooms.through = (struct id){0};
}

void read_rooms_question(struct database *database, const struct store_question *question, const struct id *era,
                         struct store_answer *answer, struct arena *arena)
{
        if (question->kind == STORE_ASK_JOIN)
                read_join(database, question, era, answer, arena);
        else
                read_range(database, question, answer, arena);
}
