/* What goes to clients: payloads counted once, one write a turn, slow readers cut off, revoke, the 17th connection, unknown ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/memory.h"
#include "frontend/output.h"
#include "support/frontend_host.h"

#define FRIENDS 5

static struct host host;
static struct client friends[FRIENDS];
static struct wire_envelope places[FRIENDS]; /* where each friend is reached */

/* Friend i is user 100 + i with device 1 + i. */
static void begin(struct frontend_options options)
{
        host_start(&host, &options);
        for (int i = 0; i < FRIENDS; i++) {
                client_open(&host, &friends[i]);
                client_join(&friends[i], 100 + (uint64_t)i, 1 + (uint64_t)i);
                places[i] = client_place(&friends[i]);
        }
}

static void end(void)
{
        for (int i = 0; i < FRIENDS; i++)
                client_close(&friends[i]);
        host_turn(&host);
        assert_int_equal(frontend_counts(host.frontend).connections, 0);
        assert_int_equal(frontend_counts(host.frontend).queued_bytes, 0);
        host_stop(&host);
}

/* One delivery with a text of that size for the first `count` friends, in one record. */
static void deliver(int count, size_t text_size)
{
        static uint8_t bytes[WIRE_DOWN_SIZE_MAX], text[16384];
        struct wire_delivery delivery = {.number = 1, .row = {.seq = 1, .text = slice_of(text, text_size)}};
        struct wire_frame frame = {.code = WIRE_CODE_delivery};
        uint8_t connections[8 * FRIENDS];
        struct wire_post post = {.epoch = places[0].epoch, .connections = slice_of(connections, 8 * (size_t)count)};

        memset(text, 'x', sizeof(text));
        for (int i = 0; i < count; i++)
                be64_put(connections + 8 * i, places[i].connection);
        post.frame = wire_frame_build(&frame, &delivery, bytes, bytes + sizeof(bytes));
        host_publish(&host, WIRE_CODE_post, &post);
}

static void test_one_record_reaches_all(void **state)
{
        struct wire_delivery delivery;

        (void)state;
        begin((struct frontend_options){0});
        deliver(FRIENDS - 1, 1000);
        for (int i = 0; i < FRIENDS - 1; i++) {
                (void)client_expect(&friends[i], WIRE_CODE_delivery, &delivery);
                assert_int_equal(delivery.row.text.size, 1000);
        }
        client_expect_nothing(&friends[FRIENDS - 1]);
        end();
}

static void test_a_payload_costs_no_heap_call_once_warm(void **state)
{
        (void)state;
        begin((struct frontend_options){0});
        for (int i = 0; i < 3; i++) {
                deliver(FRIENDS, 1000);
                for (int f = 0; f < FRIENDS; f++)
                        (void)client_expect(&friends[f], WIRE_CODE_delivery, NULL);
        }
        (void)memory_fail_at(0);
        deliver(FRIENDS, 1000);
        assert_int_equal(memory_fail_at(0), 0);
        end();
}

static void test_many_payloads_in_order(void **state)
{
        (void)state;
        begin((struct frontend_options){0});
        for (size_t i = 1; i <= 300; i++)
                deliver(1, i);
        for (size_t i = 1; i <= 300; i++) {
                struct wire_delivery delivery;

                (void)client_expect(&friends[0], WIRE_CODE_delivery, &delivery);
                assert_int_equal(delivery.row.text.size, i);
        }
        end();
}

static void test_a_slow_reader_is_cut_off_at_a_frames_end(void **state)
{
        struct wire_bye bye = {0};

        (void)state;
        begin((struct frontend_options){.queue_bytes_max = 100000});
        /* The pipe holds 64 KiB, the queue 100,000 bytes; the twelfth of these is too much. */
        for (int i = 0; i < 12; i++)
                deliver(1, 15000);
        assert_int_equal(frontend_counts(host.frontend).slow_closed, 1);
        assert_int_equal(host_presence(&host, 100), 0);
        assert_int_equal(client_read_to_the_end(&friends[0], &bye), WIRE_CODE_bye);
        assert_int_equal(bye.code, ERR_RESYNC);
        end();
}

static void test_a_slow_reader_that_reads_nothing_more(void **state)
{
        (void)state;
        begin((struct frontend_options){.queue_bytes_max = 100000});
        for (int i = 0; i < 12; i++)
                deliver(1, 15000);
        assert_int_equal(frontend_counts(host.frontend).connections, FRIENDS);
        host_pass(&host, 5100);
        assert_int_equal(frontend_counts(host.frontend).connections, FRIENDS - 1);
        end();
}

static void test_the_slowest_go_when_all_is_too_much(void **state)
{
        (void)state;
        begin((struct frontend_options){.send_bytes_max = 60000});
        /* The first stops reading with 64 KiB in the pipe and some queued, then others come near the limit together. */
        for (int i = 0; i < 7; i++)
                deliver(1, 15000);
        assert_int_equal(frontend_counts(host.frontend).slow_closed, 0);
        for (int i = 0; i < 3; i++)
                deliver(FRIENDS, 15000);
        assert_int_equal(frontend_counts(host.frontend).slow_closed, 1);
        assert_int_equal(frontend_counts(host.frontend).connections, FRIENDS - 1);
        for (int i = 1; i < FRIENDS; i++)
                (void)client_expect(&friends[i], WIRE_CODE_delivery, NULL);
        end();
}

static void test_revoke_of_a_device_and_of_a_user(void **state)
{
        struct client second;

        (void)state;
        begin((struct frontend_options){0});
        client_open(&host, &second);
        client_join(&second, 100, 77);
        host_publish(&host, WIRE_CODE_revoke, &(struct wire_revoke){.user = 100, .device = 77});
        client_expect_bye(&second, ERR_REVOKED);
        client_expect_nothing(&friends[0]);
        host_publish(&host, WIRE_CODE_revoke, &(struct wire_revoke){.user = 100});
        client_expect_bye(&friends[0], ERR_REVOKED);
        client_expect_nothing(&friends[1]);
        client_close(&second);
        end();
}

/* Three devices; the one in the middle reads nothing, and what is queued for it leaves no room for another's last word. */
static void test_revoke_reaches_all_though_the_budget_is_spent(void **state)
{
        enum { BUDGET = 60000, TEXT = 15000, LEFT = 20 };
        struct client three[3];
        uint64_t size, queued;

        (void)state;
        begin((struct frontend_options){.send_bytes_max = BUDGET});
        for (int i = 0; i < 3; i++) {
                client_open(&host, &three[i]);
                client_join(&three[i], 900, 70 + (uint64_t)i);
        }
        places[0] = client_place(&three[1]);
        for (int i = 0; i < 6; i++)
                deliver(1, TEXT);
        queued = frontend_counts(host.frontend).queued_bytes;
        deliver(1, TEXT);
        size = frontend_counts(host.frontend).queued_bytes - queued;
        assert_true(size >= TEXT);
        deliver(1, BUDGET - LEFT - (queued + size) - (size - TEXT));
        assert_int_equal(frontend_counts(host.frontend).slow_closed, 0);
        assert_true(frontend_counts(host.frontend).queued_bytes >= BUDGET - LEFT - 8);
        host_publish(&host, WIRE_CODE_revoke, &(struct wire_revoke){.user = 900});
        assert_int_equal(frontend_counts(host.frontend).slow_closed, 1);
        client_expect_bye(&three[0], ERR_REVOKED);
        client_expect_bye(&three[2], ERR_REVOKED);
        for (int i = 0; i < 3; i++)
                client_close(&three[i]);
        end();
}

static void test_revoke_reaches_a_join_under_way(void **state)
{
        struct wire_joined joined = {.time_ms = 1};
        struct wire_join join = {0};
        struct wire_envelope envelope;
        struct wire_frame frame;
        struct client late;

        (void)state;
        begin((struct frontend_options){0});
        client_open(&host, &late);
        client_hello(&late);
        late.device = 9;
        token_mint(&host.keys, 500, 9, late.token);
        (void)client_send(&late, WIRE_CODE_join, &join);
        envelope = host_take(&host, &frame, NULL);
        host_publish(&host, WIRE_CODE_revoke, &(struct wire_revoke){.user = 500, .device = 9});
        client_expect_bye(&late, ERR_REVOKED);
        host_post(&host, &envelope, &frame.request, WIRE_CODE_joined, &joined, WIRE_EFFECT_JOINED);
        assert_int_equal(frontend_counts(host.frontend).ready, FRIENDS);
        client_close(&late);
        end();
}

static void test_effects_that_close(void **state)
{
        struct wire_error error = {.code = ERR_REVOKED};
        uint8_t connection[8];
        struct wire_post post = {.connections = slice_of(connection, 8), .effect = WIRE_EFFECT_REPLACED};

        (void)state;
        begin((struct frontend_options){0});
        host_post(&host, &places[0], NULL, WIRE_CODE_error, &error, WIRE_EFFECT_CLOSE);
        (void)client_expect_error(&friends[0], ERR_REVOKED);
        client_expect_bye(&friends[0], ERR_REVOKED);
        post.epoch = places[1].epoch;
        be64_put(connection, places[1].connection);
        host_publish(&host, WIRE_CODE_post, &post);
        client_expect_bye(&friends[1], ERR_REPLACED);
        end();
}

/* What Join does: presence knows an entry of this epoch. */
static void set_presence(const struct presence_entry *entry)
{
        static const struct arena_source source = {memory_new, memory_free};
        struct presence_request request = {.kind = PRESENCE_SET, .entry = *entry};
        struct presence_result result;
        struct completion completion;
        struct arena arena;

        arena_init(&arena, &source, 1024, 65536);
        assert_int_equal(host.observer->ops->submit(host.observer, &request, 1, &result, &arena, 1), ERR_OK);
        assert_int_equal(host.observer->ops->poll(host.observer, &completion, 1), 1);
        arena_finish(&arena);
}

static void test_presence_is_cleaned_up(void **state)
{
        struct presence_entry entry;
        struct wire_delivery delivery = {.number = 1};
        struct wire_envelope stranger;

        (void)state;
        begin((struct frontend_options){0});
        entry = (struct presence_entry){.user = 100, .connection = places[0].connection, .epoch = places[0].epoch};
        /* At the close of a connection. */
        set_presence(&entry);
        assert_int_equal(host_presence(&host, 100), 1);
        fake_net_break(host.client_net, friends[0].socket);
        host_turn(&host);
        assert_int_equal(host_presence(&host, 100), 0);
        /* When Join wrote the entry after the connection was gone: the reply finds nobody. */
        set_presence(&entry);
        host_post(&host, &places[0], NULL, WIRE_CODE_delivery, &delivery, WIRE_EFFECT_NONE);
        assert_int_equal(host_presence(&host, 100), 0);
        /* And when it leads to an epoch before this one. */
        stranger = places[0];
        stranger.epoch.bytes[0] ^= 1;
        entry.epoch = stranger.epoch;
        set_presence(&entry);
        host_post(&host, &stranger, NULL, WIRE_CODE_delivery, &delivery, WIRE_EFFECT_NONE);
        assert_int_equal(host_presence(&host, 100), 0);
        assert_int_equal(frontend_counts(host.frontend).posts_unknown, 2);
        end();
}

static void test_a_connection_id_is_never_used_twice(void **state)
{
        struct wire_delivery delivery = {.number = 1};
        struct client next;

        (void)state;
        begin((struct frontend_options){0});
        fake_net_break(host.client_net, friends[0].socket);
        host_turn(&host);
        /* The next one gets the same slot; what was for the first does not reach it. */
        client_open(&host, &next);
        client_join(&next, 900, 9);
        host_post(&host, &places[0], NULL, WIRE_CODE_delivery, &delivery, WIRE_EFFECT_NONE);
        client_expect_nothing(&next);
        client_close(&next);
        end();
}

static void move_lowest(int friend, uint64_t version)
{
        struct wire_marks_moved moved = {.has = WIRE_HAS(marks_moved, lowest), .lowest = {.version = version}};

        host_post(&host, &places[friend], NULL, WIRE_CODE_marks_moved, &moved, WIRE_EFFECT_PATIENT);
}

static void test_what_may_wait_goes_with_the_next_and_only_the_latest_of_it(void **state)
{
        struct wire_marks_moved moved;

        (void)state;
        begin((struct frontend_options){0});
        move_lowest(0, 1);
        move_lowest(0, 2);
        client_expect_nothing(&friends[0]);
        deliver(1, 100);
        (void)client_expect(&friends[0], WIRE_CODE_marks_moved, &moved);
        assert_int_equal(moved.lowest.version, 2);
        (void)client_expect(&friends[0], WIRE_CODE_delivery, NULL);
        client_expect_nothing(&friends[0]);
        end();
}

static void test_what_may_wait_does_not_wait_for_long(void **state)
{
        struct wire_marks_moved moved;

        (void)state;
        begin((struct frontend_options){0});
        move_lowest(0, 1);
        assert_true(host_pass(&host, OUTPUT_PATIENCE_MS - 1));
        client_expect_nothing(&friends[0]);
        move_lowest(1, 1);
        move_lowest(0, 2); /* does not begin to wait anew */
        assert_true(host_pass(&host, 1));
        (void)client_expect(&friends[0], WIRE_CODE_marks_moved, &moved);
        assert_int_equal(moved.lowest.version, 2);
        client_expect_nothing(&friends[0]);
        client_expect_nothing(&friends[1]);
        move_lowest(0, 3); /* after what was written */
        assert_true(host_pass(&host, OUTPUT_PATIENCE_MS));
        (void)client_expect(&friends[0], WIRE_CODE_marks_moved, &moved);
        assert_int_equal(moved.lowest.version, 3);
        (void)client_expect(&friends[1], WIRE_CODE_marks_moved, &moved);
        assert_int_equal(moved.lowest.version, 1);
        end();
}

static void test_who_is_closed_may_have_had_something_that_waits(void **state)
{
        (void)state;
        begin((struct frontend_options){0});
        move_lowest(0, 1);
        host_publish(&host, WIRE_CODE_revoke, &(struct wire_revoke){.user = 100});
        (void)client_expect(&friends[0], WIRE_CODE_marks_moved, NULL);
        client_expect_bye(&friends[0], ERR_REVOKED);
        move_lowest(1, 1);
        fake_net_break(host.client_net, friends[1].socket);
        host_turn(&host);
        end();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_one_record_reaches_all),
                cmocka_unit_test(test_a_payload_costs_no_heap_call_once_warm),
                cmocka_unit_test(test_many_payloads_in_order),
                cmocka_unit_test(test_a_slow_reader_is_cut_off_at_a_frames_end),
                cmocka_unit_test(test_a_slow_reader_that_reads_nothing_more),
                cmocka_unit_test(test_the_slowest_go_when_all_is_too_much),
                cmocka_unit_test(test_revoke_of_a_device_and_of_a_user),
                cmocka_unit_test(test_revoke_reaches_all_though_the_budget_is_spent),
                cmocka_unit_test(test_revoke_reaches_a_join_under_way),
                cmocka_unit_test(test_effects_that_close),
                cmocka_unit_test(test_presence_is_cleaned_up),
                cmocka_unit_test(test_a_connection_id_is_never_used_twice),
                cmocka_unit_test(test_what_may_wait_goes_with_the_next_and_only_the_latest_of_it),
                cmocka_unit_test(test_what_may_wait_does_not_wait_for_long),
                cmocka_unit_test(test_who_is_closed_may_have_had_something_that_waits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
