/* galkad invite: an operator's invitation. */
#include <stdio.h>

#include "base/memory.h"
#include "crypto/crypto.h"
#include "rules/invite.h"
#include "server/tool.h"

#define DAY_MS UINT64_C(86400000)

static const struct arena_source heap_source = {memory_new, memory_free};

static enum error make(struct tool *tool, const char *token)
{
        struct store_op op = {.kind = STORE_INVITE};
        struct store_result result;
        struct arena arena;
        uint8_t random[10];
        enum error error;

        tool->server.random->fill(tool->server.random, random, sizeof(random));
        op.request = id_uuid7(tool->server.clock.wall_ms(&tool->server.clock), random);
        crypto_sha256(slice_text(token), op.invite.hash);
        op.invite.uses = tool->server.options->uses;
        op.invite.valid_ms = tool->server.options->days * DAY_MS;
        arena_init(&arena, &heap_source, 1 << 12, 1 << 20);
        error = tool_apply(tool, &op, 1, &result, &arena);
        arena_finish(&arena);
        return error ? error : result.status;
}

enum error server_invite_make(struct tool *tool, char token[static INVITE_TEXT_SIZE])
{
        uint8_t bytes[INVITE_SIZE];

        tool->server.random->fill(tool->server.random, bytes, sizeof(bytes));
        invite_write(bytes, token);
        return make(tool, token);
}

int server_invite(const struct options *options)
{
        char token[INVITE_TEXT_SIZE];
        struct tool tool;
        enum error error;

        if (!tool_open_beside(&tool, options))
                return SERVER_FAILED;
        error = server_invite_make(&tool, token);
        if (error)
                fprintf(stderr, "galkad: no invitation was made: %s\n", error_text(error));
        else if (*options->domain)
                printf("%s\n" INVITE_LINK "\n", token, options->domain, token);
        else
                printf("%s\n", token);
        tool_close(&tool);
        return error ? SERVER_FAILED : SERVER_DONE;
}
