/*
 * leaving: whose account was deleted leaves the next of his groups, as if he had left it himself: the row, the heir, who is told
 * (docs/decisions/0037-leaving.md). The record that follows says that they were told, and leaves the one after it; the last one takes
 * him off the list. A record that comes again leaves the same group again: that is a repeat, and told again (L1).
 *
 * sweep: looks for those with whom nobody goes on.
 */
#include "service/worker/leaving.h"
#include "crypto/crypto.h"
#include "rules/row.h"
#include "service/session/session.h"

#define LEAVERS_MAX 20 /* of one sweep: it goes on with the next ones */

/* Kept between the hooks. */
struct leaving {
        struct wire_leaving body;
        struct known known;
};

enum { OP_LEAVING, OP_LEAVE, OP_COUNT };

void leaving_plan(struct batch *batch, struct item *item)
{
        struct leaving *leaving = batch_decode(batch, item, sizeof(*leaving));
        struct store_question *question;
        struct store_op *ops;

        if (!leaving)
                return;
        if (leaving->body.user == 0) {
                batch_refuse(batch, item, ERR_BAD_FIELD, "user", 0);
                return;
        }
        item->body = leaving;
        question = batch_ask_early(batch, item, STORE_ASK_LEAVING);
        /* Made now, for the batch must know how many there may be before it takes more records. */
        ops = batch_apply(batch, item, STORE_LEAVE, OP_COUNT);
        if (!question || !ops)
                return;
        question->leaving.user = leaving->body.user;
        question->leaving.after = leaving->body.after;
        ops[OP_LEAVING].kind = STORE_LEAVING;
        ops[OP_LEAVING].user = ops[OP_LEAVE].user = leaving->body.user;
}

/* `after` is what the store of another era said: in this one he may not have left them. */
static bool begins_anew(const struct leaving *leaving, const struct store_answer *answer)
{
        return !id_is_zero(&leaving->body.after) && !id_equal(&leaving->body.era, &answer->era);
}

void leaving_asked(struct batch *batch, struct item *item)
{
        const struct store_answer *answer = item->early_answer;
        struct store_op *progress = &item->ops[OP_LEAVING], *leave = &item->ops[OP_LEAVE];
        struct leaving *leaving = item->body;

        check(answer && answer->status == ERR_OK);
        if (!answer->leaving.found || begins_anew(leaving, answer)) {
                item->op_count = 0;
                return;
        }
        progress->leaving.after = leaving->body.after;
        progress->leaving.done = !answer->leaving.more;
        if (id_is_zero(&answer->leaving.group)) {
                item->op_count = OP_LEAVE;
                return;
        }
        leaving->known = session_known(batch, &answer->leaving.group);
        leave->request = answer->leaving.request;
        crypto_digest(&SLICE_LITERAL("leaving"), 1, leave->digest);
        leave->write.room = answer->leaving.group;
        leave->write.row_kind = ROW_LEFT;
        leave->write.subject = leaving->body.user;
        leave->write.members_known = leaving->known.version;
}

/* Tells it. False if it is yet to be done, by who comes after a while. */
static bool was_left(struct batch *batch, struct item *item, const struct leaving *leaving)
{
        const struct id *group = &item->early_answer->leaving.group;
        const struct store_result *results = item->results;

        if (results[OP_LEAVING].status != ERR_OK)
                return false;
        if (item->op_count == OP_LEAVE || results[OP_LEAVE].status == ERR_NO_ROOM) /* he had left it himself */
                return true;
        if (results[OP_LEAVE].status == ERR_OK)
                session_deliver(batch, item, group, &leaving->known, &results[OP_LEAVE]);
        return results[OP_LEAVE].status == ERR_OK;
}

void leaving_stored(struct batch *batch, struct item *item)
{
        const struct store_answer *answer = item->early_answer;
        const struct leaving *leaving = item->body;

        if (item->op_count == 0) {
                if (answer->leaving.found)
                        leaving_go_on(batch, item, leaving->body.user, &(struct id){0}, &answer->era);
        } else if (!was_left(batch, item, leaving)) {
                event_note(batch_seams(batch)->events, EVENT_WARNING, "session.leaving_halts", &item->frame.request,
                           {"status", error_name(item->results[item->op_count - 1].status)});
        } else if (answer->leaving.more) {
                leaving_go_on(batch, item, leaving->body.user, &answer->leaving.through, &answer->era);
        }
}

/* ---- sweep ---- */

void sweep_plan(struct batch *batch, struct item *item)
{
        const struct wire_sweep *sweep = batch_decode(batch, item, sizeof(*sweep));
        struct store_question *question = sweep ? batch_ask_early(batch, item, STORE_ASK_LEAVERS) : NULL;

        if (!question)
                return;
        question->leaving.user = sweep->after;
        question->leaving.max = LEAVERS_MAX;
}

void sweep_stored(struct batch *batch, struct item *item)
{
        struct clock *clock = batch_seams(batch)->clock;
        const struct store_answer *answer = item->early_answer;
        uint64_t now_ms = clock->wall_ms(clock);
        struct wire_sweep next = {0};

        check(answer && answer->status == ERR_OK);
        for (size_t i = 0; i < answer->leavers.count; i++) {
                const struct store_leaver *leaver = &answer->leavers.leavers[i];

                next.after = leaver->user;
                if (leaver->touched_ms + LEAVING_SILENT_MS <= now_ms)
                        leaving_go_on(batch, item, leaver->user, &leaver->after, &answer->era);
        }
        if (answer->leavers.more)
                batch_publish_frame(batch, item, BUS_SESSION, WIRE_CODE_sweep, 0, &next, item->envelope);
}
