/* Who is deleted and has not left all his groups yet, which is the next, and whether more of his own room is left than goes with it. */
#include "base/assert.h"
#include "driver/store/common.h"
#include "driver/store/postgres/asking.h"
#include "rules/room.h"

void ask_leaving(struct asking *asking, size_t place)
{
        const struct store_question *question = &asking->job.questions[place];
        struct parameters parameters = parameters_in(&asking->arena), rooms = parameters, notes = parameters;
        struct id own;

        add_number(&parameters, question->leaving.user);
        if (question->kind == STORE_ASK_LEAVERS) {
                add_number(&parameters, question->leaving.max + 1);
                asking_queue(asking, place, SQL_ASK_LEAVERS, &parameters);
                return;
        }
        asking_queue(asking, place, SQL_ASK_LEAVING, &parameters);
        add_number(&rooms, question->leaving.user);
        add_id(&rooms, &question->leaving.after);
        add_number(&rooms, LEAVING_LOOKED_AT);
        asking_queue(asking, place, SQL_ASK_LEAVING_ROOMS, &rooms);
        own = room_personal(question->leaving.user, question->leaving.user);
        add_id(&notes, &own);
        add_number(&notes, LEAVING_NOTES);
        add_number(&notes, LEAVING_NOTE_WORDS);
        asking_queue(asking, place, SQL_ASK_NOTES, &notes);
}

static void take_leavers(struct asking *asking, const struct store_question *question, struct store_answer *answer,
                         const PGresult *result)
{
        size_t count = (size_t)PQntuples(result);
        struct store_leaver *leavers = arena_array(asking->job.arena, struct store_leaver, count + 1);

        if (!leavers) {
                asking->failed = true;
                return;
        }
        for (size_t i = 0; i < count; i++)
                leavers[i] = (struct store_leaver){.user = value_number(result, (int)i, 0),
                                                   .after = value_id(result, (int)i, 1),
                                                   .touched_ms = value_number(result, (int)i, 2)};
        answer->leavers.leavers = leavers;
        answer->leavers.more = count > question->leaving.max;
        answer->leavers.count = min_of(count, (size_t)question->leaving.max);
}

/* One that he left long ago, too: whether he left it by this, and others were not told of it yet, only a repeat tells. */
static void take_rooms_of(struct store_answer *answer, const PGresult *result)
{
        int rows = PQntuples(result);

        for (int row = 0; row < rows && id_is_zero(&answer->leaving.group); row++) {
                answer->leaving.through = value_id(result, row, 0);
                if (room_kind_of(&answer->leaving.through) == ROOM_GROUP)
                        answer->leaving.group = answer->leaving.through;
        }
        answer->leaving.more = rows == LEAVING_LOOKED_AT || !id_is_zero(&answer->leaving.group);
}

void take_leaving(struct asking *asking, size_t place, enum sql sql, const PGresult *result)
{
        const struct store_question *question = &asking->job.questions[place];
        struct store_answer *answer = &asking->job.answers[place];

        if (sql == SQL_ASK_LEAVERS) {
                take_leavers(asking, question, answer, result);
        } else if (sql == SQL_ASK_LEAVING) {
                answer->leaving.found = PQntuples(result) == 1;
                answer->leaving.through = question->leaving.after;
                if (answer->leaving.found)
                        answer->leaving.request = value_id(result, 0, 0);
        } else if (sql == SQL_ASK_NOTES) {
                answer->leaving.more |= answer->leaving.found && PQntuples(result) > 0;
        } else if (answer->leaving.found) {
                take_rooms_of(answer, result);
        }
}
