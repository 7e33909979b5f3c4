/* Batches: memory, taking and parsing of records, and what handlers ask for. */
#include "service/worker/batch.h"

#include "base/memory.h"
#include "rules/name.h"
#include "service/worker/state.h"

static const struct arena_source heap = {memory_new, memory_free};

enum error batch_init(struct batch *batch, struct worker *worker)
{
        *batch = (struct batch){.worker = worker};
        arena_init(&batch->records, &heap, WORKER_CHUNK_SIZE, 2 * WORKER_RECORDS_SIZE);
        arena_init(&batch->work, &heap, WORKER_CHUNK_SIZE, WORKER_WORK_SIZE);
        list_init(&batch->outputs);
        list_init(&batch->latest);
        list_init(&batch->named);
        batch->items = memory_new(sizeof(*batch->items) * worker->batch_max);
        return batch->items ? ERR_OK : ERR_NO_MEMORY;
}

void batch_finish(struct batch *batch)
{
        if (!batch->worker)
                return;
        arena_finish(&batch->records);
        arena_finish(&batch->work);
        memory_free(batch->items);
        *batch = (struct batch){0};
}

/* Forgets what was made from the records. */
static void forget_work(struct batch *batch)
{
        arena_reset(&batch->work);
        batch->op_total = 0;
        batch->recipient_count = 0;
        batch->broken = batch->must = false;
        batch->recipients = (struct map){0};
        list_init(&batch->outputs);
        list_init(&batch->latest);
        list_init(&batch->named);
        batch->progress = (struct progress){.restarts = batch->progress.restarts};
}

void batch_reset(struct batch *batch)
{
        if (batch->noted)
                batch->worker->seams.notes->ops->done(batch->worker->seams.notes);
        batch->singly = batch->noted = false;
        forget_work(batch);
        arena_reset(&batch->records);
        batch->item_count = batch->record_bytes = 0;
        batch->lost_all = batch->urgent = false;
        batch->progress.restarts = 0;
}

void *batch_take(struct batch *batch, size_t size)
{
        void *block = arena_take(&batch->work, size);

        if (!block)
                batch->broken = true;
        return block;
}

const char *batch_text(struct batch *batch, struct slice text)
{
        char *copy = batch_take(batch, text.size + 1);

        if (copy && text.size)
                memcpy(copy, text.data, text.size);
        return copy;
}

struct slice batch_fold(struct batch *batch, struct slice text)
{
        uint8_t *folded = batch_take(batch, text.size + 1);

        return folded ? slice_of(folded, name_fold(text, folded)) : (struct slice){0};
}

const struct worker_seams *batch_seams(const struct batch *batch)
{
        return &batch->worker->seams;
}

void *batch_service_state(const struct batch *batch)
{
        return batch->worker->state;
}

/* ---- taking records ---- */

size_t batch_room(const struct batch *batch)
{
        const struct service *service = batch->worker->service;
        size_t room = batch->worker->batch_max - batch->item_count;
        size_t bytes = batch->record_bytes < WORKER_RECORDS_SIZE ? WORKER_RECORDS_SIZE - batch->record_bytes : 0;

        if (service->ops_per_record)
                room = min_of(room, (STORE_OPS_MAX - batch->op_total) / service->ops_per_record);
        return min_of(room, bytes / WORKER_VALUE_MAX);
}

static const struct handler *handler_of(const struct service *service, unsigned code)
{
        for (size_t i = 0; i < service->handler_count; i++)
                if (service->handlers[i].code == code)
                        return &service->handlers[i];
        return NULL;
}

/* Reads the envelope and the frame in it. The frontend checked both, so what fails here is poison. */
static enum error parse_envelope(const struct service *service, struct bus *bus, struct item *item, struct slice body)
{
        enum error error = wire_decode(WIRE_STRUCTURE(envelope), body, &item->envelope, NULL);

        if (!error && item->envelope.frontend >= bus->ops->partitions(bus, BUS_FRONTENDS))
                error = ERR_BAD_FIELD;
        if (error) { /* half an envelope is none: nobody to answer */
                item->envelope = (struct wire_envelope){0};
                return error;
        }
        item->not_after_ms = item->envelope.not_after_ms;
        error = wire_frame_parse(item->envelope.frame, &item->frame);
        if (error)
                return error;
        if (!item->frame.message || item->frame.message->topic != service->wire_topic)
                return ERR_UNKNOWN_CODE;
        if ((item->frame.message->header & WIRE_HAS_TOKEN) && (!item->envelope.user || !item->envelope.device))
                return ERR_BAD_TOKEN;
        if (!item->not_after_ms || id_is_zero(&item->envelope.epoch) ||
            ((item->frame.message->header & WIRE_HAS_REQUEST) && id_is_zero(&item->frame.request)))
                return ERR_BAD_FIELD;
        item->handler = handler_of(service, item->frame.code);
        return item->handler ? ERR_OK : ERR_UNKNOWN_CODE;
}

static enum error parse(const struct service *service, struct bus *bus, struct item *item)
{
        struct slice body;

        if (item->value.size == 0 || item->value.data[0] != service->record)
                return ERR_BAD_FRAME;
        body = slice_of(item->value.data + 1, item->value.size - 1);
        if (service->record == WIRE_CODE_envelope)
                return parse_envelope(service, bus, item, body);
        item->frame =
                (struct wire_frame){.code = service->record, .message = wire_message_by_code(service->record), .body = body};
        item->handler = handler_of(service, service->record);
        return item->handler ? ERR_OK : ERR_UNKNOWN_CODE;
}

/*
 * Who had the partition before may have done it and died before anybody was told: its row is in the log, or the device is revoked,
 * and its sender may never ask again. So it is asked for however late it comes; what was not done is refused by the store (L8).
 */
static bool may_be_inherited(const struct worker *worker, const struct item *item)
{
        return worker_now_ms(worker) - worker->assigned_ms[item->partition] < WORKER_INHERIT_MS;
}

void item_plan(struct batch *batch, struct item *item)
{
        item->handler->hooks[HOOK_PLAN](batch, item);
        item->inherited = item->ops && may_be_inherited(batch->worker, item);
}

static void plan(struct batch *batch, struct item *item)
{
        enum error error = parse(batch->worker->service, batch->worker->seams.bus, item);

        if (error) {
                batch_poison(batch, item, error);
                return;
        }
        if (item_is_deadly(batch, item))
                batch_poison(batch, item, ERR_POISON);
        else if (!batch->singly || batch->noted)
                item_plan(batch, item);
        else /* NOTE comes first: what it asks for is not known before */
                item->inherited = may_be_inherited(batch->worker, item);
}

bool batch_add_record(struct batch *batch, const struct bus_record *record)
{
        struct item *item = &batch->items[batch->item_count];

        check(batch->item_count < batch->worker->batch_max);
        *item = (struct item){.partition = record->partition};
        if (record->value.size <= WORKER_VALUE_MAX && !arena_copy(&batch->records, record->value, &item->value))
                return false;
        batch->item_count++;
        batch->worker->counts.records++;
        batch->record_bytes += item->value.size;
        offsets_take(&batch->worker->offsets, (uint32_t)record->partition, &item->offset, record->offset);
        plan(batch, item);
        if (batch->item_count == 1)
                batch->since_ms = worker_now_ms(batch->worker);
        if (!item->handler || !item->handler->patient) {
                batch->urgent = true;
                batch->progress.resume_ms = 0;
        }
        return true;
}

void batch_restart(struct batch *batch)
{
        forget_work(batch);
        batch->progress.restarts++;
        for (size_t i = 0; i < batch->item_count; i++) {
                struct item *item = &batch->items[i];
                struct item kept = *item;

                /* A drop is for good, or a batch that memory never suffices for would never end. */
                if (item->state == ITEM_ABANDONED || item->state == ITEM_DROPPED)
                        continue;
                *item = (struct item){.partition = kept.partition, .value = kept.value};
                item->uncertain = kept.uncertain || (kept.results && kept.ops);
                item->offset = kept.offset;
                plan(batch, item);
                item->inherited |= kept.inherited;
        }
}

void batch_abandon(struct batch *batch, int32_t partition)
{
        for (size_t i = 0; i < batch->item_count; i++)
                if (batch->items[i].partition == partition)
                        batch->items[i].state = ITEM_ABANDONED;
}

void item_drop(struct batch *batch, struct item *item)
{
        event_note(batch->worker->seams.events, EVENT_INFO, "worker.late", &item->frame.request,
                   {"service", batch->worker->service->name}, {"uncertain", NULL, item->uncertain});
        item->state = ITEM_DROPPED;
        batch->worker->counts.late++;
        if (item->uncertain || item->inherited)
                batch->lost_all = true; /* its row may be there, and nobody was told */
}

void batch_drop_late(struct batch *batch)
{
        uint64_t now_ms = batch->worker->seams.clock->wall_ms(batch->worker->seams.clock);

        for (size_t i = 0; i < batch->item_count; i++) {
                struct item *item = &batch->items[i];
                uint64_t patience_ms = item->uncertain || item->inherited ? WORKER_UNCERTAIN_MS : 0;

                if (item->results) /* done: its sender and all others are told, however late the store's answer was */
                        continue;
                if (item->state == ITEM_LIVE && item->not_after_ms && now_ms > item->not_after_ms + patience_ms)
                        item_drop(batch, item);
        }
}

void batch_call(struct batch *batch, size_t hook)
{
        for (size_t i = 0; i < batch->item_count && !batch->broken; i++) {
                struct item *item = &batch->items[i];

                if (item->state == ITEM_LIVE && item->handler->hooks[hook])
                        item->handler->hooks[hook](batch, item);
        }
}

/* ---- what handlers ask for ---- */

static struct store_question *question_new(struct batch *batch, struct item *item, enum store_question_kind kind)
{
        struct store_question *question = batch_new(batch, struct store_question);

        if (!question)
                return NULL;
        question->kind = kind;
        question->user = item->envelope.user;
        question->device = item->envelope.device;
        return question;
}

struct store_question *batch_ask_early(struct batch *batch, struct item *item, enum store_question_kind kind)
{
        struct store_question *question = question_new(batch, item, kind);

        check(!item->early);
        item->early = question;
        return question;
}

struct store_question *batch_ask(struct batch *batch, struct item *item, enum store_question_kind kind)
{
        struct store_question *question = question_new(batch, item, kind);

        check(!item->question && !item->ops);
        item->question = question;
        return question;
}

struct password_job *batch_passwords(struct batch *batch, struct item *item, size_t count)
{
        check(!item->job);
        item->job = batch_array(batch, struct password_job, count);
        item->job_count = item->job ? count : 0;
        return item->job;
}

struct password_job *batch_password(struct batch *batch, struct item *item, enum password_kind kind)
{
        struct password_job *job = batch_passwords(batch, item, 1);

        if (job)
                job->kind = kind;
        return job;
}

struct store_op *batch_apply(struct batch *batch, struct item *item, enum store_op_kind kind, size_t count)
{
        struct store_op *ops = batch_array(batch, struct store_op, count);

        check(!item->ops && !item->question && count <= batch->worker->service->ops_per_record);
        if (!ops)
                return NULL;
        for (size_t i = 0; i < count; i++) {
                ops[i].kind = kind;
                ops[i].not_after_ms = item->not_after_ms;
                ops[i].request = item->frame.request;
                ops[i].user = item->envelope.user;
                ops[i].device = item->envelope.device;
        }
        item->ops = ops;
        item->op_count = count;
        batch->op_total += count;
        return ops;
}

struct mail_letter *batch_letter(struct batch *batch, struct item *item)
{
        check(!item->letter);
        item->letter = batch_new(batch, struct mail_letter);
        return item->letter;
}

struct presence_request *batch_presence(struct batch *batch, struct item *item, enum presence_kind kind)
{
        struct presence_request *request = batch_new(batch, struct presence_request);

        check(!item->set);
        if (!request)
                return NULL;
        request->kind = kind;
        request->entry = item_presence(item);
        item->set = request;
        return request;
}

void batch_set_presence(struct batch *batch, struct item *item)
{
        (void)batch_presence(batch, item, PRESENCE_SET);
}

void *batch_decode(struct batch *batch, struct item *item, size_t size)
{
        void *message = batch_take(batch, size);
        const char *field = NULL;
        enum error error;

        if (!message)
                return NULL;
        error = wire_decode(item->frame.message->structure, item->frame.body, message, &field);
        if (!error)
                return message;
        if (error == ERR_BAD_FRAME)
                batch_poison(batch, item, error);
        else
                batch_refuse(batch, item, error, field, 0);
        return NULL;
}
