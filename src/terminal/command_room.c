/* How one keeps one's rooms, on all devices: rooms, mute, archive, pin, draft. */
#include <stdlib.h>

#include "base/assert.h"
#include "rules/limits.h"
#include "rules/room.h"
#include "rules/row.h"
#include "rules/setting.h"
#include "terminal/command.h"
#include "terminal/print.h"
#include "terminal/safe.h"

#define SET_WAIT_MS 3000
#define QUEUED_TEXT "✓ done here; your other devices get it later"
#define DONE_TEXT   "✓ done"

/* ---- the list ---- */

enum part { PART_PINNED, PART_OTHERS, PART_ARCHIVED, PART_COUNT };

static enum part part_of(const struct core_room_info *info, const struct room_settings *settings, uint64_t now_ms)
{
        if (room_is_archived(settings, info->last_time_ms, now_ms))
                return PART_ARCHIVED;
        return settings->pin ? PART_PINNED : PART_OTHERS;
}

/* The pinned room that stands next below that place; false: there is none. */
static bool next_pinned(struct session *session, uint64_t below, struct core_room_info *next)
{
        uint64_t best = 0, now_ms = host_time(session->host).wall_ms;
        struct core_room_info info;

        for (uint32_t i = 0; core_room_at(session->host->core, i, &info); i++) {
                struct room_settings settings = core_room_settings(session->host->core, &info.room);

                if (part_of(&info, &settings, now_ms) != PART_PINNED || settings.pin >= below || settings.pin <= best)
                        continue;
                best = settings.pin;
                *next = info;
        }
        return best > 0;
}

static void print_part(struct session *session, enum part part)
{
        uint64_t now_ms = host_time(session->host).wall_ms;
        struct core_room_info info;

        for (uint32_t i = 0; core_room_at(session->host->core, i, &info); i++) {
                struct room_settings settings = core_room_settings(session->host->core, &info.room);

                if (!core_room_is_bare(&info) && part_of(&info, &settings, now_ms) == part)
                        print_room(session, &info);
        }
}

int command_rooms(struct session *session, int count, char **words)
{
        struct core_room_info info;

        (void)count, (void)words;
        if (session->leads && !host_wait_reachable(session->host, session_synced, session, LINK_WAIT_MS) && !session->json)
                fprintf(stderr, "galka: no link: this is what was known last\n");
        for (uint64_t below = UINT64_MAX; next_pinned(session, below, &info);) {
                below = core_room_settings(session->host->core, &info.room).pin;
                print_room(session, &info);
        }
        print_part(session, PART_OTHERS);
        print_part(session, PART_ARCHIVED);
        return EXIT_DONE;
}

/* ---- setting ---- */

struct setting_up {
        struct session *session;
        struct slice key;
        bool done;
        enum error error;
};

static void on_setting(void *context, const struct core_event *event)
{
        struct setting_up *up = context;

        if (event->kind != CORE_EVENT_SETTING || !slice_equal(event->key, up->key))
                return;
        if (event->error)
                up->error = event->error;
        up->done |= event->error || event->seq;
}

static bool is_set(void *context)
{
        const struct setting_up *up = context;

        return up->done || core_phase(up->session->host->core) == CORE_SIGNED_OUT;
}

/* room: NULL: the setting is not one of a room. */
static int set_as_leader(struct session *session, const struct id *room, enum room_setting setting, struct slice key,
                         struct slice value, bool *queued)
{
        struct setting_up up = {.session = session, .key = key};
        struct core *core = session->host->core;
        struct core_setting now;
        enum error error;

        host_set_listener(session->host, on_setting, &up);
        error = room ? core_set_room(core, room, setting, value, host_time(session->host))
                     : core_set(core, key, value, host_time(session->host));
        if (error)
                return session_complain(EXIT_REFUSED, "%s", error_text(error));
        (void)core_setting(core, key, &now);
        up.done |= !now.waits; /* it was so before */
        host_settle(session->host);
        if (command_flags.wait)
                host_wait(session->host, is_set, &up, -1);
        else
                host_wait_reachable(session->host, is_set, &up, SET_WAIT_MS);
        host_set_listener(session->host, NULL, NULL);
        if (session->host->storage_failed)
                return session_complain(EXIT_DISK, "it could not be kept: the profile cannot be written");
        if (core_phase(core) == CORE_SIGNED_OUT)
                return session_complain(EXIT_SIGN_IN, "the server signed this device out: run galka signin NAME");
        if (up.error)
                return session_complain(EXIT_REFUSED, "%s", error_text(up.error));
        *queued = !up.done;
        return EXIT_DONE;
}

/* By the galka that leads: an entry in its outbox. */
static int set_as_follower(struct session *session, struct slice key, struct slice value)
{
        struct id self = room_personal(core_user(session->host->core), core_user(session->host->core));
        struct wire_operation operation = {.kind = ROW_SETTING};
        uint8_t *text = malloc(key.size + 1 + value.size);
        int result;

        if (!text)
                return session_complain(EXIT_REFUSED, "%s", error_text(ERR_NO_MEMORY));
        memcpy(text, key.data, key.size);
        text[key.size] = ' ';
        if (value.size)
                memcpy(text + key.size + 1, value.data, value.size);
        operation.text = slice_of(text, key.size + (value.size ? 1 + value.size : 0));
        result = command_queue(session, &self, &operation);
        free(text);
        return result;
}

static int set(struct session *session, const struct id *room, enum room_setting setting, struct slice value)
{
        static const char *const names[] = {"mute", "archive", "pin", "draft"};
        char id[ID_TEXT_SIZE], key_bytes[SETTING_KEY_MAX];
        struct slice key = setting_key_of(setting, room, key_bytes);
        bool queued = true;
        int result = session->leads ? set_as_leader(session, room, setting, key, value, &queued)
                                    : set_as_follower(session, key, value);

        if (result != EXIT_DONE)
                return result;
        if (session->json) {
                id_format(room, id);
                printf("{\"type\":\"setting\",\"room\":\"%s\",\"setting\":\"%s\",\"value\":", id, names[setting]);
                safe_json(stdout, value);
                printf(",\"state\":\"%s\"}\n", queued ? "queued" : "sent");
        } else {
                puts(queued ? QUEUED_TEXT : DONE_TEXT);
        }
        return EXIT_DONE;
}

/* Something of which others are told, and that they are not if it has a value. */
struct privacy {
        const char *name, *on, *off;
        struct slice key;
};

static int switch_privacy(struct session *session, const struct privacy *privacy, int count, char **words)
{
        bool queued = false, off = count > 0 && strcmp(words[0], "off") == 0;
        struct slice key = privacy->key, value = off ? SLICE_LITERAL("yes") : (struct slice){0};
        struct core_setting setting;
        int result = EXIT_DONE;

        if (count > 0 && !off && strcmp(words[0], "on") != 0)
                return session_complain(EXIT_USAGE, "'%s': say on, off, or nothing", words[0]);
        if (session->leads)
                (void)host_wait_reachable(session->host, session_synced, session, LINK_WAIT_MS);
        if (count == 0)
                off = core_setting(session->host->core, key, &setting);
        else if (session->leads)
                result = set_as_leader(session, NULL, SETTING_ROOM_KINDS, key, value, &queued);
        else
                result = set_as_follower(session, key, value);
        queued |= count > 0 && !session->leads;
        if (result != EXIT_DONE)
                return result;
        if (session->json)
                printf("{\"type\":\"setting\",\"setting\":\"%s\",\"value\":\"%s\",\"state\":\"%s\"}\n", privacy->name,
                       off ? "off" : "on", queued ? "queued" : "sent");
        else if (count == 0)
                puts(off ? privacy->off : privacy->on);
        else
                puts(queued ? QUEUED_TEXT : DONE_TEXT);
        return EXIT_DONE;
}

int command_last_seen(struct session *session, int count, char **words)
{
        static const struct privacy last_seen = {
                .name = "last-seen",
                .on = "on: who shares a chat with you is told when you are online and were there last",
                .off = "off: nobody is told when you are online and were there last, nor are you",
                .key = SLICE_LITERAL(SETTING_KEY_HIDDEN)};

        return switch_privacy(session, &last_seen, count, words);
}

int command_receipts(struct session *session, int count, char **words)
{
        static const struct privacy receipts = {.name = "receipts",
                                                .on = "on: who shares a chat with you is told what you have got and read",
                                                .off = "off: nobody is told what you have got and read, nor are you",
                                                .key = SLICE_LITERAL(SETTING_KEY_RECEIPTS_OFF)};

        return switch_privacy(session, &receipts, count, words);
}

/* ---- what is set ---- */

/* "90m", "8h", "2d", "1w" → milliseconds; 0: it is none of these. */
static uint64_t read_span(const char *word)
{
        static const struct {
                char letter;
                uint64_t ms;
        } units[] = {{'m', 60000}, {'h', 3600000}, {'d', 86400000}, {'w', 604800000}};
        char *end;
        unsigned long number = strtoul(word, &end, 10);

        if (word[0] < '1' || word[0] > '9' || number > 100000)
                return 0;
        for (size_t i = 0; i < countof(units); i++)
                if (end[0] == units[i].letter && end[1] == '\0')
                        return number * units[i].ms;
        return 0;
}

/* What is new in the room is known before it is put away. */
static void catch_up(struct session *session)
{
        if (session->leads)
                (void)host_wait_reachable(session->host, session_synced, session, LINK_WAIT_MS);
}

int command_mute(struct session *session, int count, char **words)
{
        char until[SETTING_NUMBER_MAX];
        const char *how = count > 1 ? words[1] : "forever";
        struct slice value = slice_text(how);
        uint64_t span_ms = read_span(how);
        struct id room;
        int result;

        if (strcmp(how, "off") == 0)
                value = (struct slice){0};
        else if (span_ms)
                value = setting_number_write(host_time(session->host).wall_ms + span_ms, until);
        else if (strcmp(how, "forever") != 0)
                return session_complain(EXIT_USAGE, "'%s' is no time: give 30m, 8h, 2d, 1w, forever, or off", how);
        result = session_find_room(session, words[0], &room);
        if (result == EXIT_DONE)
                catch_up(session);
        return result == EXIT_DONE ? set(session, &room, SETTING_MUTE, value) : result;
}

/* On without a word; "off" takes it away. *number: the value. */
static int switch_number(struct session *session, enum room_setting setting, int count, char **words)
{
        char bytes[SETTING_NUMBER_MAX];
        struct slice value = {0};
        struct core_room_info info;
        struct id room;
        int result;

        if (count > 1 && strcmp(words[1], "off") != 0)
                return session_complain(EXIT_USAGE, "'%s': say off, or nothing", words[1]);
        result = session_find_room(session, words[0], &room);
        if (result != EXIT_DONE)
                return result;
        catch_up(session);
        if (count == 1 && setting == SETTING_PIN) {
                value = setting_number_write(host_time(session->host).wall_ms, bytes);
        } else if (count == 1) {
                if (core_room_info(session->host->core, &room, &info) != ERR_OK)
                        return session_complain(EXIT_REFUSED, "nothing was said in that room yet");
                value = setting_number_write(max_of(info.last_time_ms, UINT64_C(1)), bytes);
        }
        return set(session, &room, setting, value);
}

int command_archive(struct session *session, int count, char **words)
{
        return switch_number(session, SETTING_ARCHIVE, count, words);
}

int command_pin_room(struct session *session, int count, char **words)
{
        return switch_number(session, SETTING_PIN, count, words);
}

static int print_draft(struct session *session, const struct id *room)
{
        struct room_settings settings = core_room_settings(session->host->core, room);
        char id[ID_TEXT_SIZE];

        if (session->json) {
                id_format(room, id);
                printf("{\"type\":\"draft\",\"room\":\"%s\",\"reply_to\":%llu,\"text\":", id,
                       (unsigned long long)settings.draft_reply_to);
                safe_json(stdout, settings.draft);
                puts("}");
        } else if (settings.draft.size) {
                safe_text(stdout, settings.draft);
                putchar('\n');
        }
        return EXIT_DONE;
}

int command_draft(struct session *session, int count, char **words)
{
        static char value[TEXT_SIZE_MAX];
        struct id room;
        int result = session_find_room(session, words[0], &room), size;

        if (result != EXIT_DONE)
                return result;
        catch_up(session);
        if (count == 1)
                return print_draft(session, &room);
        if (!slice_is_text(slice_text(words[1])))
                return session_complain(EXIT_REFUSED, "the text is not UTF-8");
        size = snprintf(value, sizeof(value), "0 %s", words[1]);
        if (size < 0 || (size_t)size + SETTING_KEY_MAX >= sizeof(value))
                return session_complain(EXIT_REFUSED, "the text is too long for a draft");
        return set(session, &room, SETTING_DRAFT, slice_of(value, words[1][0] ? (size_t)size : 0));
}
