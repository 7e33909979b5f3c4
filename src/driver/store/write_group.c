/* What operations on a group do beside their row: members, roles, title, link. */
#include "base/assert.h"
#include "base/memory.h"
#include "driver/store/group.h"
#include "driver/store/reader.h"
#include "rules/limits.h"
#include "rules/room.h"

/* ---- rights ---- */

static bool link_is_right(struct writer *writer, const struct room *room, struct slice link)
{
        sqlite3_stmt *statement;
        bool right;

        if (link.size == 0)
                return false;
        statement = database_use(&writer->database, STATEMENT_ROOM_LINK);
        bind_number(statement, 1, room->number);
        right = database_row(&writer->database, statement) && slice_equal(column_bytes(statement, 0), link);
        database_end(statement);
        return right;
}

static size_t owners_of(const struct room *room)
{
        size_t owners = 0;

        for (uint32_t i = 0; i < room->member_count; i++)
                owners += room->members[i].role == ROLE_OWNER;
        return owners;
}

/* Who was removed comes back when he is invited, not by the link. */
static bool was_removed(struct writer *writer, const struct room *room, uint64_t user)
{
        struct member member;
        sqlite3_stmt *statement;
        uint64_t left = STORE_NONE;
        bool removed;

        if (!read_stay(&writer->database, user, room->number, &member, &left) || left == STORE_NONE)
                return false;
        statement = database_use(&writer->database, STATEMENT_MESSAGE_SENDER);
        bind_number(statement, 1, room->number);
        bind_number(statement, 2, left);
        removed = database_row(&writer->database, statement) && column_number(statement, 0) != user;
        database_end(statement);
        return removed;
}

static enum error admit_newcomer(struct writer *writer, const struct room *room, const struct store_op *op)
{
        if (writer_is_gone(writer, op->write.subject) || write_forbidden(writer, room, op) != ERR_OK)
                return ERR_NO_USER;
        if (room->member_count >= GROUP_MEMBERS_MAX)
                return ERR_ROOM_FULL;
        return op->write.subject == op->user && was_removed(writer, room, op->user) ? ERR_NOT_ALLOWED : ERR_OK;
}

static uint64_t heir_of(const struct room *room, uint64_t leaver)
{
        const struct member *heir = NULL;

        for (uint32_t i = 0; i < room->member_count; i++)
                if (room->members[i].user != leaver)
                        heir = group_heir(heir, &room->members[i]);
        return heir ? heir->user : 0;
}

enum error group_admit(struct writer *writer, struct room *room, const struct store_op *op, uint64_t *heir)
{
        const struct member *sender = room_member(room, op->user);
        const struct member *subject = op->write.subject ? room_member(room, op->write.subject) : NULL;
        size_t owners = op->write.row_kind == ROW_TEXT ? 0 : owners_of(room);
        struct deed deed = group_deed(op, sender, subject, link_is_right(writer, room, op->write.link), owners);
        enum error error = role_check(&deed);

        *heir = 0;
        if (!error && deed.kind == ROW_JOINED)
                error = admit_newcomer(writer, room, op);
        if (!error && deed.kind == ROW_LEFT && deed.subject == ROLE_OWNER && owners == 1)
                *heir = heir_of(room, op->write.subject);
        return error;
}

/* ---- refusals ---- */

/* Under which number: for a personal room, which may never have been made, the other user's, below 0. False: none is kept there. */
static bool refusal_room(const struct room *room, const struct store_op *op, int64_t *number)
{
        bool personal = room_kind_of(&op->write.room) == ROOM_PERSONAL;

        *number = personal ? -(int64_t)room_peer(&op->write.room, op->user) : room ? (int64_t)room->number : 0;
        return (personal || room) && group_may_have_refusal(op);
}

bool group_find_refusal(struct writer *writer, const struct room *room, const struct store_op *op,
                        struct store_result *result)
{
        sqlite3_stmt *statement;
        int64_t number;
        bool found;

        if (!refusal_room(room, op, &number))
                return false;
        statement = database_use(&writer->database, STATEMENT_REFUSAL_FIND);
        bind_id(statement, 1, &op->request);
        bind_number(statement, 2, op->user);
        bind_signed(statement, 3, number);
        found = database_row(&writer->database, statement);
        if (found) {
                bool same = slice_equal(column_bytes(statement, 0), slice_of(op->digest, STORE_HASH_SIZE));

                result->status = same ? (enum error)column_number(statement, 1) : ERR_REUSED_ID;
                result->repeat = true;
        }
        database_end(statement);
        return found;
}

void group_keep_refusal(struct writer *writer, const struct room *room, const struct store_op *op, enum error status)
{
        uint64_t age_ms = min_of((uint64_t)STORE_REQUESTS_DAYS * DAY_MS, writer->now_ms);
        sqlite3_stmt *statement;
        int64_t number;

        if (!refusal_room(room, op, &number) || !group_keeps_refusal(op, status))
                return;
        statement = database_use(&writer->database, STATEMENT_REFUSAL_NEW);
        bind_id(statement, 1, &op->request);
        bind_number(statement, 2, op->user);
        bind_signed(statement, 3, number);
        bind_bytes(statement, 4, slice_of(op->digest, STORE_HASH_SIZE));
        bind_number(statement, 5, status);
        bind_number(statement, 6, writer->now_ms);
        if (database_run(&writer->database, statement))
                writer_expire(writer, STATEMENT_REFUSAL_EXPIRED, writer->now_ms - age_ms);
}

/* ---- changes ---- */

enum error group_make(struct writer *writer, const struct store_op *op, struct room **room)
{
        struct member owner = group_member(op->user, ROLE_OWNER, 1, 0, 0);

        if (!id_equal(&op->write.room, &op->request))
                return ERR_NO_ROOM;
        if (user_without_receipts(&writer->database, op->user))
                owner.counted_from = STORE_UNCOUNTED;
        *room = room_cache_make(&writer->rooms, &writer->database, &op->write.room, &owner, 1,
                                group_next_version(0, writer->now_ms), op->write.text);
        return ERR_OK;
}

static void store_members(struct writer *writer, struct room *room)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_ROOM_MEMBERS);

        room->members_version = group_next_version(room->members_version, writer->now_ms);
        bind_number(statement, 1, room->number);
        bind_number(statement, 2, room->members_version);
        bind_number(statement, 3, room->member_count);
        (void)database_run(&writer->database, statement);
}

static void join(struct writer *writer, struct room *room, const struct store_row *row)
{
        struct member before = {0}, *members;
        uint64_t left, at = room->member_count;

        (void)read_stay(&writer->database, row->subject, room->number, &before, &left);
        members = memory_resize(room->members, sizeof(*members) * (room->member_count + 1));
        if (!members) {
                writer->database.code = SQLITE_NOMEM;
                return;
        }
        room->members = members;
        while (at > 0 && members[at - 1].user > row->subject) /* in order, as they are read */
                at--;
        memmove(members + at + 1, members + at, sizeof(*members) * (room->member_count - at));
        members[at] = group_member(row->subject, ROLE_MEMBER, row->seq, row->n, before.own_sends);
        if (user_without_receipts(&writer->database, row->subject))
                members[at].counted_from = STORE_UNCOUNTED;
        room->member_count++;
        if (member_insert(&writer->database, &room->id, room->number, &members[at]))
                store_members(writer, room);
}

static void store_role(struct writer *writer, const struct room *room, struct member *member, enum role role)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_MEMBER_ROLE);

        member->role = (uint8_t)role;
        bind_number(statement, 1, room->number);
        bind_number(statement, 2, member->user);
        bind_number(statement, 3, member->joined_seq);
        bind_number(statement, 4, role);
        (void)database_run(&writer->database, statement);
}

static void store_link(struct writer *writer, const struct room *room, struct slice link)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_ROOM_LINK_NEW);

        bind_number(statement, 1, room->number);
        if (link.size)
                bind_bytes(statement, 2, link);
        else
                sqlite3_bind_null(statement, 2);
        (void)database_run(&writer->database, statement);
}

/* His counters are stored as of now, so that a later stay can begin with them. */
static void leave(struct writer *writer, struct room *room, const struct store_row *row)
{
        struct member *member = room_member(room, row->subject), *heir;
        sqlite3_stmt *statement;

        if (!member_store(&writer->database, room, member))
                return;
        statement = database_use(&writer->database, STATEMENT_MEMBER_LEAVE);
        bind_number(statement, 1, room->number);
        bind_number(statement, 2, member->user);
        bind_number(statement, 3, member->joined_seq);
        bind_number(statement, 4, row->seq);
        if (!database_run(&writer->database, statement))
                return;
        statement = database_use(&writer->database, STATEMENT_USER_ROOM_LEAVE);
        bind_number(statement, 1, member->user);
        bind_id(statement, 2, &room->id);
        bind_number(statement, 3, row->seq);
        bind_number(statement, 4, row->n);
        bind_number(statement, 5, row->time_ms);
        if (!database_run(&writer->database, statement))
                return;
        room->member_count--;
        memmove(member, member + 1, sizeof(*member) * (size_t)(room->members + room->member_count - member));
        heir = row->heir ? room_member(room, row->heir) : NULL;
        if (heir)
                store_role(writer, room, heir, ROLE_OWNER);
        if (room->member_count == 0) /* nobody is left to let anybody in */
                store_link(writer, room, slice_of(NULL, 0));
        store_members(writer, room);
}

void group_change(struct writer *writer, struct room *room, const struct store_op *op, const struct store_row *row)
{
        sqlite3_stmt *statement;

        switch ((enum row_kind)row->kind) {
        case ROW_TEXT:
        case ROW_CREATED:
        case ROW_DELETED:
        case ROW_EDITED:
        case ROW_REACTED:
        case ROW_PINNED:
        case ROW_SETTING:
                break;
        case ROW_JOINED:
                join(writer, room, row);
                break;
        case ROW_LEFT:
                leave(writer, room, row);
                break;
        case ROW_TITLE:
                statement = database_use(&writer->database, STATEMENT_ROOM_TITLE);
                bind_number(statement, 1, room->number);
                bind_text(statement, 2, row->text);
                (void)database_run(&writer->database, statement);
                break;
        case ROW_ROLE:
                store_role(writer, room, room_member(room, row->subject), (enum role)row->role);
                break;
        case ROW_LINK:
                store_link(writer, room, op->write.link);
                break;
        }
}
