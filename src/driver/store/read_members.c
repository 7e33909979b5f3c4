/* Who is in a room, and their marks; who is in some room with whom. */
#include "base/assert.h"
#include "driver/store/reader.h"
#include "rules/role.h"
#include "rules/room.h"

static void read_link(struct database *database, uint64_t room, struct store_answer *answer, struct arena *arena)
{
        sqlite3_stmt *statement = database_use(database, STATEMENT_ROOM_LINK);

        bind_number(statement, 1, room);
        if (database_row(database, statement))
                answer->members.link = column_copy(database, statement, 0, arena);
        database_end(statement);
}

void read_members_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                           struct arena *arena)
{
        size_t max = question->members.members_max, count = 0;
        struct store_member *members = arena_array(arena, struct store_member, max + 1);
        sqlite3_stmt *statement;
        struct member asker;
        uint64_t room;

        if (!members) {
                database->code = SQLITE_NOMEM;
                return;
        }
        if (!read_present(database, question, &question->members.room, &room, &asker, &answer->members.head)) {
                answer->status = ERR_NO_ROOM;
                return;
        }
        statement = database_use(database, STATEMENT_ASK_MEMBERS);
        bind_number(statement, 1, room);
        bind_number(statement, 2, question->members.after);
        bind_number(statement, 3, max + 1);
        while (count <= max && database_row(database, statement)) {
                uint64_t left;
                struct member member = member_read(statement, &left);

                members[count++] = (struct store_member){
                        .person.user = member.user, .role = member.role, .joined_seq = member.joined_seq};
                member_tell(&member, member_counts(&asker), &members[count - 1]);
        }
        database_end(statement);
        answer->members.more = count > max;
        count = min_of(count, max);
        for (size_t i = 0; i < count; i++)
                members[i].person = person_read(database, members[i].person.user, arena);
        if (asker.role >= ROLE_ADMIN)
                read_link(database, room, answer, arena);
        answer->members.members = members;
        answer->members.count = count;
}

void read_receipts_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                            struct arena *arena)
{
        size_t max = question->receipts.rooms_max, count = 0;
        struct id *rooms = arena_array(arena, struct id, max + 1);
        sqlite3_stmt *statement;

        if (!rooms) {
                database->code = SQLITE_NOMEM;
                return;
        }
        statement = database_use(database, STATEMENT_USER_RECEIPTS);
        bind_number(statement, 1, question->user);
        if (database_row(database, statement))
                answer->receipts.change = column_number(statement, 0);
        database_end(statement);
        statement = database_use(database, STATEMENT_ASK_RECEIPTS);
        bind_number(statement, 1, question->user);
        bind_id(statement, 2, &question->receipts.after);
        bind_number(statement, 3, max + 1);
        while (count <= max && database_row(database, statement))
                rooms[count++] = column_id(statement, 0);
        database_end(statement);
        answer->receipts.more = count > max;
        answer->receipts.rooms = rooms;
        answer->receipts.count = min_of(count, max);
}

static bool is_in(struct database *database, uint64_t user, const struct id *room)
{
        sqlite3_stmt *statement = database_use(database, STATEMENT_ASK_USER_ROOM);
        bool is;

        bind_number(statement, 1, user);
        bind_id(statement, 2, room);
        is = database_row(database, statement);
        database_end(statement);
        return is;
}

/* Most who look at each other have a personal room: that is one line to read, the other rooms may be thousands. */
static bool share(struct database *database, uint64_t user, uint64_t other)
{
        struct id personal = room_personal(user, other);

        return is_in(database, user, &personal) || database_has_pair(database, STATEMENT_ASK_SHARED, user, other);
}

static uint64_t seen_ms(struct database *database, uint64_t user)
{
        sqlite3_stmt *statement = database_use(database, STATEMENT_ASK_USER_SEEN);
        uint64_t seen = 0;

        bind_number(statement, 1, user);
        if (database_row(database, statement))
                seen = column_number(statement, 0);
        database_end(statement);
        return seen;
}

/* Room for as many users as are asked for; NULL: no memory. */
static uint64_t *users_new(struct database *database, const struct store_question *question, struct store_answer *answer,
                           struct arena *arena)
{
        answer->shared.users = arena_array(arena, uint64_t, question->shared.count + 1);
        if (!answer->shared.users)
                database->code = SQLITE_NOMEM;
        return answer->shared.users;
}

void read_shared_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                          struct arena *arena)
{
        uint64_t *users = users_new(database, question, answer, arena);

        answer->shared.seen_ms = arena_array(arena, uint64_t, question->shared.count + 1);
        if (!answer->shared.seen_ms)
                database->code = SQLITE_NOMEM;
        if (!users || !answer->shared.seen_ms)
                return;
        if (!id_is_zero(&question->shared.room) && !is_in(database, question->user, &question->shared.room)) {
                answer->status = ERR_NO_ROOM;
                return;
        }
        for (size_t i = 0; i < question->shared.count; i++) {
                uint64_t other = question->shared.users[i];

                if (!share(database, question->user, other) || block_between(database, question->user, other) ||
                    database_has_pair(database, STATEMENT_ASK_HIDES, question->user, other))
                        continue;
                answer->shared.seen_ms[answer->shared.count] = seen_ms(database, other);
                users[answer->shared.count++] = other;
        }
}

void read_among_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                         struct arena *arena)
{
        uint64_t *users = users_new(database, question, answer, arena);

        if (!users)
                return;
        if (!is_in(database, question->user, &question->shared.room)) {
                answer->status = ERR_NO_ROOM;
                return;
        }
        for (size_t i = 0; i < question->shared.count; i++)
                if (is_in(database, question->shared.users[i], &question->shared.room) &&
                    !block_between(database, question->user, question->shared.users[i]))
                        users[answer->shared.count++] = question->shared.users[i];
}
