/* People and messages: people, send, reply, edit, delete, history, outbox, retry, discard. */
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "crypto/random.h"
#include "rules/limits.h"
#include "rules/reaction.h"
#include "rules/room.h"
#include "rules/row.h"
#include "terminal/command.h"
#include "terminal/print.h"

#define ANSWER_WAIT_MS 10000
#define SENT_WAIT_MS   3000
#define FOLLOW_MS      200
#define HISTORY_ROWS   50
#define NAMES_WAIT_MS  2000

/* ---- people ---- */

struct people {
        struct session *session;
        struct id request;
        bool done;
        enum error error;
        unsigned found;
};

static void on_people(void *context, const struct core_event *event)
{
        struct people *people = context;
        struct wire_iterator iterator;
        struct wire_person person;

        if (!id_equal(&event->id, &people->request))
                return;
        if (event->kind == CORE_EVENT_FAILED)
                people->error = event->error;
        if (event->kind == CORE_EVENT_PEOPLE) {
                wire_list_start(&iterator, WIRE_STRUCTURE(people), 1, &event->list);
                for (; wire_list_next(&iterator, &person); people->found++) {
                        session_remember(people->session, &person);
                        print_person(people->session, &person);
                }
        }
        people->done = event->kind == CORE_EVENT_FAILED || event->kind == CORE_EVENT_PEOPLE;
}

static bool people_done(void *context)
{
        return ((struct people *)context)->done;
}

int command_people(struct session *session, int count, char **words)
{
        struct people people = {.session = session};
        int result = session_need_link(session, LINK_WAIT_MS);
        const char *name = words[0][0] == '@' ? words[0] + 1 : words[0];

        (void)count;
        if (result != EXIT_DONE)
                return result;
        host_set_listener(session->host, on_people, &people);
        people.error = core_find(session->host->core, slice_text(name), &people.request, host_time(session->host));
        if (!people.error && !host_wait(session->host, people_done, &people, ANSWER_WAIT_MS))
                people.error = ERR_UNKNOWN;
        host_set_listener(session->host, NULL, NULL);
        if (people.error)
                return session_complain(EXIT_REFUSED, "%s", error_text(people.error));
        if (people.found == 0 && !session->json)
                puts("Nobody by that name.");
        return EXIT_DONE;
}

/* ---- send ---- */

struct sending {
        struct id id;
        bool done;
        enum error error;
        uint64_t seq;
        struct core *core;
};

static void on_sending(void *context, const struct core_event *event)
{
        struct sending *sending = context;

        if (event->kind != CORE_EVENT_MESSAGE || !id_equal(&event->id, &sending->id))
                return;
        if (event->state == CORE_MESSAGE_QUEUED)
                return;
        sending->done = true;
        sending->seq = event->seq;
        sending->error = event->state == CORE_MESSAGE_FAILED ? event->error : ERR_OK;
}

static bool sending_done(void *context)
{
        const struct sending *sending = context;

        return sending->done || core_phase(sending->core) == CORE_SIGNED_OUT; /* then nobody ever answers */
}

/* Standard input up to the limit of a message, without the last line's end. */
static int read_text(char **text, size_t *size)
{
        *text = malloc(TEXT_SIZE_MAX + 1);
        if (!*text)
                return session_complain(EXIT_REFUSED, "%s", error_text(ERR_NO_MEMORY));
        *size = fread(*text, 1, TEXT_SIZE_MAX + 1, stdin);
        while (*size > 0 && (*text)[*size - 1] == '\n')
                (*size)--;
        return EXIT_DONE;
}

static int check_text(struct slice text)
{
        if (text.size == 0)
                return session_complain(EXIT_REFUSED, "the text is empty");
        if (text.size > TEXT_SIZE_MAX)
                return session_complain(EXIT_REFUSED, "the text is longer than %d bytes", TEXT_SIZE_MAX);
        if (!slice_is_text(text))
                return session_complain(EXIT_REFUSED, "the text is not UTF-8, or has a NUL in it");
        return EXIT_DONE;
}

static void print_sent(struct session *session, const struct id *room, const struct wire_operation *operation,
                       const struct id *id, const char *state, uint64_t seq)
{
        char room_text[ID_TEXT_SIZE], id_text[ID_TEXT_SIZE];

        id_format(room, room_text);
        id_format(id, id_text);
        if (session->json)
                printf("{\"type\":\"send\",\"room\":\"%s\",\"id\":\"%s\",\"kind\":\"%s\",\"state\":\"%s\",\"seq\":%llu}\n",
                       room_text, id_text, row_kind_text((unsigned)operation->kind), state, (unsigned long long)seq);
        else if (strcmp(state, "sent") == 0)
                printf(operation->kind == ROW_TEXT ? "✓ sent\n" : "✓ done\n");
        else if (session->leads)
                printf("queued: %s; whichever galka runs next on this profile sends it\n",
                       session->host->problem[0] ? session->host->problem : "no link");
        else
                printf("queued: the galka that runs on this profile sends it\n");
}

static int write_as_leader(struct session *session, struct id *room, const struct wire_operation *operation)
{
        struct core *core = session->host->core;
        struct sending sending = {.core = core};
        enum error error;

        host_set_listener(session->host, on_sending, &sending);
        if (operation->kind == ROW_CREATED) {
                error = core_create_group(core, operation->text, room, host_time(session->host));
                sending.id = *room;
        } else {
                error = core_write(core, room, operation, &sending.id, host_time(session->host));
        }
        if (error)
                return session_complain(EXIT_REFUSED, "%s", error_text(error));
        if (command_flags.wait)
                host_wait(session->host, sending_done, &sending, -1);
        else
                host_wait_reachable(session->host, sending_done, &sending, SENT_WAIT_MS);
        host_set_listener(session->host, NULL, NULL);
        if (session->host->storage_failed)
                return session_complain(EXIT_DISK, "the message could not be kept: the profile cannot be written");
        if (core_phase(session->host->core) == CORE_SIGNED_OUT)
                return session_complain(EXIT_SIGN_IN, "not sent: the server signed this device out: run galka signin NAME");
        if (sending.error == ERR_ROOM_FULL && operation->kind == ROW_PINNED)
                return session_complain(EXIT_REFUSED, "not done: %d messages are pinned there: unpin one first", PINS_MAX);
        if (sending.error)
                return session_complain(EXIT_REFUSED, "not sent: %s", error_text(sending.error));
        print_sent(session, room, operation, &sending.id, sending.done ? "sent" : "queued", sending.seq);
        return EXIT_DONE;
}

/* What has become of an entry in the storage: gone is sent. */
struct fate {
        bool there;
        enum core_message_state state;
};

static void learn_fate(void *context, struct slice key, struct slice value)
{
        struct fate *fate = context;
        struct core_outbox_entry entry;

        fate->there = core_outbox_decode(key, value, &entry) == ERR_OK;
        fate->state = entry.state;
}

/* Waits until the leader has sent it; leads itself when that one ends. */
static int wait_as_follower(struct session *session, struct slice key)
{
        uint8_t end[CORE_KEY_SIZE_MAX + 1];
        struct fate fate;

        memcpy(end, key.data, key.size);
        end[key.size] = 0;
        do {
                fate = (struct fate){0};
                if (session_take_lead(session))
                        host_turn(session->host, FOLLOW_MS);
                else
                        usleep(FOLLOW_MS * 1000);
                if (session->host->storage_failed ||
                    file_range(session->file, key, slice_of(end, key.size + 1), 1, false, learn_fate, &fate) != ERR_OK)
                        return session_complain(EXIT_DISK, "the profile cannot be read or written");
                if (fate.there && fate.state == CORE_MESSAGE_FAILED)
                        return session_complain(EXIT_REFUSED, "not sent: galka outbox lists it");
        } while (fate.there);
        return EXIT_DONE;
}

/* Puts it into the outbox of the galka that leads; with --wait stays until it is gone from there. */
static int queue(struct session *session, struct id *room, const struct wire_operation *operation, struct id *id)
{
        static uint8_t value[TEXT_SIZE_MAX + DISPLAY_NAME_MAX + CORE_OUTBOX_EXTRA];
        uint8_t key[CORE_KEY_SIZE_MAX], random[10];
        size_t key_size, value_size = sizeof(value);
        uint64_t wall_ms = host_time(session->host).wall_ms;
        struct core_change change = {0};

        crypto_random(random, sizeof(random));
        *id = id_uuid7(wall_ms, random);
        if (operation->kind == ROW_CREATED)
                *room = *id;
        if (core_outbox_record(room, id, operation, wall_ms, key, &key_size, value, &value_size) != ERR_OK)
                return session_complain(EXIT_REFUSED, "%s", error_text(ERR_BAD_FIELD));
        change.key = slice_of(key, key_size);
        change.value = slice_of(value, value_size);
        if (file_apply(session->file, &change, 1) != ERR_OK)
                return session_complain(EXIT_DISK, "the message could not be kept: the profile cannot be written");
        return command_flags.wait ? wait_as_follower(session, change.key) : EXIT_DONE;
}

int command_queue(struct session *session, struct id *room, const struct wire_operation *operation)
{
        struct id id;

        return queue(session, room, operation, &id);
}

static int write_as_follower(struct session *session, struct id *room, const struct wire_operation *operation)
{
        struct id id;
        int result = queue(session, room, operation, &id);

        if (result == EXIT_DONE)
                print_sent(session, room, operation, &id, command_flags.wait ? "sent" : "queued", 0);
        return result;
}

int command_write(struct session *session, struct id *room, const struct wire_operation *operation)
{
        return session->leads ? write_as_leader(session, room, operation) : write_as_follower(session, room, operation);
}

/* text_word NULL: it has none. */
static int write_operation(struct session *session, const char *room_word, struct wire_operation *operation,
                           const char *text_word)
{
        struct id room;
        char *from_input = NULL;
        int result = EXIT_DONE;

        if (text_word)
                operation->text = slice_text(text_word);
        if (text_word && strcmp(text_word, "-") == 0) {
                result = read_text(&from_input, &operation->text.size);
                operation->text.data = (const uint8_t *)from_input;
        }
        if (result == EXIT_DONE && text_word)
                result = check_text(operation->text);
        if (result == EXIT_DONE)
                result = session_find_room(session, room_word, &room);
        if (result == EXIT_DONE)
                result = command_write(session, &room, operation);
        free(from_input);
        return result;
}

int command_send(struct session *session, int count, char **words)
{
        struct wire_operation operation = {.kind = ROW_TEXT};

        (void)count;
        return write_operation(session, words[0], &operation, words[1]);
}

int command_number(const char *word, uint64_t *number)
{
        char *end;

        *number = strtoull(word, &end, 10);
        if (*end || word[0] < '0' || word[0] > '9' || *number == 0 || *number > INT64_MAX)
                return session_complain(EXIT_USAGE, "'%s' is no number of a message: galka history --numbers shows them",
                                        word);
        return EXIT_DONE;
}

/* What is done to, or said about, a message that has a number. */
static int write_about(struct session *session, enum row_kind kind, char **words, const char *text_word)
{
        struct wire_operation operation = {.kind = kind};
        int result = command_number(words[1], &operation.target);

        return result != EXIT_DONE ? result : write_operation(session, words[0], &operation, text_word);
}

int command_reply(struct session *session, int count, char **words)
{
        (void)count;
        return write_about(session, ROW_TEXT, words, words[2]);
}

int command_edit(struct session *session, int count, char **words)
{
        (void)count;
        return write_about(session, ROW_EDITED, words, words[2]);
}

int command_delete(struct session *session, int count, char **words)
{
        (void)count;
        return write_about(session, ROW_DELETED, words, NULL);
}

int command_react(struct session *session, int count, char **words)
{
        struct wire_operation operation = {.kind = ROW_REACTED};
        struct id room;
        int result = command_number(words[1], &operation.target);

        if (count > 2)
                operation.text = slice_text(words[2]);
        if (result == EXIT_DONE && !reaction_is_lawful(operation.text))
                return session_complain(EXIT_REFUSED, "a reaction is one emoji, or a word of at most %d bytes",
                                        REACTION_SIZE_MAX);
        if (result == EXIT_DONE)
                result = session_find_room(session, words[0], &room);
        return result != EXIT_DONE ? result : command_write(session, &room, &operation);
}

struct forwarded {
        struct session *session;
        const struct id *room;
        struct wire_operation operation;
        char text[TEXT_SIZE_MAX], origin[SESSION_NAME_SIZE];
};

static void copy_forwarded(void *context, struct slice key, struct slice value)
{
        struct forwarded *forwarded = context;
        struct wire_row row;

        (void)key;
        if (core_row_decode(value, &row) != ERR_OK || row.kind != ROW_TEXT)
                return;
        if (row.origin.size)
                snprintf(forwarded->origin, sizeof(forwarded->origin), "%.*s", (int)row.origin.size,
                         (const char *)row.origin.data);
        else
                session_sender_name(forwarded->session, forwarded->room, row.sender, forwarded->origin);
        memcpy(forwarded->text, row.text.data, row.text.size);
        forwarded->operation.text = slice_of(forwarded->text, row.text.size);
        forwarded->operation.origin = slice_text(forwarded->origin);
}

/* What is not in the profile is fetched by `galka history`. */
int command_forward(struct session *session, int count, char **words)
{
        static struct forwarded forwarded;
        uint8_t from[CORE_KEY_SIZE_MAX], to[CORE_KEY_SIZE_MAX];
        size_t from_size, to_size;
        struct id room, target;
        uint64_t number;
        int result = command_number(words[1], &number);

        (void)count;
        if (result == EXIT_DONE)
                result = session_find_room(session, words[0], &room);
        if (result == EXIT_DONE)
                result = session_find_room(session, words[2], &target);
        if (result != EXIT_DONE)
                return result;
        forwarded = (struct forwarded){.session = session, .room = &room, .operation = {.kind = ROW_TEXT}};
        from_size = core_key_row(&room, number, from);
        to_size = core_key_row(&room, number + 1, to);
        if (file_range(session->file, slice_of(from, from_size), slice_of(to, to_size), 1, false, copy_forwarded,
                       &forwarded) != ERR_OK)
                return session_complain(EXIT_DISK, "the profile cannot be read");
        if (forwarded.operation.text.size == 0)
                return session_complain(EXIT_REFUSED,
                                        "number %s is no message, or not on this device: try galka history %s first",
                                        words[1], words[0]);
        return command_write(session, &target, &forwarded.operation);
}

/* ---- history ---- */

struct row_list {
        struct session *session;
        const struct id *room;
        struct slice rows[1000]; /* values as stored, newest first */
        size_t count;
};

static void collect_row(void *context, struct slice key, struct slice value)
{
        struct row_list *list = context;
        uint8_t *copy;

        (void)key;
        if (list->count == countof(list->rows))
                return;
        copy = malloc(value.size ? value.size : 1);
        if (!copy)
                return;
        memcpy(copy, value.data, value.size);
        list->rows[list->count++] = slice_of(copy, value.size);
}

/* The core asks for the names of those who are looked at. */
static bool names_known(void *context)
{
        const struct row_list *list = context;
        struct wire_person person;
        bool known = true;

        for (size_t i = 0; i < list->count && room_kind_of(list->room) == ROOM_GROUP; i++) {
                struct wire_row row;

                if (core_row_decode(list->rows[i], &row) != ERR_OK)
                        continue;
                known &= core_person(list->session->host->core, row.sender, &person);
                known &= row.subject == 0 || core_person(list->session->host->core, row.subject, &person);
        }
        return known;
}

/* Prints the newest `rows` rows that are stored, oldest first. */
static int print_stored(struct session *session, const struct id *room, uint32_t rows)
{
        static struct row_list list;
        uint8_t from[CORE_KEY_SIZE_MAX], to[CORE_KEY_SIZE_MAX];
        size_t from_size = core_key_row(room, 0, from);
        size_t to_size = core_key_row(room, UINT64_MAX, to);
        enum error error;

        list = (struct row_list){.session = session, .room = room};
        error = file_range(session->file, slice_of(from, from_size), slice_of(to, to_size), rows, true, collect_row, &list);
        if (session->leads && session_joined(session))
                host_wait(session->host, names_known, &list, NAMES_WAIT_MS);
        while (list.count > 0) {
                struct slice value = list.rows[--list.count];
                struct wire_row row;

                if (core_row_decode(value, &row) == ERR_OK)
                        print_row(session, "message", room, &row);
                free((void *)value.data);
        }
        return error ? session_complain(EXIT_DISK, "the profile cannot be read") : EXIT_DONE;
}

static void on_history(void *context, const struct core_event *event)
{
        if (event->kind == CORE_EVENT_HISTORY)
                *(bool *)context = true;
}

static bool flag_is_set(void *context)
{
        return *(bool *)context;
}

int command_history(struct session *session, int count, char **words)
{
        uint32_t rows = command_flags.rows ? command_flags.rows : HISTORY_ROWS;
        bool linked, whole = false;
        struct core_room_info info;
        struct id room;
        int result = session_find_room(session, words[0], &room);

        (void)count;
        if (result != EXIT_DONE)
                return result;
        linked = session->leads && host_wait_reachable(session->host, session_synced, session, LINK_WAIT_MS);
        if (linked) {
                host_set_listener(session->host, on_history, &whole);
                if (core_history(session->host->core, &room, 0, rows, host_time(session->host)) == ERR_OK)
                        host_wait(session->host, flag_is_set, &whole, ANSWER_WAIT_MS);
                host_set_listener(session->host, NULL, NULL);
        }
        if (linked && core_room_info(session->host->core, &room, &info) != ERR_OK && !session->json)
                fprintf(stderr, "galka: no messages yet\n");
        else if (session->leads && !whole && !session->json)
                fprintf(stderr, "galka: no link: this is what is stored here\n");
        return print_stored(session, &room, rows);
}

/* ---- outbox ---- */

static void print_outbox_record(void *context, struct slice key, struct slice value)
{
        struct session *session = context;
        struct core_outbox_entry entry;

        if (core_outbox_decode(key, value, &entry) == ERR_OK && entry.operation.kind != ROW_SETTING)
                print_queued(session, &entry.room, &entry.id, &entry.operation, entry.state);
}

int command_outbox(struct session *session, int count, char **words)
{
        enum error error;

        (void)count, (void)words;
        error = file_range(session->file, SLICE_LITERAL("O"), SLICE_LITERAL("P"), 0, false, print_outbox_record, session);
        return error ? session_complain(EXIT_DISK, "the profile cannot be read") : EXIT_DONE;
}

struct outbox_search {
        struct id id, room;
        bool found;
};

static void match_outbox_record(void *context, struct slice key, struct slice value)
{
        struct outbox_search *search = context;
        struct core_outbox_entry entry;

        if (core_outbox_decode(key, value, &entry) == ERR_OK && id_equal(&entry.id, &search->id)) {
                search->room = entry.room;
                search->found = true;
        }
}

static int change_outbox(struct session *session, const char *word,
                         enum error (*change)(struct core *, const struct id *, const struct id *, struct core_time))
{
        struct outbox_search search = {0};
        enum error error = ERR_NOT_FOUND;

        if (session_need_lead(session) != EXIT_DONE)
                return EXIT_OTHER;
        if (!id_parse(slice_text(word), &search.id))
                return session_complain(EXIT_USAGE, "'%s' is no message id: galka outbox lists them", word);
        if (file_range(session->file, SLICE_LITERAL("O"), SLICE_LITERAL("P"), 0, false, match_outbox_record, &search) !=
            ERR_OK)
                return session_complain(EXIT_DISK, "the profile cannot be read");
        if (search.found)
                error = change(session->host->core, &search.room, &search.id, host_time(session->host));
        host_settle(session->host);
        if (error)
                return session_complain(EXIT_REFUSED, "no failed message has that id: galka outbox lists them");
        return EXIT_DONE;
}

int command_retry(struct session *session, int count, char **words)
{
        int result = change_outbox(session, words[0], core_retry);

        (void)count;
        if (result == EXIT_DONE)
                host_wait(session->host, session_synced, session, SENT_WAIT_MS);
        return result;
}

int command_discard(struct session *session, int count, char **words)
{
        (void)count;
        return change_outbox(session, words[0], core_discard);
}
