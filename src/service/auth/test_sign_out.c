/* Sign-out through a whole worker: whoever did it, and however late it is met again, every frontend is told (L7). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "support/worker_host.h"

#define LATE_MS (WORKER_HOST_REPLY_MS + 1000)

static const struct wire_sign_out everywhere = {.device = 0, .has = WIRE_HAS(sign_out, device)};
static struct worker_host host;

static int set_up(void **state)
{
        (void)state;
        worker_host_start(&host, &service_auth);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        worker_host_stop(&host);
        return 0;
}

static void every_frontend_is_told(void **state)
{
        struct wire_post post;

        (void)state;
        worker_host_publish(&host, WIRE_CODE_sign_out, &everywhere, worker_host_ms(&host));
        worker_host_work(&host);
        assert_int_equal(worker_host_take(&host, &post), WIRE_CODE_post);
        assert_int_equal(worker_host_take(&host, &post), WIRE_CODE_revoke);
}

/* The worker before this one committed it and died; its sender is gone. The store knows it, so it is not too late. */
static void a_successor_tells_it_though_it_is_late(void **state)
{
        struct wire_post post;

        (void)state;
        worker_host_publish(&host, WIRE_CODE_sign_out, &everywhere, worker_host_ms(&host) - LATE_MS);
        worker_host_work(&host);
        assert_int_equal(host.store.applied, 1);
        assert_int_equal(worker_host_take(&host, &post), WIRE_CODE_post);
        assert_int_equal(worker_host_take(&host, &post), WIRE_CODE_revoke);
}

/* With nobody before it, what is late was not done: under load it is dropped without a question. */
static void what_is_late_by_load_alone_is_dropped(void **state)
{
        struct wire_post post;

        (void)state;
        hand_clock_advance_ms(&host.clock, 120000);
        worker_host_publish(&host, WIRE_CODE_sign_out, &everywhere, worker_host_ms(&host) - LATE_MS);
        worker_host_work(&host);
        assert_int_equal(host.store.applied, 0);
        assert_int_equal(worker_host_take(&host, &post), WIRE_CODE_none);
}

/* Whoever is met as revoked is closed, should the revoke have been lost on its way to that frontend. */
static void a_revoked_sender_is_closed(void **state)
{
        struct wire_post post;

        (void)state;
        host.store.status = ERR_REVOKED;
        worker_host_publish(&host, WIRE_CODE_sign_out, &everywhere, worker_host_ms(&host));
        worker_host_work(&host);
        assert_int_equal(worker_host_take(&host, &post), WIRE_CODE_post);
        assert_int_equal(post.effect, WIRE_EFFECT_CLOSE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(every_frontend_is_told),
                TEST(a_successor_tells_it_though_it_is_late),
                TEST(what_is_late_by_load_alone_is_dropped),
                TEST(a_revoked_sender_is_closed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
