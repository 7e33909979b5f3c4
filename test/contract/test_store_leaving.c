/* Who is deleted leaves his groups: the list of those who have not yet, and their leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/assert.h"
#include "contract/account_stage.h"
#include "driver/store/common.h"
#include "rules/role.h"
#include "rules/room.h"
#include "rules/row.h"

static struct store_op group_op(struct stage *stage, const struct account *sender, struct id room, enum row_kind kind,
                                const struct account *subject)
{
        struct store_op op = write_op(stage, sender, room, "");

        op.write.row_kind = kind;
        op.write.subject = subject ? subject->user : 0;
        return op;
}

static struct id group_of(struct stage *stage, const struct account *owner)
{
        struct store_op op = group_op(stage, owner, stage_id(stage), ROW_CREATED, NULL);

        op.request = op.write.room;
        op.write.text = SLICE_LITERAL("Birds");
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        return op.write.room;
}

static enum error bring(struct stage *stage, const struct account *owner, struct id room, const struct account *subject)
{
        struct store_op op = group_op(stage, owner, room, ROW_JOINED, subject);

        return apply_one(stage, &op).status;
}

static void name(struct stage *stage, const struct account *owner, struct id room, const struct account *subject,
                 enum role role)
{
        struct store_op op = group_op(stage, owner, room, ROW_ROLE, subject);

        op.write.role = (uint8_t)role;
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
}

/* What his leaves have for an id. */
static struct id delete_account(struct stage *stage, const struct account *account)
{
        struct store_op op = op_of(stage, STORE_DELETE, account);

        op.password.password_hash = "$old";
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        return op.password.leaving;
}

static struct store_op leave_op(const struct account *account, struct id request, struct id group)
{
        struct store_op op = {.kind = STORE_LEAVE, .request = request, .user = account->user, .digest = {7}};

        op.write.room = group;
        op.write.row_kind = ROW_LEFT;
        op.write.subject = account->user;
        return op;
}

static void touch(struct stage *stage, const struct account *account, struct id after, bool done)
{
        struct store_op op = {.kind = STORE_LEAVING, .user = account->user};

        op.leaving.after = after;
        op.leaving.done = done;
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
}

static struct store_answer next_group(struct stage *stage, const struct account *account, struct id after)
{
        struct store_question question = {.kind = STORE_ASK_LEAVING};

        question.leaving.user = account->user;
        question.leaving.after = after;
        return ask(stage, &question);
}

static struct store_answer leavers(struct stage *stage, uint64_t after, uint32_t max)
{
        struct store_question question = {.kind = STORE_ASK_LEAVERS};

        question.leaving.user = after;
        question.leaving.max = max;
        return ask(stage, &question);
}

static struct store_answer members_of(struct stage *stage, const struct account *asker, struct id room)
{
        struct store_question question = question_of(STORE_ASK_MEMBERS, asker);

        question.members.room = room;
        question.members.members_max = 100;
        return ask(stage, &question);
}

static const struct id nothing;

/* ---- the list ---- */

static void test_who_is_deleted_is_listed_until_he_has_left(void **state)
{
        struct stage *stage = *state;
        struct account dora = account_with(stage, "dora", "dora@example.org");
        struct id group = group_of(stage, &dora), request;
        struct store_answer answer;

        assert_int_equal(leavers(stage, 0, 10).leavers.count, 0);
        assert_false(next_group(stage, &dora, nothing).leaving.found);
        request = delete_account(stage, &dora);
        answer = leavers(stage, 0, 10);
        assert_int_equal(answer.leavers.count, 1);
        assert_int_equal(answer.leavers.leavers[0].user, dora.user);
        assert_int_equal(answer.leavers.leavers[0].touched_ms, STAGE_START_MS);
        assert_true(id_is_zero(&answer.leavers.leavers[0].after));
        answer = next_group(stage, &dora, nothing);
        assert_true(answer.leaving.found && answer.leaving.more);
        assert_true(id_equal(&answer.leaving.request, &request));
        assert_true(id_equal(&answer.leaving.group, &group) && id_equal(&answer.leaving.through, &group));
        answer = next_group(stage, &dora, group);
        assert_true(answer.leaving.found && !answer.leaving.more && id_is_zero(&answer.leaving.group));

        stage->clock.us += 5000000;
        touch(stage, &dora, group, false);
        touch(stage, &dora, nothing, false); /* a record from before, that comes again: it goes no step back */
        answer = leavers(stage, 0, 10);
        assert_true(id_equal(&answer.leavers.leavers[0].after, &group));
        assert_int_equal(answer.leavers.leavers[0].touched_ms, STAGE_START_MS + 5000);
        stage_reopen(stage);
        assert_int_equal(leavers(stage, 0, 10).leavers.count, 1);
        touch(stage, &dora, group, true);
        assert_int_equal(leavers(stage, 0, 10).leavers.count, 0);
        touch(stage, &dora, group, false); /* of whom nothing is known any more */
        touch(stage, &dora, group, true);
        assert_int_equal(leavers(stage, 0, 10).leavers.count, 0);
        assert_false(next_group(stage, &dora, nothing).leaving.found);
}

static void test_the_list_comes_in_pages(void **state)
{
        struct stage *stage = *state;
        struct account people[] = {account_with(stage, "dora", "dora@example.org"),
                                   account_with(stage, "emil", "emil@example.org"),
                                   account_with(stage, "fritz", "fritz@example.org")};
        struct store_answer answer;
        uint64_t after = 0;

        for (size_t i = 0; i < countof(people); i++)
                delete_account(stage, &people[i]);
        for (size_t i = 0; i < countof(people); i++) {
                answer = leavers(stage, after, 1);
                assert_int_equal(answer.leavers.count, 1);
                assert_true(answer.leavers.leavers[0].user > after);
                assert_int_equal(answer.leavers.more, i + 1 < countof(people));
                after = answer.leavers.leavers[0].user;
        }
        assert_int_equal(leavers(stage, after, 1).leavers.count, 0);
}

/* Personal rooms are none of his groups, however many there are: he is asked to come again. */
static void test_personal_rooms_are_passed_over_in_portions(void **state)
{
        struct stage *stage = *state;
        struct account dora = account_with(stage, "dora", "dora@example.org");
        struct id last = {{255, 255}}, after = nothing;
        struct store_answer answer;
        size_t questions = 0;

        for (int i = 0; i < LEAVING_LOOKED_AT + 10; i++) {
                struct account other;
                char other_name[16];

                snprintf(other_name, sizeof(other_name), "other%d", i);
                other = account_new(stage, other_name, other_name);
                say(stage, &dora, room_personal(dora.user, other.user), "hello");
        }
        say(stage, &dora, room_personal(dora.user, dora.user), "to myself");
        last.bytes[6] = 0x70; /* a UUIDv7 of the far future, as a clock that is wrong makes it */
        last.bytes[8] = 0x80;
        struct store_op op = group_op(stage, &dora, last, ROW_CREATED, NULL);
        op.request = last;
        op.write.text = SLICE_LITERAL("Birds");
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        delete_account(stage, &dora);
        do {
                answer = next_group(stage, &dora, after);
                assert_true(answer.leaving.found && answer.leaving.more && questions++ < 3);
                assert_true(id_compare(&answer.leaving.through, &after) > 0);
                after = answer.leaving.through;
        } while (id_is_zero(&answer.leaving.group));
        assert_int_equal(questions, 2);
        assert_true(id_equal(&answer.leaving.group, &last));
        assert_false(next_group(stage, &dora, last).leaving.more);
}

/* ---- leaving ---- */

static void test_a_deleted_owner_leaves_with_an_heir(void **state)
{
        struct stage *stage = *state;
        struct account dora = account_with(stage, "dora", "dora@example.org");
        struct id group = group_of(stage, &dora), request;
        struct store_result result;
        struct store_answer answer;
        struct store_op op;

        bring(stage, &dora, group, &stage->anna);
        bring(stage, &dora, group, &stage->boris);
        name(stage, &dora, group, &stage->boris, ROLE_ADMIN);
        say(stage, &stage->anna, group, "one");
        mark(stage, &stage->boris, group, 5, 5, 5);
        request = delete_account(stage, &dora);
        op = leave_op(&dora, request, group);
        result = apply_one(stage, &op);
        assert_int_equal(result.status, ERR_OK);
        assert_false(result.repeat);
        assert_int_equal(result.write.row.kind, ROW_LEFT);
        assert_int_equal(result.write.row.sender, dora.user);
        assert_int_equal(result.write.row.subject, dora.user);
        assert_int_equal(result.write.row.heir, stage->boris.user);
        assert_int_equal(result.members.count, 2);
        assert_true(result.write.lowest_moved); /* nobody waits for her any more */
        answer = members_of(stage, &stage->boris, group);
        assert_int_equal(answer.members.count, 2);
        for (size_t i = 0; i < 2; i++)
                if (answer.members.members[i].person.user == stage->boris.user)
                        assert_int_equal(answer.members.members[i].role, ROLE_OWNER);
        assert_int_equal(rows_of(stage, &stage->anna, group).rows.rows[0].kind, ROW_LEFT);

        /* The record comes again: the same row, told again to those who were there, and no second one. */
        stage_reopen(stage);
        result = apply_one(stage, &op);
        assert_int_equal(result.status, ERR_OK);
        assert_true(result.repeat && result.write.lowest_moved);
        assert_int_equal(result.members.count, 2);
        assert_int_equal(result.write.number, rows_of(stage, &stage->anna, group).rows.head);
}

static void test_who_was_alone_leaves_nobody_behind(void **state)
{
        struct stage *stage = *state;
        struct account dora = account_with(stage, "dora", "dora@example.org");
        struct id group = group_of(stage, &dora), request = delete_account(stage, &dora);
        struct store_op op = leave_op(&dora, request, group);
        struct store_result result = apply_one(stage, &op);

        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(result.write.row.heir, 0);
        assert_int_equal(result.members.count, 0);
}

/* One after the other, of the same id; one that he left himself before he left again is passed over. */
static void test_all_his_groups_are_left(void **state)
{
        struct stage *stage = *state;
        struct account dora = account_with(stage, "dora", "dora@example.org");
        struct id groups[4], request, after = nothing;
        struct store_answer answer;
        struct store_op op;
        size_t count = 0;

        for (size_t i = 0; i < countof(groups); i++) {
                groups[i] = group_of(stage, &stage->anna);
                assert_int_equal(bring(stage, &stage->anna, groups[i], &dora), ERR_OK);
        }
        op = group_op(stage, &dora, groups[1], ROW_LEFT, &dora);
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        request = delete_account(stage, &dora);
        while (answer = next_group(stage, &dora, after), answer.leaving.more) {
                assert_true(id_equal(&answer.leaving.group, &groups[count]));
                op = leave_op(&dora, request, groups[count]);
                assert_int_equal(apply_one(stage, &op).status, count == 1 ? ERR_NO_ROOM : ERR_OK);
                touch(stage, &dora, groups[count], false);
                after = answer.leaving.through;
                count++;
        }
        assert_int_equal(count, countof(groups));
        for (size_t i = 0; i < countof(groups); i++)
                assert_int_equal(members_of(stage, &stage->anna, groups[i]).members.count, 1);
}

/* ---- what he wrote to himself ---- */

static void test_his_own_room_is_emptied_in_portions(void **state)
{
        static const char texts[] = "SELECT count(*) FROM messages WHERE text <> ''";
        struct stage *stage = *state;
        struct account dora = account_with(stage, "dora", "dora@example.org");
        struct id own = room_personal(dora.user, dora.user);
        struct store_op op;

        say(stage, &dora, room_personal(dora.user, stage->anna.user), "badger");
        for (int i = 0; i < LEAVING_NOTES; i++)
                say(stage, &dora, own, "badger");
        op = group_op(stage, &dora, own, ROW_SETTING, NULL);
        op.write.text = SLICE_LITERAL("k1 a secret");
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        touch(stage, &dora, nothing, false); /* she is not on the list: nothing is taken from her */
        assert_int_equal(stage_look(stage, texts), LEAVING_NOTES + 2);

        delete_account(stage, &dora);
        assert_true(next_group(stage, &dora, own).leaving.more);
        touch(stage, &dora, nothing, false);
        assert_int_equal(stage_look(stage, texts), 2);
        assert_int_equal(stage_look(stage, driver->words), 1);
        assert_false(next_group(stage, &dora, own).leaving.more); /* the rest goes with the next record */
        touch(stage, &dora, nothing, true);
        assert_int_equal(stage_look(stage, texts), 1); /* the other one has it still */
        assert_int_equal(stage_look(stage, driver->words), 1);
        assert_int_equal(stage_look(stage, "SELECT count(*) FROM messages WHERE kind = 8"), LEAVING_NOTES + 1);
}

/* ---- refusals ---- */

static void test_who_is_not_deleted_is_not_made_to_leave(void **state)
{
        struct stage *stage = *state;
        struct account dora = account_with(stage, "dora", "dora@example.org");
        struct id group = group_of(stage, &dora), request = stage_id(stage);
        struct store_op op = leave_op(&dora, request, group);

        bring(stage, &dora, group, &stage->anna);
        assert_int_equal(apply_one(stage, &op).status, ERR_NOT_ALLOWED);
        assert_int_equal(members_of(stage, &stage->anna, group).members.count, 2);
        delete_account(stage, &dora);
        op.not_after_ms = STAGE_START_MS - 1;
        assert_int_equal(apply_one(stage, &op).status, ERR_LATE);
        op.not_after_ms = 0;
        assert_int_equal(apply_one(stage, &op).status, ERR_OK); /* no refusal was kept */
        assert_int_equal(members_of(stage, &stage->anna, group).members.count, 1);
        op = leave_op(&dora, stage_id(stage), group);
        assert_int_equal(apply_one(stage, &op).status, ERR_NO_ROOM); /* he is out */
}

static void test_who_is_deleted_comes_to_no_group(void **state)
{
        struct stage *stage = *state;
        struct account dora = account_with(stage, "dora", "dora@example.org");
        struct id group = group_of(stage, &stage->anna);
        struct store_op op, ops[2];
        struct store_result results[2];

        delete_account(stage, &dora);
        assert_int_equal(bring(stage, &stage->anna, group, &dora), ERR_NO_USER);
        op = group_op(stage, &dora, stage_id(stage), ROW_CREATED, NULL);
        op.request = op.write.room;
        op.write.text = SLICE_LITERAL("Ghosts");
        assert_int_equal(apply_one(stage, &op).status, ERR_REVOKED);

        /* In one transaction, too. */
        dora = account_with(stage, "emil", "emil@example.org");
        ops[0] = op_of(stage, STORE_DELETE, &dora);
        ops[0].password.password_hash = "$old";
        ops[1] = group_op(stage, &stage->anna, group, ROW_JOINED, &dora);
        apply(stage, ops, 2, results);
        assert_int_equal(results[0].status, ERR_OK);
        assert_int_equal(results[1].status, ERR_NO_USER);
        assert_int_equal(members_of(stage, &stage->anna, group).members.count, 1);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                STAGE_TEST(test_who_is_deleted_is_listed_until_he_has_left),
                STAGE_TEST(test_the_list_comes_in_pages),
                STAGE_TEST(test_personal_rooms_are_passed_over_in_portions),
                STAGE_TEST(test_a_deleted_owner_leaves_with_an_heir),
                STAGE_TEST(test_who_was_alone_leaves_nobody_behind),
                STAGE_TEST(test_all_his_groups_are_left),
                STAGE_TEST(test_his_own_room_is_emptied_in_portions),
                STAGE_TEST(test_who_is_not_deleted_is_not_made_to_leave),
                STAGE_TEST(test_who_is_deleted_comes_to_no_group),
        };

        return STAGE_RUN("leaving", tests);
}
