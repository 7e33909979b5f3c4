/* Deliveries of a room that came together, or that more follow at once, go to each as one piece, whole and in order, whatever else he gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/memory.h"
#include "frontend/output.h"
#include "frontend/run.h"
#include "support/frontend_host.h"

#define MEMBERS (OUTPUT_GATHER_MIN + 1)

_Static_assert(MEMBERS > RUN_CONNECTIONS_MIN, "and a run for all but one");

static struct host host;
static struct client members[MEMBERS];
static struct wire_envelope places[MEMBERS];
static const struct id rooms[2] = {{.bytes = {1}}, {.bytes = {2}}};

static void begin(struct frontend_options options)
{
        host_start(&host, &options);
        for (int i = 0; i < MEMBERS; i++) {
                client_open(&host, &members[i]);
                client_join(&members[i], 100 + (uint64_t)i, 1);
                places[i] = client_place(&members[i]);
        }
}

static void end(void)
{
        for (int i = 0; i < MEMBERS; i++)
                client_close(&members[i]);
        host_turn(&host);
        assert_int_equal(frontend_counts(host.frontend).queued_bytes, 0);
        assert_int_equal(host.frontend->sends.count, 0);
        assert_int_equal(host.frontend->runs.count, 0);
        host_stop(&host);
}

/* Row `number` of a room for all but one, read together with what else is published before the next turn. */
static void deliver(const struct id *room, uint64_t number, int but, size_t text_size)
{
        static uint8_t bytes[WIRE_DOWN_SIZE_MAX], text[16384];
        struct wire_delivery delivery = {.number = number, .row = {.seq = number, .text = slice_of(text, text_size)}};
        struct wire_frame frame = {.code = WIRE_CODE_delivery, .room = *room};
        uint8_t connections[8 * MEMBERS];
        struct wire_post post = {.epoch = places[0].epoch};

        memset(text, 'a' + (int)(number % 26), text_size);
        for (int i = 0; i < MEMBERS; i++)
                if (i != but) {
                        be64_put(connections + post.connections.size, places[i].connection);
                        post.connections = slice_of(connections, post.connections.size + 8);
                }
        post.frame = wire_frame_build(&frame, &delivery, bytes, bytes + sizeof(bytes));
        host_publish_only(&host, WIRE_CODE_post, &post);
}

/* What only one of them gets, read together with the others. */
static void move_marks(int member)
{
        struct wire_marks_moved moved = {.has = WIRE_HAS(marks_moved, marks)};
        struct wire_frame frame = {.code = WIRE_CODE_marks_moved, .room = rooms[0]};
        uint8_t bytes[256], connection[8];
        struct wire_post post = {.epoch = places[0].epoch, .connections = slice_of(connection, sizeof(connection))};

        be64_put(connection, places[member].connection);
        post.frame = wire_frame_build(&frame, &moved, bytes, bytes + sizeof(bytes));
        host_publish_only(&host, WIRE_CODE_post, &post);
}

static void expect(int member, const struct id *room, uint64_t number, size_t text_size)
{
        struct wire_delivery delivery;
        struct wire_frame frame = client_expect(&members[member], WIRE_CODE_delivery, &delivery);

        assert_true(id_equal(&frame.room, room));
        assert_int_equal(delivery.number, number);
        assert_int_equal(delivery.row.text.size, text_size);
        for (size_t i = 0; i < text_size; i++)
                assert_int_equal(delivery.row.text.data[i], 'a' + number % 26);
}

static void test_what_comes_together_arrives_whole_and_in_order(void **state)
{
        (void)state;
        begin((struct frontend_options){0});
        for (uint64_t number = 1; number <= 5; number++)
                deliver(&rooms[0], number, (int)number, 100 * (size_t)number);
        host_turn(&host);
        for (int i = 0; i < MEMBERS; i++) {
                for (uint64_t number = 1; number <= 5; number++)
                        if (i != (int)number)
                                expect(i, &rooms[0], number, 100 * (size_t)number);
                client_expect_nothing(&members[i]);
        }
        end();
}

static void test_rooms_and_answers_in_between_keep_the_order(void **state)
{
        (void)state;
        begin((struct frontend_options){0});
        deliver(&rooms[0], 1, -1, 50);
        deliver(&rooms[1], 1, -1, 60);
        deliver(&rooms[0], 2, -1, 70);
        deliver(&rooms[1], 2, -1, 80);
        move_marks(3);
        deliver(&rooms[0], 3, -1, 90);
        host_turn(&host);
        for (int i = 0; i < MEMBERS; i++) {
                expect(i, &rooms[0], 1, 50);
                expect(i, &rooms[1], 1, 60);
                expect(i, &rooms[0], 2, 70);
                expect(i, &rooms[1], 2, 80);
                if (i == 3)
                        (void)client_expect(&members[i], WIRE_CODE_marks_moved, NULL);
                expect(i, &rooms[0], 3, 90);
        }
        end();
}

/* Fills member 0's pipe, so that what follows stays queued. */
static void stop_reading(void)
{
        for (uint64_t number = 1; number <= 5; number++) {
                deliver(&rooms[1], number, -1, 15000);
                host_turn(&host);
                for (int i = 1; i < MEMBERS; i++)
                        expect(i, &rooms[1], number, 15000);
        }
        assert_true(frontend_counts(host.frontend).queued_bytes > 0);
}

static void test_it_is_one_place_in_a_queue(void **state)
{
        uint64_t bytes;
        uint32_t places_before;

        (void)state;
        begin((struct frontend_options){0});
        stop_reading();
        places_before = host.frontend->sends.count;
        bytes = frontend_counts(host.frontend).queued_bytes;
        for (uint64_t number = 1; number <= 20; number++)
                deliver(&rooms[0], number, 5, 100);
        host_turn(&host);
        assert_int_equal(host.frontend->sends.count, places_before + 1);
        assert_true(frontend_counts(host.frontend).queued_bytes >= bytes + 20 * 100);
        for (uint64_t number = 1; number <= 5; number++)
                expect(0, &rooms[1], number, 15000);
        for (uint64_t number = 1; number <= 20; number++)
                expect(0, &rooms[0], number, 100);
        end();
}

/* More than one block holds. */
static void test_large_ones_too(void **state)
{
        (void)state;
        begin((struct frontend_options){0});
        for (uint64_t number = 1; number <= 4; number++)
                deliver(&rooms[0], number, -1, 7000);
        host_turn(&host);
        for (int i = 0; i < MEMBERS; i++)
                for (uint64_t number = 1; number <= 4; number++)
                        expect(i, &rooms[0], number, 7000);
        end();
}

static void test_who_is_cut_off_in_a_run_gets_whole_frames(void **state)
{
        (void)state;
        for (size_t size = 900; size < 1000; size += 19) {
                struct wire_bye bye = {0};

                begin((struct frontend_options){.queue_bytes_max = 30000});
                for (uint64_t number = 1; frontend_counts(host.frontend).slow_closed == 0; number += 10) {
                        assert_true(number < 1000);
                        for (uint64_t i = 0; i < 10; i++)
                                deliver(&rooms[0], number + i, -1, size);
                        host_turn(&host);
                        for (int i = 1; i < MEMBERS; i++)
                                for (uint64_t n = 0; n < 10; n++)
                                        expect(i, &rooms[0], number + n, size);
                }
                assert_int_equal(frontend_counts(host.frontend).slow_closed, 1);
                assert_int_equal(client_read_to_the_end(&members[0], &bye), WIRE_CODE_bye);
                assert_int_equal(bye.code, ERR_RESYNC);
                end();
        }
}

static void test_a_run_costs_no_heap_call_once_warm(void **state)
{
        (void)state;
        begin((struct frontend_options){0});
        for (int round = 0; round < 3; round++) {
                if (round == 2)
                        (void)memory_fail_at(0);
                for (uint64_t number = 1; number <= 3; number++)
                        deliver(&rooms[0], number, -1, 500);
                host_turn(&host);
                if (round == 2)
                        assert_int_equal(memory_fail_at(0), 0);
                for (int i = 0; i < MEMBERS; i++)
                        for (uint64_t number = 1; number <= 3; number++)
                                expect(i, &rooms[0], number, 500);
        }
        end();
}

/* A write of member 0 to the first room, and whoever is to answer it. */
static struct wire_envelope writer;
static struct id under_way;

static void begin_while_a_write_is_under_way(struct frontend_options options)
{
        struct wire_operation operation = {.id.bytes = {1}, .kind = 1, .text = SLICE_LITERAL("hello")};
        struct wire_write write = {.operations = {.items = &operation, .count = 1}};
        struct wire_frame frame;

        begin(options);
        under_way = client_send(&members[0], WIRE_CODE_write, &write);
        writer = host_take(&host, &frame, NULL);
        assert_int_equal(frame.code, WIRE_CODE_write);
}

static void answer(void)
{
        host_post(&host, &writer, &under_way, WIRE_CODE_written, &(struct wire_written){0}, WIRE_EFFECT_NONE);
}

static void test_what_more_will_follow_at_once_waits_for_it(void **state)
{
        (void)state;
        begin_while_a_write_is_under_way((struct frontend_options){0});
        deliver(&rooms[0], 1, 0, 100);
        for (int i = 1; i < MEMBERS; i++)
                client_expect_nothing(&members[i]);
        deliver(&rooms[0], 2, 0, 100);
        answer();
        assert_int_equal(host.frontend->sends.count, 0);
        for (int i = 1; i < MEMBERS; i++) {
                expect(i, &rooms[0], 1, 100);
                expect(i, &rooms[0], 2, 100);
        }
        (void)client_expect(&members[0], WIRE_CODE_written, NULL);
        deliver(&rooms[0], 3, 0, 100); /* nothing is under way */
        for (int i = 1; i < MEMBERS; i++)
                expect(i, &rooms[0], 3, 100);
        end();
}

static void test_it_does_not_wait_for_long(void **state)
{
        (void)state;
        begin_while_a_write_is_under_way((struct frontend_options){0});
        for (uint64_t number = 1; number < 10; number += 2) {
                deliver(&rooms[0], number, 0, 100);
                host_turn(&host);
                assert_true(host_pass(&host, 1));
                deliver(&rooms[0], number + 1, 0, 100);
                client_expect_nothing(&members[MEMBERS - 1]);
                assert_int_equal(frontend_wait_ms(host.frontend), OUTPUT_GATHER_MS - 1);
                assert_true(host_pass(&host, OUTPUT_GATHER_MS - 1));
                for (int i = 1; i < MEMBERS; i++) {
                        expect(i, &rooms[0], number, 100);
                        expect(i, &rooms[0], number + 1, 100);
                }
        }
        answer();
        (void)client_expect(&members[0], WIRE_CODE_written, NULL);
        end();
}

static void test_others_do_not_wait(void **state)
{
        (void)state;
        begin_while_a_write_is_under_way((struct frontend_options){0});
        deliver(&rooms[0], 1, 0, 100);
        client_expect_nothing(&members[1]);
        move_marks(2); /* what waits goes with it */
        expect(2, &rooms[0], 1, 100);
        (void)client_expect(&members[2], WIRE_CODE_marks_moved, NULL);
        deliver(&rooms[1], 1, -1, 50); /* of another room */
        for (int i = 0; i < MEMBERS; i++) {
                if (i != 0 && i != 2)
                        expect(i, &rooms[0], 1, 100);
                expect(i, &rooms[1], 1, 50);
        }
        answer();
        (void)client_expect(&members[0], WIRE_CODE_written, NULL);
        end();
}

static void test_a_write_that_is_given_up_is_not_waited_for(void **state)
{
        (void)state;
        begin_while_a_write_is_under_way((struct frontend_options){.reply_ms = 1000});
        assert_true(host_pass(&host, 1000));
        (void)client_expect_error(&members[0], ERR_UNKNOWN);
        deliver(&rooms[0], 1, 0, 100);
        expect(1, &rooms[0], 1, 100);
        deliver(&rooms[0], 2, 0, 100);
        for (int i = 1; i < MEMBERS; i++) {
                if (i > 1)
                        expect(i, &rooms[0], 1, 100);
                expect(i, &rooms[0], 2, 100);
        }
        end();
}

static void test_who_leaves_while_it_waits(void **state)
{
        (void)state;
        begin_while_a_write_is_under_way((struct frontend_options){0});
        deliver(&rooms[0], 1, 0, 100);
        host_turn(&host);
        fake_net_break(host.client_net, members[1].socket);
        host_publish(&host, WIRE_CODE_revoke, &(struct wire_revoke){.user = 102});
        expect(2, &rooms[0], 1, 100);
        client_expect_bye(&members[2], ERR_REVOKED);
        answer();
        for (int i = 3; i < MEMBERS; i++)
                expect(i, &rooms[0], 1, 100);
        end();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_comes_together_arrives_whole_and_in_order),
                cmocka_unit_test(test_rooms_and_answers_in_between_keep_the_order),
                cmocka_unit_test(test_it_is_one_place_in_a_queue),
                cmocka_unit_test(test_large_ones_too),
                cmocka_unit_test(test_who_is_cut_off_in_a_run_gets_whole_frames),
                cmocka_unit_test(test_a_run_costs_no_heap_call_once_warm),
                cmocka_unit_test(test_what_more_will_follow_at_once_waits_for_it),
                cmocka_unit_test(test_it_does_not_wait_for_long),
                cmocka_unit_test(test_others_do_not_wait),
                cmocka_unit_test(test_a_write_that_is_given_up_is_not_waited_for),
                cmocka_unit_test(test_who_leaves_while_it_waits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
