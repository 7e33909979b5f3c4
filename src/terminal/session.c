/* What several commands need: the link, rooms by what people call them, names. */
#include "terminal/session.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "rules/limits.h"
#include "rules/name.h"
#include "rules/room.h"
#include "rules/row.h"
#include "terminal/safe.h"

#define COMPLAINT_SIZE 1024

#define FLUSH_WAIT_MS 3000
#define LEAD_WAIT_MS  2000
#define LEAD_LOOK_MS  50

int session_complain(int code, const char *format, ...)
{
        char text[COMPLAINT_SIZE];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        fputs("galka: ", stderr);
        safe_line(stderr, slice_text(text));
        fputc('\n', stderr);
        return code;
}

bool session_synced(void *context)
{
        struct session *session = context;

        return core_phase(session->host->core) == CORE_SYNCED || core_phase(session->host->core) == CORE_SIGNED_OUT;
}

bool session_joined(void *context)
{
        struct session *session = context;
        enum core_phase phase = core_phase(session->host->core);

        return phase >= CORE_READY || phase == CORE_SIGNED_OUT;
}

int session_need_link(struct session *session, int wait_ms)
{
        if (session_need_lead(session) != EXIT_DONE)
                return EXIT_OTHER;
        if (!host_wait_reachable(session->host, session_joined, session, wait_ms))
                return session_complain(EXIT_NO_LINK, "no link: %s",
                                        session->host->problem[0] ? session->host->problem : "the server does not answer");
        if (core_phase(session->host->core) == CORE_SIGNED_OUT)
                return session_complain(EXIT_SIGN_IN, "the server signed this device out: run galka signin NAME");
        return EXIT_DONE;
}

bool session_take_lead(struct session *session)
{
        struct host *host;

        if (session->leads || file_lead(session->file) != ERR_OK)
                return session->leads;
        /* The core that only looked on has not seen what the other one kept. */
        if (host_new(session->file, session->server, true, &host) != ERR_OK)
                return false;
        if (host_start(host) != ERR_OK) {
                host_free(&host);
                return false;
        }
        host_free(&session->host);
        session->host = host;
        session->leads = true;
        return true;
}

int session_need_lead(struct session *session)
{
        for (int waited = 0; !session_take_lead(session); waited += LEAD_LOOK_MS) {
                if (waited >= LEAD_WAIT_MS)
                        return session_complain(EXIT_OTHER,
                                                "another galka runs on this profile, and this needs it to end first");
                usleep(LEAD_LOOK_MS * 1000);
        }
        return EXIT_DONE;
}

static void count_queued(void *context, struct slice key, struct slice value)
{
        struct core_outbox_entry entry;

        if (core_outbox_decode(key, value, &entry) == ERR_OK && entry.state == CORE_MESSAGE_QUEUED)
                ++*(unsigned *)context;
}

static bool nothing_queued(void *context)
{
        struct session *session = context;
        unsigned queued = 0;

        return file_range(session->file, SLICE_LITERAL("O"), SLICE_LITERAL("P"), 0, false, count_queued, &queued) !=
                       ERR_OK ||
               queued == 0;
}

void session_flush(struct session *session)
{
        if (session->leads && core_phase(session->host->core) >= CORE_OFFLINE)
                host_wait_reachable(session->host, nothing_queued, session, FLUSH_WAIT_MS);
}

static bool same_name(struct slice name, const char *text)
{
        return name.size == strlen(text) && strncasecmp((const char *)name.data, text, name.size) == 0;
}

/* The setting that a person's id is kept under. */
static void person_setting(struct slice user_name, char setting[static 64])
{
        uint8_t folded[USER_NAME_MAX];
        size_t size = user_name.size <= USER_NAME_MAX ? name_fold(user_name, folded) : 0;

        snprintf(setting, 64, "person %.*s", (int)size, (const char *)folded);
}

void session_remember(struct session *session, const struct wire_person *person)
{
        char setting[64], id[32];

        session->met.user = person->user;
        snprintf(session->met.name, sizeof(session->met.name), "%.*s", (int)person->user_name.size,
                 (const char *)person->user_name.data);
        person_setting(person->user_name, setting);
        snprintf(id, sizeof(id), "%" PRIu64, person->user);
        if (file_set_setting(session->file, setting, id) != ERR_OK)
                return; /* only a convenience */
}

static uint64_t remembered_user(struct session *session, const char *name)
{
        char setting[64], id[256];

        person_setting(slice_text(name), setting);
        return file_get_setting(session->file, setting, id) ? strtoull(id, NULL, 10) : 0;
}

struct search {
        struct session *session;
        struct id request;
        const char *name;
        uint64_t user;
        bool done;
        enum error error;
};

static void on_search(void *context, const struct core_event *event)
{
        struct search *search = context;
        struct wire_iterator iterator;
        struct wire_person person;

        if (!id_equal(&event->id, &search->request))
                return;
        if (event->kind == CORE_EVENT_FAILED) {
                search->error = event->error;
                search->done = true;
        }
        if (event->kind != CORE_EVENT_PEOPLE)
                return;
        wire_list_start(&iterator, WIRE_STRUCTURE(people), 1, &event->list);
        while (wire_list_next(&iterator, &person))
                if (same_name(person.user_name, search->name)) {
                        search->user = person.user;
                        session_remember(search->session, &person);
                }
        search->done = true;
}

static bool search_done(void *context)
{
        return ((struct search *)context)->done;
}

/* Asks the server who has exactly that user name. */
static int ask_for_user(struct session *session, const char *name, uint64_t *user)
{
        struct search search = {.session = session, .name = name};
        bool linked = session->leads && host_wait_reachable(session->host, session_joined, session, LINK_WAIT_MS);
        int code = EXIT_DONE;
        enum error error;

        *user = linked ? 0 : remembered_user(session, name);
        if (*user)
                return EXIT_DONE;
        code = session_need_link(session, 0);
        if (code != EXIT_DONE)
                return code;
        host_set_listener(session->host, on_search, &search);
        error = core_find(session->host->core, slice_text(name), &search.request, host_time(session->host));
        if (!error && !host_wait(session->host, search_done, &search, LINK_WAIT_MS))
                error = ERR_UNKNOWN;
        host_set_listener(session->host, NULL, NULL);
        if (error || search.error)
                return session_complain(EXIT_NO_LINK, "cannot look for @%s: %s", name,
                                        error_text(error ? error : search.error));
        if (search.user == 0)
                return session_complain(EXIT_REFUSED, "nobody here is called @%s (galka people NAME finds names)", name);
        *user = search.user;
        return EXIT_DONE;
}

static uint64_t known_user(struct session *session, const char *name)
{
        struct core_room_info info;

        if (same_name(core_profile(session->host->core).user_name, name))
                return core_user(session->host->core);
        for (uint32_t i = 0; core_room_at(session->host->core, i, &info); i++)
                if (info.peer.user && same_name(info.peer.user_name, name))
                        return info.peer.user;
        return 0;
}

int session_find_user(struct session *session, const char *text, uint64_t *user)
{
        *user = core_user(session->host->core);
        if (strcmp(text, "me") == 0)
                return EXIT_DONE;
        if (text[0] != '@' || !text[1])
                return session_complain(EXIT_USAGE, "'%s' is nobody: give @name, or me", text);
        *user = known_user(session, text + 1);
        return *user ? EXIT_DONE : ask_for_user(session, text + 1, user);
}

/* How many groups have that title. */
static unsigned groups_called(struct session *session, const char *title, struct id *room)
{
        struct core_room_info info;
        unsigned found = 0;

        for (uint32_t i = 0; core_room_at(session->host->core, i, &info); i++) {
                if (info.kind != ROOM_GROUP || !slice_equal(info.title, slice_text(title)))
                        continue;
                *room = info.room;
                found++;
        }
        return found;
}

int session_find_room(struct session *session, const char *text, struct id *room)
{
        uint64_t user;
        unsigned groups;

        if (strcmp(text, "me") == 0 || text[0] == '@') {
                int code = session_find_user(session, text, &user);

                if (code == EXIT_DONE)
                        *room = room_personal(core_user(session->host->core), user);
                return code;
        }
        if (id_parse(slice_text(text), room))
                return EXIT_DONE;
        groups = groups_called(session, text, room);
        if (groups == 0 && session->leads && host_wait_reachable(session->host, session_synced, session, LINK_WAIT_MS))
                groups = groups_called(session, text, room);
        if (groups > 1)
                return session_complain(
                        EXIT_USAGE, "%u groups are called '%s': give the id, as galka rooms --json prints it", groups, text);
        if (groups == 1)
                return EXIT_DONE;
        return session_complain(EXIT_USAGE,
                                "'%s' is no room: give @name, me, a group's title, or a room's id as galka rooms prints it",
                                text);
}

void session_room_name(const struct core_room_info *info, char name[static SESSION_NAME_SIZE])
{
        name[0] = '@';
        if (info->kind == ROOM_SELF)
                snprintf(name, SESSION_NAME_SIZE, "me");
        else if (info->title.size)
                safe_copy(info->title, name, SESSION_NAME_SIZE);
        else if (info->peer.user_name.size)
                safe_copy(info->peer.user_name, name + 1, SESSION_NAME_SIZE - 1);
        else
                id_format(&info->room, name);
}

/* Who that is; zero if nobody has told yet. */
static struct wire_person person_of(struct session *session, const struct id *room, uint64_t user)
{
        struct core_room_info info;
        struct wire_person person;

        if (user == core_user(session->host->core))
                return core_profile(session->host->core);
        if (core_room_info(session->host->core, room, &info) == ERR_OK && info.peer.user == user)
                return info.peer;
        if (core_person(session->host->core, user, &person))
                return person;
        if (session->met.user == user)
                return (struct wire_person){.user = user, .user_name = slice_text(session->met.name)};
        return (struct wire_person){0};
}

bool session_knows(struct session *session, const struct id *room, uint64_t user)
{
        return person_of(session, room, user).user_name.size > 0;
}

bool session_hides(const struct session *session, const struct id *room, const struct wire_row *row)
{
        return row->kind == ROW_TEXT && room_kind_of(room) == ROOM_GROUP && core_blocks(session->host->core, row->sender);
}

void session_sender_name(struct session *session, const struct id *room, uint64_t sender,
                         char name[static SESSION_NAME_SIZE])
{
        struct wire_person person = person_of(session, room, sender);

        if (person.user_name.size)
                safe_copy(person.user_name, name, SESSION_NAME_SIZE);
        else
                snprintf(name, SESSION_NAME_SIZE, "user %llu", (unsigned long long)sender);
}
