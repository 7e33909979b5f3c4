/* Keys and values of the storage, and the public functions for hosts that read beside the core. */
#include "core/record.h"

#include "base/assert.h"
#include "rules/limits.h"
#include "rules/room.h"
#include "rules/row.h"
#include "rules/setting.h"

#define HOLE_SIZE     16
#define ROOM_FIXED    (1 + 8 + 8 + 2) /* version, read, unread, number of holes */
#define SETTING_FIXED 46              /* version, flags, seq, changed, number, entry, the value's size */
#define SETTING_SET   1u
#define SETTING_SENT  2u
#define PROFILE_FIXED (1 + 1 + 8 + 8 + WIRE_TOKEN_SIZE + DEVICE_SECRET_SIZE + 16 + 16 + 1)

/* ---- keys ---- */

static size_t key_of(uint8_t letter, const struct id *room, const struct id *id, uint8_t *key)
{
        size_t size = 0;

        key[size++] = letter;
        if (room) {
                memcpy(key + size, room->bytes, sizeof(room->bytes));
                size += sizeof(room->bytes);
        }
        if (id) {
                memcpy(key + size, id->bytes, sizeof(id->bytes));
                size += sizeof(id->bytes);
        }
        check(size <= CORE_KEY_SIZE_MAX);
        return size;
}

size_t record_key_profile(uint8_t key[static CORE_KEY_SIZE_MAX])
{
        return key_of('P', NULL, NULL, key);
}

size_t record_key_room(const struct id *room, uint8_t key[static CORE_KEY_SIZE_MAX])
{
        return key_of('R', room, NULL, key);
}

size_t record_key_entry(const struct id *room, const struct id *id, uint8_t key[static CORE_KEY_SIZE_MAX])
{
        return key_of('O', room, id, key);
}

size_t core_key_row(const struct id *room, uint64_t seq, uint8_t key[static CORE_KEY_SIZE_MAX])
{
        size_t size = key_of('M', room, NULL, key);

        be64_put(key + size, seq);
        return size + 8;
}

static bool read_id(struct slice *key, struct id *id)
{
        if (key->size < sizeof(id->bytes))
                return false;
        memcpy(id->bytes, key->data, sizeof(id->bytes));
        *key = slice_of(key->data + sizeof(id->bytes), key->size - sizeof(id->bytes));
        return true;
}

/* ---- rows ---- */

uint8_t *record_row_encode(const struct wire_row *row, uint8_t *start, uint8_t *end)
{
        uint8_t *at = wire_encode(WIRE_STRUCTURE(row), row, start, end);

        if (!at || at == start)
                return NULL;
        *--at = RECORD_VERSION;
        return at;
}

enum error core_row_decode(struct slice value, struct wire_row *row)
{
        if (value.size < 1 || value.data[0] != RECORD_VERSION)
                return ERR_CORRUPT;
        if (wire_decode(WIRE_STRUCTURE(row), slice_of(value.data + 1, value.size - 1), row, NULL) != ERR_OK)
                return ERR_CORRUPT;
        return row->seq > 0 && row->seq <= row->changed ? ERR_OK : ERR_CORRUPT;
}

/* ---- rooms ---- */

uint8_t *record_room_encode(const struct record_room *room, const struct holes *holes, uint8_t *start, uint8_t *end)
{
        uint8_t *at = wire_encode(WIRE_STRUCTURE(room_state), &room->state, start, end);

        if (!at || (size_t)(at - start) < ROOM_FIXED + (size_t)HOLE_SIZE * holes->count)
                return NULL;
        for (uint16_t i = holes->count; i > 0; i--) {
                at -= HOLE_SIZE;
                be64_put(at, holes->list[i - 1].low);
                be64_put(at + 8, holes->list[i - 1].high);
        }
        at -= ROOM_FIXED;
        at[0] = RECORD_VERSION;
        be64_put(at + 1, room->read);
        be64_put(at + 9, room->unread);
        at[17] = (uint8_t)(holes->count >> 8);
        at[18] = (uint8_t)holes->count;
        return at;
}

static bool holes_are_lawful(const uint8_t *holes, uint16_t count, uint64_t head)
{
        uint64_t last = 0;

        for (uint16_t i = 0; i < count; i++) {
                uint64_t low = be64_get(holes + (size_t)HOLE_SIZE * i);
                uint64_t high = be64_get(holes + (size_t)HOLE_SIZE * i + 8);

                if (low == 0 || low > high || high > head || (last && low <= last + 1))
                        return false;
                last = high;
        }
        return true;
}

enum error record_room_decode(struct slice key, struct slice value, struct record_room *room)
{
        size_t skip;
        struct id id;

        *room = (struct record_room){0};
        if (key.size != 17 || key.data[0] != 'R' || value.size < ROOM_FIXED || value.data[0] != RECORD_VERSION)
                return ERR_CORRUPT;
        room->read = be64_get(value.data + 1);
        room->unread = be64_get(value.data + 9);
        room->hole_count = (uint16_t)(value.data[17] << 8 | value.data[18]);
        room->holes = value.data + ROOM_FIXED;
        skip = ROOM_FIXED + (size_t)HOLE_SIZE * room->hole_count;
        if (room->hole_count > HOLES_MAX || value.size < skip)
                return ERR_CORRUPT;
        if (wire_decode(WIRE_STRUCTURE(room_state), slice_of(value.data + skip, value.size - skip), &room->state, NULL))
                return ERR_CORRUPT;
        memcpy(id.bytes, key.data + 1, sizeof(id.bytes));
        if (!id_equal(&id, &room->state.room) || room_kind_of(&id) == ROOM_NONE ||
            !holes_are_lawful(room->holes, room->hole_count, room->state.head))
                return ERR_CORRUPT;
        return ERR_OK;
}

enum error core_room_decode(struct slice key, struct slice value, struct core_room_info *info)
{
        struct record_room room;
        enum error error = record_room_decode(key, value, &room);

        *info = (struct core_room_info){0};
        if (error)
                return error;
        info->room = room.state.room;
        info->kind = (uint8_t)room.state.kind;
        info->left = room.state.left != 0;
        info->head = room.state.head;
        if (room.hole_count)
                info->hole_top = be64_get(room.holes + (size_t)HOLE_SIZE * (room.hole_count - 1u) + 8);
        info->unread = room.unread;
        info->last_time_ms = room.state.last_time_ms;
        info->marks = room.state.marks;
        info->lowest = room.state.lowest;
        info->peer = room.state.peer;
        info->title = room.state.title;
        info->role = (uint8_t)room.state.role;
        info->members = room.state.members;
        return ERR_OK;
}

/* ---- the profile ---- */

uint8_t *record_profile_encode(const struct record_profile *profile, uint8_t *start, uint8_t *end)
{
        uint8_t *at = wire_encode(WIRE_STRUCTURE(person), &profile->person, start, end);
        uint8_t *put;

        check(profile->email.size <= EMAIL_MAX);
        if (!at || (size_t)(at - start) < PROFILE_FIXED + profile->email.size)
                return NULL;
        at -= PROFILE_FIXED + profile->email.size;
        put = at;
        *put++ = RECORD_VERSION;
        *put++ = (uint8_t)profile->state;
        be64_put(put, profile->user);
        be64_put(put + 8, profile->device);
        put += 16;
        memcpy(put, profile->token, WIRE_TOKEN_SIZE);
        put += WIRE_TOKEN_SIZE;
        memcpy(put, profile->secret, DEVICE_SECRET_SIZE);
        put += DEVICE_SECRET_SIZE;
        memcpy(put, profile->era.bytes, 16);
        memcpy(put + 16, profile->sign_up.bytes, 16);
        put += 32;
        *put++ = (uint8_t)profile->email.size;
        if (profile->email.size)
                memcpy(put, profile->email.data, profile->email.size);
        return at;
}

enum error record_profile_decode(struct slice value, struct record_profile *profile)
{
        const uint8_t *at = value.data;
        size_t rest;

        *profile = (struct record_profile){0};
        if (value.size < PROFILE_FIXED || at[0] != RECORD_VERSION || at[1] >= ACCOUNT_STATE_COUNT)
                return ERR_CORRUPT;
        profile->state = at[1];
        profile->user = be64_get(at + 2);
        profile->device = be64_get(at + 10);
        at += 18;
        memcpy(profile->token, at, WIRE_TOKEN_SIZE);
        at += WIRE_TOKEN_SIZE;
        memcpy(profile->secret, at, DEVICE_SECRET_SIZE);
        at += DEVICE_SECRET_SIZE;
        memcpy(profile->era.bytes, at, 16);
        memcpy(profile->sign_up.bytes, at + 16, 16);
        at += 32;
        profile->email = slice_of(at + 1, at[0]);
        rest = value.size - PROFILE_FIXED;
        if (rest < profile->email.size)
                return ERR_CORRUPT;
        rest -= profile->email.size;
        if (wire_decode(WIRE_STRUCTURE(person), slice_of(value.data + (value.size - rest), rest), &profile->person, NULL))
                return ERR_CORRUPT;
        if (profile->state == ACCOUNT_SIGNED_IN &&
            (profile->user == 0 || profile->user > INT64_MAX || profile->device == 0 || profile->device > INT64_MAX ||
             be64_get(profile->token) != profile->user))
                return ERR_CORRUPT;
        return ERR_OK;
}

/* ---- people ---- */

uint8_t *record_person_encode(const struct wire_person *person, uint8_t *start, uint8_t *end)
{
        uint8_t *at = wire_encode(WIRE_STRUCTURE(person), person, start, end);

        if (!at || at == start)
                return NULL;
        *--at = RECORD_VERSION;
        return at;
}

enum error record_person_decode(struct slice key, struct slice value, struct wire_person *person)
{
        if (key.size != 9 || key.data[0] != 'U' || value.size < 1 || value.data[0] != RECORD_VERSION)
                return ERR_CORRUPT;
        if (wire_decode(WIRE_STRUCTURE(person), slice_of(value.data + 1, value.size - 1), person, NULL))
                return ERR_CORRUPT;
        return person->user && person->user == be64_get(key.data + 1) ? ERR_OK : ERR_CORRUPT;
}

/* ---- settings ---- */

size_t record_key_setting(struct slice setting, uint8_t key[static CORE_KEY_SIZE_MAX])
{
        check(setting.size < CORE_KEY_SIZE_MAX);
        key[0] = 'S';
        memcpy(key + 1, setting.data, setting.size);
        return 1 + setting.size;
}

size_t record_setting_size(const struct record_setting *setting)
{
        return SETTING_FIXED + setting->value.size + setting->wanted.size;
}

void record_setting_encode(const struct record_setting *setting, uint8_t *at)
{
        at[0] = RECORD_SETTING_VERSION;
        at[1] = (uint8_t)((setting->set ? SETTING_SET : 0) | (setting->sent ? SETTING_SENT : 0));
        be64_put(at + 2, setting->seq);
        be64_put(at + 10, setting->changed);
        be64_put(at + 18, setting->number);
        memcpy(at + 26, setting->entry.bytes, sizeof(setting->entry.bytes));
        be32_put(at + 42, (uint32_t)setting->value.size);
        at += SETTING_FIXED;
        if (setting->value.size)
                memcpy(at, setting->value.data, setting->value.size);
        if (setting->wanted.size)
                memcpy(at + setting->value.size, setting->wanted.data, setting->wanted.size);
}

enum error record_setting_decode(struct slice key, struct slice value, struct record_setting *setting)
{
        struct slice rest;
        uint32_t size;

        *setting = (struct record_setting){0};
        if (key.size < 2 || key.data[0] != 'S' || value.size < SETTING_FIXED || value.data[0] != RECORD_SETTING_VERSION)
                return ERR_CORRUPT;
        setting->key = slice_of(key.data + 1, key.size - 1);
        setting->set = value.data[1] & SETTING_SET;
        setting->sent = value.data[1] & SETTING_SENT;
        setting->seq = be64_get(value.data + 2);
        setting->changed = be64_get(value.data + 10);
        setting->number = be64_get(value.data + 18);
        memcpy(setting->entry.bytes, value.data + 26, sizeof(setting->entry.bytes));
        size = be32_get(value.data + 42);
        rest = slice_of(value.data + SETTING_FIXED, value.size - SETTING_FIXED);
        if (size > rest.size || !setting_key_is_lawful(setting->key) || setting->seq > setting->changed ||
            (!setting->set && (size < rest.size || setting->sent || setting->number)))
                return ERR_CORRUPT;
        setting->value = slice_of(rest.data, size);
        setting->wanted = slice_of(rest.data + size, rest.size - size);
        return slice_is_text(setting->value) && slice_is_text(setting->wanted) ? ERR_OK : ERR_CORRUPT;
}

enum error core_setting_decode(struct slice key, struct slice value, struct core_setting *setting)
{
        struct record_setting record;
        enum error error = record_setting_decode(key, value, &record);

        *setting = (struct core_setting){0};
        if (error)
                return error;
        setting->key = record.key;
        setting->value = record.set ? record.wanted : record.value;
        setting->waits = record.set;
        return ERR_OK;
}

/* ---- entries of the outbox ---- */

uint8_t *record_entry_encode(const struct record_entry *entry, uint8_t *start, uint8_t *end)
{
        struct wire_operation operation = entry->operation;
        uint8_t *at;

        operation.id = (struct id){0};
        at = wire_encode(WIRE_STRUCTURE(operation), &operation, start, end);
        if (!at || at - start < RECORD_ENTRY_FIXED)
                return NULL;
        at -= RECORD_ENTRY_FIXED;
        at[0] = RECORD_ENTRY_VERSION;
        at[1] = (uint8_t)entry->state;
        at[2] = (uint8_t)entry->error;
        be64_put(at + 3, entry->wall_ms);
        return at;
}

size_t record_row_size(const struct wire_row *row)
{
        size_t reactions =
                row->reactions.items ? (size_t)row->reactions.count * (REACTION_SIZE_MAX + 16) : row->reactions.raw.size;

        return RECORD_ROW_EXTRA + row->text.size + row->origin.size + row->reacted.size + reactions;
}

size_t record_entry_size(const struct wire_operation *operation)
{
        return RECORD_ENTRY_EXTRA + operation->text.size + operation->origin.size;
}

enum error operation_check(const struct id *room, const struct wire_operation *operation)
{
        enum room_kind kind = room_kind_of(room);
        struct row_content content = {.kind = (unsigned)operation->kind,
                                      .role = (unsigned)operation->role,
                                      .subject = operation->subject,
                                      .target = operation->target,
                                      .text = operation->text,
                                      .origin = operation->origin,
                                      .link_size = operation->link.size,
                                      .room = kind,
                                      .off = operation->off != 0};

        if (kind == ROOM_NONE || !slice_is_text(operation->text) || !slice_is_text(operation->origin))
                return ERR_BAD_FIELD;
        return row_check(&content);
}

enum error record_entry_decode(struct slice key, struct slice value, struct record_entry *entry)
{
        struct slice body;

        *entry = (struct record_entry){0};
        if (key.size != 33 || key.data[0] != 'O' || value.size <= RECORD_ENTRY_FIXED || value.data[0] < 1 ||
            value.data[0] > RECORD_ENTRY_VERSION)
                return ERR_CORRUPT;
        key = slice_of(key.data + 1, key.size - 1);
        if (!read_id(&key, &entry->room) || !read_id(&key, &entry->id))
                return ERR_CORRUPT;
        entry->state = value.data[1];
        entry->error = value.data[2];
        entry->wall_ms = be64_get(value.data + 3);
        body = slice_of(value.data + RECORD_ENTRY_FIXED, value.size - RECORD_ENTRY_FIXED);
        if (value.data[0] == 1)
                entry->operation = (struct wire_operation){.kind = ROW_TEXT, .text = body};
        else if (wire_decode(WIRE_STRUCTURE(operation), body, &entry->operation, NULL))
                return ERR_CORRUPT;
        if (entry->state != CORE_MESSAGE_QUEUED && entry->state != CORE_MESSAGE_FAILED)
                return ERR_CORRUPT;
        return operation_check(&entry->room, &entry->operation) ? ERR_CORRUPT : ERR_OK;
}

enum error core_outbox_record(const struct id *room, const struct id *id, const struct wire_operation *operation,
                              uint64_t wall_ms, uint8_t key[static CORE_KEY_SIZE_MAX], size_t *key_size, uint8_t *value,
                              size_t *value_size)
{
        struct record_entry entry = {
                .room = *room, .id = *id, .state = CORE_MESSAGE_QUEUED, .wall_ms = wall_ms, .operation = *operation};
        size_t size_max = record_entry_size(operation);
        enum error error = operation_check(room, operation);
        uint8_t *at;

        if (error)
                return error;
        *key_size = record_key_entry(room, id, key);
        at = record_entry_encode(&entry, value, value + size_max);
        check(at);
        *value_size = (size_t)(value + size_max - at);
        memmove(value, at, *value_size);
        return ERR_OK;
}

enum error core_outbox_decode(struct slice key, struct slice value, struct core_outbox_entry *entry)
{
        struct record_entry record;
        enum error error = record_entry_decode(key, value, &record);

        *entry = (struct core_outbox_entry){0};
        if (error)
                return error;
        entry->room = record.room;
        entry->id = record.id;
        entry->state = record.state;
        entry->error = record.error;
        entry->wall_ms = record.wall_ms;
        entry->operation = record.operation;
        return ERR_OK;
}
