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

static void operation_give(struct core *core, struct entry *entry)
{
        core->outbox.bytes -= (uint32_t)(entry->operation.text.size + entry->operation.origin.size);
        recycler_give_copy(&core->memory, &entry->operation.text);
        recycler_give_copy(&core->memory, &entry->operation.origin);
        entry->here = false;
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

/* It is held in memory if the limit allows, or if it is the room's next. */
static void operation_take(struct core *core, struct room *room, struct entry *entry, const struct wire_operation *operation)
{
        bool next = entry->state == ENTRY_RETRYING || next_entry(room) == entry;
        struct slice text, origin;

        if (entry->here ||
            (core->outbox.bytes + operation->text.size + operation->origin.size > core->limits.outbox_bytes_max && !next))
                return;
        if (!recycler_copy(&core->memory, operation->text, &text))
                return;
        if (!recycler_copy(&core->memory, operation->origin, &origin)) {
                recycler_give_copy(&core->memory, &text);
                return;
        }
        check(operation->link.size <= sizeof(entry->link));
        if (operation->link.size)
                memcpy(entry->link, operation->link.data, operation->link.size);
        entry->operation = *operation;
        entry->operation.text = text;
        entry->operation.origin = origin;
        entry->operation.link = slice_of(entry->link, operation->link.size);
        entry->here = true;
        core->outbox.bytes += (uint32_t)(text.size + origin.size);
}

static struct entry *entry_new(struct core *core, struct room *room, const struct id *id,
                               const struct wire_operation *operation, uint64_t wall_ms, enum entry_state state)
{
        struct entry *entry = recycler_new(&core->memory, struct entry);

        if (!entry)
                return NULL;
        entry->id = *id;
        entry->state = state;
        entry->quiet = operation->kind == ROW_SETTING;
        entry->wall_ms = wall_ms;
        list_append(&room->outbox, &entry->node);
        operation_take(core, room, entry, operation);
        room->queued += !entry->quiet;
        core->outbox.count++;
        if (id_compare(id, &core->last_id) > 0)
                core->last_id = *id;
        return entry;
}

static void entry_free(struct core *core, struct room *room, struct entry *entry)
{
        list_remove(&entry->node);
        operation_give(core, entry);
        room->queued -= !entry->quiet;
        recycler_give(&core->memory, entry, sizeof(*entry));
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
                batch_item_new(core, effect, slice_of(key, key_size), record_entry_size(&record->operation));
        uint8_t *value;

        if (!item)
                return false;
        value = record_entry_encode(record, batch_value(item), batch_value_end(item));
        check(value);
        item->room = record->room;
        item->id = record->id;
        item->error = (uint8_t)record->error;
        item->quiet = record->operation.kind == ROW_SETTING;
        batch_add(core, item, value);
        return true;
}

/* quiet: the host hears nothing of it. */
static bool drop_entry(struct core *core, struct room *room, const struct id *id, enum effect effect, uint64_t seq,
                       bool quiet)
{
        uint8_t key[CORE_KEY_SIZE_MAX];
        size_t key_size = record_key_entry(&room->id, id, key);
        struct batch_item *item = batch_item_new(core, effect, slice_of(key, key_size), key_size + 1);

        if (!item)
                return false;
        item->room = room->id;
        item->id = *id;
        item->number = seq;
        item->quiet = quiet;
        batch_add(core, item, NULL);
        return true;
}

bool outbox_drop_record(struct core *core, struct room *room, const struct id *id)
{
        return drop_entry(core, room, id, EFFECT_NONE, 0, true);
}

bool outbox_drop_quiet(struct core *core, struct room *room, struct entry *entry)
{
        if (!outbox_drop_record(core, room, &entry->id))
                return false;
        entry_free(core, room, entry);
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
        if (!entry && record->operation.kind == ROW_SETTING && settings_absorb(core, room, record))
                return;
        if (!entry) {
                if (core->outbox.count >= core->limits.outbox_max)
                        return;
                entry = entry_new(core, room, &record->id, &record->operation, record->wall_ms,
                                  record->state == CORE_MESSAGE_FAILED ? ENTRY_FAILED : ENTRY_QUEUED);
                if (!entry)
                        return;
                entry->error = (uint8_t)record->error;
                /* Whoever had it before may have sent it a moment ago. */
                entry->doubt_ms = max_of(core->now_ms, UINT64_C(1));
        }
        operation_take(core, room, entry, &record->operation);
        if (entry->state == ENTRY_RETRYING && entry->here)
                retry_now(core, room, entry);
        else if (entry->state == ENTRY_RETRYING)
                entry->state = ENTRY_FAILED; /* no memory: the user may try once more */
        else if (!entry->here && next_entry(room) == entry)
                room->write_ms = max_of(room->write_ms, core->now_ms + CORE_FULL_PAUSE_MS);
        room_work(core, room);
        room_notice(core, room, NOTICE_ROOM);
}

void outbox_lost(struct core *core, const struct id *room_id, const struct id *id)
{
        struct room *room = room_find(core, room_id);
        struct entry *entry = room ? outbox_find(room, id) : NULL;

        if (entry && !entry->here && entry->state != ENTRY_FLYING && !batch_has_entry(core, room_id, id))
                entry_free(core, room, entry);
}

/* ---- done ---- */

bool outbox_done(struct core *core, struct room *room, const struct id *id, uint64_t seq)
{
        struct entry *entry = outbox_find(room, id);

        if (!entry)
                return true;
        if (entry->quiet && !settings_done(core, entry, seq))
                return false;
        if (!drop_entry(core, room, id, EFFECT_SENT, seq, entry->quiet))
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

        /* Whose leaving makes another the owner, the server alone knows. */
        if (!entry || !entry->here || entry->operation.kind == ROW_LEFT ||
            row_alters((unsigned)entry->operation.kind, entry->operation.target))
                return false;
        *row = (struct wire_row){.seq = seq,
                                 .changed = seq,
                                 .n = n,
                                 .time_ms = time_ms,
                                 .sender = core->account.user,
                                 .kind = entry->operation.kind,
                                 .request = *id,
                                 .text = entry->operation.text,
                                 .subject = entry->operation.subject,
                                 .role = entry->operation.role,
                                 .reply_to = entry->operation.target,
                                 .origin = entry->operation.origin};
        return true;
}

void outbox_fail(struct core *core, struct room *room, struct entry *entry, enum error error)
{
        struct record_entry record = {.room = room->id,
                                      .id = entry->id,
                                      .state = CORE_MESSAGE_FAILED,
                                      .error = error,
                                      .wall_ms = entry->wall_ms,
                                      .operation = entry->operation};

        entry->state = ENTRY_FAILED;
        entry->error = (uint8_t)error;
        check(entry->here);
        if (entry->quiet) {
                core->settings.due = true;
        } else if (!keep_entry(core, &record, EFFECT_FAILED)) {
                entry->state = ENTRY_QUEUED; /* no memory: the server says it again */
                room->write_ms = core->now_ms + 1000;
        }
        room_work(core, room);
}

void outbox_fail_targets(struct core *core)
{
        for (uint32_t i = 0; i < core->rooms.count; i++) {
                struct room *room = core->rooms.by_id[i];

                list_each(&room->outbox, entry, struct entry, node) {
                        if (entry->here && entry->operation.target && entry->state != ENTRY_FAILED)
                                outbox_fail(core, room, entry, entry->doubt_ms ? ERR_UNKNOWN : ERR_NO_ROW);
                }
        }
}

/* ---- what the user does ---- */

enum error outbox_queue(struct core *core, const struct id *room_id, const struct wire_operation *operation, struct id *id)
{
        struct record_entry record = {.state = CORE_MESSAGE_QUEUED, .id = *id, .operation = *operation};
        enum error error = operation_check(room_id, operation);
        struct entry *entry;
        struct room *room;

        if (core->account.state != ACCOUNT_SIGNED_IN || core->loader.state != LOADER_DONE)
                return ERR_AGAIN;
        if (error)
                return error;
        if (room_kind_of(room_id) != ROOM_GROUP && room_peer(room_id, core->account.user) == 0)
                return ERR_NO_ROOM;
        if (core->outbox.count >= core->limits.outbox_max || core->outbox.more)
                return ERR_FULL;
        room = room_get(core, room_id);
        if (!room)
                return ERR_FULL;
        if (room->left && operation->kind != ROW_JOINED)
                return ERR_NO_ROOM;
        record.room = *room_id;
        if (id_is_zero(&record.id))
                record.id = core_new_id(core);
        record.wall_ms = core->wall_ms;
        entry = entry_new(core, room, &record.id, operation, record.wall_ms, ENTRY_KEEPING);
        if (!entry)
                return ERR_NO_MEMORY;
        if (!keep_entry(core, &record, EFFECT_QUEUED)) {
                entry_free(core, room, entry);
                return ERR_NO_MEMORY;
        }
        *id = record.id;
        return ERR_OK;
}

/* What the user writes. Settings are core_set's. */
static enum error queue(struct core *core, const struct id *room_id, const struct wire_operation *operation, struct id *id)
{
        enum error error = operation->kind == ROW_SETTING ? ERR_BAD_FIELD : outbox_queue(core, room_id, operation, id);

        if (!error)
                core_step(core);
        return error;
}

enum error core_send(struct core *core, const struct id *room, struct slice text, struct id *id, struct core_time time)
{
        struct wire_operation operation = {.kind = ROW_TEXT, .text = text};

        return core_write(core, room, &operation, id, time);
}

enum error core_write(struct core *core, const struct id *room, const struct wire_operation *operation, struct id *id,
                      struct core_time time)
{
        core_set_time(core, time);
        *id = (struct id){0};
        return queue(core, room, operation, id);
}

enum error core_create_group(struct core *core, struct slice title, struct id *room, struct core_time time)
{
        struct wire_operation operation = {.kind = ROW_CREATED, .text = title};

        core_set_time(core, time);
        *room = core_new_id(core); /* the group's id is that of the request which makes it */
        return queue(core, room, &operation, room);
}

/* The old entry is replaced by one with a new id, at the end: in one batch. What makes a group has the group's id: that stays. */
static void retry_now(struct core *core, struct room *room, struct entry *entry)
{
        struct record_entry record = {
                .room = room->id, .state = CORE_MESSAGE_QUEUED, .wall_ms = core->wall_ms, .operation = entry->operation};

        check(entry->here && entry->state == ENTRY_RETRYING);
        entry->state = ENTRY_FAILED;
        record.id = entry->operation.kind == ROW_CREATED ? entry->id : core_new_id(core);
        if (!keep_entry(core, &record, EFFECT_QUEUED))
                return;
        if (!id_equal(&record.id, &entry->id) && !drop_entry(core, room, &entry->id, EFFECT_NONE, 0, false))
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
        return entry && entry->state == ENTRY_FAILED && !entry->quiet ? entry : NULL;
}

enum error core_retry(struct core *core, const struct id *room_id, const struct id *id, struct core_time time)
{
        struct room *room;
        struct entry *entry = find_failed(core, room_id, id, &room);

        core_set_time(core, time);
        if (!entry)
                return ERR_NOT_FOUND;
        entry->state = ENTRY_RETRYING;
        if (entry->here)
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
        if (!drop_entry(core, room, id, EFFECT_NONE, 0, false))
                return ERR_NO_MEMORY;
        entry_free(core, room, entry);
        room_notice(core, room, NOTICE_ROOM);
        core_step(core);
        return ERR_OK;
}
