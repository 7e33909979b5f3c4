/* The service of rooms: what is written to them, and marks. */
#include "service/session/session.h"

#include "rules/limits.h"
#include "rules/room.h"

static enum error start(void **state)
{
        struct members *members;
        enum error error = members_new(MEMBERS_ROOMS_MAX, &members);

        *state = members;
        return error;
}

static void stop(void **state)
{
        struct members *members = *state;

        members_free(&members);
        *state = NULL;
}

struct known session_known(struct batch *batch, const struct id *room)
{
        struct known known;
        const uint64_t *users;
        uint64_t *copy;

        known.version = members_find(batch_service_state(batch), room, &users, &known.count);
        if (known.version == 0)
                return (struct known){0};
        copy = batch_array(batch, uint64_t, known.count);
        if (!copy)
                return (struct known){0};
        memcpy(copy, users, sizeof(*copy) * known.count);
        known.users = copy;
        return known;
}

struct known session_members(struct batch *batch, const struct id *room, const struct store_result *result,
                             const struct known *known)
{
        const struct store_members *members = &result->members;

        if (!members->users) {
                check(members->count == 0 || members->version == known->version);
                return *known;
        }
        members_keep(batch_service_state(batch), room, members->version, members->users, members->count);
        return (struct known){members->version, members->users, members->count};
}

bool session_check_room(struct batch *batch, struct item *item)
{
        enum room_kind kind = room_kind_of(&item->frame.room);

        if (kind == ROOM_GROUP)
                return true;
        if (kind != ROOM_NONE && room_peer(&item->frame.room, item->envelope.user) != 0)
                return true;
        batch_refuse(batch, item, ERR_NO_ROOM, NULL, 0);
        return false;
}

/* The first operation's id, most of it after a long text's length: what is written meanwhile is appended to the frame. */
#define WRITE_TOLD_BY 20

static const struct handler handlers[] = {
        {.code = WIRE_CODE_write,
         .told_by = WRITE_TOLD_BY,
         .hooks = {[HOOK_PLAN] = write_plan, [HOOK_STORED] = write_stored}},
        {.code = WIRE_CODE_block, .hooks = {[HOOK_PLAN] = block_plan, [HOOK_STORED] = block_stored}},
        {.code = WIRE_CODE_leaving,
         .patient = true,
         .hooks = {[HOOK_PLAN] = leaving_plan, [HOOK_ASKED] = leaving_asked, [HOOK_STORED] = leaving_stored}},
        {.code = WIRE_CODE_sweep, .patient = true, .hooks = {[HOOK_PLAN] = sweep_plan, [HOOK_STORED] = sweep_stored}},
        {.code = WIRE_CODE_receipts,
         .again = true,
         .patient = true,
         .hooks = {[HOOK_PLAN] = receipts_plan, [HOOK_ASKED] = receipts_asked, [HOOK_STORED] = receipts_stored}},
        {.code = WIRE_CODE_mark, .patient = true, .hooks = {[HOOK_PLAN] = mark_plan, [HOOK_STORED] = mark_stored}},
};

const struct service service_session = {
        .name = "session",
        .topic = BUS_SESSION,
        .wire_topic = WIRE_TOPIC_SESSION,
        .record = WIRE_CODE_envelope,
        .records_max = WORKER_BATCH_MAX,
        .ops_per_record = OPERATIONS_MAX,
        .handlers = handlers,
        .handler_count = countof(handlers),
        .start = start,
        .stop = stop,
};
