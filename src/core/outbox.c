/* Entries of the outbox: made, restored, done, failed, tried again. */
#include "core/outbox.h"

#include "core/state.h"
#include "rules/limits.h"
#include "rules/room.h"
#include "rules/row.h"

struct entry *outbox_find(struct room *room, const struct id *id)
{
        list_each(&room->outbox, entry, struct entry, node) {
                if (id_equal(&entry->id, id))
                        return entry;
        }
        return NULL;
}

/* ---- entries in memory ---- */

static void text_give(struct core *core, struct entry *entry)
{
        core->outbox.bytes -= (uint32_t)entry->text.size;
        recycler_give_copy(&core->memory, &entry->text);
}

/* The first that is still to be sent: those that failed or were answered before it do not wait for anything. */
static const struct entry *next_entry(const struct room *room)
{
        list_each(&room->outbox, entry, struct entry, node) {
                if (entry->state != ENTRY_FAILED && entry->state != ENTRY_ANSWERED && entry->state != ENTRY_RETRYING)
                        return entry;
        }
        return NULL;
}

/* The text is held in memory if the limit allows, or if it is the room's next. */
static void text_take(struct core *core, struct room *room, struct entry *entry, struct slice text)
{
        bool next = entry->state == ENTRY_RETRYING || next_entry(room) == entry;

        if (entry->text.size || (core->outbox.bytes + text.size > core->limits.outbox_bytes_max && !next))
                return;
        if (recycler_copy(&core->memory, text, &entry->text))
                core->outbox.bytes += (uint32_t)text.size;
}

static struct entry *entry_new(struct core *core, struct room *room, const struct id *id, struct slice text,
                               uint64_t wall_ms, enum entry_state state)
{
        struct entry *entry = recycler_new(&core->memory, struct entry);

        if (!entry)
                return NULL;
        entry->id = *id;
        entry->state = state;
        entry->size = (uint32_t)text.size;
        entry->wall_ms = wall_ms;
        list_append(&room->outbox, &entry->node);
        text_take(core, room, entry, text);
        room->queued++;
        core->outbox.count++;
        if (id_compare(id, &core->last_id) > 0)
                core->last_id = *id;
        return entry;
}

static void entry_free(struct core *core, struct room *room, struct entry *entry)
{
        list_remove(&entry->node);
        text_give(core, entry);
        recycler_give(&core->memory, entry, sizeof(*entry));
        room->queued--;
        core->outbox.count--;
        if (core->outbox.more && core->outbox.count <= core->limits.outbox_max / 2)
                core->loader.outbox_due = true;
}

void outbox_forget(struct core *core, struct room *room)
{
        while (!list_empty(&room->outbox))
                entry_free(core, room, container_of(list_first(&room->outbox), struct entry, node));
}

void outbox_unanswered(struct room *room)
{
        list_each(&room->outbox, entry, struct entry, node) {
                if (entry->state == ENTRY_ANSWERED)
                        entry->state = ENTRY_QUEUED; /* the repeat gets the same answer */
        }
}

/* ---- the storage ---- */

static bool keep_entry(struct core *core, const struct record_entry *record, enum effect effect)
{
        uint8_t key[CORE_KEY_SIZE_MAX];
        size_t key_size = record_key_entry(&record->room, &record->id, key);
        struct batch_item *item =
                batch_item_new(core, effect, slice_of(key, key_size), RECORD_ENTRY_FIXED + record->text.size);
        uint8_t *value;

        if (!item)
                return false;
        value = record_entry_encode(record, batch_value(item), batch_value_end(item));
        check(value == batch_value(item));
        item->room = record->room;
        item->id = record->id;
        item->error = (uint8_t)record->error;
        batch_add(core, item, value);
        return true;
}

static bool drop_entry(struct core *core, struct room *room, const struct id *id, enum effect effect, uint64_t seq)
{
        uint8_t key[CORE_KEY_SIZE_MAX];
        size_t key_size = record_key_entry(&room->id, id, key);
        struct batch_item *item = batch_item_new(core, effect, slice_of(key, key_size), key_size + 1);

        if (!item)
                return false;
        item->room = room->id;
        item->id = *id;
        item->number = seq;
        batch_add(core, item, NULL);
        return true;
}

void outbox_was_kept(struct core *core, const struct batch_item *item)
{
        struct room *room = room_find(core, &item->room);
        struct entry *entry = room ? outbox_find(room, &item->id) : NULL;

        if (!entry || entry->state != ENTRY_KEEPING)
                return;
        entry->state = ENTRY_QUEUED;
        room_work(core, room);
        room_notice(core, room, NOTICE_ROOM);
}

static void retry_now(struct core *core, struct room *room, struct entry *entry);

void outbox_restore(struct core *core, const struct record_entry *record)
{
        struct room *room = room_get(core, &record->room);
        struct entry *entry;

        if (!room || batch_has_entry(core, &record->room, &record->id))
                return;
        entry = outbox_find(room, &record->id);
        if (!entry) {
                if (core->outbox.count >= core->limits.outbox_max)
                        return;
                entry = entry_new(core, room, &record->id, record->text, record->wall_ms,
                                  record->state == CORE_MESSAGE_FAILED ? ENTRY_FAILED : ENTRY_QUEUED);
                if (!entry)
                        return;
                entry->error = (uint8_t)record->error;
                /* Whoever had it before may have sent it a moment ago. */
                entry->doubt_ms = max_of(core->now_ms, UINT64_C(1));
        }
        text_take(core, room, entry, record->text);
        if (entry->state == ENTRY_RETRYING && entry->text.size)
                retry_now(core, room, entry);
        else if (entry->state == ENTRY_RETRYING)
                entry->state = ENTRY_FAILED; /* no memory: the user may try once more */
        else if (entry->text.size == 0 && next_entry(room) == entry)
                room->write_ms = max_of(room->write_ms, core->now_ms + CORE_FULL_PAUSE_MS);
        room_work(core, room);
        room_notice(core, room, NOTICE_ROOM);
}

void outbox_lost(struct core *core, const struct id *room_id, const struct id *id)
{
        struct room *room = room_find(core, room_id);
        struct entry *entry = room ? outbox_find(room, id) : NULL;

        if (entry && entry->text.size == 0 && entry->state != ENTRY_FLYING && !batch_has_entry(core, room_id, id))
                entry_free(core, room, entry);
}

/* ---- done ---- */

bool outbox_done(struct core *core, struct room *room, const struct id *id, uint64_t seq)
{
        struct entry *entry = outbox_find(room, id);

        if (!entry)
                return true;
        if (!drop_entry(core, room, id, EFFECT_SENT, seq))
                return false;
        entry_free(core, room, entry);
        room_work(core, room);
        room_notice(core, room, NOTICE_ROOM);
        return true;
}

bool outbox_row_arrived(struct core *core, struct room *room, const struct wire_row *row)
{
        if (row->sender != core->account.user || list_empty(&room->outbox))
                return true;
        return outbox_done(core, room, &row->request, row->seq);
}

bool outbox_make_row(struct core *core, struct room *room, const struct id *id, uint64_t seq, uint64_t time_ms, uint64_t n,
                     struct wire_row *row)
{
        const struct entry *entry = outbox_find(room, id);

        if (!entry || entry->text.size == 0)
                return false;
        *row = (struct wire_row){.seq = seq,
                                 .changed = seq,
                                 .n = n,
                                 .time_ms = time_ms,
                                 .sender = core->account.user,
                                 .kind = ROW_TEXT,
                                 .request = *id,
                                 .text = entry->text};
        return true;
}

void outbox_fail(struct core *core, struct room *room, struct entry *entry, enum error error)
{
        struct record_entry record = {.room = room->id,
                                      .id = entry->id,
                                      .state = CORE_MESSAGE_FAILED,
                                      .error = error,
                                      .wall_ms = entry->wall_ms,
                                      .text = entry->text};

        entry->state = ENTRY_FAILED;
        entry->error = (uint8_t)error;
        check(entry->text.size);
        if (!keep_entry(core, &record, EFFECT_FAILED)) {
                entry->state = ENTRY_QUEUED; /* no memory: the server says it again */
                room->write_ms = core->now_ms + 1000;
        }
        room_work(core, room);
}

/* ---- what the user does ---- */

enum error core_send(struct core *core, const struct id *room_id, struct slice text, struct id *id, struct core_time time)
{
        struct record_entry record = {.state = CORE_MESSAGE_QUEUED, .text = text};
        enum room_kind kind = room_kind_of(room_id);
        struct entry *entry;
        struct room *room;

        core_set_time(core, time);
        if (core->account.state != ACCOUNT_SIGNED_IN || core->loader.state != LOADER_DONE)
                return ERR_AGAIN;
        if (text.size > TEXT_SIZE_MAX)
                return ERR_TOO_LARGE;
        if (text.size == 0 || !slice_is_text(text) || kind == ROOM_NONE)
                return ERR_BAD_FIELD;
        if (kind != ROOM_GROUP && room_peer(room_id, core->account.user) == 0)
                return ERR_NO_ROOM;
        if (core->outbox.count >= core->limits.outbox_max || core->outbox.more)
                return ERR_FULL;
        room = room_get(core, room_id);
        if (!room)
                return ERR_FULL;
        record.room = *room_id;
        record.id = core_new_id(core);
        record.wall_ms = core->wall_ms;
        entry = entry_new(core, room, &record.id, text, record.wall_ms, ENTRY_KEEPING);
        if (!entry)
                return ERR_NO_MEMORY;
        if (!keep_entry(core, &record, EFFECT_QUEUED)) {
                entry_free(core, room, entry);
                return ERR_NO_MEMORY;
        }
        *id = record.id;
        core_step(core);
        return ERR_OK;
}

/* The old entry is replaced by one with a new id, at the end: in one batch. */
static void retry_now(struct core *core, struct room *room, struct entry *entry)
{
        struct record_entry record = {
                .room = room->id, .state = CORE_MESSAGE_QUEUED, .wall_ms = core->wall_ms, .text = entry->text};

        check(entry->text.size && entry->state == ENTRY_RETRYING);
        entry->state = ENTRY_FAILED;
        record.id = core_new_id(core);
        if (!keep_entry(core, &record, EFFECT_QUEUED))
                return;
        if (!drop_entry(core, room, &entry->id, EFFECT_NONE, 0))
                return; /* both stay: the old one as failed, the new one is found in the storage */
        entry->id = record.id;
        entry->state = ENTRY_KEEPING;
        entry->error = 0;
        entry->wall_ms = record.wall_ms;
        entry->doubt_ms = entry->wait_ms = 0;
        list_remove(&entry->node);
        list_append(&room->outbox, &entry->node);
}

static struct entry *find_failed(struct core *core, const struct id *room_id, const struct id *id, struct room **room)
{
        struct entry *entry;

        *room = room_find(core, room_id);
        entry = *room ? outbox_find(*room, id) : NULL;
        return entry && entry->state == ENTRY_FAILED ? entry : NULL;
}

enum error core_retry(struct core *core, const struct id *room_id, const struct id *id, struct core_time time)
{
        struct room *room;
        struct entry *entry = find_failed(core, room_id, id, &room);

        core_set_time(core, time);
        if (!entry)
                return ERR_NOT_FOUND;
        entry->state = ENTRY_RETRYING;
        if (entry->text.size)
                retry_now(core, room, entry);
        room_work(core, room);
        core_step(core);
        return ERR_OK;
}

enum error core_discard(struct core *core, const struct id *room_id, const struct id *id, struct core_time time)
{
        struct room *room;
        struct entry *entry = find_failed(core, room_id, id, &room);

        core_set_time(core, time);
        if (!entry)
                return ERR_NOT_FOUND;
        if (!drop_entry(core, room, id, EFFECT_NONE, 0))
                return ERR_NO_MEMORY;
        entry_free(core, room, entry);
        room_notice(core, room, NOTICE_ROOM);
        core_step(core);
        return ERR_OK;
}
