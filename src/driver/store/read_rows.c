/* Rows of a room: changes, windows, pins; marks of a member. */
#include "base/assert.h"
#include "driver/store/reader.h"
#include "rules/room.h"

/* Rows of one of two statements, newest change first. */
struct source {
        sqlite3_stmt *statement;
        struct store_row row;
        bool has_row;
};

static void advance(struct database *database, struct source *source, struct arena *arena)
{
        source->has_row = database_row(database, source->statement);
        if (source->has_row)
                source->row = row_read(database, source->statement, arena);
}

static void open_source(struct database *database, struct source *source, enum statement how, uint64_t user, uint64_t room,
                        uint64_t after, uint64_t before, uint32_t limit, struct arena *arena)
{
        source->statement = database_use(database, how);
        bind_number(source->statement, 1, user);
        bind_number(source->statement, 2, room);
        bind_number(source->statement, 3, after);
        bind_number(source->statement, 4, before);
        bind_number(source->statement, 5, limit);
        advance(database, source, arena);
}

struct store_row *read_changes(struct database *database, uint64_t user, uint64_t room, uint64_t after, uint64_t before,
                               uint32_t rows_max, size_t *bytes_left, size_t *count, bool *more, struct arena *arena)
{
        struct store_row *rows = arena_array(arena, struct store_row, rows_max);
        struct source sources[2];

        *count = 0;
        *more = false;
        if (!rows) {
                database->code = SQLITE_NOMEM;
                return NULL;
        }
        after = min_of(after, (uint64_t)INT64_MAX);
        before = before && before < INT64_MAX ? before : INT64_MAX;
        open_source(database, &sources[0], STATEMENT_ASK_ROWS, user, room, after, before, rows_max + 1, arena);
        open_source(database, &sources[1], STATEMENT_ASK_CHANGED, user, room, after, before, rows_max + 1, arena);
        while (sources[0].has_row || sources[1].has_row) {
                bool second = !sources[0].has_row || (sources[1].has_row && sources[1].row.changed > sources[0].row.changed);
                struct source *next = &sources[second];

                /* The first row always goes: otherwise a long one would never be seen. */
                if (*count == rows_max || (*count > 0 && row_bytes(&next->row) > *bytes_left)) {
                        *more = true;
                        break;
                }
                *bytes_left -= min_of(*bytes_left, row_bytes(&next->row));
                rows[(*count)++] = next->row;
                advance(database, next, arena);
        }
        database_end(sources[0].statement);
        database_end(sources[1].statement);
        return rows;
}

bool read_stay(struct database *database, uint64_t user, uint64_t room, struct member *member, uint64_t *left)
{
        sqlite3_stmt *statement = database_use(database, STATEMENT_ASK_MEMBER);
        bool found;

        bind_number(statement, 1, room);
        bind_number(statement, 2, user);
        found = database_row(database, statement);
        if (found)
                *member = member_read(statement, left);
        database_end(statement);
        return found;
}

struct log_end read_log_end(struct database *database, uint64_t user, uint64_t room, struct member *member)
{
        struct log_end end = {.left = STORE_NONE};

        end.found = read_stay(database, user, room, member, &end.left);
        if (!end.found)
                return end;
        read_head(database, room, &end.head, &end.n, &end.time_ms);
        if (end.left < end.head) {
                end.head = end.left;
                end.n = n_at(database, room, end.left);
        }
        return end;
}

struct store_marks read_marks(struct database *database, uint64_t room, const struct log_end *end, struct member *member)
{
        member->own_sends += count_own(database, room, member->own_as_of, end->head, member->user);
        member->own_as_of = max_of(member->own_as_of, end->head);
        return member_marks(member, end->n, end->head);
}

bool read_room_line(struct database *database, uint64_t room, uint8_t *kind, struct store_lowest *lowest,
                    struct store_room *group, struct arena *arena)
{
        sqlite3_stmt *statement = database_use(database, STATEMENT_ASK_ROOM);
        bool found;

        bind_number(statement, 1, room);
        found = database_row(database, statement);
        if (found) {
                *kind = (uint8_t)column_number(statement, 0);
                if (lowest && !lowest_get(column_bytes(statement, 2), lowest))
                        database->code = SQLITE_CORRUPT;
                if (group && *kind == ROOM_GROUP) {
                        group->title = column_copy(database, statement, 3, arena);
                        group->member_count = column_number(statement, 4);
                }
        }
        database_end(statement);
        return found;
}

bool read_room_number(struct database *database, const struct id *id, uint64_t *room)
{
        sqlite3_stmt *statement = database_use(database, STATEMENT_ROOM_FIND);
        bool found;

        bind_id(statement, 1, id);
        found = database_row(database, statement);
        if (found)
                *room = column_number(statement, 0);
        database_end(statement);
        return found;
}

bool read_present(struct database *database, const struct store_question *question, const struct id *id, uint64_t *room,
                  struct member *member, uint64_t *head)
{
        struct log_end end;

        if (!read_room_number(database, id, room))
                return false;
        end = read_log_end(database, question->user, *room, member);
        *head = end.head;
        return end.found && end.left == STORE_NONE;
}

/* The local number of a room the user is or was in, with head, marks and lowest marks. */
static bool open_room(struct database *database, const struct store_question *question, const struct id *id, uint64_t *room,
                      struct store_answer *answer)
{
        struct member member;
        struct log_end end;
        uint8_t kind;

        answer->status = ERR_NO_ROOM;
        if (!read_room_number(database, id, room))
                return false;
        end = read_log_end(database, question->user, *room, &member);
        if (!end.found)
                return false;
        answer->rows.head = end.head;
        answer->rows.marks = read_marks(database, *room, &end, &member);
        answer->rows.lowest = lowest_of_none();
        if (end.left == STORE_NONE && !read_room_line(database, *room, &kind, &answer->rows.lowest, NULL, NULL))
                return false;
        answer->rows.lowest = lowest_told(&answer->rows.lowest, &member);
        answer->status = ERR_OK;
        return true;
}

void read_changes_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                           struct arena *arena)
{
        size_t bytes = question->bytes_max;
        uint64_t room;

        if (open_room(database, question, &question->changes.room, &room, answer))
                answer->rows.rows =
                        read_changes(database, question->user, room, question->changes.after, question->changes.before,
                                     question->changes.rows_max, &bytes, &answer->rows.row_count, &answer->rows.more, arena);
}

/* By halving: time in a room never goes back. */
uint64_t read_seq_of_time(struct database *database, uint64_t room, uint64_t head, uint64_t time_ms)
{
        uint64_t low = 1, high = head + 1;

        for (int i = 0; i < 64 && low < high; i++) {
                uint64_t middle = low + (high - low) / 2;
                sqlite3_stmt *statement = database_use(database, STATEMENT_ASK_TIME_OF_SEQ);
                bool later = true;

                bind_number(statement, 1, room);
                bind_number(statement, 2, middle);
                if (database_row(database, statement))
                        later = column_number(statement, 0) >= time_ms;
                database_end(statement);
                if (later)
                        high = middle;
                else
                        low = middle + 1;
        }
        return low;
}

/* *more (or NULL): there is one that did not go. */
static size_t take_rows(struct database *database, sqlite3_stmt *statement, struct store_row *rows, size_t rows_max,
                        size_t *bytes_left, bool *more, struct arena *arena)
{
        bool left = false;
        size_t count = 0;

        while (database_row(database, statement)) {
                struct store_row row = row_read(database, statement, arena);

                left = count == rows_max || (count > 0 && row_bytes(&row) > *bytes_left);
                if (left)
                        break;
                *bytes_left -= min_of(*bytes_left, row_bytes(&row));
                rows[count++] = row;
        }
        database_end(statement);
        if (more)
                *more = left;
        return count;
}

void read_around_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                          struct arena *arena)
{
        uint32_t rows_max = question->around.rows_max;
        struct store_row *rows = arena_array(arena, struct store_row, rows_max + 1);
        size_t bytes = question->bytes_max / 2, before, after;
        uint64_t room, seq = min_of(question->around.seq, (uint64_t)INT64_MAX);
        sqlite3_stmt *statement;

        if (!rows) {
                database->code = SQLITE_NOMEM;
                return;
        }
        if (!open_room(database, question, &question->around.room, &room, answer))
                return;
        if (seq == 0)
                seq = read_seq_of_time(database, room, answer->rows.head, question->around.time_ms);
        statement = database_use(database, STATEMENT_ASK_BEFORE);
        bind_number(statement, 1, question->user);
        bind_number(statement, 2, room);
        bind_number(statement, 3, seq);
        bind_number(statement, 4, rows_max / 2);
        before = take_rows(database, statement, rows, rows_max / 2, &bytes, NULL, arena);
        for (size_t i = 0; i < before / 2; i++) {
                struct store_row row = rows[i];

                rows[i] = rows[before - 1 - i];
                rows[before - 1 - i] = row;
        }
        bytes += question->bytes_max / 2;
        statement = database_use(database, STATEMENT_ASK_FROM);
        bind_number(statement, 1, question->user);
        bind_number(statement, 2, room);
        bind_number(statement, 3, seq);
        bind_number(statement, 4, rows_max - before);
        after = take_rows(database, statement, rows + before, rows_max - before, &bytes, NULL, arena);
        answer->rows.rows = rows;
        answer->rows.row_count = before + after;
}

void read_pins_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                        struct arena *arena)
{
        uint32_t rows_max = question->pins.rows_max;
        struct store_row *rows = arena_array(arena, struct store_row, rows_max + 1);
        uint64_t room, before = question->pins.before;
        size_t bytes = question->bytes_max, count;
        sqlite3_stmt *statement;

        if (!rows) {
                database->code = SQLITE_NOMEM;
                return;
        }
        if (!open_room(database, question, &question->pins.room, &room, answer))
                return;
        statement = database_use(database, STATEMENT_ASK_PINS);
        bind_number(statement, 1, question->user);
        bind_number(statement, 2, room);
        bind_number(statement, 3, before && before < INT64_MAX ? before : INT64_MAX);
        bind_number(statement, 4, rows_max + 1);
        count = take_rows(database, statement, rows, rows_max, &bytes, &answer->rows.more, arena);
        answer->rows.rows = rows;
        answer->rows.row_count = count;
}
