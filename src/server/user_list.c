/* galkad user list: who has an account, page by page, beside a server that may be running. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/memory.h"
#include "rules/name.h"
#include "server/json.h"
#include "server/tool.h"
#include "server/user.h"

#define PAGE_USERS 200
#define TIME_SIZE  24

static const struct arena_source heap_source = {memory_new, memory_free};

static void format_time(uint64_t ms, char text[static TIME_SIZE])
{
        time_t seconds = (time_t)(ms / 1000);
        struct tm broken;

        snprintf(text, TIME_SIZE, "-");
        if (ms && gmtime_r(&seconds, &broken))
                strftime(text, TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &broken);
}

static void print_json(const struct store_account *account)
{
        printf("{\"user_name\":");
        json_put(account->person.user_name);
        printf(",\"user\":\"%" PRIu64 "\",\"display_name\":", account->person.user);
        json_put(account->person.display_name);
        printf(",\"email\":");
        json_put(account->email);
        printf(",\"disabled\":%s,\"devices\":%" PRIu64 ",\"created_ms\":%" PRIu64 ",\"seen_ms\":%" PRIu64 "}\n",
               account->off ? "true" : "false", account->devices, account->created_ms, account->seen_ms);
}

/* Columns by tabs, which no name has in it. */
static void print_line(const struct store_account *account)
{
        const struct store_person *person = &account->person;
        char created[TIME_SIZE], seen[TIME_SIZE];

        format_time(account->created_ms, created);
        format_time(account->seen_ms, seen);
        printf("%.*s\t%.*s\t%s\t%" PRIu64 "\t%s\t%s\t%.*s\n", (int)person->user_name.size,
               (const char *)person->user_name.data, (int)account->email.size, (const char *)account->email.data,
               account->off ? "disabled" : "enabled", account->devices, created, seen, (int)person->display_name.size,
               (const char *)person->display_name.data);
}

int server_user_list(const struct options *options)
{
        char text[SERVER_ERROR_SIZE];
        uint8_t after[USER_NAME_MAX + 1];
        struct store_question question = {.kind = STORE_ASK_USERS, .users = {.users_max = PAGE_USERS}};
        struct store_answer answer;
        enum error error = ERR_OK;
        struct arena arena;
        struct tool tool;

        if (!*options->postgres && !server_has_database(options, text)) {
                fprintf(stderr, "galkad: %s\n", text);
                return SERVER_FAILED;
        }
        if (!(*options->postgres ? tool_open(&tool, options, false) : tool_open_beside(&tool, options)))
                return SERVER_FAILED;
        arena_init(&arena, &heap_source, 1 << 16, 4 << 20);
        do {
                arena_reset(&arena);
                answer = (struct store_answer){0};
                error = tool_ask(&tool, &question, &answer, &arena);
                if (!error)
                        error = answer.status;
                for (size_t i = 0; i < answer.users.count && !error; i++) {
                        const struct store_account *account = &answer.users.accounts[i];

                        if (options->json)
                                print_json(account);
                        else
                                print_line(account);
                        question.users.after = slice_of(after, name_fold(account->person.user_name, after));
                }
        } while (!error && answer.users.more);
        if (error)
                fprintf(stderr, "galkad: the users cannot be listed: %s\n", error_text(error));
        arena_finish(&arena);
        tool_close(&tool);
        return error ? SERVER_FAILED : SERVER_DONE;
}
