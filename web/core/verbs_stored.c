/* What lies in the storage, read and written beside the core: in every tab, also in those that do not lead. None of these needs a core. */
#include "base/assert.h"
#include "glue.h"
#include "rules/limits.h"
#include "rules/mention.h"
#include "rules/name.h"
#include "rules/room.h"
#include "rules/row.h"

#define VERB(name) static enum error verb_##name(struct glue *glue, struct args *args, struct json *out)
#define RECORD_MAX (TEXT_SIZE_MAX + DISPLAY_NAME_MAX + CORE_OUTBOX_EXTRA)
#define WORDS_MAX  SEARCH_WORDS_MAX

/* room, seq: the key of that row, as hex */
VERB(row_key)
{
        struct id room = args_id(args);
        uint64_t seq = args_number(args);
        uint8_t key[CORE_KEY_SIZE_MAX];

        (void)glue;
        if (args->bad)
                return ERR_BAD_FIELD;
        json_hex(out, slice_of(key, core_key_row(&room, seq, key)));
        return ERR_OK;
}

/* values: those that are rows, in the same order */
VERB(rows)
{
        struct wire_row row;

        (void)glue;
        json_open(out, '[');
        while (args_left(args))
                if (core_row_decode(args_bytes(args), &row) == ERR_OK && !args->bad)
                        json_row(out, &row);
        json_close(out, ']');
        return args->bad ? ERR_BAD_FIELD : ERR_OK;
}

/* a room's key and value: head and holeTop */
VERB(room_record)
{
        struct slice key = args_bytes(args), value = args_bytes(args);
        struct core_room_info info;

        (void)glue;
        if (args->bad || core_room_decode(key, value, &info) != ERR_OK)
                return ERR_BAD_FIELD;
        json_open(out, '{');
        json_key(out, "head");
        json_number(out, info.head);
        json_key(out, "holeTop");
        json_number(out, info.hole_top);
        json_close(out, '}');
        return ERR_OK;
}

static void entry(struct json *out, const struct core_outbox_entry *entry)
{
        json_open(out, '{');
        json_key(out, "room");
        json_id(out, &entry->room);
        json_key(out, "id");
        json_id(out, &entry->id);
        json_key(out, "operation");
        json_operation(out, &entry->operation);
        json_key(out, "time");
        json_number(out, entry->wall_ms ? entry->wall_ms : id_uuid7_time_ms(&entry->id));
        json_key(out, "state");
        json_text(out, entry->state == CORE_MESSAGE_FAILED ? SLICE_LITERAL("failed") : SLICE_LITERAL("queued"));
        if (entry->error) {
                json_key(out, "error");
                json_error(out, entry->error);
        }
        json_close(out, '}');
}

/* keys and values in turn: entries of the outbox, without settings, which the user has not written */
VERB(entries)
{
        struct core_outbox_entry one;

        (void)glue;
        json_open(out, '[');
        while (args_left(args)) {
                struct slice key = args_bytes(args), value = args_bytes(args);

                if (!args->bad && core_outbox_decode(key, value, &one) == ERR_OK && one.operation.kind != ROW_SETTING)
                        entry(out, &one);
        }
        json_close(out, ']');
        return args->bad ? ERR_BAD_FIELD : ERR_OK;
}

/* A tab's ids rise, as the core's own do: entries of a room are sent in their order. */
static struct id next_id(uint64_t wall_ms, const uint8_t random[10])
{
        static struct id last;
        struct id id = id_uuid7(wall_ms, random);

        if (id_compare(&id, &last) <= 0)
                id = id_uuid7(id_uuid7_time_ms(&last) + 1, random);
        last = id;
        return id;
}

/* ten random bytes, room, operation: id, key and value of an entry for the outbox */
VERB(record)
{
        static uint8_t value[RECORD_MAX];
        uint8_t key[CORE_KEY_SIZE_MAX], link[16];
        struct slice random = args_bytes(args);
        struct id room = args_id(args), id;
        struct wire_operation operation = args_operation(args, link);
        size_t key_size, value_size;
        enum error error;

        if (args->bad || random.size != 10 || operation.text.size > TEXT_SIZE_MAX ||
            operation.origin.size > DISPLAY_NAME_MAX)
                return args->bad || random.size != 10 ? ERR_BAD_FIELD : ERR_TOO_LARGE;
        id = next_id(glue->time.wall_ms, random.data);
        error = core_outbox_record(&room, &id, &operation, glue->time.wall_ms, key, &key_size, value, &value_size);
        if (error)
                return error;
        json_open(out, '{');
        json_key(out, "id");
        json_id(out, &id);
        json_key(out, "key");
        json_hex(out, slice_of(key, key_size));
        json_key(out, "value");
        json_hex(out, slice_of(value, value_size));
        json_close(out, '}');
        return ERR_OK;
}

/* ---- searching ---- */

static bool contains(struct slice text, struct slice word)
{
        for (size_t i = 0; i + word.size <= text.size; i++)
                if (memcmp(text.data + i, word.data, word.size) == 0)
                        return true;
        return false;
}

static size_t split(struct slice text, struct slice words[static WORDS_MAX])
{
        size_t count = 0, from = 0;

        for (size_t i = 0; i <= text.size && count < WORDS_MAX; i++) {
                if (i < text.size && text.data[i] != ' ')
                        continue;
                if (i > from)
                        words[count++] = slice_of(text.data + from, i - from);
                from = i + 1;
        }
        return count;
}

/* words, values: the messages in which all the words stand, whatever their case, in the same order */
VERB(matches)
{
        static uint8_t folded_words[SEARCH_TEXT_MAX], folded[TEXT_SIZE_MAX];
        struct slice query = args_bytes(args), words[WORDS_MAX];
        struct wire_row row;
        size_t count;

        (void)glue;
        if (args->bad || query.size > sizeof(folded_words))
                return args->bad ? ERR_BAD_FIELD : ERR_TOO_LARGE;
        count = split(slice_of(folded_words, name_fold(query, folded_words)), words);
        json_open(out, '[');
        while (args_left(args)) {
                bool all = core_row_decode(args_bytes(args), &row) == ERR_OK && row.kind == ROW_TEXT && count > 0 &&
                           row.text.size <= sizeof(folded);
                struct slice text = all ? slice_of(folded, name_fold(row.text, folded)) : (struct slice){0};

                for (size_t i = 0; all && i < count; i++)
                        all = contains(text, words[i]);
                if (all)
                        json_row(out, &row);
        }
        json_close(out, ']');
        return args->bad ? ERR_BAD_FIELD : ERR_OK;
}

/* oneself, one's user name, values: the messages of others in which one is mentioned */
VERB(mentions)
{
        uint64_t me = args_user(args);
        struct slice user_name = args_bytes(args);
        struct wire_row row;

        (void)glue;
        json_open(out, '[');
        while (args_left(args))
                if (core_row_decode(args_bytes(args), &row) == ERR_OK && row.kind == ROW_TEXT && row.sender != me &&
                    mention_has(row.text, user_name))
                        json_row(out, &row);
        json_close(out, ']');
        return args->bad ? ERR_BAD_FIELD : ERR_OK;
}

/* two users, or one twice: their room */
VERB(personal)
{
        uint64_t a = args_user(args), b = args_user(args);
        struct id room;

        (void)glue;
        if (args->bad || a == 0 || a > INT64_MAX || b == 0 || b > INT64_MAX)
                return ERR_BAD_FIELD;
        room = room_personal(a, b);
        json_id(out, &room);
        return ERR_OK;
}

#define LINE(name)                                                                                                          \
        {                                                                                                                   \
#name, verb_##name, true                                                                                    \
        }

const struct verb verbs_stored[] = {
        LINE(row_key), LINE(rows),     LINE(room_record), LINE(entries),       LINE(record),
        LINE(matches), LINE(mentions), LINE(personal),    {NULL, NULL, false},
};
