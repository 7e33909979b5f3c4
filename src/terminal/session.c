/* What several commands need: the link, rooms by what people call them, names. */
#include "terminal/session.h"

#include <stdarg.h>
#include <strings.h>

#include "rules/room.h"

int session_complain(int code, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        fputs("galka: ", stderr);
        vfprintf(stderr, format, arguments);
        fputc('\n', stderr);
        va_end(arguments);
        return code;
}

bool session_joined(void *context)
{
        struct session *session = context;
        enum core_phase phase = core_phase(session->host->core);

        return phase >= CORE_READY || phase == CORE_SIGNED_OUT;
}

int session_need_link(struct session *session, int wait_ms)
{
        if (!session->leads)
                return session_complain(EXIT_OTHER, "another galka runs on this profile; this command needs it to end first");
        if (!host_wait(session->host, session_joined, session, wait_ms))
                return session_complain(EXIT_NO_LINK, "no link: %s",
                                        session->host->problem[0] ? session->host->problem : "the server does not answer");
        if (core_phase(session->host->core) == CORE_SIGNED_OUT)
                return session_complain(EXIT_SIGN_IN, "the server signed this device out: run galka signin NAME");
        return EXIT_DONE;
}

static bool same_name(struct slice name, const char *text)
{
        return name.size == strlen(text) && strncasecmp((const char *)name.data, text, name.size) == 0;
}

struct search {
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
                if (same_name(person.user_name, search->name))
                        search->user = person.user;
        search->done = true;
}

static bool search_done(void *context)
{
        return ((struct search *)context)->done;
}

/* Asks the server who has exactly that user name. */
static int ask_for_user(struct session *session, const char *name, uint64_t *user)
{
        struct search search = {.name = name};
        int code = session_need_link(session, LINK_WAIT_MS);
        enum error error;

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

int session_find_room(struct session *session, const char *text, struct id *room)
{
        uint64_t me = core_user(session->host->core);
        uint64_t user = 0;

        if (strcmp(text, "me") == 0) {
                *room = room_personal(me, me);
                return EXIT_DONE;
        }
        if (text[0] == '@' && text[1]) {
                user = known_user(session, text + 1);
                if (user == 0) {
                        int code = ask_for_user(session, text + 1, &user);

                        if (code != EXIT_DONE)
                                return code;
                }
                *room = room_personal(me, user);
                return EXIT_DONE;
        }
        if (id_parse(slice_text(text), room))
                return EXIT_DONE;
        return session_complain(EXIT_USAGE, "'%s' is no room: give @name, me, or a room's id as galka rooms prints it", text);
}

void session_room_name(const struct core_room_info *info, char name[static 64])
{
        if (info->kind == ROOM_SELF)
                snprintf(name, 64, "me");
        else if (info->peer.user_name.size)
                snprintf(name, 64, "@%.*s", (int)info->peer.user_name.size, (const char *)info->peer.user_name.data);
        else
                id_format(&info->room, name);
}

void session_sender_name(struct session *session, const struct id *room, uint64_t sender, char name[static 64])
{
        struct core_room_info info;
        struct wire_person person = core_profile(session->host->core);

        if (sender != core_user(session->host->core)) {
                person = (struct wire_person){0};
                if (core_room_info(session->host->core, room, &info) == ERR_OK && info.peer.user == sender)
                        person = info.peer;
        }
        if (person.user_name.size)
                snprintf(name, 64, "%.*s", (int)person.user_name.size, (const char *)person.user_name.data);
        else
                snprintf(name, 64, "user %llu", (unsigned long long)sender);
}
