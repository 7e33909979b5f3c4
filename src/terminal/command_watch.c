/* galka watch: prints who comes and goes, and who types, until interrupted. galka typing: says once that one types. */
#include <inttypes.h>
#include <signal.h>

#include "base/assert.h"
#include "rules/room.h"
#include "terminal/command.h"
#include "terminal/print.h"

#define WATCH_TURN_MS 1000

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
        (void)signal;
        interrupted = 1;
}

struct watch {
        struct session *session;
        uint64_t users[WATCH_USERS_MAX];
        size_t count;
        struct id open; /* the room where typing is listened to: the last that was named */
};

/* A personal room of him and oneself names him best: it exists whenever he may be watched but for members of groups. */
static void name_of(struct session *session, uint64_t user, char name[static SESSION_NAME_SIZE])
{
        struct id personal = room_personal(core_user(session->host->core), user);

        session_sender_name(session, &personal, user, name);
}

static void print_status(struct session *session, uint64_t user, bool online)
{
        uint64_t seen_ms = online ? 0 : core_seen_ms(session->host->core, user);
        char name[SESSION_NAME_SIZE], clock[CLOCK_SIZE];

        name_of(session, user, name);
        if (session->json) {
                printf("{\"type\":\"status\",\"user\":\"%" PRIu64 "\",\"user_name\":\"%s\",\"online\":%s", user, name,
                       online ? "true" : "false");
                if (seen_ms)
                        printf(",\"seen_ms\":%" PRIu64, seen_ms);
                puts("}");
        } else {
                print_clock(seen_ms, clock);
                printf(seen_ms ? "%s is %s, last seen %s\n" : "%s is %s\n", name, online ? "online" : "offline", clock);
        }
        fflush(stdout);
}

static void print_typing(struct session *session, const struct id *room, uint64_t user, bool types)
{
        char name[SESSION_NAME_SIZE], id[ID_TEXT_SIZE];

        session_sender_name(session, room, user, name);
        id_format(room, id);
        if (session->json)
                printf("{\"type\":\"typing\",\"room\":\"%s\",\"user\":\"%" PRIu64 "\",\"user_name\":\"%s\",\"typing\":%s}\n",
                       id, user, name, types ? "true" : "false");
        else if (types)
                printf("%s is typing…\n", name);
        fflush(stdout);
}

static void on_event(void *context, const struct core_event *event)
{
        struct watch *watch = context;

        if (event->kind == CORE_EVENT_STATUS)
                print_status(watch->session, event->number, event->more);
        else if (event->kind == CORE_EVENT_TYPING)
                print_typing(watch->session, &event->room, event->number, event->more);
}

static int add_room(struct watch *watch, const char *word)
{
        int result = session_find_room(watch->session, word, &watch->open);
        uint64_t self = core_user(watch->session->host->core), peer;

        if (result != EXIT_DONE)
                return result;
        peer = room_kind_of(&watch->open) == ROOM_PERSONAL ? room_peer(&watch->open, self) : 0;
        if (peer && watch->count < WATCH_USERS_MAX)
                watch->users[watch->count++] = peer;
        return EXIT_DONE;
}

int command_watch(struct session *session, int count, char **words)
{
        struct watch watch = {.session = session};
        int result = session_need_lead(session);

        for (int i = 0; i < count && result == EXIT_DONE; i++)
                result = add_room(&watch, words[i]);
        if (result != EXIT_DONE)
                return result;
        signal(SIGINT, on_interrupt);
        signal(SIGTERM, on_interrupt);
        host_set_listener(session->host, on_event, &watch);
        if (core_watch(session->host->core, watch.users, watch.count, &watch.open, host_time(session->host)) != ERR_OK)
                result = session_complain(EXIT_REFUSED, "there is no memory for it");
        while (result == EXIT_DONE && !interrupted && core_phase(session->host->core) != CORE_SIGNED_OUT && !ferror(stdout))
                host_turn(session->host, WATCH_TURN_MS);
        host_set_listener(session->host, NULL, NULL);
        if (result == EXIT_DONE && core_phase(session->host->core) == CORE_SIGNED_OUT)
                return session_complain(EXIT_SIGN_IN, "the server signed this device out");
        return result;
}

static bool is_sent(void *context)
{
        struct session *session = context;

        host_settle(session->host);
        return false;
}

int command_typing(struct session *session, int count, char **words)
{
        struct id room;
        int result = session_need_lead(session);

        (void)count;
        if (result == EXIT_DONE)
                result = session_find_room(session, words[0], &room);
        if (result == EXIT_DONE)
                result = session_need_link(session, LINK_WAIT_MS);
        if (result != EXIT_DONE)
                return result;
        if (core_watch(session->host->core, NULL, 0, &room, host_time(session->host)) != ERR_OK)
                return session_complain(EXIT_REFUSED, "there is no memory for it");
        core_typing(session->host->core, &room, host_time(session->host));
        (void)host_wait(session->host, is_sent, session, 500); /* there is no answer to wait for */
        return EXIT_DONE;
}
