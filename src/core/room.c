/* The two arrays of rooms, and what moves a room's numbers. */
#include "core/room.h"

#include "core/state.h"
#include "rules/room.h"
#include "rules/row.h"

void rooms_init(struct rooms *rooms)
{
        *rooms = (struct rooms){.keep_ms = UINT64_MAX};
        list_init(&rooms->work);
        list_init(&rooms->dirty);
        list_init(&rooms->notice);
}

/* ---- finding ---- */

/* Index of the first room whose id is ≥ id (or > id). */
static uint32_t search(const struct rooms *rooms, const struct id *id, bool above)
{
        uint32_t low = 0, high = rooms->count;

        while (low < high) {
                uint32_t middle = low + (high - low) / 2;
                int order = id_compare(&rooms->by_id[middle]->id, id);

                if (order < 0 || (above && order == 0))
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

uint32_t rooms_above(const struct core *core, const struct id *after)
{
        return search(&core->rooms, after, true);
}

struct room *room_find(const struct core *core, const struct id *id)
{
        uint32_t i = search(&core->rooms, id, false);

        if (i < core->rooms.count && id_equal(&core->rooms.by_id[i]->id, id))
                return core->rooms.by_id[i];
        return NULL;
}

static bool grow(struct core *core)
{
        struct rooms *rooms = &core->rooms;
        uint32_t size = rooms->size ? rooms->size * 2 : 2;
        size_t old_bytes = sizeof(struct room *) * rooms->size;
        struct room **by_id, **by_time;

        if (rooms->count < rooms->size)
                return true;
        by_id = recycler_take(&core->memory, sizeof(*by_id) * size);
        by_time = recycler_take(&core->memory, sizeof(*by_time) * size);
        if (!by_id || !by_time) {
                recycler_give(&core->memory, by_id, sizeof(*by_id) * size);
                recycler_give(&core->memory, by_time, sizeof(*by_time) * size);
                return false;
        }
        if (rooms->count) {
                memcpy(by_id, rooms->by_id, old_bytes);
                memcpy(by_time, rooms->by_time, old_bytes);
        }
        recycler_give(&core->memory, rooms->by_id, old_bytes);
        recycler_give(&core->memory, rooms->by_time, old_bytes);
        rooms->by_id = by_id;
        rooms->by_time = by_time;
        rooms->size = size;
        return true;
}

struct room *room_get(struct core *core, const struct id *id)
{
        struct rooms *rooms = &core->rooms;
        struct room *room = room_find(core, id);
        uint32_t at;

        if (room)
                return room;
        check(room_kind_of(id) != ROOM_NONE);
        if (rooms->count >= core->limits.rooms_max || !grow(core))
                return NULL;
        room = recycler_new(&core->memory, struct room);
        if (!room)
                return NULL;
        room->id = *id;
        room->kind = (uint8_t)room_kind_of(id);
        list_init(&room->outbox);
        list_init(&room->held);
        at = search(rooms, id, false);
        memmove(rooms->by_id + at + 1, rooms->by_id + at, sizeof(room) * (rooms->count - at));
        rooms->by_id[at] = room;
        rooms->by_time[rooms->count++] = room;
        if (room->kind == ROOM_PERSONAL)
                core->sync.peers_due = true;
        return room;
}

/* ---- lists ---- */

void room_work(struct core *core, struct room *room)
{
        if (!list_linked(&room->work))
                list_append(&core->rooms.work, &room->work);
}

void rooms_start_work(struct core *core)
{
        for (uint32_t i = 0; i < core->rooms.count; i++)
                room_work(core, core->rooms.by_time[i]);
}

void room_notice(struct core *core, struct room *room, unsigned notices)
{
        room->notices |= (uint8_t)notices;
        if (!list_linked(&room->notice))
                list_append(&core->rooms.notice, &room->notice);
}

void room_dirty(struct core *core, struct room *room, bool now)
{
        if (!list_linked(&room->dirty))
                list_append(&core->rooms.dirty, &room->dirty);
        core->rooms.keep_ms = min_of(core->rooms.keep_ms, now ? 0 : core->now_ms + ROOM_SOFT_KEEP_MS);
}

void room_take_time(struct core *core, struct room *room, uint64_t time_ms)
{
        struct room **by_time = core->rooms.by_time;
        uint32_t at = 0, to = 0;

        if (time_ms <= room->last_time_ms)
                return;
        room->last_time_ms = time_ms;
        while (by_time[to]->last_time_ms >= time_ms && by_time[to] != room)
                to++;
        for (at = to; by_time[at] != room; at++)
                check(at < core->rooms.count);
        memmove(by_time + to + 1, by_time + to, sizeof(room) * (at - to));
        by_time[to] = room;
}

/* ---- forgetting ---- */

static void room_empty(struct core *core, struct room *room)
{
        held_forget(core, room);
        outbox_unanswered(room);
        holes_finish(&room->holes, &core->memory);
        list_remove(&room->dirty);
        room->head = room->head_kept = room->seen_head = room->asked_head = room->delivered = 0;
        room->others_head = room->recent = room->read = room->gap_ms = room->joined_seq = 0;
        room->marks = (struct wire_marks){0};
        room->lowest = (struct wire_lowest){0};
        room->left = false;
        if (room->group)
                room->group->told_seq = 0;
}

static void room_free(struct core *core, struct room *room)
{
        room_empty(core, room);
        outbox_forget(core, room);
        list_remove(&room->work);
        list_remove(&room->notice);
        recycler_give_copy(&core->memory, &room->peer.user_name);
        recycler_give_copy(&core->memory, &room->peer.display_name);
        group_forget(core, room);
        recycler_give(&core->memory, room, sizeof(*room));
}

void rooms_forget(struct core *core, bool keep_outbox)
{
        struct rooms *rooms = &core->rooms;
        uint32_t kept = 0;

        for (uint32_t i = 0; i < rooms->count; i++) {
                struct room *room = rooms->by_id[i];

                if (keep_outbox && !list_empty(&room->outbox)) {
                        room_empty(core, room);
                        room->last_time_ms = 0;
                        rooms->by_id[kept++] = room;
                } else {
                        room_free(core, room);
                }
        }
        if (kept)
                memcpy(rooms->by_time, rooms->by_id, sizeof(*rooms->by_id) * kept);
        rooms->count = kept;
        rooms->keep_ms = UINT64_MAX;
}

bool room_forget_rows(struct core *core, struct room *room)
{
        uint8_t key[CORE_KEY_SIZE_MAX], end[CORE_KEY_SIZE_MAX];
        size_t key_size = core_key_row(&room->id, 0, key);
        size_t end_size = core_key_row(&room->id, UINT64_MAX, end);

        if (!batch_drop(core, EFFECT_NONE, ERR_OK, slice_of(key, key_size), slice_of(end, end_size)) ||
            (room->kind == ROOM_SELF && !batch_drop(core, EFFECT_NONE, ERR_OK, SLICE_LITERAL("S"), SLICE_LITERAL("T"))))
                return false;
        /* What is on its way to the storage speaks of the past that ends here: nothing of it was received, or may be shown. */
        batch_forget(core, &room->id, false);
        if (room->kind == ROOM_SELF)
                settings_forget_rows(core);
        room_empty(core, room);
        room_dirty(core, room, true);
        room_notice(core, room, NOTICE_ROOM);
        return true;
}

/* ---- keeping ---- */

uint64_t room_floor(const struct core *core, const struct room *room)
{
        uint64_t rows = core->limits.background_rows;

        if (room->kind == ROOM_SELF) /* of settings all are wanted */
                return 0;
        return room->head > rows ? room->head - rows : 0;
}

bool room_keep(struct core *core, struct room *room)
{
        uint8_t key[CORE_KEY_SIZE_MAX];
        size_t key_size = record_key_room(&room->id, key);
        struct group group = group_of(room);
        size_t texts = room->peer.user_name.size + room->peer.display_name.size + group.title.size;
        size_t value_max = RECORD_ROOM_EXTRA + texts + sizeof(struct hole) * room->holes.count;
        struct batch_item *item = batch_item_new(core, EFFECT_ROOM, slice_of(key, key_size), value_max);
        struct record_room record = {.read = room->read, .unread = room_unread(room)};
        uint8_t *value;

        if (!item)
                return false;
        record.state = (struct wire_room_state){.room = room->id,
                                                .kind = room->kind,
                                                .head = room->head,
                                                .marks = room->marks,
                                                .lowest = room->lowest,
                                                .peer = room->peer,
                                                .left = room->left,
                                                .joined_seq = room->joined_seq,
                                                .title = group.title,
                                                .role = group.role,
                                                .members = group.members,
                                                .last_time_ms = room->last_time_ms};
        record.state.has = WIRE_HAS(room_state, marks) | WIRE_HAS(room_state, lowest);
        if (room->peer.user)
                record.state.has |= WIRE_HAS(room_state, peer);
        value = record_room_encode(&record, &room->holes, batch_value(item), batch_value_end(item));
        check(value);
        item->room = room->id;
        item->number = room->head;
        item->delivered = holes_whole_to(&room->holes, room_floor(core, room), room->head);
        batch_add(core, item, value);
        return true;
}

void room_was_kept(struct core *core, const struct batch_item *item)
{
        struct room *room = room_find(core, &item->room);

        if (!room)
                return;
        room->head_kept = item->number;
        room->delivered = item->delivered;
        room_work(core, room);
}

bool room_restore(struct core *core, const struct record_room *record)
{
        struct room *room = room_get(core, &record->state.room);

        if (!room)
                return false;
        for (uint16_t i = 0; i < record->hole_count; i++) {
                const uint8_t *hole = record->holes + sizeof(struct hole) * i;

                if (!holes_reserve(&room->holes, &core->memory)) {
                        holes_finish(&room->holes, &core->memory); /* half of them would lie above a head of 0 */
                        return false;
                }
                holes_add(&room->holes, be64_get(hole), be64_get(hole + 8));
        }
        room->head = room->head_kept = room->seen_head = room->others_head = record->state.head;
        room->delivered = holes_whole_to(&room->holes, room_floor(core, room), room->head);
        room->marks = record->state.marks;
        /* Rows after the marks' head were counted before; the record has the sum. */
        room->marks.unread = record->unread;
        room->marks.head = max_of(room->marks.head, room->head);
        room->read = record->read;
        room->lowest = record->state.lowest;
        room->left = record->state.left != 0;
        room->joined_seq = record->state.joined_seq;
        room_take_time(core, room, record->state.last_time_ms);
        return group_take_state(core, room, &record->state) && room_take_peer(core, room, &record->state.peer);
}

/* ---- rows and numbers ---- */

bool room_row_lawful(const struct wire_row *row, uint64_t after, uint64_t before)
{
        return row->seq > 0 && row->seq <= row->changed && row->changed > after && row->changed < before &&
               row->changed < UINT64_MAX;
}

bool room_put_row(struct core *core, struct room *room, const struct wire_row *row, struct batch_place *place)
{
        uint8_t key[CORE_KEY_SIZE_MAX];
        size_t key_size = core_key_row(&room->id, row->seq, key);
        struct batch_item *item;
        uint8_t *value;

        if (row->kind == ROW_SETTING)
                return settings_take_row(core, room, row, place);
        item = batch_item_new(core, EFFECT_ROW, slice_of(key, key_size), record_row_size(row));
        if (!item)
                return false;
        value = record_row_encode(row, batch_value(item), batch_value_end(item));
        check(value);
        item->room = room->id;
        item->number = row->seq;
        if (place)
                batch_insert(core, item, value, place);
        else
                batch_add(core, item, value);
        if (row->sender != core->account.user)
                room->others_head = max_of(room->others_head, row->changed);
        if (room->kind == ROOM_GROUP) {
                people_want(core, row->sender);
                people_want(core, row->subject);
        }
        if (row->changed != row->seq)
                fetch_touched(room, row->seq);
        room_take_time(core, room, row->time_ms);
        return true;
}

void room_count_row(const struct core *core, struct room *room, const struct wire_row *row)
{
        if (row->sender == core->account.user || !row_countable((unsigned)row->kind))
                return;
        if (row->seq <= room->head && room->head - row->seq < 64)
                room->recent |= UINT64_C(1) << (room->head - row->seq);
}

void room_cover(struct core *core, struct room *room, uint64_t from, uint64_t to)
{
        check(from > 0 && from <= to + 1 && to < UINT64_MAX);
        if (from <= to)
                holes_remove(&room->holes, from, to);
        if (to > room->head) {
                uint64_t step = to - room->head;

                if (from > room->head + 1)
                        holes_add(&room->holes, room->head + 1, from - 1);
                room->recent = step < 64 ? room->recent << step : 0;
                room->head = to;
                room->seen_head = max_of(room->seen_head, to);
        }
        if (room->holes.count)
                core->sync.scan_ms = 0;
        room_dirty(core, room, true);
}

/* ---- the server's news ---- */

void room_take_marks(struct core *core, struct room *room, const struct wire_marks *marks, bool all)
{
        struct wire_marks *mine = &room->marks;
        uint64_t unread = room_unread(room);

        if (!all)
                room->marks_live |=
                        marks->delivered > mine->delivered || marks->read > mine->read || marks->shown > mine->shown;
        all &= !room->marks_live; /* else the answer was read before what came meanwhile */
        if (all || marks->head >= mine->head) {
                mine->head = marks->head;
                mine->unread = marks->unread;
        }
        mine->delivered = all ? marks->delivered : max_of(mine->delivered, marks->delivered);
        mine->read = all ? marks->read : max_of(mine->read, marks->read);
        mine->shown = all ? marks->shown : max_of(mine->shown, marks->shown);
        room->read = max_of(room->read, mine->read);
        room->seen_head = max_of(room->seen_head, marks->head);
        if (room_unread(room) != unread)
                room_notice(core, room, NOTICE_ROOM);
        room_dirty(core, room, false);
        room_work(core, room);
}

void room_take_lowest(struct core *core, struct room *room, const struct wire_lowest *lowest)
{
        if (lowest->version <= room->lowest.version && room->lowest.has)
                return;
        room->lowest = *lowest;
        room_notice(core, room, NOTICE_TICKS);
        room_dirty(core, room, false);
}

bool room_take_peer(struct core *core, struct room *room, const struct wire_person *peer)
{
        struct slice user_name, display_name;

        if (peer->user == 0 || (peer->user == room->peer.user && peer->version <= room->peer.version))
                return true;
        if (!recycler_copy(&core->memory, peer->user_name, &user_name))
                return false;
        if (!recycler_copy(&core->memory, peer->display_name, &display_name)) {
                recycler_give_copy(&core->memory, &user_name);
                return false;
        }
        recycler_give_copy(&core->memory, &room->peer.user_name);
        recycler_give_copy(&core->memory, &room->peer.display_name);
        room->peer = *peer;
        room->peer.user_name = user_name;
        room->peer.display_name = display_name;
        room_notice(core, room, NOTICE_ROOM);
        room_dirty(core, room, false);
        return true;
}

uint64_t room_unread(const struct room *room)
{
        uint64_t from = max_of(room->marks.head, room->read);
        uint64_t unread = room->read >= room->marks.head ? 0 : room->marks.unread;
        uint64_t fresh = room->head > from ? room->head - from : 0;
        uint64_t bits = fresh < 64 ? room->recent & ((UINT64_C(1) << fresh) - 1) : room->recent;

        return unread + (uint64_t)__builtin_popcountll(bits);
}
