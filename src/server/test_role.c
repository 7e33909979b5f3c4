/* A role's thread under a load that never pauses: it still hears that it is to stop, and still shows that it turns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <poll.h>
#include <stdlib.h>

#include "base/memory.h"
#include "server/metrics.h"
#include "server/process.h"
#include "server/setup.h"

#define PATIENCE_MS 5000

/* ---- a bus that has something to say whenever it is asked ---- */

static void busy_free(struct bus **bus)
{
        *bus = NULL;
}

static int busy_fd(struct bus *bus)
{
        (void)bus;
        return -1;
}

static uint32_t busy_partitions(struct bus *bus, enum bus_topic topic)
{
        (void)bus, (void)topic;
        return 1;
}

static enum error busy_subscribe(struct bus *bus, enum bus_topic topic)
{
        (void)bus, (void)topic;
        return ERR_OK;
}

static size_t busy_poll(struct bus *bus, struct bus_event *events, size_t max)
{
        (void)bus, (void)max;
        events[0] = (struct bus_event){.kind = BUS_EVENT_COMMITTED};
        return 1;
}

static void busy_pause(struct bus *bus, bool paused)
{
        (void)bus, (void)paused;
}

static enum error busy_lag(struct bus *bus, enum bus_topic topic, int32_t partition, uint64_t *records)
{
        (void)bus, (void)topic, (void)partition, (void)records;
        return ERR_AGAIN;
}

static const struct bus_ops busy_ops = {.free = busy_free,
                                        .fd = busy_fd,
                                        .partitions = busy_partitions,
                                        .subscribe = busy_subscribe,
                                        .poll = busy_poll,
                                        .pause = busy_pause,
                                        .lag = busy_lag};

/* ---- the story ---- */

static bool await(const struct server *server, const atomic_bool *flag)
{
        struct clock *clock = (struct clock *)&server->clock;
        uint64_t end_ms = clock_monotonic_ms(clock) + PATIENCE_MS;

        while (!atomic_load(flag) && clock_monotonic_ms(clock) < end_ms)
                (void)poll(NULL, 0, 1);
        return atomic_load(flag);
}

static void test_a_worker_that_never_rests_hears_stop(void **state)
{
        static struct bus bus = {.ops = &busy_ops};
        static struct server server;
        static struct options options;
        static struct role role = {.kind = ROLE_NOTIFY, .server = &server, .bus = &bus};
        char text[OPTION_ERROR_SIZE];
        int words[1], word_count;
        uint64_t turns;

        (void)state;
        assert_int_equal(options_read(&options, 0, NULL, NULL, words, &word_count, 1, text), ERR_OK);
        server_init(&server, &options);
        assert_int_equal(role_meter(&role), ERR_OK);
        assert_int_equal(role_start(&role), ERR_OK);
        assert_true(await(&server, &role.ready));
        turns = metrics_get(role.metrics, METRIC_ROLE_TURNS);
        for (int i = 0; i < PATIENCE_MS && metrics_get(role.metrics, METRIC_ROLE_TURNS) == turns; i++)
                (void)poll(NULL, 0, 1);
        assert_true(metrics_get(role.metrics, METRIC_ROLE_TURNS) > turns);
        role_stop(&role);
        assert_true(await(&server, &role.ended));
        role_join(&role);
        assert_string_equal(role.error, "");
        memory_free(role.metrics);
        options_finish(&options);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_worker_that_never_rests_hears_stop),
        };

        return cmocka_run_group_tests_name("role", tests, NULL, NULL);
}
