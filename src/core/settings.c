/* The table, its records, and what goes to the server. See settings.h. */
#include "core/settings.h"

#include "core/marks.h"
#include "core/state.h"
#include "core/watch.h"
#include "rules/limits.h"
#include "rules/room.h"
#include "rules/row.h"
#include "rules/setting.h"

#define FULL_PAUSE_MS 1000

/* ---- the table ---- */

static uint32_t place_of(const struct settings *settings, struct slice key)
{
        uint32_t low = 0, high = settings->count;

        while (low < high) {
                uint32_t middle = low + (high - low) / 2;

                if (slice_compare(settings->by_key[middle]->key, key) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static struct setting *find(const struct core *core, struct slice key)
{
        uint32_t at = place_of(&core->settings, key);

        if (at < core->settings.count && slice_equal(core->settings.by_key[at]->key, key))
                return core->settings.by_key[at];
        return NULL;
}

static bool grow(struct core *core)
{
        struct settings *settings = &core->settings;
        uint32_t size = settings->size ? settings->size * 2 : 4;
        struct setting **by_key;

        if (settings->count < settings->size)
                return true;
        by_key = recycler_take(&core->memory, sizeof(struct setting *) * size);
        if (!by_key)
                return false;
        if (settings->count)
                memcpy(by_key, settings->by_key, sizeof(struct setting *) * settings->count);
        recycler_give(&core->memory, settings->by_key, sizeof(struct setting *) * settings->size);
        settings->by_key = by_key;
        settings->size = size;
        return true;
}

/* Finds or makes. NULL: no memory, or too many. */
static struct setting *get(struct core *core, struct slice key)
{
        struct settings *settings = &core->settings;
        struct setting *setting = find(core, key);
        uint32_t at;

        if (setting)
                return setting;
        if (settings->count >= core->limits.settings_max || !grow(core))
                return NULL;
        setting = recycler_new(&core->memory, struct setting);
        if (!setting)
                return NULL;
        if (!recycler_copy(&core->memory, key, &setting->key)) {
                recycler_give(&core->memory, setting, sizeof(*setting));
                return NULL;
        }
        settings->bytes += (uint32_t)key.size;
        at = place_of(settings, key);
        memmove(settings->by_key + at + 1, settings->by_key + at, sizeof(setting) * (settings->count - at));
        settings->by_key[at] = setting;
        settings->count++;
        return setting;
}

static void give(struct core *core, struct slice *bytes)
{
        core->settings.bytes -= (uint32_t)bytes->size;
        recycler_give_copy(&core->memory, bytes);
}

/* Instead of what was there. False: no memory, nothing changed. */
static bool put(struct core *core, struct slice *bytes, struct slice value)
{
        struct slice copy;

        if (!recycler_copy(&core->memory, value, &copy))
                return false;
        give(core, bytes);
        *bytes = copy;
        core->settings.bytes += (uint32_t)copy.size;
        return true;
}

static void setting_free(struct core *core, struct setting *setting)
{
        give(core, &setting->key);
        give(core, &setting->value);
        give(core, &setting->wanted);
        recycler_give(&core->memory, setting, sizeof(*setting));
}

static struct slice value_of(const struct setting *setting)
{
        return setting->set ? setting->wanted : setting->value;
}

/* The server's row is there, or a newer one. */
static void settle(struct core *core, struct setting *setting)
{
        if (!setting->set || setting->number == 0 || setting->changed < setting->number)
                return;
        give(core, &setting->wanted);
        setting->set = setting->sent = false;
        setting->number = 0;
}

/* ---- records ---- */

bool settings_without_receipts(const struct core *core)
{
        const struct setting *setting = find(core, SLICE_LITERAL(SETTING_KEY_RECEIPTS_OFF));

        return setting && value_of(setting).size > 0;
}

/* Who may be watched is asked anew when the user hides, or does so no longer. */
static void heed(struct core *core, struct slice key)
{
        if (slice_equal(key, SLICE_LITERAL(SETTING_KEY_HIDDEN)))
                watch_again(core);
        else if (slice_equal(key, SLICE_LITERAL(SETTING_KEY_RECEIPTS_OFF)) && !settings_without_receipts(core))
                marks_show_again(core);
}

/* number: of the operation that did it, for the event; error: why it was given up. False: no memory. */
static bool keep(struct core *core, struct setting *setting, struct batch_place *place, uint64_t number, enum error error)
{
        uint8_t key[CORE_KEY_SIZE_MAX];
        size_t size = record_key_setting(setting->key, key);
        struct record_setting record = {.value = setting->value,
                                        .wanted = setting->wanted,
                                        .seq = setting->seq,
                                        .changed = setting->changed,
                                        .entry = setting->entry,
                                        .number = setting->number,
                                        .set = setting->set,
                                        .sent = setting->sent};
        struct batch_item *item = batch_item_new(core, EFFECT_SETTING, slice_of(key, size), record_setting_size(&record));

        if (!item)
                return false;
        item->number = number;
        item->error = (uint8_t)error;
        record_setting_encode(&record, batch_value(item));
        if (place)
                batch_insert(core, item, batch_value(item), place);
        else
                batch_add(core, item, batch_value(item));
        setting->unkept = false;
        return true;
}

/* Now, or as soon as there is memory. */
static void keep_soon(struct core *core, struct setting *setting)
{
        if (keep(core, setting, NULL, 0, ERR_OK))
                return;
        setting->unkept = core->settings.due = true;
        core->settings.retry_ms = core->now_ms + FULL_PAUSE_MS;
}

bool settings_restore(struct core *core, struct slice key, struct slice value)
{
        struct record_setting record;
        struct setting *setting;

        if (record_setting_decode(key, value, &record) != ERR_OK)
                return true;
        setting = get(core, record.key);
        if (!setting || !put(core, &setting->value, record.value) || !put(core, &setting->wanted, record.wanted))
                return false;
        setting->seq = record.seq;
        setting->changed = record.changed;
        setting->entry = record.entry;
        setting->number = record.number;
        setting->set = record.set;
        setting->sent = record.sent;
        core->settings.due |= setting->set;
        return true;
}

/* ---- what the server says ---- */

bool settings_take_row(struct core *core, const struct room *room, const struct wire_row *row, struct batch_place *place)
{
        struct slice key, value;
        struct setting *setting;

        if (room->kind != ROOM_SELF || !setting_read(row->text, &key, &value))
                return true;
        if (core->settings.bytes + row->text.size > core->limits.settings_bytes_max && !find(core, key))
                return true; /* more than anybody makes: what was there first is known */
        setting = get(core, key);
        if (!setting)
                return core->settings.count >= core->limits.settings_max;
        /* The same again: what was to keep it may have been taken back. */
        if (row->changed < setting->changed)
                return true;
        if (!put(core, &setting->value, value))
                return false;
        heed(core, key);
        setting->seq = row->seq;
        setting->changed = row->changed;
        settle(core, setting);
        return keep(core, setting, place, 0, ERR_OK);
}

/* The setting that an entry wants, if it still is what the user wants. */
static struct setting *setting_of(const struct core *core, struct slice text)
{
        struct slice key, value;
        struct setting *setting = setting_read(text, &key, &value) ? find(core, key) : NULL;

        return setting && setting->set && setting->sent && slice_equal(setting->wanted, value) ? setting : NULL;
}

bool settings_done(struct core *core, const struct entry *entry, uint64_t number)
{
        struct setting *setting = entry->here ? setting_of(core, entry->operation.text) : NULL;

        core->settings.due = true;
        if (!setting)
                return true;
        heed(core, setting->key);
        setting->number = number;
        settle(core, setting);
        return keep(core, setting, NULL, number, ERR_OK);
}

/* Its row is of another era, or is not what we took it for: then a new one is made. Otherwise there is no hope. */
static void refused(struct core *core, const struct entry *entry)
{
        struct setting *setting = entry->here ? setting_of(core, entry->operation.text) : NULL;
        enum error error = entry->error;

        if (!setting || setting->number)
                return;
        setting->sent = false;
        if (entry->operation.target == 0) {
                give(core, &setting->wanted);
                setting->set = false;
        } else if (setting->seq == entry->operation.target && error != ERR_UNKNOWN) {
                setting->seq = setting->changed = 0;
        }
        if (!keep(core, setting, NULL, 0, setting->set ? ERR_OK : error))
                keep_soon(core, setting);
}

/* ---- forgetting ---- */

void settings_forget_rows(struct core *core)
{
        struct settings *settings = &core->settings;
        uint32_t kept = 0;

        for (uint32_t i = 0; i < settings->count; i++) {
                struct setting *setting = settings->by_key[i];

                if (!setting->set) {
                        setting_free(core, setting);
                        continue;
                }
                give(core, &setting->value);
                setting->sent &= setting->number == 0; /* else it was done, in the past that ends here */
                setting->seq = setting->changed = setting->number = 0;
                settings->by_key[kept++] = setting;
                keep_soon(core, setting);
        }
        settings->count = kept;
        settings->due = settings->news = true;
}

void settings_forget(struct core *core)
{
        struct settings *settings = &core->settings;

        for (uint32_t i = 0; i < settings->count; i++)
                setting_free(core, settings->by_key[i]);
        recycler_give(&core->memory, settings->by_key, sizeof(*settings->by_key) * settings->size);
        *settings = (struct settings){.news = true};
}

/* ---- sending ---- */

static struct id self_room(const struct core *core)
{
        return room_personal(core->account.user, core->account.user);
}

/* No entry of a setting is on its way. Those that failed are done with. */
static bool outbox_is_clear(struct core *core, struct room *room)
{
        bool clear = true;

        if (!room)
                return true;
        list_each(&room->outbox, entry, struct entry, node) {
                if (!entry->quiet)
                        continue;
                if (entry->state == ENTRY_FAILED) {
                        refused(core, entry);
                        clear &= outbox_drop_quiet(core, room, entry);
                } else {
                        clear = false;
                }
        }
        return clear;
}

/* Are all rows of it here? Then those to be altered are known. */
static bool is_whole(const struct core *core, const struct room *room)
{
        return core->join.synced && (!room || (room->holes.count == 0 && room->head >= room->seen_head));
}

/* False: not now. */
static bool send(struct core *core, const struct id *self, struct setting *setting)
{
        struct wire_operation operation = {.kind = ROW_SETTING, .target = setting->seq};
        struct slice wanted = setting->wanted;
        size_t size = setting->key.size + (wanted.size ? 1 + wanted.size : 0);
        uint8_t *text = recycler_take(&core->memory, size);
        enum error error = ERR_NO_MEMORY;
        struct id id = {0};

        if (text) {
                memcpy(text, setting->key.data, setting->key.size);
                if (wanted.size) {
                        text[setting->key.size] = ' ';
                        memcpy(text + setting->key.size + 1, wanted.data, wanted.size);
                }
                operation.text = slice_of(text, size);
                error = outbox_queue(core, self, &operation, &id);
                recycler_give(&core->memory, text, size);
        }
        if (error) {
                core->settings.retry_ms = core->now_ms + FULL_PAUSE_MS;
                return false;
        }
        setting->sent = true;
        setting->entry = id;
        keep_soon(core, setting);
        return true;
}

/* Is there more to come? */
static bool send_some(struct core *core, const struct id *self)
{
        struct settings *settings = &core->settings;
        unsigned count = 0;

        for (uint32_t i = 0; i < settings->count; i++) {
                struct setting *setting = settings->by_key[i];

                if (!setting->set || setting->number)
                        continue;
                if (count++ == OPERATIONS_MAX || !send(core, self, setting))
                        break; /* the rest when these are done */
        }
        return count > 0;
}

/* Is there something left? */
static bool keep_some(struct core *core)
{
        bool left = false;

        for (uint32_t i = 0; i < core->settings.count; i++) {
                struct setting *setting = core->settings.by_key[i];

                if (setting->unkept)
                        keep_soon(core, setting);
                left |= setting->unkept;
        }
        return left;
}

void settings_step(struct core *core)
{
        struct settings *settings = &core->settings;
        struct room *room;
        struct id self;
        bool left;

        if (core->account.state != ACCOUNT_SIGNED_IN || core->loader.state != LOADER_DONE || !settings->due ||
            settings->retry_ms > core->now_ms)
                return;
        left = keep_some(core);
        self = self_room(core);
        room = room_find(core, &self);
        if (outbox_is_clear(core, room) && core->link.state == LINK_READY && is_whole(core, room))
                settings->due = send_some(core, &self) || left;
}

uint64_t settings_due(const struct core *core)
{
        return core->settings.due && core->settings.retry_ms > core->now_ms ? core->settings.retry_ms : UINT64_MAX;
}

/* ---- what the user does ---- */

static enum error set(struct core *core, struct slice key, struct slice value)
{
        struct setting *setting = find(core, key);

        if (setting ? slice_equal(value_of(setting), value) : value.size == 0)
                return ERR_OK;
        if (core->settings.bytes + key.size + value.size > core->limits.settings_bytes_max ||
            (!setting && core->settings.count >= core->limits.settings_max))
                return ERR_FULL;
        if (!setting)
                setting = get(core, key);
        if (!setting || !put(core, &setting->wanted, value))
                return ERR_NO_MEMORY;
        setting->set = true;
        setting->sent = false; /* an older value may be on its way: this one comes after it */
        setting->number = 0;
        keep_soon(core, setting);
        core->settings.due = true;
        return ERR_OK;
}

bool settings_absorb(struct core *core, struct room *room, const struct record_entry *record)
{
        const struct setting *setting;
        struct slice key, value;

        if (!setting_read(record->operation.text, &key, &value))
                return false;
        setting = find(core, key);
        if ((setting && id_equal(&setting->entry, &record->id)) || set(core, key, value) != ERR_OK)
                return false;
        return outbox_drop_record(core, room, &record->id);
}

enum error core_set(struct core *core, struct slice key, struct slice value, struct core_time time)
{
        enum error error;

        core_set_time(core, time);
        if (core->account.state != ACCOUNT_SIGNED_IN || core->loader.state != LOADER_DONE)
                return ERR_AGAIN;
        if (!setting_key_is_lawful(key) || !slice_is_text(value))
                return ERR_BAD_FIELD;
        if (key.size + 1 + value.size > TEXT_SIZE_MAX)
                return ERR_TOO_LARGE;
        error = set(core, key, value);
        core_step(core);
        return error;
}

enum error core_set_room(struct core *core, const struct id *id, unsigned which, struct slice value, struct core_time time)
{
        struct room_settings settings = core_room_settings(core, id);
        const struct room *room = room_find(core, id);
        char key[SETTING_KEY_MAX];
        enum error error;

        if (which == SETTING_MUTE && value.size && settings.archived_ms && room &&
            !room_is_archived(&settings, room->last_time_ms, time.wall_ms)) {
                error = core_set(core, setting_key_of(SETTING_ARCHIVE, id, key), (struct slice){0}, time);
                if (error)
                        return error;
        }
        check(which < SETTING_ROOM_KINDS);
        return core_set(core, setting_key_of((enum room_setting)which, id, key), value, time);
}

/* ---- looking ---- */

static void fill(const struct setting *setting, struct core_setting *info)
{
        *info = (struct core_setting){.key = setting->key, .value = value_of(setting), .waits = setting->set};
}

bool core_setting(const struct core *core, struct slice key, struct core_setting *info)
{
        const struct setting *setting = find(core, key);

        *info = (struct core_setting){.key = key};
        if (!setting)
                return false;
        fill(setting, info);
        return info->value.size > 0;
}

bool core_setting_at(const struct core *core, uint32_t index, struct core_setting *info)
{
        *info = (struct core_setting){0};
        if (index >= core->settings.count)
                return false;
        fill(core->settings.by_key[index], info);
        return true;
}

struct room_settings core_room_settings(const struct core *core, const struct id *room)
{
        struct room_settings settings = {0};
        char key[SETTING_KEY_MAX];

        for (unsigned i = 0; core->settings.count && i < SETTING_ROOM_KINDS; i++) {
                const struct setting *setting = find(core, setting_key_of((enum room_setting)i, room, key));

                if (setting)
                        room_settings_put(&settings, (enum room_setting)i, value_of(setting));
        }
        return settings;
}

bool core_room_is_bare(const struct core_room_info *info)
{
        return info->kind == ROOM_SELF && info->last_time_ms == 0 && info->queued == 0;
}
