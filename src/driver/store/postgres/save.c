/* What a transaction writes: all that operations made or changed, one statement a table. */
#include "driver/store/postgres/save.h"
#include "base/assert.h"
#include "driver/store/common.h"
#include "rules/row.h"

/* ---- rooms ---- */

static bool head_moved(const struct world_room *room)
{
        return room->first && !room->remade;
}

static void save_heads(struct saving *saving)
{
        struct parameters parameters = parameters_of(saving);
        struct column ids, heads, ns, times;
        size_t count = 0;

        world_each(saving->world, LINE_ROOM, struct world_room, room) count += head_moved(room);
        if (count == 0)
                return;
        ids = add_ids(&parameters, count);
        heads = add_numbers(&parameters, count);
        ns = add_numbers(&parameters, count);
        times = add_numbers(&parameters, count);
        world_each(saving->world, LINE_ROOM, struct world_room, room)
        {
                if (!head_moved(room))
                        continue;
                array_id(&ids, &room->id);
                array_number(&heads, room->head);
                array_number(&ns, room->n);
                array_number(&times, room->time_ms);
        }
        write(saving, SQL_ROOMS_HEAD, &parameters);
}

static void save_whole_rooms(struct saving *saving)
{
        struct parameters parameters = parameters_of(saving);
        struct column ids, heads, ns, times, versions, lowests;
        uint8_t lowest[LOWEST_SIZE];
        size_t count = 0;

        world_each(saving->world, LINE_ROOM, struct world_room, room) count += room->remade;
        if (count == 0)
                return;
        ids = add_ids(&parameters, count);
        heads = add_numbers(&parameters, count);
        ns = add_numbers(&parameters, count);
        times = add_numbers(&parameters, count);
        versions = add_numbers(&parameters, count);
        lowests = add_column(&parameters, COLUMN_BYTES, count, LOWEST_SIZE * count);
        world_each(saving->world, LINE_ROOM, struct world_room, room)
        {
                if (!room->remade)
                        continue;
                lowest_put(&room->lowest, lowest);
                array_id(&ids, &room->id);
                array_number(&heads, room->head);
                array_number(&ns, room->n);
                array_number(&times, room->time_ms);
                array_number(&versions, room->members_version);
                array_bytes(&lowests, slice_of(lowest, sizeof(lowest)));
        }
        write(saving, SQL_ROOMS_WHOLE, &parameters);
}

/* Lines that were inserted to be locked, and then no operation made a room of them. */
static void drop_unmade_rooms(struct saving *saving)
{
        struct parameters parameters = parameters_of(saving);
        struct column ids;
        size_t count = 0;

        world_each(saving->world, LINE_ROOM, struct world_room, room) count += room->line_there && !room->line.found;
        if (count == 0)
                return;
        ids = add_ids(&parameters, count);
        world_each(saving->world, LINE_ROOM, struct world_room, room) if (room->line_there && !room->line.found)
                array_id(&ids, &room->id);
        write(saving, SQL_ROOMS_DROP, &parameters);
}

static void add_members(struct saving *saving)
{
        static const enum sql tables[] = {SQL_MEMBERS_NEW, SQL_USER_ROOMS_NEW};
        size_t count = 0;

        world_each(saving->world, LINE_ROOM, struct world_room, room) if (room->line.made) count += room->member_count;
        for (size_t table = 0; table < countof(tables) && count > 0; table++) {
                struct parameters parameters = parameters_of(saving);
                struct column rooms = add_ids(&parameters, count), users = add_numbers(&parameters, count);

                world_each(saving->world, LINE_ROOM, struct world_room, room)
                {
                        for (uint32_t i = 0; room->line.made && i < room->member_count; i++) {
                                array_id(&rooms, &room->id);
                                array_number(&users, room->members[i].member.user);
                        }
                }
                write(saving, tables[table], &parameters);
        }
}

static void add_messages(struct saving *saving)
{
        struct parameters parameters = parameters_of(saving);
        struct column rooms, seqs, ns, counts, times, senders, kinds, requests, digests, texts;
        size_t count = 0, bytes = 0;

        world_each(saving->world, LINE_MESSAGE, struct world_message, message)
        {
                count += message->line.made;
                bytes += message->line.made ? message->row.text.size : 0;
        }
        if (count == 0)
                return;
        rooms = add_ids(&parameters, count);
        seqs = add_numbers(&parameters, count);
        ns = add_numbers(&parameters, count);
        counts = add_numbers(&parameters, count);
        times = add_numbers(&parameters, count);
        senders = add_numbers(&parameters, count);
        kinds = add_numbers(&parameters, count);
        requests = add_ids(&parameters, count);
        digests = add_column(&parameters, COLUMN_BYTES, count, STORE_HASH_SIZE * count);
        texts = add_column(&parameters, COLUMN_TEXT, count, bytes);
        world_each(saving->world, LINE_MESSAGE, struct world_message, message)
        {
                if (!message->line.made)
                        continue;
                array_id(&rooms, &message->room->id);
                array_number(&seqs, message->row.seq);
                array_number(&ns, message->row.n);
                array_number(&counts, row_countable(message->row.kind));
                array_number(&times, message->row.time_ms);
                array_number(&senders, message->row.sender);
                array_number(&kinds, message->row.kind);
                array_id(&requests, &message->row.request);
                array_bytes(&digests, slice_of(message->digest, STORE_HASH_SIZE));
                array_bytes(&texts, message->row.text);
        }
        write(saving, SQL_MESSAGES_NEW, &parameters);
}

static void save_marks(struct saving *saving)
{
        struct parameters parameters = parameters_of(saving);
        struct column rooms, columns[9];
        size_t count = 0;

        world_each(saving->world, LINE_ROOM, struct world_room, room) for (uint32_t i = 0; i < room->member_count; i++)
                count += room->members[i].changed;
        if (count == 0)
                return;
        rooms = add_ids(&parameters, count);
        for (size_t i = 0; i < countof(columns); i++)
                columns[i] = add_numbers(&parameters, count);
        world_each(saving->world, LINE_ROOM, struct world_room, room)
        {
                for (uint32_t i = 0; i < room->member_count; i++) {
                        const struct member *member = &room->members[i].member;
                        const uint64_t values[countof(columns)] = {
                                member->user,   member->joined_seq, member->delivered, member->read, member->shown,
                                member->read_n, member->read_own,   member->own_sends, room->head,
                        };

                        if (!room->members[i].changed)
                                continue;
                        array_id(&rooms, &room->id);
                        for (size_t column = 0; column < countof(columns); column++)
                                array_number(&columns[column], values[column]);
                }
        }
        write(saving, SQL_MEMBERS_MARK, &parameters);
}

#define REFRESH_EVERY (MEMBER_LAG_MAX / 2)

static bool needs_refresh(const struct world_room *room)
{
        return room->head / REFRESH_EVERY > room->head_before / REFRESH_EVERY;
}

/* Once in so many rows of a room: everybody who was not brought up to date for as long. */
static void refresh_members(struct saving *saving)
{
        struct parameters parameters = parameters_of(saving);
        struct column rooms, heads;
        size_t count = 0;

        world_each(saving->world, LINE_ROOM, struct world_room, room) count += needs_refresh(room);
        if (count == 0)
                return;
        rooms = add_ids(&parameters, count);
        heads = add_numbers(&parameters, count);
        world_each(saving->world, LINE_ROOM, struct world_room, room)
        {
                if (!needs_refresh(room))
                        continue;
                array_id(&rooms, &room->id);
                array_number(&heads, room->head);
        }
        add_number(&parameters, REFRESH_EVERY);
        write(saving, SQL_MEMBERS_REFRESH, &parameters);
}

bool save_queue(struct world *world, struct connection *connection, struct sent *sent)
{
        struct saving saving = {world, connection, sent};

        drop_unmade_rooms(&saving);
        add_messages(&saving);
        save_heads(&saving);
        save_whole_rooms(&saving);
        add_members(&saving);
        save_marks(&saving);
        refresh_members(&saving);
        if (!world->failed)
                save_accounts(world, connection, sent);
        return !world->failed;
}
