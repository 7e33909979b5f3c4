/*
 * Submissions and the calls that they become: a submission is sent as calls of at most REDIS_CHUNK_MAX requests, one behind the other
 * without waiting; answers come in the order of calls.
 */
#include "driver/presence/redis_handle.h"

#include <stdio.h>

#include "base/assert.h"

struct redis_submission *redis_submission_at(struct redis_handle *handle, uint64_t number)
{
        check(number >= handle->first && number < handle->next);
        return &handle->submissions[number % REDIS_SUBMITS_MAX];
}

/* ---- sending ---- */

static struct redis_call *call_new(struct redis_handle *handle)
{
        struct redis_call *call = &handle->calls[handle->call_next++ % REDIS_CHUNKS_MAX];

        *call = (struct redis_call){.begin = handle->out.sent + (handle->out.end - handle->out.begin),
                                    .sent_ms = redis_now_ms(handle)};
        return call;
}

static void send_chunk(struct redis_handle *handle, struct redis_submission *submission)
{
        struct redis_call *call = call_new(handle);

        call->submission = submission;
        call->first = submission->sent;
        call->count = redis_script_fits(submission->requests + call->first, submission->count - submission->sent);
        redis_script_call(&handle->out, slice_of(handle->sha, REDIS_SHA_SIZE), handle->redis->prefix,
                          submission->requests + call->first, call->count);
        submission->sent += call->count;
        submission->calls++;
}

void redis_submissions_send(struct redis_handle *handle)
{
        while (handle->unsent < handle->next) {
                struct redis_submission *submission = redis_submission_at(handle, handle->unsent);

                if (submission->ended || submission->sent == submission->count) {
                        handle->unsent++;
                        continue;
                }
                if (handle->call_next - handle->call_first == REDIS_CHUNKS_MAX ||
                    redis_out_room(&handle->out) < REDIS_CALL_MAX)
                        return;
                send_chunk(handle, submission);
        }
}

/* ---- answers ---- */

/* These answers were read, and nobody will hear what they said. */
static void unheard(struct redis_handle *handle, const struct presence_request *requests, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (requests[i].kind == PRESENCE_BEAT)
                        redis_beaten_doubt(&handle->beaten);
}

static void end(struct redis_handle *handle, struct redis_submission *submission, enum outcome outcome)
{
        if (submission->ended)
                return;
        submission->ended = true;
        submission->outcome = outcome;
        if (outcome != OUTCOME_OK)
                unheard(handle, submission->requests, submission->answered);
}

/* What Redis says when it did not even begin, or stopped before the first change. */
static bool is_whole_refusal(struct slice text)
{
        static const char *const codes[] = {"NOSCRIPT", "OOM",    "READONLY",   "MISCONF",   "LOADING",
                                            "BUSY",     "NOAUTH", "MASTERDOWN", "NOREPLICAS"};

        for (size_t i = 0; i < countof(codes); i++)
                if (redis_says(text, codes[i]))
                        return true;
        return false;
}

static void note_refusal(struct redis_handle *handle, struct slice text)
{
        redis_quote(handle, "it refuses: ", text);
        handle->wrong = redis_says(text, "NOPERM") || redis_says(text, "NOAUTH") ||
                        redis_says(text, "ERR The user executing the script");
        if (!handle->refused)
                event_note(handle->redis->options.events, EVENT_WARNING, "presence.refused", NULL,
                           {"server", handle->redis->place}, {"reason", handle->why});
        handle->refused = true;
}

/* False: go and look for another server. */
static bool call_refused(struct redis_handle *handle, const struct redis_call *call, struct slice text)
{
        struct redis_submission *submission = call->submission;
        /* Another call of it, before or behind, may be done. */
        bool nothing = is_whole_refusal(text) && !submission->did && submission->calls == 0;

        note_refusal(handle, text);
        end(handle, submission, nothing || !submission->writes ? OUTCOME_FAILED : OUTCOME_UNCERTAIN);
        if (redis_says(text, "NOSCRIPT") && handle->call_next - handle->call_first < REDIS_CHUNKS_MAX &&
            redis_out_room(&handle->out) > redis_script_source().size + 256) {
                (void)call_new(handle);
                redis_load_write(handle);
        }
        return !redis_says(text, "READONLY") && !redis_says(text, "LOADING") && !redis_says(text, "MASTERDOWN") &&
               !redis_says(text, "NOAUTH");
}

bool redis_nonsense(struct redis_handle *handle)
{
        snprintf(handle->why, sizeof(handle->why), "it answers what no Redis would");
        handle->wrong = true;
        return false;
}

bool redis_call_answered(struct redis_handle *handle, const struct redis_reply *reply)
{
        struct redis_submission *submission;
        struct redis_call call;
        enum error error;

        if (handle->call_first == handle->call_next)
                return redis_nonsense(handle);
        call = handle->calls[handle->call_first % REDIS_CHUNKS_MAX];
        submission = call.submission;
        if (!submission) {
                handle->call_first++;
                return redis_load_answered(handle, reply) || redis_nonsense(handle);
        }
        if (reply->kind == REDIS_ERROR) {
                handle->call_first++;
                submission->calls--;
                return call_refused(handle, &call, reply->text);
        }
        error = redis_script_read(reply, submission->requests + call.first, call.count, submission->results + call.first,
                                  submission->arena, &handle->beaten);
        if (error == ERR_CORRUPT)
                return redis_nonsense(handle);
        handle->call_first++;
        submission->calls--;
        submission->answered += call.count;
        submission->did |= submission->writes;
        if (submission->ended)
                unheard(handle, submission->requests + call.first, call.count);
        else if (error)
                end(handle, submission, submission->writes ? OUTCOME_UNCERTAIN : OUTCOME_FAILED);
        else if (submission->calls == 0 && submission->sent == submission->count)
                end(handle, submission, OUTCOME_OK);
        handle->refused = false;
        handle->proven = true;
        handle->pause_ms = REDIS_PAUSE_MIN;
        return true;
}

/* ---- loss ---- */

void redis_calls_lost(struct redis_handle *handle)
{
        for (; handle->call_first < handle->call_next; handle->call_first++) {
                struct redis_call *call = &handle->calls[handle->call_first % REDIS_CHUNKS_MAX];

                if (!call->submission)
                        continue;
                call->submission->calls--;
                /* Of a call that was not sent whole Redis has done nothing, but where it ends is not worth remembering. */
                call->submission->did |= call->submission->writes && handle->out.sent > call->begin;
        }
        for (uint64_t number = handle->first; number < handle->next; number++) {
                struct redis_submission *submission = redis_submission_at(handle, number);

                if (submission->sent > 0)
                        end(handle, submission, submission->did ? OUTCOME_UNCERTAIN : OUTCOME_FAILED);
        }
}

void redis_submissions_fail(struct redis_handle *handle)
{
        for (uint64_t number = handle->first; number < handle->next; number++)
                end(handle, redis_submission_at(handle, number), OUTCOME_FAILED);
        handle->unsent = handle->next;
}
