/* galka reactors: who has which reaction to a message, as the server says. Names that are not known here are waited for a moment. */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "rules/limits.h"
#include "terminal/command.h"
#include "terminal/print.h"
#include "terminal/safe.h"

#define LINK_WAIT_MS   5000
#define ANSWER_WAIT_MS 15000
#define NAMES_WAIT_MS  3000
#define EMOJI_SIZE     64

struct asked {
        struct session *session;
        struct id request;
        bool done;
        enum error error;
        size_t count;
        struct {
                uint64_t user;
                size_t size;
                char emoji[EMOJI_SIZE];
        } people[REACTORS_MAX];
};

static void on_event(void *context, const struct core_event *event)
{
        struct asked *asked = context;
        struct wire_iterator iterator;
        struct wire_reactor reactor;

        if (asked->done || !id_equal(&event->id, &asked->request))
                return;
        if (event->kind == CORE_EVENT_FAILED)
                asked->error = event->error;
        asked->done = event->kind == CORE_EVENT_FAILED || event->kind == CORE_EVENT_REACTORS;
        if (event->kind != CORE_EVENT_REACTORS)
                return;
        wire_list_start(&iterator, WIRE_STRUCTURE(reactor_list), 1, &event->list);
        while (wire_list_next(&iterator, &reactor) && asked->count < REACTORS_MAX) {
                size_t size = min_of(reactor.emoji.size, (size_t)EMOJI_SIZE);

                asked->people[asked->count].user = reactor.user;
                asked->people[asked->count].size = size;
                if (size)
                        memcpy(asked->people[asked->count].emoji, reactor.emoji.data, size);
                asked->count++;
        }
}

static bool is_answered(void *context)
{
        return ((struct asked *)context)->done;
}

static bool all_are_named(void *context)
{
        struct asked *asked = context;
        struct wire_person person;
        bool known = true;

        for (size_t i = 0; i < asked->count; i++)
                known &= core_person(asked->session->host->core, asked->people[i].user, &person);
        return known;
}

static void print_reactor(struct session *session, uint64_t user, struct slice emoji)
{
        struct wire_person person;

        (void)core_person(session->host->core, user, &person);
        if (session->json) {
                printf("{\"type\":\"reactor\",\"user\":\"%" PRIu64 "\",\"user_name\":", user);
                safe_json(stdout, person.user_name);
                fputs(",\"display_name\":", stdout);
                safe_json(stdout, person.display_name);
                fputs(",\"emoji\":", stdout);
                safe_json(stdout, emoji);
                puts("}");
                return;
        }
        safe_line(stdout, emoji);
        fputs("  @", stdout);
        safe_line(stdout, person.user_name);
        putchar(' ');
        safe_line(stdout, person.display_name);
        putchar('\n');
}

int command_reactors(struct session *session, int count, char **words)
{
        static struct asked asked;
        struct id room;
        uint64_t seq;
        int result = session_find_room(session, words[0], &room);

        (void)count;
        result = result == EXIT_DONE ? command_number(words[1], &seq) : result;
        result = result == EXIT_DONE ? session_need_link(session, LINK_WAIT_MS) : result;
        if (result != EXIT_DONE)
                return result;
        asked = (struct asked){.session = session};
        host_set_listener(session->host, on_event, &asked);
        asked.error = core_reactors(session->host->core, &room, seq, &asked.request, host_time(session->host));
        if (!asked.error && !host_wait(session->host, is_answered, &asked, ANSWER_WAIT_MS))
                asked.error = ERR_UNKNOWN;
        if (!asked.error)
                (void)host_wait(session->host, all_are_named, &asked, NAMES_WAIT_MS);
        host_set_listener(session->host, NULL, NULL);
        if (asked.error)
                return session_complain(EXIT_REFUSED, "%s", error_text(asked.error));
        for (size_t i = 0; i < asked.count; i++)
                print_reactor(session, asked.people[i].user, slice_of(asked.people[i].emoji, asked.people[i].size));
        if (asked.count == 0 && !session->json)
                puts("Nobody yet.");
        return EXIT_DONE;
}
