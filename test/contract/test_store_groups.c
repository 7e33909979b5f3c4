/* The store's contract: groups. Who may do what (rules/role.h), stays, what each may see, versions of members, lowest marks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/assert.h"
#include "contract/store_stage.h"
#include "rules/limits.h"
#include "rules/role.h"
#include "rules/room.h"
#include "rules/row.h"

#define LINK SLICE_LITERAL("0123456789abcdef")

static struct store_op group_op(struct stage *stage, const struct account *sender, struct id room, enum row_kind kind)
{
        struct store_op op = write_op(stage, sender, room, "");

        op.write.row_kind = kind;
        op.digest[0] ^= (uint8_t)kind;
        return op;
}

static struct id create(struct stage *stage, const struct account *owner, const char *title)
{
        struct store_op op = group_op(stage, owner, stage_id(stage), ROW_CREATED);

        op.request = op.write.room;
        op.write.text = slice_text(title);
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        return op.write.room;
}

static struct store_op about(struct stage *stage, const struct account *sender, struct id room, enum row_kind kind,
                             const struct account *subject)
{
        struct store_op op = group_op(stage, sender, room, kind);

        op.write.subject = subject->user;
        return op;
}

static struct store_result invite(struct stage *stage, const struct account *sender, struct id room,
                                  const struct account *subject)
{
        struct store_op op = about(stage, sender, room, ROW_JOINED, subject);

        return apply_one(stage, &op);
}

static struct store_result leave(struct stage *stage, const struct account *sender, struct id room,
                                 const struct account *subject)
{
        struct store_op op = about(stage, sender, room, ROW_LEFT, subject);

        return apply_one(stage, &op);
}

static enum error give_role(struct stage *stage, const struct account *sender, struct id room, const struct account *subject,
                            enum role role)
{
        struct store_op op = about(stage, sender, room, ROW_ROLE, subject);

        op.write.role = (uint8_t)role;
        return apply_one(stage, &op).status;
}

static enum error retitle(struct stage *stage, const struct account *sender, struct id room, const char *title)
{
        struct store_op op = group_op(stage, sender, room, ROW_TITLE);

        op.write.text = slice_text(title);
        return apply_one(stage, &op).status;
}

static enum error say_status(struct stage *stage, const struct account *sender, struct id room, const char *text)
{
        struct store_op op = write_op(stage, sender, room, text);

        return apply_one(stage, &op).status;
}

static struct store_answer members_of(struct stage *stage, const struct account *asker, struct id room, uint64_t after,
                                      uint32_t max)
{
        struct store_question question = question_of(STORE_ASK_MEMBERS, asker);

        question.members.room = room;
        question.members.after = after;
        question.members.members_max = max;
        return ask(stage, &question);
}

static enum role role_of(struct stage *stage, const struct account *asker, struct id room, const struct account *member)
{
        struct store_answer answer = members_of(stage, asker, room, 0, 100);

        assert_int_equal(answer.status, ERR_OK);
        for (size_t i = 0; i < answer.members.count; i++)
                if (answer.members.members[i].person.user == member->user)
                        return (enum role)answer.members.members[i].role;
        return ROLE_NONE;
}

/* The room as the list of all rooms gives it to him. */
static struct store_room listed(struct stage *stage, const struct account *asker, struct id room)
{
        struct store_question question = question_of(STORE_ASK_ROOMS, asker);
        struct store_answer answer;

        question.bytes_max = 100000;
        question.rooms.rooms_max = 100;
        answer = ask(stage, &question);
        assert_int_equal(answer.status, ERR_OK);
        for (size_t i = 0; i < answer.rooms.room_count; i++)
                if (id_equal(&answer.rooms.rooms[i].room, &room))
                        return answer.rooms.rooms[i];
        return (struct store_room){0};
}

static bool is_told(const struct store_result *result, const struct account *account)
{
        for (size_t i = 0; i < result->members.count; i++)
                if (result->members.users[i] == account->user)
                        return true;
        return false;
}

/* ---- making ---- */

static void test_who_makes_a_group_owns_it(void **state)
{
        struct stage *stage = *state;
        struct store_op op = group_op(stage, &stage->anna, stage_id(stage), ROW_CREATED);
        struct store_result result;
        struct store_room room;

        op.request = op.write.room;
        op.write.text = SLICE_LITERAL("Birds");
        result = apply_one(stage, &op);
        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(result.write.room_kind, ROOM_GROUP);
        assert_int_equal(result.write.row.seq, 1);
        assert_int_equal(result.write.row.n, 0);
        assert_int_equal(result.members.count, 1);
        assert_true(is_told(&result, &stage->anna));
        room = listed(stage, &stage->anna, op.write.room);
        assert_slice(room.title, "Birds");
        assert_int_equal(room.role, ROLE_OWNER);
        assert_int_equal(room.member_count, 1);
        assert_int_equal(room.head, 1);
        assert_int_equal(room.joined_seq, 1);
        result = apply_one(stage, &op);
        assert_true(result.repeat);
        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(result.write.row.seq, 1);
}

static void test_refusals_of_making(void **state)
{
        struct stage *stage = *state;
        struct store_op op = group_op(stage, &stage->anna, stage_id(stage), ROW_CREATED);
        char title[TITLE_SIZE_MAX + 1];
        struct id room;

        op.write.text = SLICE_LITERAL("Birds"); /* the room's id is not that of the request */
        assert_int_equal(apply_one(stage, &op).status, ERR_NO_ROOM);
        op.request = op.write.room;
        op.write.text = slice_of(NULL, 0);
        assert_int_equal(apply_one(stage, &op).status, ERR_BAD_FIELD);
        memset(title, 't', sizeof(title));
        op.write.text = slice_of(title, sizeof(title));
        assert_int_equal(apply_one(stage, &op).status, ERR_TOO_LARGE);
        op.write.room = room_personal(stage->anna.user, stage->boris.user);
        op.write.text = SLICE_LITERAL("Birds");
        assert_int_equal(apply_one(stage, &op).status, ERR_BAD_FIELD);
        room = create(stage, &stage->anna, "Birds");
        op = group_op(stage, &stage->boris, room, ROW_CREATED); /* it is there, and another's */
        op.request = room;
        op.write.text = SLICE_LITERAL("Mine");
        assert_int_equal(apply_one(stage, &op).status, ERR_NO_ROOM);
        op = group_op(stage, &stage->anna, room, ROW_CREATED);
        op.write.text = SLICE_LITERAL("Again");
        assert_int_equal(apply_one(stage, &op).status, ERR_ALREADY);
}

/* ---- coming and going ---- */

static void test_who_is_invited_is_in_it_from_there_on(void **state)
{
        struct stage *stage = *state;
        struct id room = create(stage, &stage->anna, "Birds");
        struct store_result result;
        struct store_room seen;

        say(stage, &stage->anna, room, "before");
        assert_int_equal(say_status(stage, &stage->boris, room, "from outside"), ERR_NO_ROOM);
        result = invite(stage, &stage->anna, room, &stage->boris);
        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(result.write.row.seq, 3);
        assert_int_equal(result.write.row.n, 1); /* it is not a message that counts */
        assert_int_equal(result.write.row.subject, stage->boris.user);
        assert_int_equal(result.members.count, 2);
        assert_true(is_told(&result, &stage->boris));
        assert_int_equal(say(stage, &stage->boris, room, "hello"), 4);
        assert_string_equal(texts_of(rows_of(stage, &stage->boris, room).rows.rows, 1), "hello");
        assert_int_equal(rows_of(stage, &stage->boris, room).rows.row_count, 2);
        assert_int_equal(rows_of(stage, &stage->anna, room).rows.row_count, 4);
        seen = listed(stage, &stage->boris, room);
        assert_int_equal(seen.joined_seq, 3);
        assert_int_equal(seen.role, ROLE_MEMBER);
        assert_int_equal(seen.member_count, 2);
        assert_int_equal(seen.marks.unread, 0);
        assert_int_equal(listed(stage, &stage->anna, room).marks.unread, 1);
}

static void test_who_left_sees_nothing_past_his_leave(void **state)
{
        struct stage *stage = *state;
        struct id room = create(stage, &stage->anna, "Birds");
        struct store_result result;
        struct store_answer answer;
        struct store_room seen;
        struct store_op op;

        assert_int_equal(invite(stage, &stage->anna, room, &stage->boris).status, ERR_OK);
        say(stage, &stage->anna, room, "one");
        result = leave(stage, &stage->boris, room, &stage->boris);
        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(result.members.count, 1);
        assert_false(is_told(&result, &stage->boris));
        stage->clock.wall_ms += 60000;
        say(stage, &stage->anna, room, "secret");
        assert_int_equal(retitle(stage, &stage->anna, room, "Owls"), ERR_OK);
        assert_int_equal(say_status(stage, &stage->boris, room, "still here"), ERR_NO_ROOM);
        answer = rows_of(stage, &stage->boris, room);
        assert_int_equal(answer.status, ERR_OK);
        assert_int_equal(answer.rows.head, 4);
        assert_int_equal(answer.rows.row_count, 3);
        assert_int_equal(answer.rows.rows[0].kind, ROW_LEFT);
        assert_int_equal(answer.rows.lowest.delivered_first, STORE_NONE);
        assert_int_equal(answer.rows.marks.unread, 1);
        seen = listed(stage, &stage->boris, room);
        assert_true(seen.left);
        assert_int_equal(seen.head, 4);
        assert_slice(seen.title, "Birds");
        assert_int_equal(seen.last_time_ms, STAGE_START_MS);
        assert_int_equal(seen.role, ROLE_NONE);
        assert_int_equal(seen.marks.unread, 1);
        assert_int_equal(members_of(stage, &stage->boris, room, 0, 10).status, ERR_NO_ROOM);
        op = mark_op(stage, &stage->boris, room, 3, 3, 3);
        assert_int_equal(apply_one(stage, &op).status, ERR_NO_ROOM);
}

/* A new line a stay: what lies between is not his, his own sends are counted on. */
static void test_coming_back_is_a_new_stay(void **state)
{
        struct stage *stage = *state;
        struct id room = create(stage, &stage->anna, "Birds");
        struct store_answer answer;
        struct store_room seen;

        assert_int_equal(invite(stage, &stage->anna, room, &stage->boris).status, ERR_OK);
        say(stage, &stage->boris, room, "mine");
        say(stage, &stage->boris, room, "mine, too");
        assert_int_equal(leave(stage, &stage->boris, room, &stage->boris).status, ERR_OK);
        say(stage, &stage->anna, room, "between");
        assert_int_equal(invite(stage, &stage->anna, room, &stage->boris).status, ERR_OK);
        say(stage, &stage->anna, room, "after");
        say(stage, &stage->boris, room, "back");
        answer = rows_of(stage, &stage->boris, room);
        assert_int_equal(answer.rows.row_count, 7);
        assert_string_equal(texts_of(answer.rows.rows, 2), "back after");
        assert_int_equal(answer.rows.rows[2].kind, ROW_JOINED);
        assert_int_equal(answer.rows.rows[3].kind, ROW_LEFT);
        seen = listed(stage, &stage->boris, room);
        assert_false(seen.left);
        assert_int_equal(seen.joined_seq, 2); /* the first */
        assert_int_equal(seen.marks.unread, 1);
        stage_reopen(stage);
        assert_int_equal(listed(stage, &stage->boris, room).marks.unread, 1);
        mark(stage, &stage->boris, room, 9, 9, 9);
        assert_int_equal(listed(stage, &stage->boris, room).marks.unread, 0);
}

static void test_who_may_bring_and_remove_whom(void **state)
{
        struct stage *stage = *state;
        struct account dora = account_new(stage, "dora", "Dora");
        struct account nobody = {.user = 4242};
        struct id room = create(stage, &stage->anna, "Birds");

        assert_int_equal(invite(stage, &stage->boris, room, &stage->clara).status, ERR_NO_ROOM);
        assert_int_equal(invite(stage, &stage->boris, room, &stage->boris).status, ERR_NO_ROOM);
        assert_int_equal(invite(stage, &stage->anna, room, &nobody).status, ERR_NO_USER);
        assert_int_equal(invite(stage, &stage->anna, room, &stage->anna).status, ERR_NO_ROOM);
        assert_int_equal(invite(stage, &stage->anna, room, &stage->boris).status, ERR_OK);
        assert_int_equal(invite(stage, &stage->anna, room, &stage->boris).status, ERR_ALREADY);
        assert_int_equal(invite(stage, &stage->boris, room, &stage->clara).status, ERR_NOT_ALLOWED);
        assert_int_equal(give_role(stage, &stage->anna, room, &stage->boris, ROLE_ADMIN), ERR_OK);
        assert_int_equal(invite(stage, &stage->boris, room, &stage->clara).status, ERR_OK);
        assert_int_equal(invite(stage, &stage->boris, room, &dora).status, ERR_OK);
        assert_int_equal(leave(stage, &stage->clara, room, &dora).status, ERR_NOT_ALLOWED);
        assert_int_equal(leave(stage, &stage->boris, room, &stage->anna).status, ERR_NOT_ALLOWED);
        assert_int_equal(leave(stage, &stage->boris, room, &nobody).status, ERR_NO_USER);
        assert_int_equal(leave(stage, &stage->boris, room, &stage->clara).status, ERR_OK);
        assert_int_equal(leave(stage, &stage->clara, room, &stage->clara).status, ERR_NO_ROOM);
        assert_int_equal(give_role(stage, &stage->anna, room, &dora, ROLE_ADMIN), ERR_OK);
        assert_int_equal(leave(stage, &stage->boris, room, &dora).status, ERR_NOT_ALLOWED);
        assert_int_equal(leave(stage, &stage->anna, room, &dora).status, ERR_OK);
}

static void test_roles_are_given_by_owners(void **state)
{
        struct stage *stage = *state;
        struct id room = create(stage, &stage->anna, "Birds");

        assert_int_equal(invite(stage, &stage->anna, room, &stage->boris).status, ERR_OK);
        assert_int_equal(give_role(stage, &stage->boris, room, &stage->boris, ROLE_ADMIN), ERR_NOT_ALLOWED);
        assert_int_equal(retitle(stage, &stage->boris, room, "Mine"), ERR_NOT_ALLOWED);
        assert_int_equal(give_role(stage, &stage->anna, room, &stage->clara, ROLE_ADMIN), ERR_NO_USER);
        assert_int_equal(give_role(stage, &stage->anna, room, &stage->boris, ROLE_MEMBER), ERR_ALREADY);
        assert_int_equal(give_role(stage, &stage->anna, room, &stage->boris, (enum role)9), ERR_BAD_FIELD);
        assert_int_equal(give_role(stage, &stage->anna, room, &stage->boris, ROLE_ADMIN), ERR_OK);
        assert_int_equal(retitle(stage, &stage->boris, room, "Owls"), ERR_OK);
        assert_slice(listed(stage, &stage->anna, room).title, "Owls");
        assert_int_equal(give_role(stage, &stage->anna, room, &stage->anna, ROLE_MEMBER), ERR_NOT_ALLOWED); /* the last */
        assert_int_equal(give_role(stage, &stage->anna, room, &stage->boris, ROLE_OWNER), ERR_OK);
        assert_int_equal(give_role(stage, &stage->boris, room, &stage->anna, ROLE_MEMBER), ERR_NOT_ALLOWED);
        assert_int_equal(give_role(stage, &stage->anna, room, &stage->anna, ROLE_ADMIN), ERR_OK);
        stage_reopen(stage);
        assert_int_equal(role_of(stage, &stage->boris, room, &stage->anna), ROLE_ADMIN);
        assert_int_equal(role_of(stage, &stage->boris, room, &stage->boris), ROLE_OWNER);
        assert_int_equal(listed(stage, &stage->anna, room).role, ROLE_ADMIN);
}

static void test_the_last_owner_leaves_the_room_to_another(void **state)
{
        struct stage *stage = *state;
        struct id room = create(stage, &stage->anna, "Birds");
        struct store_result result;

        assert_int_equal(invite(stage, &stage->anna, room, &stage->boris).status, ERR_OK);
        assert_int_equal(invite(stage, &stage->anna, room, &stage->clara).status, ERR_OK);
        assert_int_equal(give_role(stage, &stage->anna, room, &stage->clara, ROLE_ADMIN), ERR_OK);
        result = leave(stage, &stage->anna, room, &stage->anna);
        assert_int_equal(result.write.row.heir, stage->clara.user);
        assert_int_equal(role_of(stage, &stage->boris, room, &stage->clara), ROLE_OWNER);
        assert_int_equal(rows_of(stage, &stage->boris, room).rows.rows[0].heir, stage->clara.user);
        result = leave(stage, &stage->clara, room, &stage->clara);
        assert_int_equal(result.write.row.heir, stage->boris.user);
        result = leave(stage, &stage->boris, room, &stage->boris);
        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(result.write.row.heir, 0);
        assert_int_equal(result.members.count, 0);
        assert_int_equal(invite(stage, &stage->boris, room, &stage->anna).status, ERR_NO_ROOM);
}

/* ---- links ---- */

static void test_the_link_lets_in_and_nothing_else_does(void **state)
{
        struct stage *stage = *state;
        struct id room = create(stage, &stage->anna, "Birds");
        struct store_op make = group_op(stage, &stage->anna, room, ROW_LINK);
        struct store_op join = about(stage, &stage->boris, room, ROW_JOINED, &stage->boris);

        join.write.link = LINK;
        assert_int_equal(apply_one(stage, &join).status, ERR_NO_ROOM);
        make.write.link = LINK;
        assert_int_equal(apply_one(stage, &make).status, ERR_OK);
        assert_int_equal(rows_of(stage, &stage->anna, room).rows.rows[0].text.size, 0);
        assert_slice(members_of(stage, &stage->anna, room, 0, 10).members.link, "0123456789abcdef");
        join.request = stage_id(stage);
        join.write.link = SLICE_LITERAL("0123456789abcdeg");
        assert_int_equal(apply_one(stage, &join).status, ERR_NO_ROOM);
        join.request = stage_id(stage);
        join.write.link = SLICE_LITERAL("0123456789");
        assert_int_equal(apply_one(stage, &join).status, ERR_BAD_FIELD);
        join.write.link = LINK;
        assert_int_equal(apply_one(stage, &join).status, ERR_OK);
        assert_int_equal(members_of(stage, &stage->boris, room, 0, 10).members.link.size, 0);
        join.request = stage_id(stage);
        assert_int_equal(apply_one(stage, &join).status, ERR_ALREADY);
        /* Who left may come back by it; who was removed may not. */
        assert_int_equal(leave(stage, &stage->boris, room, &stage->boris).status, ERR_OK);
        join.request = stage_id(stage);
        assert_int_equal(apply_one(stage, &join).status, ERR_OK);
        assert_int_equal(leave(stage, &stage->anna, room, &stage->boris).status, ERR_OK);
        join.request = stage_id(stage);
        assert_int_equal(apply_one(stage, &join).status, ERR_NOT_ALLOWED);
        assert_int_equal(invite(stage, &stage->anna, room, &stage->boris).status, ERR_OK);
        /* Closed. */
        make.request = stage_id(stage);
        make.write.link = slice_of(NULL, 0);
        assert_int_equal(apply_one(stage, &make).status, ERR_OK);
        join = about(stage, &stage->clara, room, ROW_JOINED, &stage->clara);
        join.write.link = LINK;
        assert_int_equal(apply_one(stage, &join).status, ERR_NO_ROOM);
}

#define CROWD 128 /* of one transaction */

/* So many new members at once, the first of them with that number. */
static void invite_crowd(struct stage *stage, struct id room, size_t first, size_t count, struct account *accounts)
{
        static char names[CROWD][32];
        struct store_op *ops = arena_array(&stage->arena, struct store_op, count);
        struct store_result *results = arena_array(&stage->arena, struct store_result, count);

        assert_true(count <= CROWD && ops && results);
        for (size_t i = 0; i < count; i++) {
                struct slice name = slice_of(names[i], (size_t)snprintf(names[i], sizeof(names[i]), "bird%zu", first + i));

                accounts[i] = (struct account){.user = 1000000 + first + i, .device = 1};
                ops[i] = (struct store_op){.kind = STORE_IMPORT,
                                           .request = stage_id(stage),
                                           .import = {.user_name = name,
                                                      .display_name = name,
                                                      .name_folded = name,
                                                      .email = name,
                                                      .email_folded = name,
                                                      .device_name = name,
                                                      .password_hash = "",
                                                      .new_user = accounts[i].user,
                                                      .new_device = 1}};
        }
        apply(stage, ops, count, results);
        for (size_t i = 0; i < count; i++)
                ops[i] = about(stage, &stage->anna, room, ROW_JOINED, &accounts[i]);
        apply(stage, ops, count, results);
        for (size_t i = 0; i < count; i++)
                assert_int_equal(results[i].status, ERR_OK);
}

static void test_a_group_has_a_limit(void **state)
{
        struct stage *stage = *state;
        struct id room = create(stage, &stage->anna, "Birds");
        struct account crowd[CROWD], last;
        struct store_answer answer;
        uint64_t after = 0;
        size_t seen = 0;

        for (size_t i = 1; i < GROUP_MEMBERS_MAX; i += CROWD)
                invite_crowd(stage, room, i, min_of((size_t)CROWD, GROUP_MEMBERS_MAX - i), crowd);
        last = crowd[0];
        assert_int_equal(invite(stage, &stage->anna, room, &stage->boris).status, ERR_ROOM_FULL);
        do {
                answer = members_of(stage, &stage->anna, room, after, MEMBERS_MAX);
                assert_int_equal(answer.status, ERR_OK);
                for (size_t i = 0; i < answer.members.count; i++) {
                        assert_true(answer.members.members[i].person.user > after);
                        assert_true(answer.members.members[i].person.user_name.size > 0);
                        after = answer.members.members[i].person.user;
                }
                seen += answer.members.count;
        } while (answer.members.more);
        assert_int_equal(seen, GROUP_MEMBERS_MAX);
        assert_int_equal(leave(stage, &last, room, &last).status, ERR_OK);
        assert_int_equal(invite(stage, &stage->anna, room, &stage->boris).status, ERR_OK);
}

/* ---- what others are told ---- */

static void test_versions_of_members(void **state)
{
        struct stage *stage = *state;
        struct id room = create(stage, &stage->anna, "Birds");
        struct store_result first = invite(stage, &stage->anna, room, &stage->boris), second;
        struct store_op op = write_op(stage, &stage->anna, room, "known");

        op.write.members_known = first.members.version;
        assert_null(apply_one(stage, &op).members.users);
        second = invite(stage, &stage->anna, room, &stage->clara);
        assert_true(second.members.version > first.members.version);
        op = write_op(stage, &stage->anna, room, "no longer known");
        op.write.members_known = first.members.version;
        second = apply_one(stage, &op);
        assert_int_equal(second.members.count, 3);
        assert_non_null(second.members.users);
        /* All at once, in one transaction: each as of itself. */
        {
                struct store_op ops[] = {about(stage, &stage->anna, room, ROW_LEFT, &stage->boris),
                                         write_op(stage, &stage->anna, room, "without Boris"),
                                         about(stage, &stage->anna, room, ROW_JOINED, &stage->boris),
                                         write_op(stage, &stage->boris, room, "with him")};
                struct store_result results[countof(ops)];

                apply(stage, ops, countof(ops), results);
                for (size_t i = 0; i < countof(ops); i++) {
                        assert_int_equal(results[i].status, ERR_OK);
                        assert_int_equal(is_told(&results[i], &stage->boris), i >= 2);
                }
        }
}

/* L1: a repeat is delivered again, and not to those who joined since. */
static void test_a_repeat_is_not_for_newcomers(void **state)
{
        struct stage *stage = *state;
        struct id room = create(stage, &stage->anna, "Birds");
        struct store_op op = write_op(stage, &stage->anna, room, "secret");
        struct store_result result;

        assert_int_equal(invite(stage, &stage->anna, room, &stage->boris).status, ERR_OK);
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        assert_int_equal(invite(stage, &stage->anna, room, &stage->clara).status, ERR_OK);
        result = apply_one(stage, &op);
        assert_true(result.repeat);
        assert_true(is_told(&result, &stage->boris));
        assert_false(is_told(&result, &stage->clara));
        assert_int_equal(result.members.version, 0);
        /* Whatever became of his rights. */
        assert_int_equal(give_role(stage, &stage->anna, room, &stage->boris, ROLE_OWNER), ERR_OK);
        assert_int_equal(leave(stage, &stage->anna, room, &stage->anna).status, ERR_OK);
        result = apply_one(stage, &op);
        assert_true(result.repeat);
        assert_int_equal(result.status, ERR_OK);
        assert_false(is_told(&result, &stage->clara));
}

/* A record may come twice, and what was refused at first may be allowed by then: the first answer holds. */
static void test_a_refusal_is_repeated_too(void **state)
{
        struct stage *stage = *state;
        struct id room = create(stage, &stage->anna, "Birds");
        struct store_op op = write_op(stage, &stage->boris, room, "too early");
        struct store_result result;

        assert_int_equal(apply_one(stage, &op).status, ERR_NO_ROOM);
        assert_int_equal(invite(stage, &stage->anna, room, &stage->boris).status, ERR_OK);
        result = apply_one(stage, &op);
        assert_int_equal(result.status, ERR_NO_ROOM);
        assert_true(result.repeat);
        op.digest[0] ^= 1;
        assert_int_equal(apply_one(stage, &op).status, ERR_REUSED_ID);
        assert_int_equal(rows_of(stage, &stage->anna, room).rows.row_count, 2);
        {
                struct store_op ops[] = {about(stage, &stage->anna, room, ROW_JOINED, &stage->boris),
                                         about(stage, &stage->anna, room, ROW_LEFT, &stage->boris),
                                         {0}};
                struct store_result results[countof(ops)];

                ops[2] = ops[0];
                apply(stage, ops, countof(ops), results);
                assert_int_equal(results[0].status, ERR_ALREADY);
                assert_int_equal(results[1].status, ERR_OK);
                assert_int_equal(results[2].status, ERR_ALREADY);
        }
}

static void test_ticks_in_a_changing_group(void **state)
{
        struct stage *stage = *state;
        struct id room = create(stage, &stage->anna, "Birds");
        struct store_result result;
        uint64_t seq;

        assert_int_equal(invite(stage, &stage->anna, room, &stage->boris).status, ERR_OK);
        assert_int_equal(invite(stage, &stage->anna, room, &stage->clara).status, ERR_OK);
        seq = say(stage, &stage->anna, room, "who has it?");
        mark(stage, &stage->anna, room, seq, seq, seq);
        result = mark(stage, &stage->boris, room, seq, seq, seq);
        assert_true(result.mark.lowest.delivered_first < seq); /* Clara's */
        assert_int_equal(result.mark.lowest.delivered_user, stage->clara.user);
        /* She goes, and nobody is behind any more; who comes now does not count for it. */
        result = leave(stage, &stage->clara, room, &stage->clara);
        assert_true(result.write.lowest_moved);
        assert_true(result.write.lowest.delivered_first >= seq);
        result = invite(stage, &stage->anna, room, &stage->clara);
        assert_true(result.write.lowest.delivered_first >= seq);
        assert_true(result.write.lowest.shown_first >= seq);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                STAGE_TEST(test_who_makes_a_group_owns_it),
                STAGE_TEST(test_refusals_of_making),
                STAGE_TEST(test_who_is_invited_is_in_it_from_there_on),
                STAGE_TEST(test_who_left_sees_nothing_past_his_leave),
                STAGE_TEST(test_coming_back_is_a_new_stay),
                STAGE_TEST(test_who_may_bring_and_remove_whom),
                STAGE_TEST(test_roles_are_given_by_owners),
                STAGE_TEST(test_the_last_owner_leaves_the_room_to_another),
                STAGE_TEST(test_the_link_lets_in_and_nothing_else_does),
                STAGE_TEST(test_a_group_has_a_limit),
                STAGE_TEST(test_versions_of_members),
                STAGE_TEST(test_a_repeat_is_not_for_newcomers),
                STAGE_TEST(test_a_refusal_is_repeated_too),
                STAGE_TEST(test_ticks_in_a_changing_group),
        };

        return STAGE_RUN("store: groups", tests);
}
