/* What a transaction writes of members: marks, stays that begin and end, roles. */
#include "base/assert.h"
#include "driver/store/common.h"
#include "driver/store/postgres/save.h"

#define each_member(room, item)                                                                                             \
        for (struct world_member *item = (room)->members, *item##_end = item ? item + (room)->member_count : NULL;          \
             item != item##_end; item++)

typedef bool member_test(const struct world_member *member);

static bool is_made(const struct world_member *member)
{
        return member->made;
}

static bool is_marked(const struct world_member *member)
{
        return member->changed && !member->made;
}

static bool has_left(const struct world_member *member)
{
        return member->left_seq != 0;
}

static bool ends_here(const struct world_member *member)
{
        return has_left(member) && !member->made;
}

static bool is_switched(const struct world_member *member)
{
        return member->switched && !member->made;
}

static bool has_new_role(const struct world_member *member)
{
        return member->new_role && !member->made;
}

static size_t count_of(const struct saving *saving, member_test *test)
{
        size_t count = 0;

        world_each(saving->world, LINE_ROOM, struct world_room, room) each_member(room, member) count += test(member);
        return count;
}

/* The rooms' ids, then so many numbers of each member that passes the test. */
typedef void member_values(const struct world_room *room, const struct world_member *member, uint64_t *values);

static void write_members(struct saving *saving, enum sql sql, member_test *test, member_values *values, size_t value_count)
{
        struct parameters parameters = parameters_of(saving);
        struct column rooms, columns[PARAMETERS_MAX - 1];
        size_t count = count_of(saving, test);

        check(value_count <= countof(columns));
        if (count == 0)
                return;
        rooms = add_ids(&parameters, count);
        for (size_t i = 0; i < value_count; i++)
                columns[i] = add_numbers(&parameters, count);
        world_each(saving->world, LINE_ROOM, struct world_room, room)
        {
                each_member(room, member)
                {
                        uint64_t numbers[PARAMETERS_MAX - 1];

                        if (!test(member))
                                continue;
                        values(room, member, numbers);
                        array_id(&rooms, &room->id);
                        for (size_t i = 0; i < value_count; i++)
                                array_number(&columns[i], numbers[i]);
                }
        }
        write(saving, sql, &parameters);
}

static void mark_values(const struct world_room *room, const struct world_member *found, uint64_t *values)
{
        const struct member *member = &found->member;
        const uint64_t list[] = {
                member->user,   member->joined_seq, member->delivered, member->read, member->shown,
                member->read_n, member->read_own,   member->own_sends, room->head,
        };

        memcpy(values, list, sizeof(list));
}

static void stay_values(const struct world_room *room, const struct world_member *found, uint64_t *values)
{
        const struct member *member = &found->member;
        const uint64_t list[] = {
                member->user,         member->joined_seq, found->left_seq,  member->delivered, member->read, member->shown,
                member->counted_from, member->read_n,     member->read_own, member->own_sends, room->head,   member->role,
        };

        memcpy(values, list, sizeof(list));
}

static void end_values(const struct world_room *room, const struct world_member *found, uint64_t *values)
{
        (void)room;
        values[0] = found->member.user;
        values[1] = found->member.joined_seq;
        values[2] = found->left_seq;
}

static void role_values(const struct world_room *room, const struct world_member *found, uint64_t *values)
{
        (void)room;
        values[0] = found->member.user;
        values[1] = found->member.joined_seq;
        values[2] = found->member.role;
}

static void counted_values(const struct world_room *room, const struct world_member *found, uint64_t *values)
{
        (void)room;
        values[0] = found->member.user;
        values[1] = found->member.joined_seq;
        values[2] = found->member.counted_from;
        values[3] = found->member.shown;
}

static void user_values(const struct world_room *room, const struct world_member *found, uint64_t *values)
{
        (void)room;
        values[0] = found->member.user;
}

/* The last of his stays in that room, of those that are here, and it ended. */
static bool is_out(const struct world_room *room, const struct world_member *member)
{
        const struct world_member *end = room->members + room->member_count;

        for (const struct world_member *later = member + 1; later < end; later++)
                if (later->member.user == member->member.user)
                        return false;
        return has_left(member);
}

/* How a room was for those who left it, and did not come back at once. */
static void save_leavers(struct saving *saving)
{
        struct parameters parameters = parameters_of(saving);
        struct column rooms, users, seqs, ns, times, titles;
        size_t count = 0, bytes = 0;

        world_each(saving->world, LINE_ROOM, struct world_room, room) each_member(room, member)
        {
                if (!is_out(room, member))
                        continue;
                count++;
                bytes += member->left_title.size;
        }
        if (count == 0)
                return;
        rooms = add_ids(&parameters, count);
        users = add_numbers(&parameters, count);
        seqs = add_numbers(&parameters, count);
        ns = add_numbers(&parameters, count);
        times = add_numbers(&parameters, count);
        titles = add_column(&parameters, COLUMN_TEXT, count, bytes);
        world_each(saving->world, LINE_ROOM, struct world_room, room) each_member(room, member)
        {
                if (!is_out(room, member))
                        continue;
                array_id(&rooms, &room->id);
                array_number(&users, member->member.user);
                array_number(&seqs, member->left_seq);
                array_number(&ns, member->left_n);
                array_number(&times, member->left_ms);
                array_bytes(&titles, member->left_title);
        }
        write(saving, SQL_USER_ROOMS_LEFT, &parameters);
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

void save_members(struct world *world, struct connection *connection, struct sent *sent)
{
        struct saving saving = {world, connection, sent};

        /* A stay that ends takes its counts with it, and the next one of the same user begins with them: in this order. */
        write_members(&saving, SQL_MEMBERS_MARK, is_marked, mark_values, 9);
        write_members(&saving, SQL_MEMBERS_COUNTED, is_switched, counted_values, 4);
        write_members(&saving, SQL_MEMBERS_ROLE, has_new_role, role_values, 3);
        write_members(&saving, SQL_MEMBERS_LEFT, ends_here, end_values, 3);
        write_members(&saving, SQL_MEMBERS_NEW, is_made, stay_values, 12);
        write_members(&saving, SQL_USER_ROOMS_NEW, is_made, user_values, 1);
        save_leavers(&saving);
        refresh_members(&saving);
}

void save_refusals(struct world *world, struct connection *connection, struct sent *sent)
{
        struct saving saving = {world, connection, sent};
        struct parameters parameters = parameters_of(&saving), old = parameters_of(&saving);
        struct column requests, users, rooms, digests, statuses;
        uint64_t age_ms = min_of((uint64_t)STORE_REQUESTS_DAYS * DAY_MS, world->now_ms);
        size_t count = 0;

        world_each(world, LINE_REFUSAL, struct world_refusal, refusal) count += refusal->line.made;
        if (count == 0)
                return;
        requests = add_ids(&parameters, count);
        users = add_numbers(&parameters, count);
        rooms = add_ids(&parameters, count);
        digests = add_column(&parameters, COLUMN_BYTES, count, STORE_HASH_SIZE * count);
        statuses = add_numbers(&parameters, count);
        world_each(world, LINE_REFUSAL, struct world_refusal, refusal)
        {
                if (!refusal->line.made)
                        continue;
                array_id(&requests, &refusal->request);
                array_number(&users, refusal->user);
                array_id(&rooms, &refusal->room->id);
                array_bytes(&digests, slice_of(refusal->digest, STORE_HASH_SIZE));
                array_number(&statuses, refusal->status);
        }
        add_number(&parameters, world->now_ms);
        write(&saving, SQL_REFUSALS_NEW, &parameters);
        add_number(&old, world->now_ms - age_ms);
        write(&saving, SQL_REFUSALS_EXPIRED, &old);
}
