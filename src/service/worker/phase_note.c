/*
 * NOTE (L10): after a crash of this worker a record is alone in its batch, and noted before its handler sees it. So if it crashes
 * the worker, the next process knows which it was, and when it comes again it goes to the dead letters.
 *
 * What comes again is known by its content, under a key: a client that asks again may do so in a new frame with a new request id,
 * and with more in it than before (struct handler, told_by).
 */
#include "crypto/crypto.h"
#include "service/worker/phase.h"

static struct noted noted_of(const struct batch *batch, const struct item *item)
{
        const struct worker_seams *seams = &batch->worker->seams;
        struct noted noted = {
                .topic = batch->worker->service->topic, .partition = item->partition, .offset = item->offset.offset};
        size_t size = item->handler->told_by ? min_of(item->handler->told_by, item->frame.body.size) : item->frame.body.size;
        uint8_t head[1 + 8], digest[CRYPTO_HASH_SIZE], mac[CRYPTO_HASH_SIZE];
        const struct slice parts[] = {
                slice_of(head, sizeof(head)),
                slice_of(item->frame.room.bytes, sizeof(item->frame.room.bytes)),
                slice_of(item->frame.body.data, size),
        };

        check(seams->keys);
        head[0] = item->frame.code;
        be64_put(head + 1, item->envelope.user);
        crypto_digest(parts, countof(parts), digest);
        crypto_hmac(seams->keys->lasting, slice_of(digest, sizeof(digest)), mac);
        memcpy(noted.id.bytes, mac, sizeof(noted.id.bytes));
        return noted;
}

bool item_is_deadly(const struct batch *batch, const struct item *item)
{
        struct notes *notes = batch->worker->seams.notes;
        struct noted noted;

        if (batch->worker->care == NOTES_CARELESS)
                return false;
        noted = noted_of(batch, item);
        return notes->ops->crashes(notes, &noted) >= NOTES_CRASHES_MAX;
}

enum phase_step note_submit(struct batch *batch)
{
        struct notes *notes = batch->worker->seams.notes;
        struct noted noted;
        enum error error;

        if (!batch->singly || batch->noted)
                return STEP_DONE;
        check(batch->item_count == 1);
        batch_drop_late(batch);
        if (batch->items[0].state != ITEM_LIVE)
                return STEP_DONE;
        noted = noted_of(batch, &batch->items[0]);
        error = notes->ops->note(notes, &noted, phase_tag(batch));
        if (!error)
                return STEP_OUT;
        return error == ERR_FULL ? phase_full(batch) : phase_failed(batch, OUTCOME_FAILED);
}

void phase_lend(const struct batch *batch)
{
        if (batch->noted)
                batch->worker->seams.notes->ops->lend(batch->worker->seams.notes);
}

/* Not noted is not begun: what can go wrong here is tried again until the record is too late. */
enum phase_step note_finish(struct batch *batch, const struct completion *completion)
{
        if (completion->outcome != OUTCOME_OK)
                return phase_failed(batch, completion->outcome);
        batch->noted = true;
        if (batch->items[0].state == ITEM_LIVE)
                item_plan(batch, &batch->items[0]);
        return STEP_DONE;
}
