/* galka block, unblock, blocks: whom one blocks. */
#include <strings.h>

#include "rules/room.h"
#include "terminal/command_account.h"
#include "terminal/print.h"
#include "terminal/safe.h"

#define NAMES_WAIT_MS 3000

static bool has_names(void *context)
{
        struct session *session = context;
        struct wire_person person;
        uint64_t user;

        for (uint32_t i = 0; (user = core_blocked_at(session->host->core, i)); i++)
                if (!core_person(session->host->core, user, &person))
                        return false;
        return true;
}

static bool list_known(void *context)
{
        const struct session *session = context;

        return core_blocks_known(session->host->core);
}

/* The list is asked for after Join, then the names on it. */
static int need_list(struct session *session)
{
        int result = session_need_link(session, LINK_WAIT_MS);

        if (result != EXIT_DONE)
                return result;
        (void)host_wait_reachable(session->host, list_known, session, LINK_WAIT_MS);
        (void)host_wait_reachable(session->host, has_names, session, NAMES_WAIT_MS);
        return EXIT_DONE;
}

/* Who is blocked is not found by the server. 0: nobody of them is called so. */
static uint64_t blocked_called(struct session *session, const char *name)
{
        struct wire_person person;
        uint64_t user;

        for (uint32_t i = 0; (user = core_blocked_at(session->host->core, i)); i++)
                if (core_person(session->host->core, user, &person) && person.user_name.size == strlen(name) &&
                    strncasecmp((const char *)person.user_name.data, name, person.user_name.size) == 0)
                        return user;
        return 0;
}

static int set_block(struct session *session, uint64_t user, bool on, const char *word)
{
        struct waiting waiting = {.bad_field = "that is you"};
        int result;

        host_set_listener(session->host, on_sign, &waiting);
        result = wait_for_answer(session, &waiting, core_block(session->host->core, user, on, host_time(session->host)));
        host_set_listener(session->host, NULL, NULL);
        if (result == EXIT_DONE && !session->json) {
                safe_line(stdout, slice_text(word));
                puts(on ? " is blocked." : " is not blocked any more.");
        }
        return result;
}

int command_block(struct session *session, int count, char **words)
{
        uint64_t user;
        int result = need_list(session);

        (void)count;
        if (result != EXIT_DONE)
                return result;
        user = words[0][0] == '@' ? blocked_called(session, words[0] + 1) : 0;
        if (!user)
                result = session_find_user(session, words[0], &user);
        return result == EXIT_DONE ? set_block(session, user, true, words[0]) : result;
}

int command_unblock(struct session *session, int count, char **words)
{
        uint64_t user;
        int result = need_list(session);

        (void)count;
        if (result != EXIT_DONE)
                return result;
        user = words[0][0] == '@' ? blocked_called(session, words[0] + 1) : 0;
        if (!user)
                return session_complain(EXIT_REFUSED, "you block nobody called %s: galka blocks lists whom you block",
                                        words[0]);
        return set_block(session, user, false, words[0]);
}

int command_blocks(struct session *session, int count, char **words)
{
        struct wire_person person;
        uint64_t user;
        int result = need_list(session);

        (void)count, (void)words;
        if (result != EXIT_DONE)
                return result;
        for (uint32_t i = 0; (user = core_blocked_at(session->host->core, i)); i++) {
                (void)core_person(session->host->core, user, &person);
                print_person(session, &person);
        }
        return EXIT_DONE;
}
