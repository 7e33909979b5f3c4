/* A frontend whose presence is in Redis, and Redis is lost (L5): it tells presence again who is here, and its clients to Join again. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "redis_stage.h"
#include "support/frontend_host.h"

#define CLIENTS       3
#define USER          100 /* the first client's */
#define STEP_MS       10  /* of the frontend's time, while 1 passes here */
#define STEPS_MAX     3000
#define CONNECTED_MS  2000
#define FIRST_BEAT_MS 1000 /* clients that come before it is answered would be told to Join again */

static struct host host;
static struct client clients[CLIENTS];

/* ---- the frontend stands on the network of the test, which cannot wait for a descriptor: it polls ---- */

static int no_fd(struct presence *presence)
{
        (void)presence;
        return -1;
}

static int story_free(void **state)
{
        for (size_t i = 0; i < CLIENTS; i++)
                client_close(&clients[i]);
        host_turn(&host);
        host_stop(&host);
        return redis_stage_free(state);
}

/* Some time for both sides. */
static void step(void)
{
        host_pass(&host, STEP_MS);
        (void)poll(NULL, 0, 1);
}

static void pass(uint64_t ms)
{
        for (uint64_t passed = 0; passed < ms; passed += STEP_MS)
                step();
}

static void start(struct redis_stage *stage)
{
        static struct presence_ops ops;
        struct frontend_options options = {0};
        struct frontend_seams seams;
        struct net_address bound;

        host_start_seams(&host);
        host.presence->ops->free(&host.presence);
        host.presence = redis_stage_open(stage);
        ops = *host.presence->ops;
        ops.fd = no_fd;
        host.presence->ops = &ops;
        seams = host_seams(&host);
        assert_int_equal(frontend_new(&options, &seams, &host.frontend), ERR_OK);
        assert_int_equal(frontend_listen(host.frontend, "10.0.0.1", 0, false, &bound), ERR_OK);
        host.port = bound.port;
        pass(FIRST_BEAT_MS);
        assert_true(frontend_serves(host.frontend));
        for (uint64_t i = 0; i < CLIENTS; i++) {
                client_open(&host, &clients[i]);
                client_join(&clients[i], USER + i, 1);
        }
}

/* Until presence knows all clients: asked on a connection of its own. */
static void await_entries(struct redis_stage *stage)
{
        size_t known = 0;

        for (int i = 0; i < STEPS_MAX && known < CLIENTS; i++) {
                step();
                known = 0;
                for (uint64_t c = 0; c < CLIENTS; c++)
                        known += redis_count(stage, stage->presence, USER + c);
        }
        assert_int_equal(known, CLIENTS);
}

static void expect_rejoin(void)
{
        struct wire_rejoin rejoin;

        pass(200);
        for (size_t i = 0; i < CLIENTS; i++) {
                (void)client_expect(&clients[i], WIRE_CODE_rejoin, &rejoin);
                client_expect_nothing(&clients[i]);
        }
}

/* ---- stories ---- */

static void test_an_empty_redis_is_told_who_is_here(void **state)
{
        struct redis_stage *stage = *state;
        struct presence_result result;

        start(stage);
        pass(PRESENCE_BEAT_MS + 500);
        redis_server_kill(&stage->server);
        redis_server_start(&stage->server, NULL);
        redis_do_until_ok(stage, stage->presence, PRESENCE_GET, 1, 0, &result);
        assert_int_equal(redis_count(stage, stage->presence, USER), 0);
        await_entries(stage);
        expect_rejoin();
        pass(PRESENCE_BEAT_MS + 500); /* and that is all */
        for (size_t i = 0; i < CLIENTS; i++)
                client_expect_nothing(&clients[i]);
}

static void test_a_mark_of_a_worker_is_heard(void **state)
{
        struct redis_stage *stage = *state;
        struct presence_request mark = {.kind = PRESENCE_MARK_LOST};
        struct presence_result result;

        start(stage);
        mark.entry.epoch = frontend_epoch(host.frontend);
        assert_int_equal(redis_submit_all(stage, stage->presence, &mark, 1, &result), OUTCOME_OK);
        pass(PRESENCE_BEAT_MS + 500);
        expect_rejoin();
}

static const char clients_script[] =
        "return tonumber(string.match(redis.call('INFO', 'clients'), 'connected_clients:(%d+)'))";

/* Else its descriptor would stay readable, and the loop would spin. */
static void test_a_connection_is_looked_after_while_nothing_is_asked(void **state)
{
        struct redis_stage *stage = *state;
        uint64_t since_ms;

        start(stage);
        assert_true(redis_server_do(&stage->server, "CLIENT KILL TYPE normal SKIPME yes") >= 1);
        /* The frontend's time stands still, so nothing is due. Who asks is a client too. */
        since_ms = redis_stage_now_ms(stage);
        while (redis_server_do(&stage->server, "EVAL %s 0", clients_script) < 2) {
                assert_in_range(redis_stage_now_ms(stage) - since_ms, 0, CONNECTED_MS);
                host_turn(&host);
                (void)poll(NULL, 0, 5);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_an_empty_redis_is_told_who_is_here, redis_stage_new, story_free),
                cmocka_unit_test_setup_teardown(test_a_mark_of_a_worker_is_heard, redis_stage_new, story_free),
                cmocka_unit_test_setup_teardown(test_a_connection_is_looked_after_while_nothing_is_asked, redis_stage_new,
                                                story_free),
        };

        return cmocka_run_group_tests_name("presence, Redis, a frontend on it", tests, NULL, NULL);
}
