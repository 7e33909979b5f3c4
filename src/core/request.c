/* The list of requests and the table of what follows. */
#include "core/request.h"

#include "core/state.h"

struct request_kind {
        uint8_t code;
        bool (*answered)(struct core *core, struct request *request, const struct wire_frame *frame, const void *message);
        void (*failed)(struct core *core, struct request *request, enum error error, uint64_t retry_after_ms);
        size_t counter; /* in struct requests; 0: none */
};

#define COUNTER(name) __builtin_offsetof(struct requests, name)

/* answered returns false when what came breaks the protocol. */
static const struct request_kind kinds[] = {
        {WIRE_CODE_sign_up, account_answered, account_failed, 0},
        {WIRE_CODE_confirm, account_answered, account_failed, 0},
        {WIRE_CODE_sign_in, account_answered, account_failed, 0},
        {WIRE_CODE_renew, account_answered, account_failed, 0},
        {WIRE_CODE_sign_out, account_answered, account_failed, 0},
        {WIRE_CODE_reset, account_answered, account_failed, 0},
        {WIRE_CODE_reset_confirm, account_answered, account_failed, 0},
        {WIRE_CODE_set_password, account_answered, account_failed, 0},
        {WIRE_CODE_set_profile, account_answered, account_failed, 0},
        {WIRE_CODE_set_email, account_answered, account_failed, 0},
        {WIRE_CODE_delete_account, account_answered, account_failed, 0},
        {WIRE_CODE_confirm_email, account_answered, account_failed, 0},
        {WIRE_CODE_join, join_answered, join_failed, 0},
        {WIRE_CODE_rooms, join_rooms_answered, join_rooms_failed, 0},
        {WIRE_CODE_changes, fetch_answered, fetch_failed, COUNTER(fetches)},
        {WIRE_CODE_profiles, peers_answered, peers_failed, 0},
        {WIRE_CODE_around, ask_answered, ask_failed, COUNTER(asks)},
        {WIRE_CODE_pins, ask_answered, ask_failed, COUNTER(asks)},
        {WIRE_CODE_reactors, ask_answered, ask_failed, COUNTER(asks)},
        {WIRE_CODE_search, ask_answered, ask_failed, COUNTER(asks)},
        {WIRE_CODE_find, ask_answered, ask_failed, COUNTER(asks)},
        {WIRE_CODE_devices, ask_answered, ask_failed, COUNTER(asks)},
        {WIRE_CODE_members, ask_answered, ask_failed, COUNTER(asks)},
        {WIRE_CODE_block, account_answered, account_failed, 0},
        {WIRE_CODE_blocks, blocks_answered, blocks_failed, 0},
        {WIRE_CODE_watch, watch_answered, watch_failed, 0},
        {WIRE_CODE_invite, ask_answered, ask_failed, COUNTER(asks)},
        {WIRE_CODE_write, write_answered, write_failed, COUNTER(writes)},
        {WIRE_CODE_mark, mark_answered, mark_failed, COUNTER(marks)},
};

void requests_init(struct requests *requests)
{
        *requests = (struct requests){0};
        list_init(&requests->list);
}

static const struct request_kind *kind_of(uint8_t code)
{
        for (size_t i = 0; i < countof(kinds); i++)
                if (kinds[i].code == code)
                        return &kinds[i];
        unreachable();
}

static void count(struct core *core, const struct request_kind *kind, int step)
{
        if (kind->counter)
                *(uint32_t *)(void *)((char *)&core->requests + kind->counter) += (uint32_t)step;
        core->requests.count += (uint32_t)step;
}

struct request *request_send(struct core *core, enum wire_code code, const struct id *id, struct room *room,
                             const void *message)
{
        struct wire_frame frame = {.code = (uint8_t)code};
        struct request *request;

        if (core->requests.count >= REQUESTS_MAX)
                return NULL;
        request = recycler_new(&core->memory, struct request);
        if (!request)
                return NULL;
        request->id = id ? *id : core_new_id(core);
        request->code = (uint8_t)code;
        request->room = room;
        request->sent_ms = core->now_ms;
        request->deadline_ms = core->now_ms + core->link.reply_ms + core->link.margin_ms;
        frame.request = request->id;
        if (room)
                frame.room = room->id;
        if (!link_send(core, &frame, message)) {
                recycler_give(&core->memory, request, sizeof(*request));
                return NULL;
        }
        list_append(&core->requests.list, &request->node);
        count(core, kind_of(request->code), 1);
        return request;
}

/* Takes it off the list; whoever took it gives it back. */
static void take(struct core *core, struct request *request)
{
        list_remove(&request->node);
        count(core, kind_of(request->code), -1);
}

static void fail(struct core *core, struct request *request, enum error error, uint64_t retry_after_ms)
{
        take(core, request);
        kind_of(request->code)->failed(core, request, error, retry_after_ms);
        recycler_give(&core->memory, request, sizeof(*request));
}

static struct request *find(struct core *core, const struct id *id)
{
        list_each(&core->requests.list, request, struct request, node) {
                if (id_equal(&request->id, id))
                        return request;
        }
        return NULL;
}

bool request_answered(struct core *core, const struct wire_frame *frame, const void *message)
{
        struct request *request = find(core, &frame->request);
        bool lawful;

        if (!request && frame->code == WIRE_CODE_joined)
                return join_late(core, frame, message);
        if (!request && frame->code == WIRE_CODE_marked)
                return mark_late(core, frame, message);
        if (!request && frame->code == WIRE_CODE_blocked) { /* unasked, or late */
                blocks_changed(core);
                return true;
        }
        if (!request) /* late: nobody waits any more; but what was written is good to know */
                return frame->code != WIRE_CODE_written || write_answered(core, NULL, frame, message);
        if (frame->code == WIRE_CODE_error) {
                const struct wire_error *error = message;

                /* An error that says OK, or a local one, is no answer. */
                if (error_class((unsigned)error->code) == ERROR_CLASS_OK)
                        return false;
                fail(core, request, (enum error)error->code, error->retry_after_ms);
                return true;
        }
        if (frame->code != wire_message_by_code(request->code)->reply)
                return false;
        if (request->room && !id_equal(&request->room->id, &frame->room))
                return false;
        take(core, request);
        lawful = kind_of(request->code)->answered(core, request, frame, message);
        recycler_give(&core->memory, request, sizeof(*request));
        return lawful;
}

bool request_ended_link(struct core *core, enum error error)
{
        if (error == ERR_REVOKED)
                account_revoked(core);
        else if (error == ERR_BAD_TOKEN || error == ERR_NOT_NOW)
                link_close(core, 0);
        else
                return false;
        return true;
}

void requests_expire(struct core *core)
{
        list_each(&core->requests.list, request, struct request, node) {
                if (request->deadline_ms <= core->now_ms) {
                        fail(core, request, ERR_UNKNOWN, 0);
                        requests_expire(core); /* a handler may have ended others */
                        return;
                }
        }
}

uint64_t requests_due(const struct core *core)
{
        uint64_t due = UINT64_MAX;

        list_each(&core->requests.list, request, struct request, node)
                due = min_of(due, request->deadline_ms);
        return due;
}

void requests_close(struct core *core)
{
        while (!list_empty(&core->requests.list))
                fail(core, container_of(list_first(&core->requests.list), struct request, node), ERR_CLOSED, 0);
}
