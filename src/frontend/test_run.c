/* Deliveries of a room that came together go to each as one piece, whole and in order, whatever else he gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/memory.h"
#include "frontend/run.h"
#include "support/frontend_host.h"

#define MEMBERS (RUN_CONNECTIONS_MIN + 1)

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
        for (size_t size = 900; size < 1000; size += 7) {
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_comes_together_arrives_whole_and_in_order),
                cmocka_unit_test(test_rooms_and_answers_in_between_keep_the_order),
                cmocka_unit_test(test_it_is_one_place_in_a_queue),
                cmocka_unit_test(test_large_ones_too),
                cmocka_unit_test(test_who_is_cut_off_in_a_run_gets_whole_frames),
                cmocka_unit_test(test_a_run_costs_no_heap_call_once_warm),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
