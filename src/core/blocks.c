/* See blocks.h. */
#include "core/blocks.h"

#include "core/state.h"

#define RETRY_FIRST_MS 1000

static const uint8_t record_key[] = {'B'};

/* ---- lists ---- */

static void list_give(struct core *core, struct user_list *list)
{
        recycler_give(&core->memory, list->users, sizeof(*list->users) * list->size);
        *list = (struct user_list){0};
}

static uint32_t place_of(const struct user_list *list, uint64_t user)
{
        uint32_t low = 0, high = list->count;

        while (low < high) {
                uint32_t middle = low + (high - low) / 2;

                if (list->users[middle] < user)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static bool has(const struct user_list *list, uint64_t user)
{
        uint32_t at = place_of(list, user);

        return at < list->count && list->users[at] == user;
}

/* False: no memory. One more than there may be is not noted. */
static bool add(struct core *core, struct user_list *list, uint64_t user)
{
        uint32_t at = place_of(list, user), size = list->size ? 2 * list->size : 8;

        if (has(list, user) || list->count == BLOCKS_MAX)
                return true;
        if (list->count == list->size) {
                uint64_t *users = recycler_take(&core->memory, sizeof(*users) * size);

                if (!users)
                        return false;
                if (list->count)
                        memcpy(users, list->users, sizeof(*users) * list->count);
                recycler_give(&core->memory, list->users, sizeof(*users) * list->size);
                list->users = users;
                list->size = size;
        }
        memmove(list->users + at + 1, list->users + at, sizeof(*list->users) * (list->count - at));
        list->users[at] = user;
        list->count++;
        return true;
}

static void drop(struct user_list *list, uint64_t user)
{
        uint32_t at = place_of(list, user);

        if (!has(list, user))
                return;
        list->count--;
        memmove(list->users + at, list->users + at + 1, sizeof(*list->users) * (list->count - at));
}

/* ---- the storage ---- */

void blocks_restore(struct core *core, struct slice value)
{
        if (value.size % 8 != 1 || value.data[0] != RECORD_VERSION)
                return;
        for (size_t at = 1; at < value.size; at += 8) {
                uint64_t user = be64_get(value.data + at);

                if (user > 0 && user <= INT64_MAX && !add(core, &core->blocks.now, user))
                        return; /* no memory: it is asked for after Join */
        }
}

static bool keep(struct core *core)
{
        const struct user_list *list = &core->blocks.now;
        struct batch_item *item =
                batch_item_new(core, EFFECT_NONE, slice_of(record_key, sizeof(record_key)), 1 + 8 * (size_t)list->count);
        uint8_t *value;

        if (!item)
                return false;
        value = batch_value_end(item) - 1 - 8 * list->count;
        check(value >= batch_value(item));
        value[0] = RECORD_VERSION;
        for (uint32_t i = 0; i < list->count; i++)
                be64_put(value + 1 + 8 * i, list->users[i]);
        batch_add(core, item, value);
        core->blocks.news = true;
        return true;
}

void blocks_forget(struct core *core)
{
        list_give(core, &core->blocks.now);
        list_give(core, &core->blocks.coming);
        core->blocks = (struct blocks){0};
}

/* ---- the list ---- */

void blocks_changed(struct core *core)
{
        core->blocks.due = true;
        core->blocks.again = core->blocks.asked;
        if (!core->blocks.asked)
                core->blocks.coming.count = 0;
}

bool blocks_moved(struct core *core, uint64_t user, bool on)
{
        if (core->blocks.due || core->blocks.asked)
                blocks_changed(core);
        if (has(&core->blocks.now, user) == on)
                return true;
        if (on && !add(core, &core->blocks.now, user))
                return false;
        if (!on)
                drop(&core->blocks.now, user);
        return keep(core);
}

bool blocks_joined(struct core *core, uint64_t count)
{
        /* Nobody, when the server read it: somebody may have been blocked since, so the list is asked for all the same. */
        if (count > 0 || core->blocks.now.count > 0)
                blocks_changed(core);
        return true;
}

bool core_blocks_known(const struct core *core)
{
        return core->join.joined && !core->blocks.due && !core->blocks.asked;
}

void blocks_closed(struct core *core)
{
        core->blocks.asked = core->blocks.due = core->blocks.again = false;
        core->blocks.retry_ms = core->blocks.tries = 0;
}

void blocks_step(struct core *core)
{
        struct blocks *blocks = &core->blocks;
        struct wire_blocks message = {.limit = BLOCKS_PAGE_MAX};

        if (!blocks->due || blocks->asked || core->link.state != LINK_READY || blocks->retry_ms > core->now_ms)
                return;
        if (blocks->again)
                blocks->coming.count = 0;
        blocks->again = false;
        if (blocks->coming.count)
                message.after = blocks->coming.users[blocks->coming.count - 1];
        blocks->asked = request_send(core, WIRE_CODE_blocks, NULL, NULL, &message) != NULL;
        if (!blocks->asked)
                blocks->retry_ms = core->now_ms + RETRY_FIRST_MS;
}

uint64_t blocks_due(const struct core *core)
{
        const struct blocks *blocks = &core->blocks;

        return blocks->due && !blocks->asked && core->link.state == LINK_READY ? blocks->retry_ms : UINT64_MAX;
}

static bool is_same(const struct user_list *a, const struct user_list *b)
{
        return a->count == b->count && (a->count == 0 || memcmp(a->users, b->users, sizeof(*a->users) * a->count) == 0);
}

/* The list is whole. */
static bool take_all(struct core *core)
{
        struct blocks *blocks = &core->blocks;
        struct user_list before = blocks->now;

        blocks->due = false;
        if (is_same(&blocks->now, &blocks->coming)) {
                list_give(core, &blocks->coming);
                return true;
        }
        blocks->now = blocks->coming;
        blocks->coming = (struct user_list){0};
        list_give(core, &before);
        return keep(core);
}

bool blocks_answered(struct core *core, struct request *request, const struct wire_frame *frame, const void *message)
{
        const struct wire_block_list *page = message;
        struct blocks *blocks = &core->blocks;
        struct wire_iterator iterator;
        struct wire_person person;
        uint64_t last = blocks->coming.count ? blocks->coming.users[blocks->coming.count - 1] : 0;

        (void)request, (void)frame;
        blocks->asked = false;
        blocks->tries = 0;
        blocks->retry_ms = 0;
        if (blocks->again)
                return true;
        wire_list_start(&iterator, WIRE_STRUCTURE(block_list), 1, &page->people);
        while (wire_list_next(&iterator, &person)) {
                if (person.user <= last)
                        return false;
                last = person.user;
                if (!add(core, &blocks->coming, person.user) ||
                    (people_knows(core, person.user) && !people_take(core, &person, false)))
                        return false;
        }
        if (page->more && page->people.count > 0 && blocks->coming.count < BLOCKS_MAX)
                return true;
        return take_all(core);
}

void blocks_failed(struct core *core, struct request *request, enum error error, uint64_t retry_after_ms)
{
        struct blocks *blocks = &core->blocks;

        (void)request;
        blocks->asked = false;
        if (error == ERR_CLOSED || request_ended_link(core, error))
                return;
        blocks->retry_ms =
                core->now_ms + max_of(retry_after_ms, core_pause_ms(core, blocks->tries, RETRY_FIRST_MS, CORE_RETRY_MAX_MS));
        blocks->tries = (uint8_t)min_of(blocks->tries + 1, 30);
}

/* ---- the host's window ---- */

bool core_blocks(const struct core *core, uint64_t user)
{
        return has(&core->blocks.now, user);
}

uint64_t core_blocked_at(const struct core *core, uint32_t index)
{
        return index < core->blocks.now.count ? core->blocks.now.users[index] : 0;
}
