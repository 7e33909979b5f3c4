/* galkad user import, check and restored: the database opened by itself, without a server around it. galkad keys. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "crypto/random.h"
#include "rules/name.h"
#include "server/backup.h"
#include "server/import_line.h"
#include "server/tool.h"

#define BATCH_SIZE 500

static const struct arena_source heap_source = {memory_new, memory_free};

struct import {
        struct tool *tool;
        struct import_line lines[BATCH_SIZE];
        struct store_op ops[BATCH_SIZE];
        struct store_result results[BATCH_SIZE];
        size_t count;
        unsigned line_number, refused;
};

static void plan(struct import *import, struct import_line *line, struct store_op *op)
{
        struct random *random = import->tool->server.random;
        uint8_t unknown_secret[CRYPTO_KEY_SIZE], id[10];

        *op = (struct store_op){.kind = STORE_IMPORT};
        random->fill(random, id, sizeof(id));
        op->request = id_uuid7(import->tool->server.clock.wall_ms(&import->tool->server.clock), id);
        op->import.user_name = line->name;
        op->import.email = line->email;
        op->import.display_name = line->display_name;
        op->import.name_folded = slice_of(line->folded[0], name_fold(line->name, (uint8_t *)line->folded[0]));
        op->import.email_folded = slice_of(line->folded[1], name_fold(line->email, (uint8_t *)line->folded[1]));
        op->import.device_name = SLICE_LITERAL("imported");
        op->import.password_hash = "";
        /* Nobody knows this device's secret: its token is all it has, good until the keys have changed twice. */
        crypto_random(unknown_secret, sizeof(unknown_secret));
        crypto_sha256(slice_of(unknown_secret, sizeof(unknown_secret)), op->import.secret_hash);
        op->import.new_user = random_id63(random);
        op->import.new_device = random_id63(random);
}

static void print_user(const struct import *import, const struct import_line *line, const struct store_result *result)
{
        uint8_t token[TOKEN_SIZE];
        uint64_t user = result->signed_in.person.user;

        token_mint(&import->tool->server.keys, user, result->signed_in.device, token);
        printf("%.*s\t%" PRIu64 "\t%" PRIu64 "\t", (int)line->name.size, (const char *)line->name.data, user,
               result->signed_in.device);
        for (size_t i = 0; i < sizeof(token); i++)
                printf("%02x", token[i]);
        putchar('\n');
}

static enum error flush(struct import *import)
{
        struct arena arena;
        enum error error;

        if (import->count == 0)
                return ERR_OK;
        arena_init(&arena, &heap_source, 1 << 16, 64 << 20);
        error = tool_apply(import->tool, import->ops, import->count, import->results, &arena);
        for (size_t i = 0; i < import->count && !error; i++) {
                if (import->results[i].status == ERR_OK) {
                        print_user(import, &import->lines[i], &import->results[i]);
                        continue;
                }
                import->refused++;
                fprintf(stderr, "galkad: %s: %s\n", import->lines[i].text, error_text(import->results[i].status));
        }
        arena_finish(&arena);
        import->count = 0;
        return error;
}

static enum error import_file(struct import *import, FILE *file)
{
        struct import_line *line = &import->lines[0];
        enum import_line_result result;
        enum error error = ERR_OK;

        while (!error && (result = import_line_next(line, file)) != IMPORT_LINE_END) {
                import->line_number++;
                if (result == IMPORT_LINE_BAD) {
                        import->refused++;
                        fprintf(stderr, "galkad: line %u is not NAME<TAB>ADDRESS<TAB>DISPLAY NAME\n", import->line_number);
                        continue;
                }
                plan(import, line, &import->ops[import->count]);
                if (++import->count == BATCH_SIZE)
                        error = flush(import);
                line = &import->lines[import->count];
        }
        return error ? error : flush(import);
}

int server_import(const struct options *options, const char *path)
{
        struct import *import = memory_new(sizeof(*import));
        FILE *file = fopen(path, "re");
        struct tool tool;
        int code = SERVER_FAILED;
        enum error error;

        if (!file)
                fprintf(stderr, "galkad: cannot read %s: %s\n", path, strerror(errno));
        if (import && file && tool_open(&tool, options, true)) {
                import->tool = &tool;
                error = import_file(import, file);
                if (error)
                        fprintf(stderr, "galkad: stopped near line %u: %s\n", import->line_number, error_text(error));
                code = error || import->refused ? SERVER_FAILED : SERVER_DONE;
                tool_close(&tool);
        }
        if (file)
                fclose(file);
        memory_free(import);
        return code;
}

int server_check(const struct options *options)
{
        const struct store_question question = {.kind = STORE_ASK_CHECK};
        struct store_answer answer = {0};
        struct arena arena;
        struct tool tool;
        enum error error;
        int code = SERVER_FAILED;

        if (!tool_open_old(&tool, options))
                return SERVER_FAILED;
        arena_init(&arena, &heap_source, 1 << 16, 64 << 20);
        error = tool_ask(&tool, &question, &answer, &arena);
        if (!error)
                error = answer.status;
        if (error) {
                fprintf(stderr, "galkad: cannot check: %s\n", error_text(error));
        } else {
                printf("rooms=%" PRIu64 " rows=%" PRIu64 " faults=%" PRIu64 "\n", answer.check.rooms, answer.check.rows,
                       answer.check.faults);
                if (answer.check.faults)
                        printf("first fault: %.*s\n", (int)answer.check.first_fault.size,
                               (const char *)answer.check.first_fault.data);
                code = answer.check.faults ? SERVER_FAILED : SERVER_DONE;
        }
        arena_finish(&arena);
        tool_close(&tool);
        return code;
}

/* Frontends may have gone on meanwhile, with clients that know numbers of another past. */
static enum error tell_frontends(struct tool *tool)
{
        char text[SERVER_ERROR_SIZE] = "";
        enum error error;

        if (!*tool->server.options->kafka) {
                printf("Frontends were not told (see --kafka): start those again that run.\n");
                return ERR_OK;
        }
        error = tool_tell_frontends(tool, text);
        if (error)
                fprintf(stderr, "galkad: frontends could not be told of the new era; do it again, or start them again: %s\n",
                        text);
        else
                printf("Frontends were told: they ask their clients to join again.\n");
        return error;
}

int server_restored(const struct options *options)
{
        char from[ID_TEXT_SIZE], to[ID_TEXT_SIZE];
        struct id before, after;
        struct tool tool;
        enum error error;

        if (!tool_open_old(&tool, options))
                return SERVER_FAILED;
        error = tool_renew_era(&tool, &before, &after);
        id_format(&before, from);
        id_format(&after, to);
        if (error)
                fprintf(stderr, "galkad: the era could not be changed: %s\n", error_text(error));
        else
                printf("The store%s%s has a new era: it was %s, it is %s.\n"
                       "Clients keep what they have not sent, forget the rest and fetch it anew when they join.\n",
                       *options->postgres ? "" : " in ", *options->postgres ? "" : options->data, from, to);
        fflush(stdout);
        if (!error && *options->postgres)
                error = tell_frontends(&tool);
        tool_close(&tool);
        return error ? SERVER_FAILED : SERVER_DONE;
}

int server_keys(const char *path)
{
        char text[KEYS_ERROR_SIZE] = "";
        enum error error = keys_make(path, text);

        if (error)
                fprintf(stderr, "galkad: %s\n", text);
        else
                printf("%s has new keys. Copy it to every machine that runs galkad, readable by galkad alone.\n", path);
        return error ? SERVER_FAILED : SERVER_DONE;
}

int server_keys_rotate(const struct options *options)
{
        char path[SETUP_PATH_SIZE], text[KEYS_ERROR_SIZE] = "";
        struct server server;
        uint64_t now_ms;
        enum error error = ERR_CONFIG;

        server_init(&server, options);
        server_keys_path(options, path);
        now_ms = server.clock.wall_ms(&server.clock);
        if (options->leaked && options->after_s)
                snprintf(text, sizeof(text), "a key that leaked is replaced at once: --leaked goes without --after-s");
        else
                error = keys_rotate(path, now_ms, now_ms + options->after_s * 1000, options->leaked, text);
        if (error)
                fprintf(stderr, "galkad: %s\n", text);
        else
                printf("%s has a new token key%s. %s\n", path, options->leaked ? ", and the old one is good no more" : "",
                       *options->keys ? "Copy it to every machine that runs galkad; what runs takes it within a second, but "
                                        "units of systemd with a copy of their own (LoadCredential): restart those."
                                      : "A server that runs takes it within a second.");
        return error ? SERVER_FAILED : SERVER_DONE;
}
