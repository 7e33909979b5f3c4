/* Who is deleted leaves his groups: as write_leaving.c of SQLite. */
#include "base/assert.h"
#include "driver/store/postgres/save.h"
#include "rules/room.h"
#include "rules/row.h"

void plan_leave(struct world *world, const struct store_op *op, struct store_result *result)
{
        const struct world_user *user = world_user(world, op->user);

        check(op->write.row_kind == ROW_LEFT && op->write.subject == op->user);
        if (!user)
                return;
        if (!user->line.found || is_gone(user->person.user_name))
                plan_write(world, op, result);
        else
                result->status = ERR_NOT_ALLOWED;
}

void plan_leaving(struct world *world, const struct store_op *op, struct store_result *result)
{
        struct world_leaving *leaving = world_leaving(world, op->user);

        result->status = plan_admit(world, op);
        if (!leaving || result->status)
                return;
        if (id_compare(&leaving->after, &op->leaving.after) < 0)
                leaving->after = op->leaving.after;
        leaving->line.changed = true;
        leaving->dropped |= op->leaving.done;
}

/* ---- what is written ---- */

enum what { MADE, MOVED, DROPPED };

static bool is_what(const struct world_leaving *leaving, enum what what)
{
        switch (what) {
        case MADE:
                return leaving->line.made;
        case MOVED:
                return leaving->line.changed && !leaving->dropped;
        case DROPPED:
                return leaving->dropped;
        }
        unreachable();
}

static void save(struct saving *saving, enum what what, enum sql sql)
{
        struct parameters parameters = parameters_of(saving);
        struct column users, ids;
        size_t count = 0;

        world_each(saving->world, LINE_LEAVING, struct world_leaving, leaving) count += is_what(leaving, what);
        if (count == 0)
                return;
        users = add_numbers(&parameters, count);
        if (what != DROPPED)
                ids = add_ids(&parameters, count);
        world_each(saving->world, LINE_LEAVING, struct world_leaving, leaving)
        {
                if (!is_what(leaving, what))
                        continue;
                array_number(&users, leaving->user);
                if (what != DROPPED)
                        array_id(&ids, what == MADE ? &leaving->request : &leaving->after);
        }
        if (what != DROPPED)
                add_number(&parameters, saving->world->now_ms);
        write(saving, sql, &parameters);
}

/* While they are on the list: LEAVING_DROP comes after it. */
static void empty_own_rooms(struct saving *saving, enum sql sql, uint64_t max)
{
        struct parameters parameters = parameters_of(saving);
        struct column users, rooms;
        size_t count = 0;

        world_each(saving->world, LINE_LEAVING, struct world_leaving, leaving) count += leaving->line.changed;
        if (count == 0)
                return;
        users = add_numbers(&parameters, count);
        rooms = add_ids(&parameters, count);
        world_each(saving->world, LINE_LEAVING, struct world_leaving, leaving)
        {
                const struct id own = room_personal(leaving->user, leaving->user);

                if (!leaving->line.changed)
                        continue;
                array_number(&users, leaving->user);
                array_id(&rooms, &own);
        }
        add_number(&parameters, max);
        write(saving, sql, &parameters);
}

void save_leaving(struct world *world, struct connection *connection, struct sent *sent)
{
        struct saving saving = {world, connection, sent};

        save(&saving, MADE, SQL_LEAVING_NEW);
        save(&saving, MOVED, SQL_LEAVING_TOUCH);
        empty_own_rooms(&saving, SQL_NOTES_EMPTY, LEAVING_NOTES);
        empty_own_rooms(&saving, SQL_NOTES_UNFIND, LEAVING_NOTE_WORDS);
        save(&saving, DROPPED, SQL_LEAVING_DROP);
}
