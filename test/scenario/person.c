/* The people of a story, and what they do and see. See scenario.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on
#include <stdio.h>

#include "rules/limits.h"
#include "rules/room.h"
#include "rules/row.h"
#include "scenario/scenario.h"

#define FOREVER_US (UINT64_MAX / 4)

/* ---- what the core tells ---- */

static void take_people(struct person *person, const struct core_event *event)
{
        struct wire_iterator iterator;
        struct wire_person one;

        person->found_count = 0;
        WIRE_LIST_START(&iterator, people, people, &event->list);
        while (wire_list_next(&iterator, &one) && person->found_count < countof(person->found))
                person->found[person->found_count++] = one.user;
        person->answers++;
}

static void take_devices(struct person *person, const struct core_event *event)
{
        struct wire_iterator iterator;
        struct wire_device one;

        person->found_count = 0;
        WIRE_LIST_START(&iterator, device_list, devices, &event->list);
        while (wire_list_next(&iterator, &one) && person->found_count < countof(person->found))
                person->seen_ms[person->found_count] = one.seen_ms, person->found[person->found_count++] = one.device;
        person->answers++;
}

static void watch(struct core_host *host, const struct core_event *event)
{
        struct person *person = container_of(host, struct sim_client, host)->person;

        switch (event->kind) {
        case CORE_EVENT_SIGN:
                person->signs++;
                person->sign_error = event->error;
                person->sign_wait_ms = event->number;
                break;
        case CORE_EVENT_MESSAGE:
                person->told_sent += event->state == CORE_MESSAGE_SENT;
                person->told_failed += event->state == CORE_MESSAGE_FAILED;
                if (event->state == CORE_MESSAGE_FAILED)
                        person->failed_error = event->error;
                break;
        case CORE_EVENT_FAILED:
                person->failed_questions++;
                person->failed_error = event->error;
                break;
        case CORE_EVENT_STATUS:
                person->statuses++;
                person->online = event->more;
                break;
        case CORE_EVENT_TYPING:
                person->types++;
                person->typing = event->more;
                break;
        case CORE_EVENT_FORGOTTEN:
                person->forgotten++;
                person->forgotten_error = event->error;
                break;
        case CORE_EVENT_HISTORY:
                person->histories++;
                person->whole_from = event->seq;
                break;
        case CORE_EVENT_PEOPLE:
                take_people(person, event);
                break;
        case CORE_EVENT_DEVICES:
                take_devices(person, event);
                break;
        case CORE_EVENT_INVITED:
                check(event->bytes.size < sizeof(person->invited));
                memset(person->invited, 0, sizeof(person->invited));
                memcpy(person->invited, event->bytes.data, event->bytes.size);
                person->answers++;
                break;
        default:
                break;
        }
}

/* ---- life ---- */

static struct core *core_of(const struct person *person)
{
        check(person->client->host.core);
        return person->client->host.core;
}

/* Of now, not of when his device did something last. */
static struct core_time time_of(const struct person *person)
{
        struct core_time *time = &person->client->host.time;
        uint64_t now_ms = sim_now_ms(person->story->sim);

        time->wall_ms += now_ms - time->now_ms;
        time->now_ms = now_ms;
        return *time;
}

static void settle(struct person *person)
{
        core_host_settle(&person->client->host);
}

bool person_runs(const struct person *person)
{
        return person->client->host.core != NULL;
}

enum core_phase person_phase(const struct person *person)
{
        return core_phase(core_of(person));
}

struct person *person_new(struct scenario *s, const char *name)
{
        struct person *person = &s->people[s->count];

        check(s->count < countof(s->people));
        s->count++;
        *person = (struct person){.story = s, .name = name, .frontend = -1};
        person->client = clients_add(s->sim, name, person);
        person->client->host.watch = watch;
        AWAIT(s, person_runs(person) && person_phase(person) == CORE_SIGNED_OUT, "%s does not start", name);
        return person;
}

void person_is_killed(struct person *person)
{
        check(person_runs(person));
        client_crash(person->story->sim, person->client, FOREVER_US);
}

void person_starts(struct person *person)
{
        check(!person_runs(person));
        person->client->start_us = person->story->sim->now_us + 1;
        AWAIT(person->story, person_runs(person), "%s does not start", person->name);
}

void link_cut(struct person *person)
{
        person->cut = true;
        AWAIT(person->story, !person->client->line, "%s still has a link", person->name);
}

void link_mended(struct person *person)
{
        person->cut = false;
}

void link_goes_to(struct person *person, unsigned frontend)
{
        person->frontend = (int)frontend;
        link_cut(person);
        link_mended(person);
        AWAIT(person->story, person_phase(person) == CORE_SYNCED, "%s does not come back", person->name);
        check(person->client->line && person->client->line->frontend == frontend);
}

/* ---- accounts ---- */

static enum error sign_answer(struct person *person, unsigned signs)
{
        settle(person);
        AWAIT(person->story, person->signs > signs, "%s gets no answer", person->name);
        return person->sign_error;
}

static void is_there(struct person *person)
{
        AWAIT(person->story, person_phase(person) == CORE_SYNCED, "%s does not get in", person->name);
}

enum error person_asks_to_sign_up(struct person *person, const char *email)
{
        const struct user *user = person->client->user;
        unsigned signs = person->signs;

        assert_int_equal(core_sign_up(core_of(person), slice_text(email), slice_text(user->name), slice_text(user->name),
                                      slice_text(user->password), slice_text(person->invite ? person->invite : ""),
                                      time_of(person)),
                         ERR_OK);
        return sign_answer(person, signs);
}

enum error person_tries_code(struct person *person, const char *code)
{
        unsigned signs = person->signs;
        uint8_t secret[32];

        sim_fill(person->story->sim, secret, sizeof(secret));
        assert_int_equal(core_confirm(core_of(person), slice_text(code), secret, slice_text(person->name), time_of(person)),
                         ERR_OK);
        return sign_answer(person, signs);
}

enum error person_tries_password(struct person *person, const char *password)
{
        unsigned signs = person->signs;
        uint8_t secret[32];

        sim_fill(person->story->sim, secret, sizeof(secret));
        assert_int_equal(core_sign_in(core_of(person), slice_text(person->client->user->name), slice_text(password), secret,
                                      slice_text(person->name), time_of(person)),
                         ERR_OK);
        return sign_answer(person, signs);
}

enum error person_asks_to_reset(struct person *person, const char *email)
{
        unsigned signs = person->signs;

        assert_int_equal(core_reset(core_of(person), slice_text(email), time_of(person)), ERR_OK);
        return sign_answer(person, signs);
}

enum error person_tries_reset(struct person *person, const char *code, const char *password)
{
        unsigned signs = person->signs;
        uint8_t secret[32];

        sim_fill(person->story->sim, secret, sizeof(secret));
        assert_int_equal(core_reset_confirm(core_of(person), slice_text(code), slice_text(password), secret,
                                            slice_text(person->name), time_of(person)),
                         ERR_OK);
        return sign_answer(person, signs);
}

enum error person_sets_password(struct person *person, const char *password, const char *new_password, bool others)
{
        unsigned signs = person->signs;

        assert_int_equal(
                core_set_password(core_of(person), slice_text(password), slice_text(new_password), others, time_of(person)),
                ERR_OK);
        return sign_answer(person, signs);
}

enum error person_sets_names(struct person *person, const char *user_name, const char *display_name)
{
        unsigned signs = person->signs;

        assert_int_equal(core_set_profile(core_of(person), slice_text(user_name), slice_text(display_name), time_of(person)),
                         ERR_OK);
        return sign_answer(person, signs);
}

enum error person_asks_for_email(struct person *person, const char *email, const char *password)
{
        unsigned signs = person->signs;

        assert_int_equal(core_set_email(core_of(person), slice_text(email), slice_text(password), time_of(person)), ERR_OK);
        return sign_answer(person, signs);
}

enum error person_tries_email_code(struct person *person, const char *code)
{
        unsigned signs = person->signs;

        assert_int_equal(core_confirm_email(core_of(person), slice_text(code), time_of(person)), ERR_OK);
        return sign_answer(person, signs);
}

enum error person_deletes_account(struct person *person, const char *password)
{
        unsigned signs = person->signs;

        is_there(person);
        assert_int_equal(core_delete_account(core_of(person), slice_text(password), time_of(person)), ERR_OK);
        return sign_answer(person, signs);
}

enum error person_invites(struct person *person, unsigned uses)
{
        unsigned answers = person->answers, failed = person->failed_questions;
        struct id request;

        is_there(person);
        assert_int_equal(core_invite(core_of(person), uses, INVITE_VALID_MS, &request, time_of(person)), ERR_OK);
        settle(person);
        AWAIT(person->story, person->answers > answers || person->failed_questions > failed, "%s gets no invitation",
              person->name);
        return person->failed_questions > failed ? person->failed_error : ERR_OK;
}

void person_signs_out_others(struct person *person)
{
        unsigned signs = person->signs;

        assert_int_equal(core_sign_out_others(core_of(person), time_of(person)), ERR_OK);
        assert_int_equal(sign_answer(person, signs), ERR_OK);
}

void person_signs_up(struct person *person)
{
        struct sim *sim = person->story->sim;
        const char *email = person->client->user->email;

        assert_int_equal(person_asks_to_sign_up(person, email), ERR_OK);
        assert_int_equal(person_phase(person), CORE_WAITS_FOR_CODE);
        AWAIT(person->story, mailbox_code(sim, email), "no code comes to %s", email);
        assert_int_equal(person_tries_code(person, mailbox_code(sim, email)), ERR_OK);
        is_there(person);
}

void person_signs_in(struct person *person)
{
        assert_int_equal(person_tries_password(person, person->client->user->password), ERR_OK);
        is_there(person);
}

void person_signs_out(struct person *person, const struct person *device)
{
        unsigned signs = person->signs;
        uint64_t which = device ? device->client->device : 0;

        assert_int_equal(core_sign_out(core_of(person), which, time_of(person)), ERR_OK);
        assert_int_equal(sign_answer(person, signs), ERR_OK);
}

void person_is_signed_out(struct person *person)
{
        AWAIT(person->story, person_phase(person) == CORE_SIGNED_OUT, "%s is not signed out", person->name);
        assert_int_equal(person->forgotten, 1);
        assert_int_equal(person->client->host.storage.count, 0);
        assert_int_equal(core_user(core_of(person)), 0);
}

/* ---- talking ---- */

struct id person_room(const struct person *person, const struct person *with)
{
        check(person->client->user->id && with->client->user->id);
        return room_personal(person->client->user->id, with->client->user->id);
}

static void say(struct person *person, const struct id *room, const char *text)
{
        struct sim_client *client = person->client;
        struct message *message;
        struct id id;

        check(strlen(text) < HISTORY_TEXT_SIZE); /* so much the checker compares */
        assert_int_equal(core_send(core_of(person), room, slice_text(text), &id, time_of(person)), ERR_OK);
        message = history_sent(person->story->sim, &id, client->number, client->user->id, room, client->said++);
        check(message);
        message->spoken = true;
        settle(person);
}

void person_says(struct person *person, const struct person *with, const char *text)
{
        struct id room = person_room(person, with);

        say(person, &room, text);
}

static void alter(struct person *person, const struct id *room, unsigned kind, uint64_t target, const char *text)
{
        struct wire_operation operation = {.kind = kind, .target = target, .text = slice_text(text)};
        struct sim_client *client = person->client;
        struct message *message;
        struct id id;

        check(strlen(text) < HISTORY_TEXT_SIZE);
        assert_int_equal(core_write(core_of(person), room, &operation, &id, time_of(person)), ERR_OK);
        message = history_sent(person->story->sim, &id, client->number, client->user->id, room, client->said++);
        check(message);
        message->spoken = true;
        if (kind != ROW_TEXT) {
                message->alters = kind;
                message->target = target;
                message->may_fail = true;
                message->reaction = text;
        }
        settle(person);
}

void person_edits(struct person *person, const struct person *with, const char *old, const char *text)
{
        struct id room = person_room(person, with);

        alter(person, &room, ROW_EDITED, person_row(person, with, old).seq, text);
}

void person_deletes(struct person *person, const struct person *with, const char *text)
{
        struct id room = person_room(person, with);

        alter(person, &room, ROW_DELETED, person_row(person, with, text).seq, "");
}

void person_reacts(struct person *person, const struct person *with, const char *to, const char *emoji)
{
        struct id room = person_room(person, with);

        alter(person, &room, ROW_REACTED, person_row(person, with, to).seq, emoji);
}

void person_replies(struct person *person, const struct person *with, const char *to, const char *text)
{
        struct id room = person_room(person, with);

        alter(person, &room, ROW_TEXT, person_row(person, with, to).seq, text);
}

void person_says_many(struct person *person, const struct person *with, unsigned count)
{
        char text[HISTORY_TEXT_SIZE];

        for (unsigned i = 1; i <= count; i++) {
                snprintf(text, sizeof(text), "%u of %u", i, count);
                person_says(person, with, text);
        }
        AWAIT(person->story, person_queued(person, with) == 0, "%s cannot say all", person->name);
}

static struct core_room_info info_of(const struct person *person, const struct person *with)
{
        struct id room = person_room(person, with);
        struct core_room_info info;

        if (core_room_info(core_of(person), &room, &info) != ERR_OK)
                info = (struct core_room_info){0};
        return info;
}

uint64_t person_head(const struct person *person, const struct person *with)
{
        return info_of(person, with).head;
}

uint64_t person_unread(const struct person *person, const struct person *with)
{
        return info_of(person, with).unread;
}

uint32_t person_queued(const struct person *person, const struct person *with)
{
        return info_of(person, with).queued;
}

uint64_t person_hole(const struct person *person, const struct person *with)
{
        return info_of(person, with).hole_top;
}

uint64_t person_rows(const struct person *person, const struct person *with)
{
        struct id room = person_room(person, with);
        struct wire_row row;
        uint64_t count = 0;

        for (uint64_t seq = 1; seq <= person_head(person, with); seq++)
                count += core_host_row(&person->client->host, &room, seq, &row);
        return count;
}

struct wire_row person_row(const struct person *person, const struct person *with, const char *text)
{
        struct id room = person_room(person, with);
        struct wire_row row;

        for (uint64_t seq = 1; seq <= person_head(person, with); seq++)
                if (core_host_row(&person->client->host, &room, seq, &row) && slice_equal(row.text, slice_text(text)))
                        return row;
        fail_msg("%s has no \"%s\"", person->name, text);
        return (struct wire_row){0};
}

const char *person_log(struct person *person, const struct person *with)
{
        struct id room = person_room(person, with);
        char *log = person->story->log;
        size_t size = 0;
        struct wire_row row;

        log[0] = '\0';
        for (uint64_t seq = 1; seq <= person_head(person, with); seq++) {
                if (!core_host_row(&person->client->host, &room, seq, &row))
                        continue;
                size += (size_t)snprintf(log + size, SCENARIO_LOG_SIZE - size, "%s%.*s", size ? " / " : "",
                                         (int)row.text.size, (const char *)row.text.data);
                check(size < SCENARIO_LOG_SIZE);
        }
        return log;
}

void person_sees(struct person *person, const struct person *with, const char *log)
{
        AWAIT(person->story, strcmp(person_log(person, with), log) == 0, "%s sees \"%s\" and should see \"%s\"",
              person->name, person->story->log, log);
}

void person_reads(struct person *person, const struct person *with)
{
        struct id room = person_room(person, with);

        core_read(core_of(person), &room, person_head(person, with), time_of(person));
        settle(person);
}

void person_scrolls_up(struct person *person, const struct person *with)
{
        struct id room = person_room(person, with);
        unsigned histories = person->histories;

        assert_int_equal(core_history(core_of(person), &room, 1, 10000, time_of(person)), ERR_OK);
        settle(person);
        AWAIT(person->story, person->histories > histories, "%s cannot scroll up", person->name);
}

enum core_message_state person_tick(const struct person *person, const struct person *with, const char *text)
{
        struct id room = person_room(person, with);
        uint64_t user = person->client->user->id;
        struct wire_row row;

        for (uint64_t seq = 1; seq <= person_head(person, with); seq++)
                if (core_host_row(&person->client->host, &room, seq, &row) && row.sender == user &&
                    slice_equal(row.text, slice_text(text)))
                        return core_row_state(core_of(person), &room, seq, user);
        return CORE_MESSAGE_QUEUED;
}

void person_has_tick(struct person *person, const struct person *with, const char *text, enum core_message_state tick)
{
        AWAIT(person->story, person_tick(person, with, text) == tick, "%s's message \"%s\" is in state %d, not %d",
              person->name, text, (int)person_tick(person, with, text), (int)tick);
}

/* ---- questions ---- */

void person_finds(struct person *person, const char *name)
{
        unsigned answers = person->answers;
        struct id request;

        assert_int_equal(core_find(core_of(person), slice_text(name), &request, time_of(person)), ERR_OK);
        settle(person);
        AWAIT(person->story, person->answers > answers, "%s finds no answer", person->name);
}

void person_lists_devices(struct person *person)
{
        unsigned answers = person->answers;
        struct id request;

        assert_int_equal(core_devices(core_of(person), &request, time_of(person)), ERR_OK);
        settle(person);
        AWAIT(person->story, person->answers > answers, "%s gets no list of devices", person->name);
}

void person_looks_at(struct person *person, const struct person *other, bool open)
{
        struct core_host *host = &person->client->host;
        uint64_t user = other ? other->client->user->id : 0;
        struct id room = open ? person_room(person, other) : (struct id){0};

        assert_int_equal(core_watch(host->core, &user, user != 0, open ? &room : NULL, host->time), ERR_OK);
        core_host_settle(host);
}

int person_knows_online(const struct person *person, const struct person *other)
{
        bool online;

        return core_status(person->client->host.core, other->client->user->id, &online) ? online : -1;
}

void person_types(struct person *person, const struct person *with)
{
        struct core_host *host = &person->client->host;
        struct id room = person_room(person, with);

        host->time.now_ms = sim_now_ms(person->story->sim); /* it may have passed since the core's last step */
        core_typing(host->core, &room, host->time);
        core_host_settle(host);
}
