/* What a transaction writes: all that operations made or changed, one statement a table. */
#include "driver/store/postgres/save.h"
#include "base/assert.h"
#include "driver/store/common.h"
#include "rules/row.h"

/* ---- rooms ---- */

static bool head_moved(const struct world_room *room)
{
        return room->head != room->head_before && !room->remade;
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

static void save_groups(struct saving *saving)
{
        struct parameters parameters = parameters_of(saving);
        struct column ids, titles, links, members;
        size_t count = 0, title_bytes = 0, link_bytes = 0;

        world_each(saving->world, LINE_ROOM, struct world_room, room)
        {
                count += room->regrouped;
                title_bytes += room->regrouped ? room->title.size : 0;
                link_bytes += room->regrouped ? room->link.size : 0;
        }
        if (count == 0)
                return;
        ids = add_ids(&parameters, count);
        titles = add_column(&parameters, COLUMN_TEXT, count, title_bytes);
        links = add_column(&parameters, COLUMN_BYTES, count, link_bytes);
        members = add_numbers(&parameters, count);
        world_each(saving->world, LINE_ROOM, struct world_room, room)
        {
                if (!room->regrouped)
                        continue;
                array_id(&ids, &room->id);
                array_bytes(&titles, room->title);
                array_bytes(&links, room->link);
                array_number(&members, world_member_count(room));
        }
        write(saving, SQL_ROOMS_GROUP, &parameters);
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

static void add_messages(struct saving *saving)
{
        struct parameters parameters = parameters_of(saving);
        struct column rooms, seqs, ns, counts, times, senders, kinds, requests, digests, texts, subjects, roles, heirs,
                replies, origins;
        size_t count = 0, bytes = 0, origin_bytes = 0;

        world_each(saving->world, LINE_MESSAGE, struct world_message, message)
        {
                count += message->line.made;
                bytes += message->line.made ? message->row.text.size : 0;
                origin_bytes += message->line.made ? message->row.origin.size : 0;
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
        subjects = add_numbers(&parameters, count);
        roles = add_numbers(&parameters, count);
        heirs = add_numbers(&parameters, count);
        replies = add_numbers(&parameters, count);
        origins = add_column(&parameters, COLUMN_TEXT, count, origin_bytes);
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
                array_number(&subjects, message->row.subject);
                array_number(&roles, message->row.role);
                array_number(&heirs, message->row.heir);
                array_number(&replies, message->row.reply_to);
                array_bytes(&origins, message->row.origin);
        }
        write(saving, SQL_MESSAGES_NEW, &parameters);
}

/* Rows that were made here, too: after they were. */
static void alter_messages(struct saving *saving)
{
        struct parameters parameters = parameters_of(saving);
        struct column rooms, seqs, changes, kinds, texts, replies, edited, reactions, origins, pins;
        size_t count = 0, bytes = 0, reaction_bytes = 0, origin_bytes = 0;

        world_each(saving->world, LINE_TARGET, struct world_target, target)
        {
                if (!target->line.changed)
                        continue;
                count++;
                bytes += target->row.text.size;
                reaction_bytes += target->row.reactions.size;
                origin_bytes += target->row.origin.size;
        }
        if (count == 0)
                return;
        rooms = add_ids(&parameters, count);
        seqs = add_numbers(&parameters, count);
        changes = add_numbers(&parameters, count);
        kinds = add_numbers(&parameters, count);
        texts = add_column(&parameters, COLUMN_TEXT, count, bytes);
        replies = add_numbers(&parameters, count);
        edited = add_numbers(&parameters, count);
        reactions = add_column(&parameters, COLUMN_BYTES, count, reaction_bytes);
        origins = add_column(&parameters, COLUMN_TEXT, count, origin_bytes);
        pins = add_numbers(&parameters, count);
        world_each(saving->world, LINE_TARGET, struct world_target, target)
        {
                if (!target->line.changed)
                        continue;
                array_id(&rooms, &target->room->id);
                array_number(&seqs, target->row.seq);
                array_number(&changes, target->row.changed);
                array_number(&kinds, target->row.kind);
                array_bytes(&texts, target->row.text);
                array_number(&replies, target->row.reply_to);
                array_number(&edited, target->row.edited_ms);
                array_bytes(&reactions, target->row.reactions);
                array_bytes(&origins, target->row.origin);
                array_number(&pins, target->row.pinned);
        }
        write(saving, SQL_MESSAGES_ALTER, &parameters);
}

bool save_queue(struct world *world, struct connection *connection, struct sent *sent)
{
        struct saving saving = {world, connection, sent};

        drop_unmade_rooms(&saving);
        add_messages(&saving);
        alter_messages(&saving);
        if (!world->failed)
                save_search(world, connection, sent);
        save_heads(&saving);
        save_whole_rooms(&saving);
        save_groups(&saving);
        if (!world->failed)
                save_members(world, connection, sent);
        if (!world->failed)
                save_refusals(world, connection, sent);
        if (!world->failed)
                save_blocks(world, connection, sent);
        if (!world->failed)
                save_leaving(world, connection, sent);
        if (!world->failed)
                save_accounts(world, connection, sent);
        return !world->failed;
}
