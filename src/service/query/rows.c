/*
 * changes, around and pins: rows of one room, by their last change, around a place, those that are pinned. reactors: of one row who has which
 * reaction. Who may see which, the store decides.
 */
#include "rules/limits.h"
#include "rules/reaction.h"
#include "service/query/query.h"

void changes_plan(struct batch *batch, struct item *item)
{
        struct wire_changes *changes = batch_decode(batch, item, sizeof(*changes));
        struct store_question *question = changes ? batch_ask(batch, item, STORE_ASK_CHANGES) : NULL;

        if (!question)
                return;
        question->bytes_max = ANSWER_BYTES_MAX;
        question->changes.room = item->frame.room;
        question->changes.after = changes->after;
        question->changes.before = changes->before;
        question->changes.rows_max = query_limit(changes->limit, CHANGES_MAX);
}

void changes_stored(struct batch *batch, struct item *item)
{
        const struct store_answer *answer = query_answer(batch, item);
        struct wire_change_page page;

        if (!answer)
                return;
        page = (struct wire_change_page){
                .has = WIRE_HAS(change_page, marks) | WIRE_HAS(change_page, lowest),
                .rows = shape_rows(batch, answer->rows.rows, answer->rows.row_count, item->envelope.user),
                .more = answer->rows.more,
                .head = answer->rows.head,
                .marks = shape_marks(&answer->rows.marks),
                .lowest = shape_lowest(&answer->rows.lowest)};
        batch_reply(batch, item, WIRE_CODE_change_page, &page, WIRE_EFFECT_NONE);
}

void around_plan(struct batch *batch, struct item *item)
{
        struct wire_around *around = batch_decode(batch, item, sizeof(*around));
        struct store_question *question = around ? batch_ask(batch, item, STORE_ASK_AROUND) : NULL;

        if (!question)
                return;
        question->bytes_max = ANSWER_BYTES_MAX;
        question->around.room = item->frame.room;
        question->around.seq = around->seq;
        question->around.time_ms = around->time_ms;
        question->around.rows_max = query_limit(around->limit, CHANGES_MAX);
}

void around_stored(struct batch *batch, struct item *item)
{
        const struct store_answer *answer = query_answer(batch, item);
        struct wire_window window;

        if (!answer)
                return;
        window = (struct wire_window){
                .rows = shape_rows(batch, answer->rows.rows, answer->rows.row_count, item->envelope.user),
                .head = answer->rows.head};
        batch_reply(batch, item, WIRE_CODE_window, &window, WIRE_EFFECT_NONE);
}

void pins_plan(struct batch *batch, struct item *item)
{
        struct wire_pins *pins = batch_decode(batch, item, sizeof(*pins));
        struct store_question *question = pins ? batch_ask(batch, item, STORE_ASK_PINS) : NULL;

        if (!question)
                return;
        question->bytes_max = ANSWER_BYTES_MAX;
        question->pins.room = item->frame.room;
        question->pins.before = pins->before;
        question->pins.rows_max = query_limit(pins->limit, PINS_MAX);
}

void pins_stored(struct batch *batch, struct item *item)
{
        const struct store_answer *answer = query_answer(batch, item);
        struct wire_pin_page page;

        if (!answer)
                return;
        page = (struct wire_pin_page){
                .rows = shape_rows(batch, answer->rows.rows, answer->rows.row_count, item->envelope.user),
                .more = answer->rows.more,
                .head = answer->rows.head};
        batch_reply(batch, item, WIRE_CODE_pin_page, &page, WIRE_EFFECT_NONE);
}

void reactors_plan(struct batch *batch, struct item *item)
{
        struct wire_reactors *reactors = batch_decode(batch, item, sizeof(*reactors));
        struct store_question *question;

        if (!reactors)
                return;
        if (reactors->seq == 0) {
                batch_refuse(batch, item, ERR_BAD_FIELD, "seq", 0);
                return;
        }
        question = batch_ask(batch, item, STORE_ASK_AROUND);
        if (!question)
                return;
        item->body = reactors;
        question->bytes_max = ANSWER_BYTES_MAX;
        question->around.room = item->frame.room;
        question->around.seq = reactors->seq;
        question->around.rows_max = 1;
}

static struct wire_list shape_reactors(struct batch *batch, const struct reactions *reactions)
{
        size_t count = reactions_people(reactions);
        struct wire_reactor *shaped = count ? batch_array(batch, struct wire_reactor, count) : NULL;

        for (size_t i = 0; shaped && i < count; i++)
                shaped[i].emoji = reactions->list[reactions_person(reactions, i, &shaped[i].user)].emoji;
        return (struct wire_list){.items = shaped, .count = shaped ? count : 0};
}

/* The store gave the row with that number or, where one may not see it, or there is none, the next one. */
void reactors_stored(struct batch *batch, struct item *item)
{
        const struct store_answer *answer = query_answer(batch, item);
        const struct wire_reactors *asked = item->body;
        struct wire_reactor_list list;
        struct reactions reactions;

        if (!answer)
                return;
        if (answer->rows.row_count == 0 || answer->rows.rows[0].seq != asked->seq) {
                batch_refuse(batch, item, ERR_NO_ROW, NULL, 0);
                return;
        }
        (void)reactions_read(answer->rows.rows[0].reactions, &reactions); /* what cannot be read is not told */
        list = (struct wire_reactor_list){.people = shape_reactors(batch, &reactions)};
        batch_reply(batch, item, WIRE_CODE_reactor_list, &list, WIRE_EFFECT_NONE);
}
