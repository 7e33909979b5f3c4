/* PASSWORD and MAIL: what a batch wants of the two slow seams. */
#include "service/worker/phase.h"

/* ---- PASSWORD: all jobs of the batch in one call ---- */

static size_t count_jobs(const struct batch *batch, bool live)
{
        size_t count = 0;

        for (size_t i = 0; i < batch->item_count; i++)
                if (!live || batch->items[i].state == ITEM_LIVE)
                        count += batch->items[i].job_count;
        return count;
}

static bool gather_jobs(struct batch *batch)
{
        struct progress *progress = &batch->progress;
        size_t at = 0;

        if (!progress->prepared)
                progress->jobs = batch_array(batch, struct password_job, count_jobs(batch, false));
        progress->prepared = true;
        for (size_t i = 0; progress->jobs && i < batch->item_count; i++) {
                struct item *item = &batch->items[i];

                item->sent = item->state == ITEM_LIVE && item->job_count > 0;
                if (!item->sent)
                        continue;
                memcpy(&progress->jobs[at], item->job, sizeof(*item->job) * item->job_count);
                at += item->job_count;
        }
        progress->job_count = at;
        return at > 0;
}

enum phase_step password_submit(struct batch *batch)
{
        struct password *password = batch->worker->seams.password;
        enum error error;

        batch_drop_late(batch);
        if (count_jobs(batch, true) == 0 || !gather_jobs(batch))
                return STEP_DONE;
        check(password);
        phase_lend(batch);
        error = password->ops->submit(password, batch->progress.jobs, batch->progress.job_count, phase_tag(batch));
        if (!error)
                return STEP_OUT;
        if (error == ERR_FULL)
                return phase_full(batch);
        return password_finish(batch, &(struct completion){.outcome = OUTCOME_FAILED});
}

enum phase_step password_finish(struct batch *batch, const struct completion *completion)
{
        size_t at = 0;

        if (completion->outcome != OUTCOME_OK && batch->progress.tries + 1 < PASSWORD_TRIES)
                return phase_failed(batch, completion->outcome);
        for (size_t i = 0; i < batch->item_count; i++) {
                struct item *item = &batch->items[i];

                if (!item->sent)
                        continue;
                item->job = &batch->progress.jobs[at];
                at += item->job_count;
                if (completion->outcome != OUTCOME_OK && item->state == ITEM_LIVE)
                        batch_refuse(batch, item, ERR_BUSY, NULL, PASSWORD_RETRY_AFTER_MS);
        }
        return STEP_DONE;
}

/* ---- MAIL: a request a letter; those that failed are sent again when all have come back ---- */

/* All letters that were out have come back. */
static enum phase_step mail_result(struct batch *batch)
{
        size_t failed = 0, waiting = 0;

        for (size_t i = 0; i < batch->item_count; i++) {
                const struct item *item = &batch->items[i];

                if (item->state != ITEM_LIVE || !item->letter)
                        continue;
                failed += item->letter_state == LETTER_FAILED;
                waiting += item->letter_state == LETTER_WAITING;
        }
        if (failed && batch->progress.tries < MAIL_TRIES) {
                phase_note(batch, EVENT_WARNING, "worker.mail_failed", OUTCOME_FAILED);
                return phase_pause(batch, (uint64_t)MAIL_PAUSE_MS << batch->progress.tries++);
        }
        return waiting ? phase_full(batch) : STEP_DONE;
}

static bool is_due(const struct item *item, unsigned tries)
{
        if (item->state != ITEM_LIVE || !item->letter)
                return false;
        return item->letter_state == LETTER_WAITING || (item->letter_state == LETTER_FAILED && tries < MAIL_TRIES);
}

/* Item i's letter has the tag tag_first + i. */
enum phase_step mail_submit(struct batch *batch)
{
        struct mail *mail = batch->worker->seams.mail;
        size_t out = 0;

        batch_drop_late(batch);
        phase_tags_begin(batch);
        for (size_t i = 0; i < batch->item_count; i++) {
                struct item *item = &batch->items[i];
                uint64_t tag = phase_tag_more(batch);
                enum error error;

                if (!is_due(item, batch->progress.tries))
                        continue;
                check(mail);
                phase_lend(batch);
                error = mail->ops->submit(mail, item->letter, tag);
                if (error == ERR_FULL)
                        item->letter_state = LETTER_WAITING;
                else
                        item->letter_state = error ? LETTER_FAILED : LETTER_OUT;
                out += error == ERR_OK;
        }
        batch->progress.letters_out = out;
        return out ? STEP_OUT : mail_result(batch);
}

enum phase_step mail_finish(struct batch *batch, const struct completion *completion)
{
        size_t place = completion->tag - batch->progress.tag_first;

        check(place < batch->item_count && batch->progress.letters_out > 0);
        batch->items[place].letter_state = completion->outcome == OUTCOME_OK ? LETTER_SENT : LETTER_FAILED;
        return --batch->progress.letters_out ? STEP_OUT : mail_result(batch);
}
