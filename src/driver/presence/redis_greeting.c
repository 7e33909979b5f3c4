/*
 * The first words on a connection: who we are, what kind of server this is, and the script. They are sent at once; each answer is
 * looked at when it comes.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "driver/presence/redis_handle.h"

#define VALUE_SIZE 64

/* Each answer in its turn. */
enum greeting { GREETING_AUTH, GREETING_SERVER, GREETING_REPLICATION, GREETING_MEMORY, GREETING_SCRIPT, GREETING_COUNT };

static void write_info(struct redis_out *out, const char *section)
{
        redis_out_command(out, 2);
        redis_out_text(out, SLICE_LITERAL("INFO"));
        redis_out_text(out, slice_text(section));
}

void redis_load_write(struct redis_handle *handle)
{
        redis_out_command(&handle->out, 3);
        redis_out_text(&handle->out, SLICE_LITERAL("SCRIPT"));
        redis_out_text(&handle->out, SLICE_LITERAL("LOAD"));
        redis_out_text(&handle->out, redis_script_source());
}

void redis_greeting_write(struct redis_handle *handle)
{
        const struct presence_redis_options *options = &handle->redis->options;
        struct redis_out *out = &handle->out;

        handle->greeted = options->password ? GREETING_AUTH : GREETING_SERVER;
        if (options->password) {
                redis_out_command(out, options->user ? 3 : 2);
                redis_out_text(out, SLICE_LITERAL("AUTH"));
                if (options->user)
                        redis_out_text(out, slice_text(options->user));
                redis_out_text(out, slice_text(options->password));
        }
        write_info(out, "server");
        write_info(out, "replication");
        write_info(out, "memory");
        redis_load_write(handle);
}

/* ---- answers ---- */

/* The value of a line "name:value" of INFO, cut to what fits; empty: there is none. */
static void info_find(struct slice info, const char *name, char value[static VALUE_SIZE])
{
        size_t size = strlen(name), put = 0;
        const char *at = (const char *)info.data, *end = info.size ? at + info.size : at;

        while (at < end) {
                const char *line_end = memchr(at, '\n', (size_t)(end - at));
                size_t line = line_end ? (size_t)(line_end - at) : (size_t)(end - at);

                if (line > size && memcmp(at, name, size) == 0 && at[size] == ':') {
                        for (size_t i = size + 1; i < line && isgraph((unsigned char)at[i]) && put < VALUE_SIZE - 1; i++)
                                value[put++] = at[i];
                        break;
                }
                at = line_end ? line_end + 1 : end;
        }
        value[put] = 0;
}

static enum redis_verdict unfit(struct redis_handle *handle, const char *why, const char *detail, const char *rest)
{
        snprintf(handle->why, sizeof(handle->why), "%s%s%s", why, detail, rest);
        handle->wrong = true;
        return REDIS_UNFIT;
}

void redis_quote(struct redis_handle *handle, const char *before, struct slice text)
{
        size_t put = strlen(before);

        check(put < sizeof(handle->why));
        memcpy(handle->why, before, put);
        for (size_t i = 0; i < text.size && put < sizeof(handle->why) - 1; i++)
                handle->why[put++] = isprint(text.data[i]) ? (char)text.data[i] : '?';
        handle->why[put] = 0;
}

static enum redis_verdict refused(struct redis_handle *handle, struct slice text)
{
        static const char *const passing[] = {"LOADING", "BUSY", "MASTERDOWN", "ERR max number of clients"};

        if (redis_says(text, "NOAUTH"))
                return unfit(handle, "it wants a password, and none is set", "", "");
        redis_quote(handle,
                    handle->greeted == GREETING_AUTH ? "it refuses the user or the password: " : "it refuses: ", text);
        handle->wrong = true;
        for (size_t i = 0; i < countof(passing); i++)
                if (redis_says(text, passing[i]))
                        handle->wrong = false;
        return REDIS_UNFIT;
}

static enum redis_verdict check_server(struct redis_handle *handle, struct slice info)
{
        char version[VALUE_SIZE], mode[VALUE_SIZE];

        info_find(info, "redis_version", version);
        info_find(info, "redis_mode", mode);
        if (!version[0])
                return unfit(handle, "it does not say that it is Redis", "", "");
        if (strtoul(version, NULL, 10) < REDIS_VERSION)
                return unfit(handle, "it is Redis ", version, ", and 7.0 or later is needed");
        if (strcmp(mode, "cluster") == 0)
                return unfit(handle, "it is part of a Redis Cluster, which would split what belongs together: ", "",
                             "one primary (with replicas) is needed");
        return REDIS_MORE;
}

static enum redis_verdict check_replication(struct redis_handle *handle, struct slice info)
{
        char role[VALUE_SIZE];

        info_find(info, "role", role);
        if (strcmp(role, "master") != 0)
                return unfit(handle, "it is a ", role[0] ? role : "stranger", ": the address of the primary is needed");
        return REDIS_MORE;
}

/* A key that was thrown out is missed by nobody: only a lost epoch is noticed. */
static enum redis_verdict check_memory(struct redis_handle *handle, struct slice info)
{
        char maximum[VALUE_SIZE], policy[VALUE_SIZE];

        info_find(info, "maxmemory", maximum);
        info_find(info, "maxmemory_policy", policy);
        if (strcmp(maximum, "0") != 0 && strcmp(policy, "noeviction") != 0)
                return unfit(handle, "its maxmemory-policy is ", policy, ", which forgets unnoticed: noeviction is needed");
        return REDIS_MORE;
}

bool redis_load_answered(struct redis_handle *handle, const struct redis_reply *reply)
{
        if (reply->kind != REDIS_TEXT || reply->text.size != REDIS_SHA_SIZE)
                return false;
        memcpy(handle->sha, reply->text.data, REDIS_SHA_SIZE);
        return true;
}

enum redis_verdict redis_greeting_answered(struct redis_handle *handle, const struct redis_reply *reply)
{
        enum redis_verdict verdict = REDIS_MORE;

        check(handle->greeted < GREETING_COUNT);
        if (reply->kind == REDIS_ERROR)
                return refused(handle, reply->text);
        if (reply->kind != REDIS_TEXT) {
                (void)redis_nonsense(handle);
                return REDIS_UNFIT;
        }
        if (handle->greeted == GREETING_SERVER)
                verdict = check_server(handle, reply->text);
        else if (handle->greeted == GREETING_REPLICATION)
                verdict = check_replication(handle, reply->text);
        else if (handle->greeted == GREETING_MEMORY)
                verdict = check_memory(handle, reply->text);
        else if (handle->greeted == GREETING_SCRIPT)
                verdict = redis_load_answered(handle, reply) ? REDIS_GREETED
                                                             : unfit(handle, "it does not take the script", "", "");
        handle->greeted++;
        return verdict;
}
