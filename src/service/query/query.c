/* The service of reading: everything a client asks for that changes nothing. */
#include "service/query/query.h"

#include "rules/seen.h"

const struct store_answer *query_answer(struct batch *batch, struct item *item)
{
        check(item->answer);
        if (item->answer->status == ERR_OK)
                return item->answer;
        batch_refuse(batch, item, item->answer->status, NULL, 0);
        return NULL;
}

const struct store_cursor *query_cursors(struct batch *batch, const struct wire_structure *structure, uint32_t tag,
                                         const struct wire_list *list, size_t *count)
{
        struct store_cursor *cursors = list->count ? batch_array(batch, struct store_cursor, list->count) : NULL;
        struct wire_iterator iterator;
        struct wire_cursor cursor;

        *count = 0;
        if (!cursors)
                return NULL;
        wire_list_start(&iterator, structure, tag, list);
        while (*count < list->count && wire_list_next(&iterator, &cursor))
                cursors[(*count)++] =
                        (struct store_cursor){.room = cursor.room, .head = cursor.head, .lowest = cursor.lowest};
        return cursors;
}

void query_note_use(struct batch *batch, struct item *item, const struct store_answer *answer)
{
        struct clock *clock = batch_seams(batch)->clock;
        uint64_t now_ms = clock->wall_ms(clock);
        const struct wire_seen seen = {.time_ms = now_ms};

        if (answer->seen_ms + STORE_SEEN_MS <= now_ms)
                batch_publish_frame(batch, item, BUS_AUTHENTICATION, WIRE_CODE_seen, item->envelope.user, &seen,
                                    item->envelope);
}

uint64_t query_note_gone(struct batch *batch, struct item *item, uint64_t user)
{
        struct clock *clock = batch_seams(batch)->clock;
        uint64_t now_ms = clock->wall_ms(clock);
        const struct wire_last_seen last_seen = {.user = user};

        batch_publish_frame(batch, item, BUS_AUTHENTICATION, WIRE_CODE_last_seen, user, &last_seen, item->envelope);
        return seen_coarse(now_ms);
}

#define HANDLER(name, done)                                                                                                 \
        {                                                                                                                   \
                .code = WIRE_CODE_##name, .hooks = { [HOOK_PLAN] = name##_plan, [HOOK_STORED] = done }                      \
        }

static const struct handler handlers[] = {
        {.code = WIRE_CODE_join,
         .refusal_effect = WIRE_EFFECT_REFUSED,
         .hooks = {[HOOK_PLAN] = join_plan, [HOOK_ASKED] = join_asked, [HOOK_STORED] = join_stored}},
        HANDLER(rooms, rooms_stored),
        HANDLER(changes, changes_stored),
        HANDLER(around, around_stored),
        HANDLER(search, search_stored),
        HANDLER(pins, pins_stored),
        HANDLER(reactors, reactors_stored),
        HANDLER(find, people_stored),
        HANDLER(profiles, people_stored),
        HANDLER(devices, devices_stored),
        HANDLER(blocks, blocks_stored),
        HANDLER(members, members_stored),
        {.code = WIRE_CODE_watch,
         .hooks = {[HOOK_PLAN] = watch_plan, [HOOK_ASKED] = watch_asked, [HOOK_STORED] = watch_stored}},
        HANDLER(gone, gone_stored),
        {.code = WIRE_CODE_typing,
         .hooks = {[HOOK_PLAN] = typing_plan, [HOOK_PRESENT] = typing_present, [HOOK_STORED] = typing_stored}},
};

/* Few records a batch: one answer may have 256 KiB. */
const struct service service_query = {
        .name = "query",
        .topic = BUS_QUERY,
        .wire_topic = WIRE_TOPIC_QUERY,
        .record = WIRE_CODE_envelope,
        .records_max = 64,
        .handlers = handlers,
        .handler_count = countof(handlers),
};
