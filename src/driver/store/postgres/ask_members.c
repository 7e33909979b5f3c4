/* Who is in a room, and their marks; who is in some room with whom. */
#include "base/assert.h"
#include "driver/store/postgres/asking.h"
#include "driver/store/postgres/read.h"
#include "rules/role.h"

void ask_members(struct asking *asking, size_t place)
{
        const struct store_question *question = &asking->job.questions[place];
        struct parameters stay = parameters_in(&asking->arena), members = stay;

        add_number(&stay, question->user);
        add_id(&stay, &question->members.room);
        asking_queue(asking, place, SQL_ASK_PRESENT, &stay);
        add_id(&members, &question->members.room);
        add_number(&members, question->members.after);
        add_number(&members, question->members.members_max + 1);
        asking_queue(asking, place, SQL_ASK_MEMBERS, &members);
}

static void take_stay(struct asking *asking, struct store_answer *answer, const PGresult *result)
{
        answer->status = ERR_NO_ROOM;
        if (PQntuples(result) == 0)
                return;
        answer->status = ERR_OK;
        answer->members.head = value_number(result, 0, 0);
        asking->counts = value_number(result, 0, 3) != STORE_UNCOUNTED;
        if (value_number(result, 0, 1) >= ROLE_ADMIN)
                asking->failed |= !arena_copy(asking->job.arena, value_bytes(result, 0, 2), &answer->members.link);
}

static void take_list(struct asking *asking, const struct store_question *question, struct store_answer *answer,
                      const PGresult *result)
{
        size_t count = (size_t)PQntuples(result), max = question->members.members_max;

        answer->members.more = count > max;
        count = min_of(count, max);
        answer->members.members = arena_array(asking->job.arena, struct store_member, count + 1);
        asking->failed |= !answer->members.members;
        for (size_t i = 0; i < count && !asking->failed; i++) {
                uint64_t left;
                struct member member = read_member_columns(result, (int)i, 0, &left);
                struct store_member *listed = &answer->members.members[i];

                *listed = (struct store_member){.role = member.role, .joined_seq = member.joined_seq};
                member_tell(&member, asking->counts, listed);
                asking->failed |=
                        !read_person_columns(result, (int)i, MEMBER_COLUMN_COUNT, asking->job.arena, &listed->person);
        }
        answer->members.count = count;
}

void take_members(struct asking *asking, size_t place, enum sql sql, const PGresult *result)
{
        struct store_answer *answer = &asking->job.answers[place];

        if (sql == SQL_ASK_PRESENT)
                take_stay(asking, answer, result);
        else if (answer->status == ERR_OK)
                take_list(asking, &asking->job.questions[place], answer, result);
}

/* ---- whose receipts are switched ---- */

void ask_receipts(struct asking *asking, size_t place)
{
        const struct store_question *question = &asking->job.questions[place];
        struct parameters person = parameters_in(&asking->arena), rooms = person;
        struct column users = add_numbers(&person, 1);

        array_number(&users, question->user);
        asking_queue(asking, place, SQL_USERS, &person);
        add_number(&rooms, question->user);
        add_id(&rooms, &question->receipts.after);
        add_number(&rooms, question->receipts.rooms_max + 1);
        asking_queue(asking, place, SQL_ASK_RECEIPTS, &rooms);
}

void take_receipts(struct asking *asking, size_t place, enum sql sql, const PGresult *result)
{
        struct store_answer *answer = &asking->job.answers[place];
        size_t count = (size_t)PQntuples(result), max = asking->job.questions[place].receipts.rooms_max;

        if (sql == SQL_USERS) {
                answer->receipts.change = count ? value_number(result, 0, COLUMN_RECEIPTS) : 0;
                return;
        }
        answer->receipts.more = count > max;
        answer->receipts.count = min_of(count, max);
        answer->receipts.rooms = arena_array(asking->job.arena, struct id, count + 1);
        asking->failed |= !answer->receipts.rooms;
        for (size_t i = 0; i < answer->receipts.count && !asking->failed; i++)
                answer->receipts.rooms[i] = value_id(result, (int)i, 0);
}

/* ---- who is in a room together ---- */

void ask_shared(struct asking *asking, size_t place)
{
        const struct store_question *question = &asking->job.questions[place];
        struct parameters stay = parameters_in(&asking->arena), asked = stay;
        struct column users;

        if (!id_is_zero(&question->shared.room)) {
                add_number(&stay, question->user);
                add_id(&stay, &question->shared.room);
                asking_queue(asking, place, SQL_ASK_PRESENT, &stay);
        }
        if (question->shared.count == 0)
                return;
        add_number(&asked, question->user);
        if (question->kind == STORE_ASK_AMONG)
                add_id(&asked, &question->shared.room);
        users = add_numbers(&asked, question->shared.count);
        for (size_t i = 0; i < question->shared.count; i++)
                array_number(&users, question->shared.users[i]);
        asking_queue(asking, place, question->kind == STORE_ASK_AMONG ? SQL_ASK_AMONG : SQL_ASK_SHARED, &asked);
}

void take_shared(struct asking *asking, size_t place, enum sql sql, const PGresult *result)
{
        const struct store_question *question = &asking->job.questions[place];
        struct store_answer *answer = &asking->job.answers[place];

        if (sql == SQL_ASK_PRESENT) {
                answer->status = PQntuples(result) == 0 ? ERR_NO_ROOM : ERR_OK;
                return;
        }
        if (answer->status != ERR_OK)
                return;
        answer->shared.users = arena_array(asking->job.arena, uint64_t, question->shared.count + 1);
        answer->shared.seen_ms = arena_array(asking->job.arena, uint64_t, question->shared.count + 1);
        asking->failed |= !answer->shared.users || !answer->shared.seen_ms;
        for (size_t i = 0; i < question->shared.count && !asking->failed; i++)
                for (int row = 0; row < PQntuples(result); row++)
                        if (value_number(result, row, 0) == question->shared.users[i]) {
                                if (sql == SQL_ASK_SHARED)
                                        answer->shared.seen_ms[answer->shared.count] = value_number(result, row, 1);
                                answer->shared.users[answer->shared.count++] = question->shared.users[i];
                                break;
                        }
}
