/*
 * What a client knows of a group beside its log: title, own role, how many are in it. The server says it with the room (Join, list of
 * rooms); rows that come live are applied to it one by one. Rows that come by another way, out of order or twice, are not: then the
 * server is asked again.
 */
#include "core/join.h"
#include "core/state.h"
#include "rules/role.h"
#include "rules/room.h"

#define ASK_AGAIN_MS 500

struct group group_of(const struct room *room)
{
        return room->group ? *room->group : (struct group){0};
}

void group_forget(struct core *core, struct room *room)
{
        if (room->group)
                recycler_give_copy(&core->memory, &room->group->title);
        recycler_give(&core->memory, room->group, sizeof(*room->group));
        room->group = NULL;
}

static struct group *group_get(struct core *core, struct room *room)
{
        if (!room->group)
                room->group = recycler_new(&core->memory, struct group);
        return room->group;
}

static bool take_title(struct core *core, struct group *group, struct slice title)
{
        struct slice copy;

        if (slice_equal(title, group->title))
                return true;
        if (!recycler_copy(&core->memory, title, &copy))
                return false;
        recycler_give_copy(&core->memory, &group->title);
        group->title = copy;
        return true;
}

bool group_take_state(struct core *core, struct room *room, const struct wire_room_state *state)
{
        struct group *group;

        if (room->kind != ROOM_GROUP)
                return true;
        group = group_get(core, room);
        if (!group)
                return false;
        /* It was read before what came live meanwhile, which is applied already if there was something to apply it to. */
        if (state->head < room->head && group->told_seq) {
                if (group->missed) /* but for what did not come live */
                        join_again(core, ASK_AGAIN_MS);
                return true;
        }
        if (state->head < room->head)
                join_again(core, ASK_AGAIN_MS);
        if (!take_title(core, group, state->title))
                return false;
        room->left = state->left != 0;
        group->role = (uint8_t)state->role;
        group->members = state->members;
        group->told_seq = state->head;
        group->missed = false;
        return true;
}

/* Somebody came: if it is oneself, all that is to be known of the room is asked for, as what changed while one was out never came. */
static void joined(struct core *core, struct room *room, const struct wire_row *row)
{
        room->group->members++;
        if (row->subject != core->account.user)
                return;
        room->left = false;
        room->group->role = ROLE_MEMBER;
        room->group->missed = true;
        if (room->joined_seq == 0)
                room->joined_seq = row->seq;
        join_again(core, 0);
}

static void left(struct core *core, struct room *room, const struct wire_row *row)
{
        struct group *group = room->group;

        group->members -= group->members > 0;
        if (row->heir == core->account.user)
                group->role = ROLE_OWNER;
        if (row->subject != core->account.user)
                return;
        room->left = true;
        group->role = ROLE_NONE;
        group->members = 0;
}

static bool apply(struct core *core, struct room *room, const struct wire_row *row)
{
        switch ((enum row_kind)row->kind) {
        case ROW_CREATED:
                room->group->members = 1;
                if (row->sender == core->account.user)
                        room->group->role = ROLE_OWNER;
                return take_title(core, room->group, row->text);
        case ROW_JOINED:
                joined(core, room, row);
                return true;
        case ROW_LEFT:
                left(core, room, row);
                return true;
        case ROW_TITLE:
                return take_title(core, room->group, row->text);
        case ROW_ROLE:
                if (row->subject == core->account.user)
                        room->group->role = (uint8_t)row->role;
                return true;
        case ROW_TEXT:
        case ROW_LINK:
        case ROW_DELETED:
        case ROW_EDITED:
        case ROW_REACTED:
        case ROW_PINNED:
        case ROW_SETTING:
                return true;
        }
        return true; /* of a newer server */
}

bool group_take_row(struct core *core, struct room *room, const struct wire_row *row, bool live)
{
        if (room->kind != ROOM_GROUP || row->kind == ROW_TEXT || row->kind == ROW_DELETED ||
            row->seq <= group_of(room).told_seq)
                return true;
        if (live) {
                room_notice(core, room, NOTICE_ROOM);
                return group_get(core, room) && apply(core, room, row);
        }
        if (row->kind == ROW_LINK)
                return true;
        if (!group_get(core, room))
                return false;
        room->group->missed = true;
        join_again(core, ASK_AGAIN_MS);
        return true;
}
