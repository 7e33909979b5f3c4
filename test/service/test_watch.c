/* watch, gone and typing: who is told, who is refused, and that nobody is told who is not to be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "base/assert.h"
#include "rules/limits.h"
#include "rules/row.h"
#include "rules/seen.h"
#include "service/stage.h"

static struct stage stage;
static const struct id no_room;
static struct id group; /* anna's, with boris; clara is a stranger */

static struct store_result apply(const struct client *sender, struct id room, enum row_kind kind, uint64_t subject)
{
        struct store_op op = {
                .kind = STORE_WRITE, .request = stage_id(&stage), .user = sender->user, .device = sender->device};
        struct store_result result;
        struct completion completion;

        if (kind == ROW_CREATED)
                op.request = room;
        op.write.room = room;
        op.write.row_kind = (uint8_t)kind;
        op.write.subject = subject;
        op.write.text = kind == ROW_CREATED ? SLICE_LITERAL("title") : SLICE_LITERAL("");
        check(stage.store->ops->apply(stage.store, &op, 1, &result, &stage.arena, 1) == ERR_OK);
        check(stage.store->ops->poll(stage.store, &completion, 1) == 1 && completion.outcome == OUTCOME_OK);
        assert_int_equal(result.status, ERR_OK);
        return result;
}

static struct id ask(const struct client *client, enum wire_code code, struct id room, const void *message)
{
        struct id request = stage_send(&stage, client, code, room, message);

        stage_work(&stage, 100);
        return request;
}

static void join(const struct client *client)
{
        struct wire_join join = {0};

        assert_int_equal(stage_error(&stage, ask(client, WIRE_CODE_join, no_room, &join)), ERR_OK);
}

static void presence(enum presence_kind kind, const struct client *client)
{
        struct presence_request request = {.kind = kind,
                                           .entry = {.user = client->user,
                                                     .connection = client->connection,
                                                     .device = client->device,
                                                     .frontend = client->frontend}};
        struct presence_result result;
        struct completion completion;
        struct presence *handle;

        request.entry.epoch.bytes[0] = (uint8_t)(client->frontend + 1); /* as stage_send names it */
        check(presence_memory_open(stage.memory, &handle) == ERR_OK);
        check(handle->ops->submit(handle, &request, 1, &result, &stage.arena, 1) == ERR_OK);
        check(handle->ops->poll(handle, &completion, 1) == 1 && completion.outcome == OUTCOME_OK);
        handle->ops->free(&handle);
}

static int set_up(void **state)
{
        (void)state;
        stage_start(&stage, &service_query);
        group = stage_id(&stage);
        apply(&stage.anna, group, ROW_CREATED, 0);
        apply(&stage.anna, group, ROW_JOINED, stage.boris.user);
        presence(PRESENCE_REMOVE, &stage.boris); /* the stage has entered them */
        presence(PRESENCE_GONE, &stage.boris);
        presence(PRESENCE_REMOVE, &stage.clara);
        presence(PRESENCE_GONE, &stage.clara);
        join(&stage.anna);
        stage_forget(&stage);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        stage_stop(&stage);
        return 0;
}

static struct id watch(const struct client *client, const struct client *other, struct id room)
{
        struct wire_user_ref users[] = {{.user = other->user}, {.user = other->user}, {.user = client->user}};
        struct wire_watch watch = {.users = {.items = users, .count = countof(users)}, .room = room};

        watch.has = id_is_zero(&room) ? 0 : WIRE_HAS(watch, room);
        return ask(client, WIRE_CODE_watch, no_room, &watch);
}

/* What it says of the one that was named: −1: nothing. */
static int online(struct id request, uint64_t user)
{
        struct wire_watched watched;
        struct wire_iterator iterator;
        struct wire_status status;
        int is = -1;

        stage_body(stage_reply(&stage, request), WIRE_CODE_watched, WIRE_STRUCTURE(watched), &watched);
        assert_int_equal(watched.lease_ms, PRESENCE_WATCH_MS);
        WIRE_LIST_START(&iterator, watched, statuses, &watched.statuses);
        while (wire_list_next(&iterator, &status)) {
                assert_int_equal(status.user, user);
                assert_int_equal(is, -1); /* once */
                is = (int)status.online;
        }
        return is;
}

static void gone(const struct client *client)
{
        struct wire_gone gone = {.user = client->user};
        struct client frontend = {.frontend = client->frontend};

        (void)ask(&frontend, WIRE_CODE_gone, no_room, &gone);
}

static size_t told(const struct client *client)
{
        return stage_frames_for(&stage, client, WIRE_CODE_status_moved);
}

static const struct heard *last_told(void)
{
        for (size_t i = stage.heard_count; i > 0; i--)
                if (stage.heard[i - 1].record == WIRE_CODE_post && stage.heard[i - 1].frame.code == WIRE_CODE_status_moved)
                        return &stage.heard[i - 1];
        return NULL;
}

static void test_who_shares_a_room_is_told(void **state)
{
        (void)state;
        assert_int_equal(online(watch(&stage.anna, &stage.boris, group), stage.boris.user), 0);
        join(&stage.boris);
        assert_int_equal(told(&stage.anna), 1);
        assert_int_equal(told(&stage.boris), 0);
        assert_int_equal(online(watch(&stage.anna, &stage.boris, group), stage.boris.user), 1);
        join(&stage.boris); /* again: it is known */
        assert_int_equal(told(&stage.anna), 1);
        presence(PRESENCE_REMOVE, &stage.boris);
        assert_int_equal(told(&stage.anna), 1);
        gone(&stage.boris);
        assert_int_equal(told(&stage.anna), 2);
        assert_int_equal(online(watch(&stage.anna, &stage.boris, group), stage.boris.user), 0);
}

static void test_who_is_gone_was_there_last_some_minutes_ago(void **state)
{
        struct wire_status_moved moved;
        uint64_t now_ms = stage.clock.clock.wall_ms(&stage.clock.clock);

        (void)state;
        join(&stage.boris);
        (void)watch(&stage.anna, &stage.boris, no_room);
        presence(PRESENCE_REMOVE, &stage.boris);
        stage_forget(&stage);
        gone(&stage.boris);
        stage_body(last_told(), WIRE_CODE_status_moved, WIRE_STRUCTURE(status_moved), &moved);
        assert_int_equal(moved.status.user, stage.boris.user);
        assert_int_equal(moved.status.online, 0);
        assert_int_equal(moved.status.seen_ms, seen_coarse(now_ms));
}

static void test_who_came_back_is_not_gone(void **state)
{
        (void)state;
        join(&stage.boris);
        (void)watch(&stage.anna, &stage.boris, no_room);
        presence(PRESENCE_REMOVE, &stage.boris);
        stage.boris.connection++;
        join(&stage.boris);
        gone(&stage.boris);
        assert_int_equal(told(&stage.anna), 0);
}

static void test_strangers_are_not_watched(void **state)
{
        (void)state;
        join(&stage.clara);
        assert_int_equal(online(watch(&stage.anna, &stage.clara, no_room), stage.clara.user), -1);
        assert_int_equal(online(watch(&stage.clara, &stage.anna, no_room), stage.anna.user), -1);
        presence(PRESENCE_REMOVE, &stage.clara);
        gone(&stage.clara);
        assert_int_equal(told(&stage.anna), 0);
        assert_int_equal(stage_error(&stage, watch(&stage.clara, &stage.anna, group)), ERR_NO_ROOM);
}

static void test_a_former_member_watches_no_longer(void **state)
{
        (void)state;
        join(&stage.boris);
        apply(&stage.anna, group, ROW_LEFT, stage.boris.user);
        assert_int_equal(online(watch(&stage.boris, &stage.anna, no_room), stage.anna.user), -1);
        assert_int_equal(stage_error(&stage, watch(&stage.boris, &stage.anna, group)), ERR_NO_ROOM);
        assert_int_equal(online(watch(&stage.anna, &stage.boris, group), stage.boris.user), -1);
}

static void sign_out(const struct client *client)
{
        struct store_op op = {
                .kind = STORE_SIGN_OUT, .request = stage_id(&stage), .user = client->user, .device = client->device};
        struct store_result result;
        struct completion completion;

        op.sign_out.device = client->device;
        check(stage.store->ops->apply(stage.store, &op, 1, &result, &stage.arena, 1) == ERR_OK);
        check(stage.store->ops->poll(stage.store, &completion, 1) == 1 && completion.outcome == OUTCOME_OK);
        assert_int_equal(result.status, ERR_OK);
}

static void test_a_device_that_was_signed_out_is_refused(void **state)
{
        struct wire_typing typing = {.kind = ROW_TEXT};
        bool closed = false;

        (void)state;
        join(&stage.boris);
        (void)watch(&stage.anna, &stage.boris, group);
        sign_out(&stage.boris);
        assert_int_equal(stage_error(&stage, watch(&stage.boris, &stage.anna, group)), ERR_REVOKED);
        stage_forget(&stage);
        (void)ask(&stage.boris, WIRE_CODE_typing, group, &typing);
        assert_int_equal(stage_frames_for(&stage, &stage.anna, WIRE_CODE_types), 0);
        for (size_t i = 0; i < stage.heard_count; i++)
                closed |= stage.heard[i].record == WIRE_CODE_post && stage.heard[i].post.effect == WIRE_EFFECT_CLOSE;
        assert_true(closed);
}

static void test_an_answer_though_presence_failed_at_first(void **state)
{
        struct id request;

        (void)state;
        join(&stage.boris);
        stage_fail(&stage, FAULT_PRESENCE, FAULT_UNCERTAIN, 1, 1);
        request = watch(&stage.anna, &stage.boris, group);
        stage_work(&stage, 1000);
        assert_int_equal(online(request, stage.boris.user), 1);
        stage_fail(&stage, FAULT_PRESENCE, FAULT_FAIL, 1, 1000);
        request = watch(&stage.anna, &stage.boris, group);
        stage_work(&stage, 4000);
        assert_int_equal(stage_error(&stage, request), ERR_BUSY);
}

/* ---- typing ---- */

static size_t types(const struct client *client, struct id room, const struct client *hearer)
{
        struct wire_typing typing = {.kind = ROW_TEXT};

        stage_forget(&stage);
        (void)ask(client, WIRE_CODE_typing, room, &typing);
        assert_int_equal(stage_records(&stage, BUS_DEAD_LETTERS, WIRE_CODE_envelope), 0);
        assert_int_equal(stage_frames_for(&stage, client, WIRE_CODE_error), 0);
        assert_int_equal(stage_frames_for(&stage, client, WIRE_CODE_types), 0);
        return stage_frames_for(&stage, hearer, WIRE_CODE_types);
}

static void test_typing_is_told_where_the_room_is_open(void **state)
{
        (void)state;
        join(&stage.boris);
        assert_int_equal(types(&stage.boris, group, &stage.anna), 0);
        (void)watch(&stage.anna, &stage.boris, no_room);
        assert_int_equal(types(&stage.boris, group, &stage.anna), 0);
        (void)watch(&stage.anna, &stage.boris, group);
        (void)watch(&stage.boris, &stage.anna, group);
        assert_int_equal(types(&stage.boris, group, &stage.anna), 1);
        assert_int_equal(types(&stage.anna, group, &stage.boris), 1);
        (void)watch(&stage.anna, &stage.boris, no_room);
        assert_int_equal(types(&stage.boris, group, &stage.anna), 0);
}

static void test_typing_of_strangers_and_to_them(void **state)
{
        (void)state;
        join(&stage.boris);
        join(&stage.clara);
        (void)watch(&stage.anna, &stage.boris, group);
        (void)watch(&stage.boris, &stage.anna, group);
        assert_int_equal(types(&stage.clara, group, &stage.anna), 0);
        apply(&stage.anna, group, ROW_LEFT, stage.boris.user); /* his watch is still there */
        assert_int_equal(types(&stage.anna, group, &stage.boris), 0);
        assert_int_equal(types(&stage.boris, group, &stage.anna), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_who_shares_a_room_is_told),
                TEST(test_who_is_gone_was_there_last_some_minutes_ago),
                TEST(test_who_came_back_is_not_gone),
                TEST(test_strangers_are_not_watched),
                TEST(test_a_former_member_watches_no_longer),
                TEST(test_a_device_that_was_signed_out_is_refused),
                TEST(test_an_answer_though_presence_failed_at_first),
                TEST(test_typing_is_told_where_the_room_is_open),
                TEST(test_typing_of_strangers_and_to_them),
        };

        return cmocka_run_group_tests_name("service, watching and typing", tests, NULL, NULL);
}
