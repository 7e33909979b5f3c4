/* search, around, pins: messages that may not be on this device, asked of the server; and what is pinned. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "rules/limits.h"
#include "rules/row.h"
#include "terminal/command.h"
#include "terminal/day.h"
#include "terminal/print.h"

#define ANSWER_WAIT_MS 10000
#define NAMES_WAIT_MS  2000
#define HITS           20 /* unless --count says how many */
#define ROWS           20
#define KEPT_MAX       200 /* rows of one command */
#define PAGES_MAX      100 /* answers of one search: some may find nothing; of a list of pins: a few long ones */

/* Rows of answers, copied: all texts of one in one piece. */
struct kept {
        struct session *session;
        struct id request;
        bool done, more;
        enum error error;
        struct wire_place place;
        size_t count, max;
        struct {
                struct id room;
                struct wire_row row;
                uint8_t *texts;
        } rows[KEPT_MAX];
};

static void copy_slice(struct slice *slice, uint8_t **at)
{
        if (slice->size)
                memcpy(*at, slice->data, slice->size);
        *slice = slice_of(*at, slice->size);
        *at += slice->size;
}

static void keep(struct kept *kept, const struct id *room, const struct wire_row *row)
{
        size_t size = row->text.size + row->origin.size + row->reacted.size + row->reactions.raw.size;
        uint8_t *at = kept->count < kept->max ? malloc(size + 1) : NULL;
        struct wire_row *copy;

        if (!at)
                return;
        kept->rows[kept->count].room = *room;
        kept->rows[kept->count].texts = at;
        copy = &kept->rows[kept->count++].row;
        *copy = *row;
        copy_slice(&copy->text, &at);
        copy_slice(&copy->origin, &at);
        copy_slice(&copy->reacted, &at);
        copy_slice(&copy->reactions.raw, &at);
}

static void on_answer(void *context, const struct core_event *event)
{
        struct kept *kept = context;
        struct wire_iterator iterator;
        struct wire_hit hit;
        struct wire_row row;

        if (!id_equal(&event->id, &kept->request))
                return;
        if (event->kind == CORE_EVENT_FAILED)
                kept->error = event->error;
        if (event->kind == CORE_EVENT_FOUND) {
                wire_list_start(&iterator, WIRE_STRUCTURE(found), 1, &event->list);
                while (wire_list_next(&iterator, &hit))
                        keep(kept, &hit.room, &hit.row);
                kept->more = event->more;
                kept->place = event->place;
        }
        if (event->kind == CORE_EVENT_WINDOW) {
                WIRE_LIST_START(&iterator, window, rows, &event->list);
                while (wire_list_next(&iterator, &row))
                        keep(kept, &event->room, &row);
        }
        if (event->kind == CORE_EVENT_PINS) {
                WIRE_LIST_START(&iterator, pin_page, rows, &event->list);
                while (wire_list_next(&iterator, &row)) {
                        keep(kept, &event->room, &row);
                        kept->place.seq = row.pinned;
                }
                kept->more = event->more;
        }
        kept->done = true;
}

static bool is_done(void *context)
{
        return ((struct kept *)context)->done;
}

/* The core asks for the names of those who are looked at. */
static bool names_known(void *context)
{
        const struct kept *kept = context;
        const struct core *core = kept->session->host->core;
        struct wire_person person;
        bool known = true;

        for (size_t i = 0; i < kept->count; i++) {
                known &= core_person((struct core *)(uintptr_t)core, kept->rows[i].row.sender, &person);
                known &= kept->rows[i].row.subject == 0 ||
                         core_person((struct core *)(uintptr_t)core, kept->rows[i].row.subject, &person);
        }
        return known;
}

/* What was asked is awaited. error: whether it could be asked. */
static void await(struct kept *kept, enum error error)
{
        struct host *host = kept->session->host;

        kept->error = error;
        if (!error && !host_wait(host, is_done, kept, ANSWER_WAIT_MS))
                kept->error = ERR_UNKNOWN;
}

static int print_kept(struct kept *kept, const char *type, bool with_rooms)
{
        struct session *session = kept->session;
        char name[SESSION_NAME_SIZE];
        struct core_room_info info;

        host_wait(session->host, names_known, kept, NAMES_WAIT_MS);
        for (size_t i = 0; i < kept->count; i++) {
                const struct id *room = &kept->rows[i].room;

                if (with_rooms && !session->json && core_room_info(session->host->core, room, &info) == ERR_OK) {
                        session_room_name(&info, name);
                        printf("[%s] ", name);
                }
                if (kept->rows[i].row.kind != ROW_SETTING)
                        print_row(session, type, room, &kept->rows[i].row);
                free(kept->rows[i].texts);
        }
        return EXIT_DONE;
}

/* The words of the command line with spaces between them. False: too long. */
static bool join_words(int count, char **words, char text[static SEARCH_TEXT_MAX + 2])
{
        size_t size = 0;

        for (int i = 0; i < count && size <= SEARCH_TEXT_MAX; i++)
                size += (size_t)snprintf(text + size, SEARCH_TEXT_MAX + 2 - size, "%s%s", i ? " " : "", words[i]);
        return size <= SEARCH_TEXT_MAX;
}

int command_search(struct session *session, int count, char **words)
{
        static struct kept kept;
        char text[SEARCH_TEXT_MAX + 2];
        struct id room, *in = command_flags.room ? &room : NULL;
        int result = session_need_link(session, LINK_WAIT_MS);

        if (result == EXIT_DONE && in)
                result = session_find_room(session, command_flags.room, in);
        if (result != EXIT_DONE)
                return result;
        if (!join_words(count, words, text))
                return session_complain(EXIT_REFUSED, "that is too much to search for: at most %d bytes", SEARCH_TEXT_MAX);
        kept = (struct kept){.session = session, .more = true};
        kept.max = min_of(command_flags.rows ? command_flags.rows : HITS, KEPT_MAX);
        host_set_listener(session->host, on_answer, &kept);
        for (int page = 0; page < PAGES_MAX && kept.more && kept.count < kept.max && !kept.error; page++) {
                kept.done = false;
                await(&kept, core_search(session->host->core, slice_text(text), in, page ? &kept.place : NULL,
                                         (uint32_t)(kept.max - kept.count), &kept.request, host_time(session->host)));
        }
        host_set_listener(session->host, NULL, NULL);
        if (kept.error == ERR_BAD_FIELD)
                return session_complain(EXIT_REFUSED, "there is no word in that");
        if (kept.error == ERR_TOO_LARGE)
                return session_complain(EXIT_REFUSED, "that is too much to search for: at most %d words", SEARCH_WORDS_MAX);
        if (kept.error)
                return session_complain(EXIT_REFUSED, "%s", error_text(kept.error));
        if (kept.count == 0 && !session->json)
                puts("Nothing found.");
        return print_kept(&kept, "hit", !in);
}

/* A number of a row, or a day with or without a time, in local time. False: neither. */
static bool parse_place(const char *word, uint64_t *seq, uint64_t *time_ms)
{
        char *end;

        *seq = *time_ms = 0;
        if (word[strspn(word, "0123456789")] == '\0') {
                *seq = strtoull(word, &end, 10);
                return *seq > 0 && *seq < INT64_MAX;
        }
        return day_parse(word, time_ms);
}

int command_around(struct session *session, int count, char **words)
{
        static struct kept kept;
        uint64_t seq, time_ms;
        struct id room;
        int result;

        (void)count;
        if (!parse_place(words[1], &seq, &time_ms))
                return session_complain(EXIT_USAGE,
                                        "'%s' is no number of a message and no date like 2025-12-31 or '2025-12-31 18:30'",
                                        words[1]);
        result = session_need_link(session, LINK_WAIT_MS);
        if (result == EXIT_DONE)
                result = session_find_room(session, words[0], &room);
        if (result != EXIT_DONE)
                return result;
        kept = (struct kept){.session = session, .max = KEPT_MAX};
        host_set_listener(session->host, on_answer, &kept);
        await(&kept, core_around(session->host->core, &room, seq, time_ms,
                                 min_of(command_flags.rows ? command_flags.rows : ROWS, KEPT_MAX), &kept.request,
                                 host_time(session->host)));
        host_set_listener(session->host, NULL, NULL);
        if (kept.error)
                return session_complain(EXIT_REFUSED, "%s",
                                        kept.error == ERR_NOT_FOUND ? error_text(ERR_NO_ROOM) : error_text(kept.error));
        return print_kept(&kept, "message", false);
}

int command_pins(struct session *session, int count, char **words)
{
        static struct kept kept;
        struct id room;
        int result = session_need_link(session, LINK_WAIT_MS);

        (void)count;
        if (result == EXIT_DONE)
                result = session_find_room(session, words[0], &room);
        if (result != EXIT_DONE)
                return result;
        kept = (struct kept){.session = session, .more = true};
        kept.max = min_of(command_flags.rows ? command_flags.rows : PINS_MAX, PINS_MAX);
        host_set_listener(session->host, on_answer, &kept);
        for (int page = 0; page < PAGES_MAX && kept.more && kept.count < kept.max && !kept.error; page++) {
                kept.done = false;
                await(&kept, core_pins(session->host->core, &room, kept.place.seq, (uint32_t)(kept.max - kept.count),
                                       &kept.request, host_time(session->host)));
        }
        host_set_listener(session->host, NULL, NULL);
        if (kept.error)
                return session_complain(EXIT_REFUSED, "%s",
                                        kept.error == ERR_NOT_FOUND ? error_text(ERR_NO_ROOM) : error_text(kept.error));
        if (kept.count == 0 && !session->json)
                puts("Nothing is pinned.");
        return print_kept(&kept, "pin", false);
}

static int write_pin(struct session *session, char **words, bool off)
{
        struct wire_operation operation = {.kind = ROW_PINNED, .off = off};
        struct id room;
        int result = command_number(words[1], &operation.target);

        if (result == EXIT_DONE)
                result = session_find_room(session, words[0], &room);
        return result != EXIT_DONE ? result : command_write(session, &room, &operation);
}

int command_pin_message(struct session *session, int count, char **words)
{
        (void)count;
        return write_pin(session, words, false);
}

int command_unpin_message(struct session *session, int count, char **words)
{
        (void)count;
        return write_pin(session, words, true);
}
