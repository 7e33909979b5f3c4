/* L6: claim races of frontends with one index; the end of a frontend; L5: what happens after a suspected loss. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/memory.h"
#include "support/faulty_presence.h"
#include "support/frontend_host.h"

static struct host host;

/* One more frontend with the same index on the same bus: another machine that was given the wrong number. */
struct rival {
        struct bus *bus;
        struct presence *presence;
        struct net *net;
        struct frontend *frontend;
};

static void rival_start(struct rival *rival, uint8_t machine, uint32_t claim_wait_ms)
{
        struct frontend_options options = {.claim_wait_ms = claim_wait_ms};
        struct frontend_seams seams = host_seams(&host);

        assert_int_equal(bus_embedded_open(host.embedded, &rival->bus), ERR_OK);
        assert_int_equal(presence_memory_open(host.memory, &rival->presence), ERR_OK);
        rival->net = fake_world_net(host.world, machine);
        seams.bus = rival->bus;
        seams.presence = rival->presence;
        seams.net = rival->net;
        assert_int_equal(frontend_new(&options, &seams, &rival->frontend), ERR_OK);
}

static void rival_stop(struct rival *rival)
{
        rival->presence->ops->free(&rival->presence);
        frontend_free(&rival->frontend);
        rival->bus->ops->free(&rival->bus);
        rival->net->ops->free(&rival->net);
}

/* Some turns of both, the first first. */
static void both(struct rival *first, struct rival *second, uint64_t ms)
{
        for (uint64_t passed = 0; passed <= ms; passed += 100) {
                for (int i = 0; i < 4; i++) {
                        (void)frontend_turn(first->frontend, 0);
                        (void)frontend_turn(second->frontend, 0);
                }
                host.clock.now_us += 100000;
                host.clock.wall_ms += 100;
        }
}

static void tell(uint8_t state, const struct id *epoch, const struct id *answers)
{
        struct wire_claim claim = {.state = state, .epoch = *epoch};

        if (answers)
                claim.answers = *answers;
        host_publish(&host, WIRE_CODE_claim, &claim);
}

static void test_a_newcomer_is_told_that_the_place_is_taken(void **state)
{
        struct frontend_options options = {.claim_wait_ms = 2000};
        struct frontend_seams seams;
        struct rival late;
        struct client alice;

        (void)state;
        host_start_seams(&host);
        seams = host_seams(&host);
        assert_int_equal(frontend_new(&options, &seams, &host.frontend), ERR_OK);
        assert_int_equal(frontend_listen(host.frontend, "10.0.0.1", 99, false, NULL), ERR_OK);
        host.port = 99;
        host_pass(&host, 1500);
        assert_false(frontend_serves(host.frontend));
        host_pass(&host, 700);
        assert_true(frontend_serves(host.frontend));
        client_open(&host, &alice);
        client_join(&alice, 42, 7);
        rival_start(&late, 3, 2000);
        for (int i = 0; i < 20; i++) {
                (void)frontend_turn(late.frontend, 0);
                host_turn(&host);
        }
        assert_false(frontend_turn(late.frontend, 0));
        assert_true(frontend_serves(host.frontend));
        client_expect_nothing(&alice);
        rival_stop(&late);
        client_close(&alice);
        host_stop(&host);
}

static void test_of_two_newcomers_one_serves(void **state)
{
        struct rival first, second;

        (void)state;
        for (int wait = 0; wait <= 2000; wait += 2000) {
                host_start_seams(&host);
                rival_start(&first, 3, (uint32_t)wait);
                rival_start(&second, 4, (uint32_t)wait);
                both(&first, &second, 5000);
                assert_int_equal(frontend_serves(first.frontend) + frontend_serves(second.frontend), 1);
                rival_stop(&first);
                rival_stop(&second);
                host_stop(&host);
        }
}

static void test_a_holder_that_sleeps_too_long_closes_its_clients(void **state)
{
        struct frontend_options options = {.claim_wait_ms = 2000};
        struct client alice;
        struct rival late;

        (void)state;
        host_start_seams(&host);
        {
                struct frontend_seams seams = host_seams(&host);

                assert_int_equal(frontend_new(&options, &seams, &host.frontend), ERR_OK);
                assert_int_equal(frontend_listen(host.frontend, "10.0.0.1", 99, false, NULL), ERR_OK);
                host.port = 99;
        }
        host_pass(&host, 2500);
        client_open(&host, &alice);
        client_join(&alice, 42, 7);
        /* The holder does not run while the other claims and is accepted. */
        rival_start(&late, 3, 2000);
        for (int i = 0; i < 30; i++) {
                (void)frontend_turn(late.frontend, 0);
                host.clock.now_us += 100000;
        }
        assert_true(frontend_serves(late.frontend));
        for (int i = 0; i < 10; i++) {
                (void)frontend_turn(host.frontend, 0);
                (void)frontend_turn(late.frontend, 0);
        }
        assert_false(frontend_serves(host.frontend));
        client_expect_bye(&alice, ERR_DRAINING);
        assert_false(frontend_turn(host.frontend, 0));
        /* Its answer came after "accepted": the other goes on. */
        assert_true(frontend_serves(late.frontend));
        rival_stop(&late);
        client_close(&alice);
        host_stop(&host);
}

static void test_the_order_in_the_partition_decides(void **state)
{
        static const struct id other = {{9}}, third = {{8}};
        struct frontend_options options = {0};
        struct id own;

        (void)state;
        host_start(&host, &options);
        own = frontend_epoch(host.frontend);
        /* A late answer, and "accepted" of one that we refused before: both count for nothing. */
        tell(WIRE_CLAIM_HELD, &other, &own);
        assert_true(frontend_serves(host.frontend));
        tell(WIRE_CLAIM_CLAIM, &other, NULL);
        tell(WIRE_CLAIM_ACCEPTED, &other, NULL);
        assert_true(frontend_serves(host.frontend));
        tell(WIRE_CLAIM_ACCEPTED, &third, NULL);
        assert_false(frontend_serves(host.frontend));
        host_stop(&host);
}

static void test_an_index_beyond_the_partitions(void **state)
{
        struct frontend_options options = {.index = 2};
        struct frontend_seams seams;

        (void)state;
        host_start_seams(&host);
        seams = host_seams(&host);
        assert_int_equal(frontend_new(&options, &seams, &host.frontend), ERR_CONFIG);
        assert_null(host.frontend);
        host_stop(&host);
}

/* ---- the end ---- */

static void test_drain_waits_for_replies(void **state)
{
        struct frontend_options options = {0};
        struct wire_mark mark = {.read = 1};
        struct wire_envelope envelope;
        struct wire_frame frame;
        struct client alice, bob;

        (void)state;
        host_start(&host, &options);
        client_open(&host, &alice);
        client_join(&alice, 42, 7);
        client_open(&host, &bob);
        client_join(&bob, 43, 8);
        (void)client_send(&alice, WIRE_CODE_mark, &mark);
        envelope = host_take(&host, &frame, NULL);
        frontend_drain(host.frontend, 1000);
        assert_true(host_pass(&host, 1100));
        client_expect_bye(&bob, ERR_DRAINING);
        client_expect_nothing(&alice);
        host_post(&host, &envelope, &frame.request, WIRE_CODE_marked, &(struct wire_marked){0}, WIRE_EFFECT_NONE);
        (void)client_expect(&alice, WIRE_CODE_marked, NULL);
        client_expect_bye(&alice, ERR_DRAINING);
        assert_false(host_pass(&host, 100));
        client_close(&alice);
        client_close(&bob);
        host_stop(&host);
}

static void test_drain_spreads_and_takes_no_new_ones(void **state)
{
        enum { MANY = 20 };
        struct frontend_options options = {0};
        struct client clients[MANY];
        int left;

        (void)state;
        host_start(&host, &options);
        for (int i = 0; i < MANY; i++) {
                client_open(&host, &clients[i]);
                client_join(&clients[i], 100 + (uint64_t)i, 1);
        }
        frontend_drain(host.frontend, 2000);
        host_pass(&host, 1000);
        left = (int)frontend_counts(host.frontend).ready;
        assert_in_range(left, MANY / 2 - 2, MANY / 2 + 2);
        for (int i = 0; i < MANY - left; i++)
                client_expect_bye(&clients[i], ERR_DRAINING);
        assert_int_equal(frontend_counts(host.frontend).connections, left);
        assert_int_equal(fake_net_open(host.net), left);
        assert_true(host_pass(&host, 1500));
        for (int i = MANY - left; i < MANY; i++)
                client_expect_bye(&clients[i], ERR_DRAINING);
        assert_false(host_turn(&host));
        for (int i = 0; i < MANY; i++)
                client_close(&clients[i]);
        host_stop(&host);
}

static void test_drain_ends_though_a_client_reads_nothing(void **state)
{
        static uint8_t text[16384];
        struct frontend_options options = {.queue_bytes_max = 1 << 20};
        struct wire_delivery delivery = {.row = {.seq = 1, .text = slice_of(text, sizeof(text))}};
        struct wire_envelope envelope;
        struct wire_mark mark = {.read = 1};
        struct wire_frame frame;
        struct client alice;

        (void)state;
        memset(text, 'x', sizeof(text));
        host_start(&host, &options);
        client_open(&host, &alice);
        client_join(&alice, 42, 7);
        (void)client_send(&alice, WIRE_CODE_mark, &mark);
        envelope = host_take(&host, &frame, NULL);
        for (int i = 0; i < 10; i++)
                host_post(&host, &envelope, NULL, WIRE_CODE_delivery, &delivery, WIRE_EFFECT_NONE);
        frontend_drain(host.frontend, 0);
        assert_false(host_pass(&host, 20000));
        client_close(&alice);
        host_stop(&host);
}

/* ---- suspected loss ---- */

static void joined_in_presence(struct client *client, uint64_t user)
{
        client_open(&host, client);
        client_join(client, user, 1);
}

static void test_presence_that_forgot_is_told_again(void **state)
{
        struct frontend_options options = {0};
        struct client clients[3];
        struct wire_rejoin rejoin;

        (void)state;
        host_start(&host, &options);
        for (int i = 0; i < 3; i++)
                joined_in_presence(&clients[i], 100 + (uint64_t)i);
        host_pass(&host, PRESENCE_BEAT_MS);
        assert_int_equal(host_presence(&host, 101), 0);
        presence_memory_forget(host.memory, PRESENCE_FORGET_ALL);
        host_pass(&host, PRESENCE_BEAT_MS + 200);
        for (int i = 0; i < 3; i++) {
                assert_int_equal(host_presence(&host, 100 + (uint64_t)i), 1);
                (void)client_expect(&clients[i], WIRE_CODE_rejoin, &rejoin);
                assert_true(rejoin.within_ms >= 1000);
                client_expect_nothing(&clients[i]);
                client_close(&clients[i]);
        }
        host_turn(&host);
        host_stop(&host);
}

static void test_a_lost_delivery_makes_clients_join_again(void **state)
{
        struct frontend_options options = {0};
        struct wire_lost lost = {0};
        struct client alice;

        (void)state;
        host_start(&host, &options);
        joined_in_presence(&alice, 42);
        lost = (struct wire_lost){.epoch.bytes = {1}};
        host_publish(&host, WIRE_CODE_lost, &lost);
        client_expect_nothing(&alice);
        lost.epoch = frontend_epoch(host.frontend);
        host_publish(&host, WIRE_CODE_lost, &lost);
        (void)client_expect(&alice, WIRE_CODE_rejoin, NULL);
        assert_int_equal(host_presence(&host, 42), 1);
        client_close(&alice);
        host_stop(&host);
}

/* A frontend that serves, on a presence that does one fault. */
static void start_on_faulty_presence(struct fault_nth *fault)
{
        struct frontend_options options = {0};
        struct frontend_seams seams;
        struct presence *faulty;
        struct net_address bound;

        host_start_seams(&host);
        assert_int_equal(faulty_presence_new(host.presence, &fault->plan, &faulty), ERR_OK);
        host.presence = faulty;
        seams = host_seams(&host);
        assert_int_equal(frontend_new(&options, &seams, &host.frontend), ERR_OK);
        assert_int_equal(frontend_listen(host.frontend, "10.0.0.1", 0, false, &bound), ERR_OK);
        host.port = bound.port;
        host_turn(&host);
        assert_true(frontend_serves(host.frontend));
}

/* The first beat fails, and before the second presence loses all that it knew: it never knew this frontend to beat. */
static void test_what_was_forgotten_before_the_first_beat_is_told_again(void **state)
{
        struct fault_nth fault;
        struct client alice;

        (void)state;
        fault_nth_init(&fault, FAULT_PRESENCE, 1, FAULT_FAIL);
        start_on_faulty_presence(&fault);
        joined_in_presence(&alice, 42);
        assert_int_equal(fault.seen, 1);
        presence_memory_forget(host.memory, PRESENCE_FORGET_ALL);
        host_pass(&host, 2000);
        (void)client_expect(&alice, WIRE_CODE_rejoin, NULL);
        assert_int_equal(host_presence(&host, 42), 1);
        client_close(&alice);
        host_stop(&host);
}

/* A worker's mark is told once. The answer to that beat gets lost, and the next one knows nothing of it. */
static void test_a_mark_in_a_lost_answer_makes_clients_join_again(void **state)
{
        static const struct arena_source source = {memory_new, memory_free};
        struct presence_request mark = {.kind = PRESENCE_MARK_LOST};
        struct presence_result result = {0};
        struct completion completion;
        struct fault_nth fault;
        struct client alice;
        struct arena arena;

        (void)state;
        fault_nth_init(&fault, FAULT_PRESENCE, 2, FAULT_UNCERTAIN);
        start_on_faulty_presence(&fault);
        joined_in_presence(&alice, 42);
        mark.entry.epoch = frontend_epoch(host.frontend);
        arena_init(&arena, &source, 1024, 65536);
        assert_int_equal(host.observer->ops->submit(host.observer, &mark, 1, &result, &arena, 1), ERR_OK);
        assert_int_equal(host.observer->ops->poll(host.observer, &completion, 1), 1);
        arena_finish(&arena);
        assert_int_equal(fault.seen, 1);
        host_pass(&host, PRESENCE_BEAT_MS + 100);
        assert_int_equal(fault.seen, 2);
        client_expect_nothing(&alice);
        host_pass(&host, 2000);
        (void)client_expect(&alice, WIRE_CODE_rejoin, NULL);
        client_close(&alice);
        host_stop(&host);
}

/* The client does nothing but what keeps its connection. */
static void stay(struct client *client, uint64_t ms)
{
        struct wire_ping ping = {.echo = 1};

        host_pass(&host, ms);
        (void)client_send(client, WIRE_CODE_ping, &ping);
        (void)client_expect(client, WIRE_CODE_pong, NULL);
}

/* Both are told to join again; he does, she does not, and nearly all of her time passes. */
static void only_bob_joins_again(struct client *alice, struct client *bob)
{
        struct wire_joined joined = {.time_ms = 1};
        struct wire_join join = {0};
        struct wire_lost lost = {0};
        struct wire_envelope envelope;
        struct wire_frame frame;

        joined_in_presence(alice, 42);
        joined_in_presence(bob, 43);
        host_publish(&host, WIRE_CODE_lost, &lost);
        (void)client_expect(alice, WIRE_CODE_rejoin, NULL);
        (void)client_expect(bob, WIRE_CODE_rejoin, NULL);
        (void)client_send(bob, WIRE_CODE_join, &join);
        envelope = host_take(&host, &frame, NULL);
        host_post(&host, &envelope, &frame.request, WIRE_CODE_joined, &joined, WIRE_EFFECT_JOINED);
        (void)client_expect(bob, WIRE_CODE_joined, NULL);
        for (int i = 0; i < 5; i++) {
                stay(alice, 59000);
                stay(bob, 0);
        }
}

/* What was lost may have been her revoke: one that does not ask whether she may still be here is not kept for ever. */
static void test_who_does_not_join_again_is_closed(void **state)
{
        struct frontend_options options = {0};
        struct client alice, bob;

        (void)state;
        host_start(&host, &options);
        only_bob_joins_again(&alice, &bob);
        host_pass(&host, 10000);
        client_expect_bye(&alice, ERR_RESYNC);
        client_expect_nothing(&bob);
        client_close(&alice);
        client_close(&bob);
        host_stop(&host);
}

/* A second loss just before the end of the first one's time: who has joined since has his time again. */
static void test_each_loss_gives_its_own_time(void **state)
{
        struct frontend_options options = {0};
        struct wire_lost lost = {0};
        struct client alice, bob;

        (void)state;
        host_start(&host, &options);
        only_bob_joins_again(&alice, &bob);
        host_publish(&host, WIRE_CODE_lost, &lost);
        (void)client_expect(&alice, WIRE_CODE_rejoin, NULL);
        (void)client_expect(&bob, WIRE_CODE_rejoin, NULL);
        host_pass(&host, 10000);
        client_expect_bye(&alice, ERR_RESYNC);
        for (int i = 0; i < 4; i++)
                stay(&bob, 59000);
        client_expect_nothing(&bob);
        stay(&bob, 45000);
        host_pass(&host, 20000);
        client_expect_bye(&bob, ERR_RESYNC);
        client_close(&alice);
        client_close(&bob);
        host_stop(&host);
}

/* Her Join asked the store before the revoke that was lost, and is answered after it. */
static void test_a_join_from_before_the_loss_counts_for_nothing(void **state)
{
        struct frontend_options options = {0};
        struct wire_joined joined = {.time_ms = 1};
        struct wire_join join = {0};
        struct wire_lost lost = {0};
        struct wire_envelope envelope;
        struct wire_frame frame;
        struct client alice;

        (void)state;
        host_start(&host, &options);
        joined_in_presence(&alice, 42);
        (void)client_send(&alice, WIRE_CODE_join, &join);
        envelope = host_take(&host, &frame, NULL);
        host_pass(&host, 100);
        host_publish(&host, WIRE_CODE_lost, &lost);
        (void)client_expect(&alice, WIRE_CODE_rejoin, NULL);
        host_post(&host, &envelope, &frame.request, WIRE_CODE_joined, &joined, WIRE_EFFECT_JOINED);
        (void)client_expect(&alice, WIRE_CODE_joined, NULL);
        for (int i = 0; i < 5; i++)
                stay(&alice, 59000);
        host_pass(&host, 10000);
        client_expect_bye(&alice, ERR_RESYNC);
        client_close(&alice);
        host_stop(&host);
}

/* What waited there before goes: it may be of a past that the store has left (L9), and the client joins again in any case. */
static void test_rejoin_waits_behind_a_join_under_way(void **state)
{
        struct frontend_options options = {0};
        struct wire_delivery delivery = {.number = 9};
        struct wire_joined joined = {.time_ms = 1};
        struct wire_join join = {0};
        struct wire_envelope envelope;
        struct wire_frame frame;
        struct wire_lost lost = {0};
        struct client alice;

        (void)state;
        host_start(&host, &options);
        client_open(&host, &alice);
        client_hello(&alice);
        alice.device = 7;
        token_mint(&host.keys, 42, 7, alice.token);
        (void)client_send(&alice, WIRE_CODE_join, &join);
        envelope = host_take(&host, &frame, NULL);
        host_post(&host, &envelope, NULL, WIRE_CODE_delivery, &delivery, WIRE_EFFECT_NONE);
        lost.epoch = frontend_epoch(host.frontend);
        host_publish(&host, WIRE_CODE_lost, &lost);
        client_expect_nothing(&alice);
        host_post(&host, &envelope, &frame.request, WIRE_CODE_joined, &joined, WIRE_EFFECT_JOINED);
        (void)client_expect(&alice, WIRE_CODE_joined, NULL);
        (void)client_expect(&alice, WIRE_CODE_rejoin, NULL);
        client_expect_nothing(&alice);
        client_close(&alice);
        host_stop(&host);
}

static void test_many_are_republished_and_told(void **state)
{
        enum { MANY = 600 };
        struct frontend_options options = {.address_connections = MANY, .address_frames = 100000};
        struct client *clients = memory_new(MANY * sizeof(*clients));
        struct wire_lost lost = {0};

        (void)state;
        assert_non_null(clients);
        host_start(&host, &options);
        for (int i = 0; i < MANY; i++) {
                joined_in_presence(&clients[i], 1000 + (uint64_t)i);
                /* Their input buffers are large; the test needs none of it any more. */
                clients[i].input = memory_resize(clients[i].input, 1);
        }
        lost.epoch = frontend_epoch(host.frontend);
        host_publish(&host, WIRE_CODE_lost, &lost);
        for (int i = 0; i < 10; i++)
                host_turn(&host);
        for (int i = 0; i < MANY; i++) {
                uint8_t bytes[64];
                size_t got;

                assert_int_equal(host_presence(&host, 1000 + (uint64_t)i), 1);
                assert_int_equal(host.client_net->ops->read(host.client_net, clients[i].socket, bytes, sizeof(bytes), &got),
                                 ERR_OK);
                assert_int_equal(bytes[4], WIRE_CODE_rejoin);
                client_close(&clients[i]);
        }
        host_turn(&host);
        assert_int_equal(frontend_counts(host.frontend).connections, 0);
        for (int i = 0; i < 10; i++)
                host_turn(&host);
        assert_int_equal(host_presence(&host, 1000), 0);
        host_stop(&host);
        memory_free(clients);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_newcomer_is_told_that_the_place_is_taken),
                cmocka_unit_test(test_of_two_newcomers_one_serves),
                cmocka_unit_test(test_a_holder_that_sleeps_too_long_closes_its_clients),
                cmocka_unit_test(test_the_order_in_the_partition_decides),
                cmocka_unit_test(test_an_index_beyond_the_partitions),
                cmocka_unit_test(test_drain_waits_for_replies),
                cmocka_unit_test(test_drain_spreads_and_takes_no_new_ones),
                cmocka_unit_test(test_drain_ends_though_a_client_reads_nothing),
                cmocka_unit_test(test_presence_that_forgot_is_told_again),
                cmocka_unit_test(test_what_was_forgotten_before_the_first_beat_is_told_again),
                cmocka_unit_test(test_a_lost_delivery_makes_clients_join_again),
                cmocka_unit_test(test_a_mark_in_a_lost_answer_makes_clients_join_again),
                cmocka_unit_test(test_who_does_not_join_again_is_closed),
                cmocka_unit_test(test_each_loss_gives_its_own_time),
                cmocka_unit_test(test_a_join_from_before_the_loss_counts_for_nothing),
                cmocka_unit_test(test_rejoin_waits_behind_a_join_under_way),
                cmocka_unit_test(test_many_are_republished_and_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
