/* Join through a whole worker: what presence knows of the connection afterwards, whatever was repeated, late or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "support/worker_host.h"

#define LATE_MS (WORKER_HOST_REPLY_MS + 1000)

static const struct wire_join join;
static struct worker_host host;

static int set_up(void **state)
{
        (void)state;
        worker_host_start(&host, &service_query);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        worker_host_stop(&host);
        return 0;
}

static void publish_join(uint64_t sent_ms)
{
        worker_host_publish(&host, WIRE_CODE_join, &join, sent_ms);
}

static void a_join_enters_the_connection(void **state)
{
        struct wire_post post;

        (void)state;
        publish_join(worker_host_ms(&host));
        worker_host_work(&host);
        assert_int_equal(worker_host_presence(&host), 1);
        assert_int_equal(worker_host_take(&host, &post), WIRE_CODE_post);
        assert_int_equal(post.effect, WIRE_EFFECT_JOINED);
}

/* The worker died before its commit, and its successor meets the record when the client has long joined. */
static void a_join_that_is_repeated_too_late_leaves_the_entry(void **state)
{
        uint64_t sent_ms = worker_host_ms(&host);

        (void)state;
        publish_join(sent_ms);
        worker_host_work(&host);
        hand_clock_advance_ms(&host.clock, LATE_MS);
        publish_join(sent_ms);
        worker_host_work(&host);
        assert_int_equal(worker_host_presence(&host), 1);
}

/* Both attempts are in one batch: the worker was behind by more than the deadline. */
static void a_late_attempt_does_not_undo_the_next(void **state)
{
        (void)state;
        publish_join(worker_host_ms(&host));
        hand_clock_advance_ms(&host.clock, LATE_MS);
        publish_join(worker_host_ms(&host));
        worker_host_work(&host);
        assert_int_equal(worker_host_presence(&host), 1);
}

static void a_join_that_is_busy_leaves_the_entry_of_an_earlier_one(void **state)
{
        (void)state;
        publish_join(worker_host_ms(&host));
        worker_host_work(&host);
        host.store.status = ERR_BUSY;
        publish_join(worker_host_ms(&host));
        worker_host_work(&host);
        assert_int_equal(worker_host_presence(&host), 1);
}

/* Whoever has the token of a device that was signed out could push all connections of its owner out of presence. */
static void a_revoked_device_pushes_nobody_out(void **state)
{
        struct wire_post post;

        (void)state;
        for (uint64_t i = 0; i < PRESENCE_CONNECTIONS_MAX; i++)
                worker_host_enter(&host, 1 + i);
        host.store.status = host.store.device_status = ERR_REVOKED;
        publish_join(worker_host_ms(&host));
        worker_host_work(&host);
        for (uint64_t i = 0; i < PRESENCE_CONNECTIONS_MAX; i++)
                assert_true(worker_host_knows(&host, 1 + i));
        assert_false(worker_host_knows(&host, WORKER_HOST_CONNECTION));
        assert_int_equal(host.store.asked, 1); /* nor is anything else read for it */
        assert_int_equal(worker_host_take(&host, &post), WIRE_CODE_post);
        assert_int_equal(post.effect, WIRE_EFFECT_CLOSE);
        assert_int_equal(wire_post_connection(&post, 0), WORKER_HOST_CONNECTION);
        assert_int_equal(worker_host_take(&host, &post), WIRE_CODE_none);
}

/* Signed out between the two reads. */
static void a_device_that_is_revoked_meanwhile_is_taken_out(void **state)
{
        struct wire_post post;

        (void)state;
        host.store.status = ERR_REVOKED;
        publish_join(worker_host_ms(&host));
        worker_host_work(&host);
        assert_int_equal(host.store.asked, 2);
        assert_int_equal(worker_host_presence(&host), 0);
        /* And closed: it may be ready by an earlier Join, and the revoke itself lost on its way. */
        assert_int_equal(worker_host_take(&host, &post), WIRE_CODE_post);
        assert_int_equal(post.effect, WIRE_EFFECT_CLOSE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_join_enters_the_connection),          TEST(a_join_that_is_repeated_too_late_leaves_the_entry),
                TEST(a_late_attempt_does_not_undo_the_next), TEST(a_join_that_is_busy_leaves_the_entry_of_an_earlier_one),
                TEST(a_revoked_device_pushes_nobody_out),    TEST(a_device_that_is_revoked_meanwhile_is_taken_out),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
