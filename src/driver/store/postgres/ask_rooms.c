/* What a client that comes back needs: its latest rooms with their newest page, then the rest by range of room ids. */
#include <stdlib.h>

#include "base/assert.h"
#include "driver/store/postgres/asking.h"
#include "driver/store/postgres/read.h"
#include "rules/role.h"
#include "rules/room.h"

#define COLUMN_MEMBER 7 /* of LISTED_COLUMNS */
#define COLUMN_OWN    (COLUMN_MEMBER + MEMBER_COLUMN_COUNT)
#define COLUMN_TITLE  (COLUMN_OWN + 1) /* then member_count, left_n, left_ms, first joined_seq */
#define COLUMN_PEER   (COLUMN_TITLE + 5)

/* ---- asking ---- */

struct ordered {
        struct store_cursor cursor;
        size_t place;
};

static int by_room(const void *left, const void *right)
{
        const struct ordered *a = left, *b = right;
        int order = id_compare(&a->cursor.room, &b->cursor.room);

        return order ? order : (a->place > b->place) - (a->place < b->place);
}

/* Two arrays, or with the lowest marks' versions three, each room once: of several cursors of one room the first counts. */
static void add_cursors(struct asking *asking, struct parameters *parameters, const struct store_cursor *cursors,
                        size_t count, bool lowest)
{
        static const struct store_cursor nowhere; /* no room has this id: an empty array has another form */
        struct ordered *ordered = arena_array(&asking->arena, struct ordered, count + 1);
        struct column rooms, heads, versions;
        uint8_t version[8];
        size_t kept = 0;

        if (!ordered) {
                parameters->failed = true;
                return;
        }
        for (size_t i = 0; i < count; i++)
                ordered[i] = (struct ordered){cursors[i], i};
        if (count == 0)
                ordered[count++] = (struct ordered){nowhere, 0};
        qsort(ordered, count, sizeof(*ordered), by_room);
        for (size_t i = 0; i < count; i++)
                if (i == 0 || !id_equal(&ordered[i].cursor.room, &ordered[kept - 1].cursor.room))
                        ordered[kept++] = ordered[i];
        rooms = add_ids(parameters, kept);
        heads = add_numbers(parameters, kept);
        for (size_t i = 0; i < kept; i++) {
                array_id(&rooms, &ordered[i].cursor.room);
                array_number(&heads, ordered[i].cursor.head);
        }
        if (!lowest)
                return;
        versions = add_column(parameters, COLUMN_BYTES, kept, sizeof(version) * kept);
        for (size_t i = 0; i < kept; i++) {
                be64_put(version, ordered[i].cursor.lowest);
                array_bytes(&versions, slice_of(version, sizeof(version)));
        }
}

static void ask_latest(struct asking *asking, size_t place)
{
        const struct store_question *question = &asking->job.questions[place];
        struct parameters person = parameters_in(&asking->arena), rooms = person, rows = person;
        struct column users = add_numbers(&person, 1);

        array_number(&users, question->user);
        asking_queue(asking, place, SQL_USERS, &person);
        asking_queue(asking, place, SQL_BLOCK_COUNTS, &person);
        add_number(&rooms, question->user);
        add_number(&rooms, question->join.rooms_max + 1); /* one more tells whether there are more */
        asking_queue(asking, place, SQL_ASK_LATEST, &rooms);
        add_number(&rows, question->user);
        add_number(&rows, question->join.rooms_max);
        add_cursors(asking, &rows, question->join.cursors, question->join.cursor_count, false);
        add_id(&rows, &question->join.era);
        add_number(&rows, question->join.rows_max + 1);
        asking_queue(asking, place, SQL_ASK_LATEST_ROWS, &rows);
}

static void ask_range(struct asking *asking, size_t place)
{
        static const struct id last = {{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}};
        const struct store_question *question = &asking->job.questions[place];
        const struct id *until = id_is_zero(&question->rooms.until) ? &last : &question->rooms.until;

        check(question->rooms.rooms_max > 0 && question->bytes_max > 0);
        for (int rows = 0; rows < 2; rows++) {
                struct parameters parameters = parameters_in(&asking->arena);

                add_number(&parameters, question->user);
                add_id(&parameters, &question->rooms.after);
                add_id(&parameters, until);
                add_number(&parameters, question->rooms.rooms_max + (rows ? 0 : 1));
                add_cursors(asking, &parameters, question->rooms.cursors, question->rooms.cursor_count, true);
                if (rows) /* its last row, and whether there are more */
                        add_number(&parameters, 2);
                asking_queue(asking, place, rows ? SQL_ASK_RANGE_ROWS : SQL_ASK_RANGE, &parameters);
        }
}

void ask_rooms(struct asking *asking, size_t question)
{
        if (asking->job.questions[question].kind == STORE_ASK_JOIN)
                ask_latest(asking, question);
        else
                ask_range(asking, question);
}

/* ---- answers ---- */

static void take_room(struct asking *asking, const PGresult *result, int row, struct store_room *room)
{
        uint64_t left, n = value_number(result, row, 3);
        struct member member = read_member_columns(result, row, COLUMN_MEMBER, &left);

        *room = (struct store_room){.room = value_id(result, row, 0),
                                    .kind = (uint8_t)value_number(result, row, 1),
                                    .head = value_number(result, row, 2),
                                    .last_time_ms = value_number(result, row, 4),
                                    .joined_seq = value_number(result, row, COLUMN_TITLE + 4),
                                    .role = member.role,
                                    .left = left != STORE_NONE};
        if (!lowest_get(value_bytes(result, row, 6), &room->lowest) ||
            !arena_copy(asking->job.arena, value_bytes(result, row, COLUMN_TITLE), &room->title))
                asking->failed = true;
        room->lowest = lowest_told(&room->lowest, &member);
        if (room->kind == ROOM_GROUP)
                room->member_count = value_number(result, row, COLUMN_TITLE + 1);
        if (room->left) { /* what stays of it for one who left */
                room->head = left;
                room->role = ROLE_NONE;
                room->member_count = 0;
                room->lowest = lowest_of_none();
                room->last_time_ms = value_number(result, row, COLUMN_TITLE + 3);
                n = value_number(result, row, COLUMN_TITLE + 2);
        }
        member.own_sends += value_number(result, row, COLUMN_OWN);
        room->marks = member_marks(&member, n, room->head);
        if (!value_is_null(result, row, COLUMN_PEER) &&
            !read_person_columns(result, row, COLUMN_PEER, asking->job.arena, &room->peer))
                asking->failed = true;
}

/* The id before that of the next room, which is not told any more: all rooms up to it are told, or known. */
static struct id before(const struct store_room *next)
{
        struct id id = next->room;

        for (size_t i = sizeof(id.bytes); i-- > 0 && id.bytes[i]-- == 0;)
                ;
        return id;
}

static void take_listed(struct asking *asking, struct store_answer *answer, size_t rooms_max, const PGresult *result)
{
        size_t count = (size_t)PQntuples(result);

        answer->rooms.rooms = arena_array(asking->job.arena, struct store_room, count + 1);
        answer->rooms.more = count > rooms_max;
        if (!answer->rooms.rooms) {
                asking->failed = true;
                return;
        }
        /* The one more is read, and not counted. */
        answer->rooms.room_count = min_of(count, rooms_max);
        for (size_t i = 0; i < count; i++)
                take_room(asking, result, (int)i, &answer->rooms.rooms[i]);
}

/* The rows of one room, from *row on, which moves past them: as many as fit. `bytes` is counted down. */
static void take_rows_of(struct asking *asking, const PGresult *result, int *row, struct store_room *room, size_t rows_max,
                         uint64_t after, size_t *bytes)
{
        int end = *row;
        bool more;

        while (end < PQntuples(result)) {
                struct id id = value_id(result, end, 0);

                if (!id_equal(&id, &room->room))
                        break;
                end++;
        }
        room->rows = arena_array(asking->job.arena, struct store_row, (size_t)(end - *row) + 1);
        asking->failed |= !room->rows;
        for (; *row < end && room->row_count < rows_max && room->rows; (*row)++) {
                size_t size = read_row_bytes(result, *row, 1);

                /* The first row always goes: otherwise a long one would never be seen. */
                if (room->row_count > 0 && size > *bytes)
                        break;
                *bytes -= min_of(*bytes, size);
                if (!read_row_columns(result, *row, 1, asking->job.arena, &room->rows[room->row_count++]))
                        asking->failed = true;
        }
        more = *row < end;
        *row = end;
        room->rows_after = more && room->row_count ? room->rows[room->row_count - 1].changed - 1 : after;
}

static uint64_t cursor_of(const struct asking *asking, const struct store_question *question, const struct store_room *room,
                          uint64_t head)
{
        if (!id_equal(&question->join.era, &asking->era))
                return 0;
        for (size_t i = 0; i < question->join.cursor_count; i++)
                if (id_equal(&question->join.cursors[i].room, &room->room))
                        return min_of(question->join.cursors[i].head, head);
        return 0;
}

static void take_latest_rows(struct asking *asking, const struct store_question *question, struct store_answer *answer,
                             const PGresult *result)
{
        size_t count = answer->rooms.room_count;
        int row = 0;

        for (size_t i = 0; i < count && !asking->failed; i++) {
                struct store_room *room = &answer->rooms.rooms[i];
                size_t share = question->bytes_max / count;

                take_rows_of(asking, result, &row, room, question->join.rows_max,
                             cursor_of(asking, question, room, room->marks.head), &share);
        }
}

/* As many rooms as the bytes last for. */
static void take_range_rows(struct asking *asking, const struct store_question *question, struct store_answer *answer,
                            const PGresult *result)
{
        size_t bytes = question->bytes_max;
        int row = 0;

        for (size_t i = 0; i < answer->rooms.room_count && !asking->failed; i++) {
                if (bytes == 0) {
                        answer->rooms.room_count = i;
                        answer->rooms.more = true;
                        break;
                }
                take_rows_of(asking, result, &row, &answer->rooms.rooms[i], 1, 0, &bytes);
        }
        if (answer->rooms.more)
                answer->rooms.through = before(&answer->rooms.rooms[answer->rooms.room_count]);
}

void take_rooms(struct asking *asking, size_t place, enum sql sql, const PGresult *result)
{
        const struct store_question *question = &asking->job.questions[place];
        struct store_answer *answer = &asking->job.answers[place];

        if (sql == SQL_USERS && PQntuples(result) == 1) {
                answer->rooms.receipts_due =
                        value_number(result, 0, COLUMN_RECEIPTS) != value_number(result, 0, COLUMN_RECEIPTS + 1);
                asking->failed |= !read_person_columns(result, 0, 0, asking->job.arena, &answer->rooms.person);
        }
        if (sql == SQL_BLOCK_COUNTS && PQntuples(result) == 1)
                answer->rooms.blocks = value_number(result, 0, 1);
        else if (sql == SQL_ASK_LATEST)
                take_listed(asking, answer, question->join.rooms_max, result);
        else if (sql == SQL_ASK_LATEST_ROWS)
                take_latest_rows(asking, question, answer, result);
        else if (sql == SQL_ASK_RANGE)
                take_listed(asking, answer, question->rooms.rooms_max, result);
        else if (sql == SQL_ASK_RANGE_ROWS)
                take_range_rows(asking, question, answer, result);
}
