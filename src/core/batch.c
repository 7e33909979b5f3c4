/* The list of batches; what each effect does is done by the files that asked for it. */
#include "core/batch.h"

#include "core/state.h"

void batches_init(struct batches *batches)
{
        *batches = (struct batches){0};
        list_init(&batches->list);
}

static struct batch *last_batch(struct core *core)
{
        struct list_node *node = list_last(&core->batches.list);

        return node ? container_of(node, struct batch, node) : NULL;
}

/* Adds the records of dirty rooms. False: no memory; the batch stays open and it is tried again. */
static bool seal(struct core *core, struct batch *batch)
{
        bool done = true;

        check(batch->state == BATCH_OPEN);
        while (done && !list_empty(&core->rooms.dirty)) {
                struct room *room = container_of(list_first(&core->rooms.dirty), struct room, dirty);

                done = room_keep(core, room);
                if (done)
                        list_remove(&room->dirty);
        }
        if (!done)
                return false;
        core->rooms.keep_ms = UINT64_MAX;
        batch->state = BATCH_SEALED;
        return true;
}

/* Makes sure that the last batch is open. */
static bool open_batch(struct core *core)
{
        struct batch *batch = last_batch(core);

        if (batch && batch->state == BATCH_OPEN)
                return true;
        batch = recycler_new(&core->memory, struct batch);
        if (!batch)
                return false;
        list_init(&batch->items);
        batch->number = ++core->batches.last;
        list_append(&core->batches.list, &batch->node);
        return true;
}

void batch_cut(struct core *core)
{
        struct batch *batch = last_batch(core);

        if (batch && batch->state == BATCH_OPEN && batch->count >= BATCH_ITEMS_MAX)
                (void)!seal(core, batch); /* no memory: it grows until there is some */
}

struct batch_item *batch_item_new(struct core *core, enum effect effect, struct slice key, size_t value_max)
{
        struct batch_item *item;
        size_t size = sizeof(*item) + key.size + value_max;

        if (!open_batch(core))
                return NULL;
        item = recycler_take(&core->memory, size);
        if (!item)
                return NULL;
        item->size = (uint32_t)size;
        item->key_size = (uint32_t)key.size;
        item->value_max = (uint32_t)value_max;
        item->effect = (uint8_t)effect;
        memcpy(item->bytes, key.data, key.size);
        item->change.key = slice_of(item->bytes, key.size);
        return item;
}

uint8_t *batch_value(struct batch_item *item)
{
        return item->bytes + item->key_size;
}

uint8_t *batch_value_end(struct batch_item *item)
{
        return batch_value(item) + item->value_max;
}

void batch_item_free(struct core *core, struct batch_item *item)
{
        recycler_give(&core->memory, item, item->size);
}

void batch_insert(struct core *core, struct batch_item *item, uint8_t *value, struct batch_place *place)
{
        struct batch *batch = last_batch(core);

        check(batch && batch->state == BATCH_OPEN);
        check(!place->batch || place->batch == batch);
        if (!place->batch)
                *place = (struct batch_place){batch, batch->items.head.prev};
        check(!value || (value >= batch_value(item) && value <= batch_value_end(item)));
        if (value)
                item->change.value = slice_of(value, (size_t)(batch_value_end(item) - value));
        list_insert_before(place->after->next, &item->node);
        batch->count++;
        core->batches.bytes += item->size;
}

void batch_add(struct core *core, struct batch_item *item, uint8_t *value)
{
        struct batch *batch = last_batch(core);

        check(batch);
        if (!value) {
                /* One key: up to the next possible one, itself with a zero byte. */
                check(batch_value_end(item) - batch_value(item) == (ptrdiff_t)item->key_size + 1);
                memcpy(batch_value(item), item->bytes, item->key_size);
                item->change.end = slice_of(batch_value(item), item->key_size + 1u);
                item->change.drop = true;
        }
        batch_insert(core, item, value, &(struct batch_place){0});
}

bool batch_place(struct core *core, struct batch_place *place)
{
        *place = (struct batch_place){0};
        if (!open_batch(core))
                return false;
        *place = (struct batch_place){last_batch(core), last_batch(core)->items.head.prev};
        return true;
}

static void drop_item(struct core *core, struct batch_item *item)
{
        check(core->batches.bytes >= item->size);
        core->batches.bytes -= item->size;
        batch_item_free(core, item);
}

void batch_undo_rows(struct core *core, const struct batch_place *place)
{
        struct batch *batch = last_batch(core);
        struct list_node *next;

        check(batch && batch->state == BATCH_OPEN && place->batch == batch);
        for (struct list_node *node = place->after->next; node != &batch->items.head; node = next) {
                struct batch_item *item = container_of(node, struct batch_item, node);

                next = node->next;
                if (item->effect != EFFECT_ROW)
                        continue;
                list_remove(node);
                batch->count--;
                drop_item(core, item);
        }
}

bool batch_drop(struct core *core, enum effect effect, enum error error, struct slice key, struct slice end)
{
        struct batch_item *item = batch_item_new(core, effect, key, end.size);

        if (!item)
                return false;
        memcpy(batch_value(item), end.data, end.size);
        item->change.end = slice_of(batch_value(item), end.size);
        item->change.drop = true;
        item->error = (uint8_t)error;
        batch_insert(core, item, NULL, &(struct batch_place){0});
        return true;
}

uint64_t batch_barrier(struct core *core)
{
        struct batch *batch;

        if (core->rooms.keep_ms <= core->now_ms && !open_batch(core))
                return core->batches.last + 1;
        batch = last_batch(core);
        if (batch && batch->state == BATCH_OPEN && batch->count == 0 && core->rooms.keep_ms > core->now_ms)
                return core->batches.last - 1;
        return core->batches.last;
}

bool batch_has_entry(const struct core *core, const struct id *room, const struct id *id)
{
        list_each(&core->batches.list, batch, struct batch, node) {
                list_each(&batch->items, item, struct batch_item, node) {
                        bool entry = item->effect >= EFFECT_QUEUED && item->effect <= EFFECT_FAILED;

                        if (entry && batch->state != BATCH_KEPT && id_equal(&item->id, id) && id_equal(&item->room, room))
                                return true;
                }
        }
        return false;
}

void batch_forget(struct core *core, const struct id *room, bool entries)
{
        list_each(&core->batches.list, batch, struct batch, node) {
                list_each(&batch->items, item, struct batch_item, node) {
                        bool entry = item->effect >= EFFECT_QUEUED && item->effect <= EFFECT_FAILED;

                        if (room && !id_equal(&item->room, room))
                                continue;
                        if (item->effect == EFFECT_ROW || item->effect == EFFECT_ROOM ||
                            (item->effect == EFFECT_SETTING && !room) || (entry && entries))
                                item->effect = EFFECT_NONE;
                }
        }
}

void batch_kept(struct core *core, uint64_t number)
{
        struct batch *batch = NULL;

        list_each(&core->batches.list, candidate, struct batch, node) {
                if (!batch && candidate->state == BATCH_OFFERED)
                        batch = candidate;
        }
        if (!batch || batch->number != number)
                return;
        recycler_give(&core->memory, batch->changes, sizeof(*batch->changes) * batch->count);
        batch->changes = NULL;
        batch->state = BATCH_KEPT;
        core->batches.kept = number;
        core->batches.offered--;
        list_each(&batch->items, item, struct batch_item, node) {
                if (item->effect == EFFECT_ROOM)
                        room_was_kept(core, item);
                else if (item->effect == EFFECT_QUEUED)
                        outbox_was_kept(core, item);
                else if (item->effect == EFFECT_ACCOUNT)
                        account_was_kept(core, item);
        }
}

/* The event of an item of a kept batch; false if it has none. */
static bool item_event(struct core *core, struct batch_item *item, struct core_event *event)
{
        static const uint8_t kinds[] = {
                [EFFECT_ROW] = CORE_EVENT_ROW,        [EFFECT_ROOM] = CORE_EVENT_ROOM,
                [EFFECT_QUEUED] = CORE_EVENT_MESSAGE, [EFFECT_SENT] = CORE_EVENT_MESSAGE,
                [EFFECT_FAILED] = CORE_EVENT_MESSAGE, [EFFECT_SETTING] = CORE_EVENT_SETTING,
                [EFFECT_ACCOUNT] = CORE_EVENT_SIGN,   [EFFECT_FORGOTTEN] = CORE_EVENT_FORGOTTEN,
        };
        static const uint8_t states[] = {[EFFECT_QUEUED] = CORE_MESSAGE_QUEUED,
                                         [EFFECT_SENT] = CORE_MESSAGE_SENT,
                                         [EFFECT_FAILED] = CORE_MESSAGE_FAILED};

        if (item->effect == EFFECT_NONE || item->quiet || (item->effect == EFFECT_ACCOUNT && !item->sign))
                return false;
        event->kind = kinds[item->effect];
        event->room = item->room;
        event->id = item->id;
        event->error = item->error;
        if (item->effect == EFFECT_SENT || item->effect == EFFECT_ROW || item->effect == EFFECT_SETTING)
                event->seq = item->number;
        if (item->effect == EFFECT_SETTING) {
                struct core_setting setting;

                check(core_setting_decode(item->change.key, item->change.value, &setting) == ERR_OK);
                event->key = setting.key;
                event->bytes = setting.value;
        }
        if (event->kind == CORE_EVENT_MESSAGE)
                event->state = states[item->effect];
        if (item->effect == EFFECT_ROW) {
                const struct room *room = room_find(core, &item->room);

                /* Its room may have been forgotten since, or have got a hole above it. */
                if (!room || item->number <= holes_top(&room->holes) || item->number > room->head_kept)
                        return false;
                check(core_row_decode(item->change.value, &event->row) == ERR_OK);
        }
        return true;
}

void batch_release(struct core *core)
{
        if (core->batches.shown)
                drop_item(core, core->batches.shown);
        core->batches.shown = NULL;
}

static bool poll_kept(struct core *core, struct batch *batch, struct core_event *event)
{
        check(!core->batches.shown);
        while (!list_empty(&batch->items)) {
                struct batch_item *item = container_of(list_pop(&batch->items), struct batch_item, node);

                if (item_event(core, item, event)) {
                        core->batches.shown = item;
                        return true;
                }
                drop_item(core, item);
        }
        list_remove(&batch->node);
        recycler_give(&core->memory, batch, sizeof(*batch));
        return false;
}

static bool offer(struct core *core, struct batch *batch, struct core_event *event)
{
        uint32_t i = 0;

        if (batch->state == BATCH_OPEN && !seal(core, batch))
                return false;
        check(batch->count > 0);
        batch->changes = recycler_take(&core->memory, sizeof(*batch->changes) * batch->count);
        if (!batch->changes)
                return false;
        list_each(&batch->items, item, struct batch_item, node)
                batch->changes[i++] = item->change;
        check(i == batch->count);
        batch->state = BATCH_OFFERED;
        core->batches.offered++;
        event->kind = CORE_EVENT_KEEP;
        event->number = batch->number;
        event->changes = batch->changes;
        event->change_count = batch->count;
        return true;
}

/* The first batch that was not offered yet, if it has something. */
static struct batch *next_to_offer(struct core *core)
{
        struct batch *ready = NULL;

        list_each(&core->batches.list, candidate, struct batch, node) {
                if (!ready && candidate->state <= BATCH_SEALED)
                        ready = candidate;
        }
        if (!ready || ready->count > 0 || core->rooms.keep_ms <= core->now_ms)
                return ready;
        /* Nothing came of it; its number was never given out. */
        check(ready->state == BATCH_OPEN && ready->number == core->batches.last);
        core->batches.last--;
        list_remove(&ready->node);
        recycler_give(&core->memory, ready, sizeof(*ready));
        return NULL;
}

bool batch_poll(struct core *core, struct core_event *event)
{
        struct batch *ready;

        list_each(&core->batches.list, batch, struct batch, node) {
                if (batch->state == BATCH_KEPT && poll_kept(core, batch, event))
                        return true;
        }
        if (core->batches.offered >= BATCHES_OFFERED_MAX || core->batches.retry_ms > core->now_ms)
                return false;
        if (core->rooms.keep_ms <= core->now_ms && !open_batch(core)) {
                core->batches.retry_ms = core->now_ms + CORE_FULL_PAUSE_MS;
                return false;
        }
        ready = next_to_offer(core);
        if (!ready)
                return false;
        if (offer(core, ready, event))
                return true;
        core->batches.retry_ms = core->now_ms + CORE_FULL_PAUSE_MS;
        return false;
}

uint64_t batch_due(const struct core *core)
{
        uint64_t due = core->rooms.keep_ms;

        if (core->batches.offered >= BATCHES_OFFERED_MAX)
                return UINT64_MAX;
        list_each(&core->batches.list, batch, struct batch, node) {
                if (batch->state <= BATCH_SEALED && batch->count > 0)
                        due = core->now_ms;
        }
        return due == UINT64_MAX ? due : max_of(due, core->batches.retry_ms);
}
