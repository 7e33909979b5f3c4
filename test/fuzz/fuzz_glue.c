/*
 * The web app's way into the core (web/core): calls of any verb with any arguments, to a core that is signed in, or not. Compiled for this
 * machine, so that a read beyond its bounds is seen, which wasm's one memory would hide. Input: calls: the verb's number, how many
 * arguments, and each of them: what kind it is, and its bytes.
 *
 * What is checked: whatever is said is one well-formed value of JSON in well-formed UTF-8, or nothing; an error comes with its name; a call
 * ends. Batches are kept and wants answered at once, as a host would.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "core/record.h"
#include "fuzz.h"
#include "glue.h"
#include "rules/room.h"
#include "script.h"

#define CALLS_MAX  200
#define ARGS_MAX   12
#define EVENTS_MAX 200
#define INPUT_MAX  65536
#define OUTPUT_MAX (1u << 20)
#define ME         7

struct play {
        struct glue glue;
        struct json out;
        struct script script;
        uint8_t input[INPUT_MAX];
        size_t input_size;
};

static bool grow(struct json *json, size_t size)
{
        (void)json, (void)size;
        return false; /* OUTPUT_MAX is all there is */
}

/* ---- what it says ---- */

/* A value of JSON at `at`; returns where it ends. Depth is bounded by what is written: fails beyond 16. */
static const uint8_t *value_end(const uint8_t *at, const uint8_t *end, unsigned depth);

static const uint8_t *string_end(const uint8_t *at, const uint8_t *end)
{
        check(at < end && *at == '"');
        for (at++; at < end && *at != '"'; at++) {
                check(*at >= 0x20);
                if (*at != '\\')
                        continue;
                at++;
                check(at < end && (*at == '"' || *at == '\\' || *at == 'u'));
                check(*at != 'u' || end - at > 4);
        }
        check(at < end);
        return at + 1;
}

static const uint8_t *list_end(const uint8_t *at, const uint8_t *end, unsigned depth)
{
        uint8_t close = *at == '{' ? '}' : ']';
        bool first = true;

        for (at++; at < end && *at != close; first = false) {
                check(first || *at == ',');
                at += !first;
                if (close == '}') {
                        at = string_end(at, end);
                        check(at < end && *at == ':');
                        at++;
                }
                at = value_end(at, end, depth + 1);
        }
        check(at < end);
        return at + 1;
}

static const uint8_t *value_end(const uint8_t *at, const uint8_t *end, unsigned depth)
{
        check(at < end && depth < 16);
        if (*at == '"')
                return string_end(at, end);
        if (*at == '{' || *at == '[')
                return list_end(at, end, depth);
        check((*at >= '0' && *at <= '9') || *at == 't' || *at == 'f' || *at == 'n');
        while (at < end && *at != ',' && *at != '}' && *at != ']')
                at++;
        return at;
}

static enum error call(struct play *play)
{
        enum error error = glue_call(&play->glue, slice_of(play->input, play->input_size), &play->out);
        const uint8_t *end = play->out.bytes + play->out.size;

        check(slice_is_text(slice_of(play->out.bytes, play->out.size)));
        check(!error || play->out.size > 0);
        if (play->out.size)
                check(value_end(play->out.bytes, end, 0) == end);
        return error;
}

/* ---- what is asked ---- */

static void add(struct play *play, struct slice argument)
{
        uint32_t size = (uint32_t)argument.size;

        if (play->input_size + sizeof(size) + size > sizeof(play->input))
                return;
        memcpy(play->input + play->input_size, &size, sizeof(size));
        play->input_size += sizeof(size);
        if (size)
                memcpy(play->input + play->input_size, argument.data, size);
        play->input_size += size;
}

static void begin(struct play *play, const char *verb)
{
        play->input_size = 0;
        add(play, slice_text(verb));
}

static void add_number(struct play *play, uint64_t number)
{
        char text[24];

        add(play, slice_of(text, (size_t)snprintf(text, sizeof(text), "%llu", (unsigned long long)number)));
}

static void add_hex(struct play *play, struct slice bytes)
{
        char text[2 * CORE_KEY_SIZE_MAX + 1];

        check(bytes.size <= CORE_KEY_SIZE_MAX);
        for (size_t i = 0; i < bytes.size; i++)
                snprintf(text + 2 * i, 3, "%02x", bytes.data[i]);
        add(play, slice_of(text, 2 * bytes.size));
}

/* A row as it is kept, of whatever text. */
static void add_row(struct play *play)
{
        static const char *const texts[] = {"text", "hello @anna", "Ёлка", ""};
        struct wire_row row = {.seq = 1 + script_next(&play->script), .sender = script_next(&play->script) % 10};
        uint8_t record[RECORD_ROW_EXTRA + 256], *at;

        row.changed = row.seq;
        row.kind = script_next(&play->script) % 14;
        row.text = slice_text(texts[script_next(&play->script) % countof(texts)]);
        row.role = script_next(&play->script) % 5;
        row.pinned = script_number_to(&play->script, INT64_MAX);
        at = record_row_encode(&row, record, record + sizeof(record));
        check(at);
        add(play, slice_of(at, (size_t)(record + sizeof(record) - at)));
}

/* An operation, in the eight arguments that it takes. */
static void add_operation(struct play *play)
{
        static const char *const kinds[] = {"text",   "joined", "edited", "reacted", "deleted",
                                            "pinned", "title",  "link",   "role"};

        add(play, slice_text(kinds[script_next(&play->script) % countof(kinds)]));
        add(play, script_bytes(&play->script, 100));
        add(play, script_next(&play->script) % 2 ? SLICE_LITERAL("0000000000000009") : (struct slice){0});
        add(play, script_next(&play->script) % 2 ? SLICE_LITERAL("admin") : (struct slice){0});
        add(play, script_next(&play->script) % 4 ? (struct slice){0} : SLICE_LITERAL("00112233445566778899aabbccddeeff"));
        add_number(play, script_number(&play->script));
        add(play, script_bytes(&play->script, 20));
        add_number(play, script_next(&play->script) % 2);
}

static void add_some(struct play *play)
{
        struct id room = room_personal(ME, script_next(&play->script) % 4 + 6);
        uint8_t user[8] = {0}, key[CORE_KEY_SIZE_MAX];

        user[7] = script_next(&play->script) % 10;
        switch (script_next(&play->script) % 9) {
        case 0:
                add(play, script_bytes(&play->script, 255));
                break;
        case 1:
                add_number(play, script_number(&play->script));
                break;
        case 2:
                add_hex(play, slice_of(room.bytes, sizeof(room.bytes)));
                break;
        case 3:
                add_hex(play, slice_of(user, sizeof(user)));
                break;
        case 4:
                add(play, SLICE_LITERAL("text"));
                break;
        case 5:
                add(play, slice_of(key, core_key_row(&room, script_number(&play->script), key)));
                break;
        case 6:
                add_row(play);
                break;
        case 7:
                add_operation(play);
                break;
        default:
                add(play, (struct slice){0});
                break;
        }
}

/* ---- the host ---- */

/* The number that follows a key; 0: there is none. */
static uint64_t told(const struct play *play, const char *key)
{
        size_t size = strlen(key);

        for (size_t i = 0; i + size < play->out.size; i++)
                if (memcmp(play->out.bytes + i, key, size) == 0)
                        return strtoull((const char *)play->out.bytes + i + size, NULL, 10);
        return 0;
}

static bool is_kind(const struct play *play, const char *kind)
{
        size_t size = strlen(kind);

        return play->out.size > 9 + size && memcmp(play->out.bytes + 9, kind, size) == 0; /* {"kind":"… */
}

/* The account, to the first want; nothing to the others. */
static void give(struct play *play, bool signed_in)
{
        struct record_profile profile = {.state = ACCOUNT_SIGNED_IN,
                                         .user = ME,
                                         .device = 1,
                                         .person = {.user = ME, .user_name = SLICE_LITERAL("anna")}};
        uint64_t want = told(play, "\"number\":");
        uint8_t record[RECORD_PROFILE_EXTRA + 64], *at;

        if (want == 1 && signed_in) {
                profile.token[7] = ME;
                at = record_profile_encode(&profile, record, record + sizeof(record));
                check(at);
                begin(play, "given");
                add_number(play, want);
                add(play, SLICE_LITERAL("P"));
                add(play, slice_of(at, (size_t)(record + sizeof(record) - at)));
                check(call(play) == ERR_OK);
        }
        begin(play, "given_end");
        add_number(play, want);
        check(call(play) == ERR_OK);
}

static void settle(struct play *play, bool signed_in)
{
        for (int i = 0; i < EVENTS_MAX && play->glue.core; i++) {
                begin(play, "poll");
                check(call(play) == ERR_OK);
                if (is_kind(play, "none"))
                        return;
                if (is_kind(play, "want")) {
                        give(play, signed_in);
                } else if (is_kind(play, "keep")) {
                        uint64_t batch = told(play, "\"number\":");

                        begin(play, "kept");
                        add_number(play, batch);
                        check(call(play) == ERR_OK);
                } else if (is_kind(play, "connect")) {
                        begin(play, script_next(&play->script) % 2 ? "connected" : "disconnected");
                        check(call(play) == ERR_OK);
                } else if (is_kind(play, "send")) {
                        begin(play, "sent");
                        add_number(play, 0);
                        check(call(play) == ERR_OK);
                }
        }
}

static const char *verb_of(unsigned number)
{
        static const struct verb *const tables[] = {verbs_in, verbs_look, verbs_user, verbs_stored};

        for (size_t i = 0; i < countof(tables); i++)
                for (const struct verb *verb = tables[i]; verb->name; verb++)
                        if (number-- == 0)
                                return verb->name;
        return "poll";
}

/* To have taken more than was offered is a mistake of the host's, and asserted. */
static bool is_hosts_own(const char *verb)
{
        return strcmp(verb, "sent") == 0 || strcmp(verb, "connected") == 0 || strcmp(verb, "disconnected") == 0;
}

static void run(struct play *play, bool signed_in)
{
        static const uint8_t seed[32] = {1};

        begin(play, "new");
        add(play, slice_of(seed, sizeof(seed)));
        add(play, SLICE_LITERAL("fuzz"));
        add(play, SLICE_LITERAL("en"));
        check(call(play) == ERR_OK);
        settle(play, signed_in);
        for (int i = 0; i < CALLS_MAX && !script_ended(&play->script); i++) {
                const char *verb = verb_of(script_next(&play->script) % 64);

                begin(play, is_hosts_own(verb) ? "poll" : verb);
                for (unsigned left = script_next(&play->script) % ARGS_MAX; left > 0; left--)
                        add_some(play);
                (void)call(play);
                settle(play, signed_in);
                play->glue.time.now_ms += script_number_to(&play->script, 100000);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct arena_source source = {memory_new, memory_free};
        static struct play play;
        static uint8_t output[OUTPUT_MAX];

        play = (struct play){.script = {data, data + size}, .out = {.bytes = output, .room = sizeof(output), .grow = grow}};
        play.glue.time = (struct core_time){1000, 1700000000000};
        arena_init(&play.glue.arena, &source, 4096, 8u << 20);
        run(&play, script_next(&play.script) % 4 != 0);
        arena_finish(&play.glue.arena);
        return 0;
}
