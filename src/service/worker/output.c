/*
 * What a batch publishes: replies and letters as ready records, deliveries as a frame and the users it is for. Each frame is
 * encoded once. Connections are known only when presence was read, so deliveries become records in PUBLISH (output_send).
 */
#include "service/worker/output.h"

#include "service/worker/state.h"
#include "wire/envelope.h"

#define LETTER_SIZE_MAX 1024
#define GROUPS_MAX      256 /* frontends of one delivery; beyond them the same frontend gets a second record */

struct presence_entry item_presence(const struct item *item)
{
        return (struct presence_entry){.user = item->envelope.user,
                                       .connection = item->envelope.connection,
                                       .device = item->envelope.device,
                                       .epoch = item->envelope.epoch,
                                       .frontend = (uint16_t)item->envelope.frontend};
}

static struct output *output_new(struct batch *batch, struct item *item)
{
        struct output *output = batch_new(batch, struct output);

        if (!output)
                return NULL;
        output->item = item;
        list_append(&batch->outputs, &output->node);
        return output;
}

/* Code byte and body in new memory; empty breaks the batch. size_max: surely enough for the body. */
static struct slice encode(struct batch *batch, enum wire_code code, const void *body, size_t size_max)
{
        uint8_t *start = batch_take(batch, size_max + 1);
        struct slice record;

        if (!start)
                return (struct slice){0};
        record = wire_record_build((uint8_t)code, body, start, start + size_max + 1);
        check(record.size > 0);
        return record;
}

void output_record(struct batch *batch, struct item *item, struct bus_message message, enum wire_code code, const void *body,
                   size_t size_max)
{
        struct output *output = output_new(batch, item);

        if (!output)
                return;
        output->message = message;
        output->message.value = encode(batch, code, body, size_max);
}

/* A whole frame in the worker's scratch, which lasts until the next one. Empty if it is too large for a frame. */
static struct slice frame_in_scratch(struct batch *batch, const struct wire_frame *frame, const void *message)
{
        uint8_t *scratch = batch->worker->scratch;

        return wire_frame_build(frame, message, scratch, scratch + WIRE_DOWN_SIZE_MAX);
}

static void post_reply(struct batch *batch, struct item *item, struct slice frame, unsigned effect)
{
        uint8_t connection[8];
        struct wire_post post = {.epoch = item->envelope.epoch,
                                 .connections = slice_of(connection, sizeof(connection)),
                                 .request = item->frame.request,
                                 .effect = effect,
                                 .frame = frame,
                                 .user = item->envelope.user,
                                 .device = item->envelope.device};
        struct bus_message message = {.topic = BUS_FRONTENDS, .partition = (int32_t)item->envelope.frontend};

        be64_put(connection, item->envelope.connection);
        output_record(batch, item, message, WIRE_CODE_post, &post, frame.size + WIRE_RECORD_OVERHEAD_MAX);
        if (!batch->broken)
                container_of(list_last(&batch->outputs), struct output, node)->epoch = item->envelope.epoch;
}

void batch_reply(struct batch *batch, struct item *item, enum wire_code code, const void *message, unsigned effect)
{
        struct wire_frame frame = {.code = (uint8_t)code, .request = item->frame.request, .room = item->frame.room};
        struct slice bytes = frame_in_scratch(batch, &frame, message);

        check(item->state == ITEM_LIVE);
        if (bytes.size == 0) { /* the limits of answers keep this from happening */
                batch_refuse(batch, item, ERR_TOO_LARGE, NULL, 0);
                return;
        }
        item->state = ITEM_ANSWERED;
        if (event_wanted(batch->worker->seams.events, EVENT_DEBUG))
                event_note(batch->worker->seams.events, EVENT_DEBUG, "worker.replied", &item->frame.request,
                           {"service", batch->worker->service->name}, {"code", wire_message_by_code((uint8_t)code)->name});
        post_reply(batch, item, bytes, effect);
}

void batch_refuse(struct batch *batch, struct item *item, enum error error, const char *field, uint64_t retry_after_ms)
{
        struct wire_error body = {.code = (uint64_t)error,
                                  .text = slice_text(error_text(error)),
                                  .retry_after_ms = min_of(retry_after_ms, 3600000),
                                  .field = slice_text(field)};
        struct wire_frame frame = {.code = WIRE_CODE_error, .request = item->frame.request};
        const char *code = item->frame.message ? item->frame.message->name : "";
        unsigned effect = item->handler ? item->handler->refusal_effect : WIRE_EFFECT_NONE;

        check(error != ERR_OK && error_class(error) != ERROR_CLASS_LOCAL);
        event_note(batch->worker->seams.events, EVENT_INFO, "worker.refused", &item->frame.request, {"code", code},
                   {"error", error_name(error)}, {"field", field ? field : ""});
        item->state = ITEM_REFUSED;
        item->refusal = error;
        if (error == ERR_REVOKED) /* L7, should the revoke itself not have reached that frontend */
                effect = WIRE_EFFECT_CLOSE;
        if (item->frame.message && !item->frame.message->reply && effect == WIRE_EFFECT_NONE)
                return; /* nobody waits for an answer */
        if (!id_is_zero(&item->envelope.epoch))
                post_reply(batch, item, frame_in_scratch(batch, &frame, &body), effect);
}

void batch_post(struct batch *batch, struct item *item, const struct presence_entry *to, unsigned effect)
{
        uint8_t connection[WIRE_CONNECTION_SIZE];
        struct wire_post post = {.epoch = to->epoch,
                                 .connections = slice_of(connection, sizeof(connection)),
                                 .effect = effect,
                                 .user = to->user,
                                 .device = to->device};

        be64_put(connection, to->connection);
        output_record(batch, item, (struct bus_message){.topic = BUS_FRONTENDS, .partition = to->frontend}, WIRE_CODE_post,
                      &post, WIRE_RECORD_OVERHEAD_MAX);
        if (!batch->broken)
                container_of(list_last(&batch->outputs), struct output, node)->epoch = to->epoch;
}

void batch_publish(struct batch *batch, struct item *item, enum bus_topic topic, int32_t partition, struct slice key,
                   enum wire_code code, const void *message)
{
        uint8_t *copy = key.size ? batch_array(batch, uint8_t, key.size) : NULL;

        if (key.size && !copy)
                return; /* the batch is broken, and begun again */
        if (copy)
                memcpy(copy, key.data, key.size);
        batch->must = true;
        output_record(batch, item,
                      (struct bus_message){.topic = topic, .partition = partition, .key = slice_of(copy, key.size)}, code,
                      message, LETTER_SIZE_MAX);
}

#define OWN_FRAME_SIZE 128 /* of a frame that the server makes for itself: a few numbers and ids */

void batch_publish_frame(struct batch *batch, struct item *item, enum bus_topic topic, enum wire_code code, uint64_t user,
                         const void *message, struct wire_envelope envelope)
{
        struct clock *clock = batch->worker->seams.clock;
        struct random *source = batch->worker->seams.random;
        struct wire_frame frame = {.code = (uint8_t)code, .user = user};
        uint8_t bytes[OWN_FRAME_SIZE], random[10], key[8];
        struct slice built;

        source->fill(source, random, sizeof(random));
        frame.request = id_uuid7(clock->wall_ms(clock), random);
        built = wire_frame_build(&frame, message, bytes, bytes + sizeof(bytes));
        check(built.size > WIRE_LENGTH_SIZE);
        envelope.frame = slice_of(built.data + WIRE_LENGTH_SIZE, built.size - WIRE_LENGTH_SIZE);
        be64_put(key, user);
        batch_publish(batch, item, topic, BUS_PARTITION_BYKEY, slice_of(key, sizeof(key)), WIRE_CODE_envelope, &envelope);
}

void batch_publish_of(struct batch *batch, struct item *item, enum bus_topic topic, enum wire_code code, uint64_t user,
                      const void *message)
{
        const struct wire_envelope envelope = {
                .frontend = item->envelope.frontend, .epoch = item->envelope.epoch, .user = user, .not_after_ms = INT64_MAX};

        batch_publish_frame(batch, item, topic, code, user, message, envelope);
}

void batch_publish_again(struct batch *batch, struct item *item)
{
        uint8_t key[8];

        be64_put(key, item->envelope.user);
        batch_publish(batch, item, batch->worker->service->topic, BUS_PARTITION_BYKEY, slice_of(key, sizeof(key)),
                      WIRE_CODE_envelope, &item->envelope);
}

/* ---- deliveries ---- */

static bool recipients_grow(struct batch *batch)
{
        uint32_t count = batch->recipients.bucket_count ? batch->recipients.bucket_count * 4 : 64;
        struct map_node **buckets = batch_array(batch, struct map_node *, count);

        if (!buckets)
                return false;
        if (batch->recipients.bucket_count == 0)
                map_init(&batch->recipients, buckets, count);
        else
                map_rehash(&batch->recipients, buckets, count);
        return true;
}

static struct recipient *recipient_of(struct batch *batch, uint64_t user)
{
        uint32_t hash = hash_u64(user);
        struct recipient *recipient;

        if (batch->recipients.bucket_count == 0 || map_is_crowded(&batch->recipients))
                if (!recipients_grow(batch))
                        return NULL;
        for (struct map_node *node = map_first(&batch->recipients, hash); node; node = map_next(node, hash)) {
                recipient = container_of(node, struct recipient, node);
                if (recipient->user == user)
                        return recipient;
        }
        recipient = batch_new(batch, struct recipient);
        if (!recipient)
                return NULL;
        recipient->user = user;
        map_insert(&batch->recipients, &recipient->node, hash);
        list_append(&batch->named, &recipient->line);
        batch->recipient_count++;
        return recipient;
}

static bool output_name(struct batch *batch, struct output *output, const uint64_t *users, size_t user_count)
{
        output->recipients = batch_array(batch, struct recipient *, user_count);
        if (!output->recipients)
                return false;
        for (size_t i = 0; i < user_count; i++) {
                output->recipients[i] = recipient_of(batch, users[i]);
                if (!output->recipients[i])
                        return false;
        }
        output->users = users;
        output->recipient_count = user_count;
        return true;
}

static void output_frame(struct batch *batch, struct output *output, enum wire_code code, const struct id *room,
                         const void *message)
{
        struct wire_frame frame = {.code = (uint8_t)code, .room = *room};

        if (!arena_copy(&batch->work, frame_in_scratch(batch, &frame, message), &output->frame))
                batch->broken = true;
        check(batch->broken || output->frame.size > 0);
}

static struct output *delivery_new(struct batch *batch, struct item *item)
{
        struct output *output = output_new(batch, item);

        if (!output)
                return NULL;
        output->message.topic = BUS_FRONTENDS;
        output->message.partition = BUS_PARTITION_BYKEY;
        return output;
}

void batch_deliver(struct batch *batch, struct item *item, enum wire_code code, const struct id *room, const void *message,
                   const uint64_t *users, size_t user_count)
{
        struct output *output = user_count ? delivery_new(batch, item) : NULL;

        if (output && output_name(batch, output, users, user_count))
                output_frame(batch, output, code, room, message);
}

void batch_deliver_to(struct batch *batch, struct item *item, enum wire_code code, const struct id *room,
                      const void *message, const struct presence_entry *entries, size_t entry_count)
{
        struct output *output = entry_count ? delivery_new(batch, item) : NULL;

        if (!output)
                return;
        output->entries = entries;
        output->entry_count = entry_count;
        output_frame(batch, output, code, room, message);
}

static struct output *latest_of(struct batch *batch, enum wire_code code, const struct id *room)
{
        list_each(&batch->latest, output, struct output, late)
                if (output->code == code && id_equal(&output->room, room))
                        return output;
        return NULL;
}

/* The earlier one goes to the end, as the new one would: what came between them stays before it. */
static struct output *latest_again(struct batch *batch, struct item *item, struct output *output)
{
        list_remove(&output->node);
        list_append(&batch->outputs, &output->node);
        output->item = item;
        return output;
}

static struct output *latest_new(struct batch *batch, struct item *item, enum wire_code code, const struct id *room)
{
        struct output *output = delivery_new(batch, item);

        if (!output)
                return NULL;
        output->effect = WIRE_EFFECT_PATIENT;
        output->code = (uint8_t)code;
        output->room = *room;
        list_append(&batch->latest, &output->late);
        return output;
}

void batch_deliver_latest(struct batch *batch, struct item *item, enum wire_code code, const struct id *room,
                          const void *message, const uint64_t *users, size_t user_count)
{
        struct output *output = latest_of(batch, code, room);
        bool same;

        if (user_count == 0)
                return;
        same = output && output->recipient_count == user_count &&
               memcmp(output->users, users, sizeof(*users) * user_count) == 0;
        output = output ? latest_again(batch, item, output) : latest_new(batch, item, code, room);
        if (output && (same || output_name(batch, output, users, user_count)))
                output_frame(batch, output, code, room, message);
}

/* ---- from outputs to records ---- */

static void sending_add(struct batch *batch, const struct bus_message *message, const struct id *epoch)
{
        struct progress *progress = &batch->progress;

        if (progress->sending_count == progress->sending_capacity) {
                size_t capacity = max_of(64, progress->sending_capacity * 2);
                struct sending *grown = batch_array(batch, struct sending, capacity);

                if (!grown)
                        return;
                if (progress->sending_count)
                        memcpy(grown, progress->sendings, sizeof(*grown) * progress->sending_count);
                progress->sendings = grown;
                progress->sending_capacity = capacity;
        }
        progress->sendings[progress->sending_count++] = (struct sending){.message = *message, .epoch = *epoch};
}

/* The connections of one delivery at one frontend's epoch. */
struct group {
        uint16_t frontend;
        struct id epoch;
        uint64_t user; /* whose they are; 0: of several users */
        uint8_t *connections;
        size_t count, capacity;
};

static void group_send(struct batch *batch, const struct output *output, const struct group *group)
{
        struct wire_post post = {.epoch = group->epoch,
                                 .connections = slice_of(group->connections, group->count * 8),
                                 .frame = output->frame,
                                 .effect = output->effect,
                                 .user = group->user};
        struct bus_message message = {.topic = BUS_FRONTENDS, .partition = group->frontend};

        message.value =
                encode(batch, WIRE_CODE_post, &post, output->frame.size + group->count * 8 + WIRE_RECORD_OVERHEAD_MAX);
        if (!batch->broken)
                sending_add(batch, &message, &group->epoch);
}

static bool group_add(struct batch *batch, struct group *group, const struct presence_entry *entry)
{
        if (group->count == group->capacity) {
                size_t capacity = max_of(8, group->capacity * 2);
                uint8_t *grown = batch_take(batch, capacity * 8);

                if (!grown)
                        return false;
                if (group->count)
                        memcpy(grown, group->connections, group->count * 8);
                group->connections = grown;
                group->capacity = capacity;
        }
        if (group->count == 0)
                group->user = entry->user;
        else if (group->user != entry->user)
                group->user = 0;
        be64_put(group->connections + 8 * group->count++, entry->connection);
        return true;
}

/* The group of an entry's frontend and epoch. A full one is sent and begun anew. */
static struct group *group_of(struct batch *batch, const struct output *output, struct group *groups, size_t *group_count,
                              const struct presence_entry *entry)
{
        size_t i = 0;

        while (i < *group_count && (groups[i].frontend != entry->frontend || !id_equal(&groups[i].epoch, &entry->epoch)))
                i++;
        if (i == GROUPS_MAX) {
                group_send(batch, output, &groups[0]);
                i = 0;
        } else if (i < *group_count && groups[i].count < POST_CONNECTIONS_MAX) {
                return &groups[i];
        } else if (i < *group_count) {
                group_send(batch, output, &groups[i]);
        } else {
                ++*group_count;
        }
        groups[i] = (struct group){.frontend = entry->frontend, .epoch = entry->epoch};
        return &groups[i];
}

/* A delivery that is being made. */
struct groups {
        struct group list[GROUPS_MAX];
        size_t count;
        uint32_t partitions;
        struct presence_entry own;
};

static bool groups_add(struct batch *batch, const struct output *output, struct groups *groups,
                       const struct presence_entry *entries, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                const struct presence_entry *entry = &entries[i];

                /* Presence may lie: a frontend that is not there cannot be written to. */
                if (entry->frontend >= groups->partitions ||
                    (entry->connection == groups->own.connection && id_equal(&entry->epoch, &groups->own.epoch)))
                        continue;
                if (!group_add(batch, group_of(batch, output, groups->list, &groups->count, entry), entry))
                        return false;
        }
        return true;
}

static void delivery_send(struct batch *batch, const struct output *output)
{
        struct groups groups;

        groups.count = 0;
        groups.partitions = batch->worker->seams.bus->ops->partitions(batch->worker->seams.bus, BUS_FRONTENDS);
        groups.own = item_presence(output->item);
        for (size_t i = 0; i < output->recipient_count; i++) {
                const struct presence_result *found = output->recipients[i]->found;

                if (found && !groups_add(batch, output, &groups, found->entries, found->count))
                        return;
        }
        if (!groups_add(batch, output, &groups, output->entries, output->entry_count))
                return;
        for (size_t i = 0; i < groups.count; i++)
                group_send(batch, output, &groups.list[i]);
}

void output_send(struct batch *batch)
{
        batch->progress.sendings = NULL;
        batch->progress.sending_count = batch->progress.sending_capacity = 0;
        list_each(&batch->outputs, output, struct output, node) {
                if (batch->broken)
                        return;
                if (output->item->state == ITEM_ABANDONED)
                        continue;
                if (output->recipients || output->entries)
                        delivery_send(batch, output);
                else
                        sending_add(batch, &output->message, &output->epoch);
        }
}

void output_send_lost(struct batch *batch)
{
        /* A `lost` of epoch zero, encoded here so that it needs no memory to be made: tag 1, 16 bytes. */
        static const uint8_t lost[] = {WIRE_CODE_lost, 1 << 3 | 2, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
        struct bus *bus = batch->worker->seams.bus;
        uint32_t partitions = bus->ops->partitions(bus, BUS_FRONTENDS);

        batch->must = true;
        for (uint32_t i = 0; i < partitions; i++) {
                struct bus_message message = {
                        .topic = BUS_FRONTENDS, .partition = (int32_t)i, .value = slice_of(lost, sizeof(lost))};

                sending_add(batch, &message, &(struct id){0});
        }
}
