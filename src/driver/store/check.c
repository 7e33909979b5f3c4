/* Looks through the whole database for what must always be true. For tests, for galkad check, and after a crash. */
#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "driver/store/reader.h"
#include "rules/role.h"
#include "rules/room.h"

#define FAULT_SIZE 200

struct checking {
        struct database *database;
        struct store_answer *answer;
        struct arena *arena;
};

static void __attribute__((format(printf, 2, 3))) fault(struct checking *checking, const char *format, ...)
{
        char text[FAULT_SIZE];
        va_list arguments;

        if (checking->answer->check.faults++ > 0)
                return;
        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        if (!arena_copy(checking->arena, slice_text(text), &checking->answer->check.first_fault))
                checking->database->code = SQLITE_NOMEM;
}

/* No other operation has the number of a row's last alteration. */
static bool is_alone(struct checking *checking, uint64_t room, uint64_t number)
{
        sqlite3_stmt *statement = database_use(checking->database, STATEMENT_CHECK_CHANGED);
        bool alone;

        bind_number(statement, 1, room);
        bind_number(statement, 2, number);
        alone = database_row(checking->database, statement) && column_number(statement, 0) == 1;
        database_end(statement);
        return alone;
}

/* Numbers that are used once (what altered a row left no row of its own), ordinals that count, time that never goes back. Returns
 * the head and the ordinal. */
static void check_log(struct checking *checking, uint64_t room, uint64_t *head, uint64_t *n)
{
        sqlite3_stmt *statement = database_use(checking->database, STATEMENT_CHECK_LOG);
        uint64_t time_ms = 0, changed_max = 0;

        *head = *n = 0;
        bind_number(statement, 1, room);
        while (database_row(checking->database, statement)) {
                uint64_t seq = column_number(statement, 0), changed = column_number(statement, 1);

                checking->answer->check.rows++;
                if (changed > seq && !is_alone(checking, room, changed))
                        fault(checking, "room %llu: row %llu was changed by an operation that did something else",
                              (unsigned long long)room, (unsigned long long)seq);
                if (column_number(statement, 2) != *n + column_number(statement, 3))
                        fault(checking, "room %llu: ordinal of row %llu is wrong", (unsigned long long)room,
                              (unsigned long long)seq);
                if (column_number(statement, 4) < time_ms || changed < seq)
                        fault(checking, "room %llu: time or change of row %llu goes back", (unsigned long long)room,
                              (unsigned long long)seq);
                *head = seq;
                *n = column_number(statement, 2);
                time_ms = column_number(statement, 4);
                changed_max = max_of(changed_max, changed);
        }
        *head = max_of(*head, changed_max);
}

static void check_member(struct checking *checking, uint64_t room, uint64_t head, const struct member *member)
{
        uint64_t own = count_own(checking->database, room, 0, member->own_as_of, member->user);
        uint64_t read_own = count_own(checking->database, room, 0, member->read, member->user);

        if (member->delivered > head || member->read > member->delivered || member->shown > member->read)
                fault(checking, "room %llu: marks of user %llu are out of order", (unsigned long long)room,
                      (unsigned long long)member->user);
        if (n_at(checking->database, room, member->read) != member->read_n)
                fault(checking, "room %llu: the ordinal that user %llu has read is wrong", (unsigned long long)room,
                      (unsigned long long)member->user);
        if (own != member->own_sends || read_own != member->read_own)
                fault(checking, "room %llu: own sends of user %llu are miscounted", (unsigned long long)room,
                      (unsigned long long)member->user);
}

static void check_group(struct checking *checking, uint64_t room, const struct member *members, size_t count,
                        uint64_t member_count)
{
        size_t owners = 0;

        for (size_t i = 0; i < count; i++)
                owners += members[i].role == ROLE_OWNER;
        if (count > 0 && owners == 0)
                fault(checking, "room %llu: nobody owns it", (unsigned long long)room);
        if (count != member_count)
                fault(checking, "room %llu: members are miscounted", (unsigned long long)room);
}

/* group: how many members the room says it has; STORE_NONE where it does not say. */
static void check_members(struct checking *checking, uint64_t room, uint64_t head, uint64_t group,
                          const struct store_lowest *lowest)
{
        sqlite3_stmt *statement = database_use(checking->database, STATEMENT_CHECK_MEMBERS);
        struct member *members = NULL;
        size_t count = 0, allocated = 0;
        struct store_lowest right;

        bind_number(statement, 1, room);
        while (database_row(checking->database, statement)) {
                uint64_t left;
                struct member member = member_read(statement, &left);

                if (left != STORE_NONE)
                        continue;
                if (count == allocated) {
                        struct member *more = arena_array(checking->arena, struct member, allocated = 2 * allocated + 4);

                        if (!more) {
                                checking->database->code = SQLITE_NOMEM;
                                break;
                        }
                        if (count)
                                memcpy(more, members, sizeof(*more) * count);
                        members = more;
                }
                members[count++] = member;
        }
        database_end(statement);
        for (size_t i = 0; i < count; i++)
                check_member(checking, room, head, &members[i]);
        if (group != STORE_NONE)
                check_group(checking, room, members, count, group);
        right = lowest_of(members, count);
        if (!lowest_equal(&right, lowest))
                fault(checking, "room %llu: lowest marks are not those of its members", (unsigned long long)room);
}

void read_check_question(struct database *database, struct store_answer *answer, struct arena *arena)
{
        struct checking checking = {database, answer, arena};
        sqlite3_stmt *rooms = database_use(database, STATEMENT_CHECK_ROOMS);

        while (database_row(database, rooms)) {
                uint64_t room = column_number(rooms, 0), head, n;
                bool is_group = column_number(rooms, 1) == ROOM_GROUP;
                uint64_t group = is_group ? column_number(rooms, 2) : STORE_NONE;
                struct store_lowest lowest;

                answer->check.rooms++;
                if (!lowest_get(column_bytes(rooms, 4), &lowest)) {
                        fault(&checking, "room %llu: lowest marks cannot be read", (unsigned long long)room);
                        continue;
                }
                check_log(&checking, room, &head, &n);
                check_members(&checking, room, head, group, &lowest);
        }
        database_end(rooms);
}
