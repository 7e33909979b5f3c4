/* See setting.h. */
#include "rules/setting.h"

#include "base/assert.h"

static const struct slice prefixes[] = {
#define X(name, prefix) SLICE_LITERAL(prefix),
        SETTINGS_OF_ROOMS(X)
#undef X
};

bool setting_key_is_lawful(struct slice key)
{
        if (key.size == 0 || key.size > SETTING_KEY_MAX)
                return false;
        for (size_t i = 0; i < key.size; i++)
                if (key.data[i] <= ' ' || key.data[i] > '~')
                        return false;
        return true;
}

bool setting_read(struct slice text, struct slice *key, struct slice *value)
{
        size_t size = 0;

        *key = *value = (struct slice){0};
        while (size < text.size && text.data[size] != ' ')
                size++;
        if (!setting_key_is_lawful(slice_of(text.data, size)))
                return false;
        *key = slice_of(text.data, size);
        if (size < text.size)
                *value = slice_of(text.data + size + 1, text.size - size - 1);
        return true;
}

static bool has_key(struct slice text, struct slice wanted, bool *set)
{
        struct slice key, value;
        bool has = setting_read(text, &key, &value) && slice_equal(key, wanted);

        *set = has && value.size > 0;
        return has;
}

bool setting_hides(struct slice text, bool *hides)
{
        return has_key(text, SLICE_LITERAL(SETTING_KEY_HIDDEN), hides);
}

bool setting_receipts(struct slice text, bool *off)
{
        return has_key(text, SLICE_LITERAL(SETTING_KEY_RECEIPTS_OFF), off);
}

struct slice setting_key_of(enum room_setting setting, const struct id *room, char bytes[static SETTING_KEY_MAX])
{
        char id[ID_TEXT_SIZE];
        struct slice prefix = prefixes[setting];

        check(prefix.size + ID_TEXT_SIZE - 1 <= SETTING_KEY_MAX);
        id_format(room, id);
        memcpy(bytes, prefix.data, prefix.size);
        memcpy(bytes + prefix.size, id, ID_TEXT_SIZE - 1);
        return slice_of(bytes, prefix.size + ID_TEXT_SIZE - 1);
}

bool setting_key_read(struct slice key, enum room_setting *setting, struct id *room)
{
        for (unsigned i = 0; i < SETTING_ROOM_KINDS; i++) {
                struct slice prefix = prefixes[i];

                if (key.size <= prefix.size || memcmp(key.data, prefix.data, prefix.size) != 0)
                        continue;
                *setting = (enum room_setting)i;
                return id_parse(slice_of(key.data + prefix.size, key.size - prefix.size), room);
        }
        return false;
}

/* Digits up to the end, or to a space; *used: how many. 0: none, or more than 64 bits. */
static uint64_t read_number(struct slice text, size_t *used)
{
        uint64_t number = 0;

        for (*used = 0; *used < text.size && text.data[*used] != ' '; (*used)++) {
                unsigned digit = text.data[*used] - (unsigned)'0';

                if (digit > 9 || number > (UINT64_MAX - digit) / 10)
                        return 0;
                number = number * 10 + digit;
        }
        return number;
}

uint64_t setting_number(struct slice value)
{
        size_t used;
        uint64_t number = read_number(value, &used);

        return used == value.size ? number : 0;
}

uint64_t setting_muted_until(struct slice value)
{
        return slice_equal(value, SLICE_LITERAL("forever")) ? SETTING_FOREVER : setting_number(value);
}

bool setting_draft_read(struct slice value, uint64_t *reply_to, struct slice *text)
{
        size_t used;

        *reply_to = read_number(value, &used);
        *text = (struct slice){0};
        if (used == 0 || used >= value.size || value.data[used] != ' ')
                return false;
        *text = slice_of(value.data + used + 1, value.size - used - 1);
        return text->size > 0 || *reply_to > 0;
}

struct slice setting_number_write(uint64_t number, char bytes[static SETTING_NUMBER_MAX])
{
        char digits[SETTING_NUMBER_MAX];
        size_t size = 0;

        do {
                digits[size++] = (char)('0' + number % 10);
                number /= 10;
        } while (number);
        for (size_t i = 0; i < size; i++)
                bytes[i] = digits[size - 1 - i];
        return slice_of(bytes, size);
}

void room_settings_put(struct room_settings *settings, enum room_setting setting, struct slice value)
{
        switch (setting) {
        case SETTING_MUTE:
                settings->muted_until_ms = setting_muted_until(value);
                return;
        case SETTING_ARCHIVE:
                settings->archived_ms = setting_number(value);
                return;
        case SETTING_PIN:
                settings->pin = setting_number(value);
                return;
        case SETTING_DRAFT:
                (void)setting_draft_read(value, &settings->draft_reply_to, &settings->draft);
                return;
        case SETTING_ROOM_KINDS:
                break;
        }
        unreachable();
}

bool room_is_muted(const struct room_settings *settings, uint64_t now_ms)
{
        return settings->muted_until_ms > now_ms;
}

bool room_is_archived(const struct room_settings *settings, uint64_t last_time_ms, uint64_t now_ms)
{
        return settings->archived_ms && (last_time_ms <= settings->archived_ms || room_is_muted(settings, now_ms));
}
