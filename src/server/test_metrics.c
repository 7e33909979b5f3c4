/* Metrics: what a page of them looks like, that every line of the table is on it, and that a page has its bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "server/metrics.h"

static struct metrics process, session, frontend;
static struct page page;

static const struct metrics *const all[] = {&process, &session, &frontend};

static int begin(void **state)
{
        (void)state;
        memset(&process, 0, sizeof(process));
        memset(&session, 0, sizeof(session));
        memset(&frontend, 0, sizeof(frontend));
        process.groups = METRICS_PROCESS;
        session.role = "session";
        session.index = 3;
        session.groups = METRICS_ROLE | METRICS_BUS | METRICS_STORE | METRICS_PRESENCE | METRICS_WORKER | METRICS_MAIL;
        frontend.role = "frontend";
        frontend.groups = METRICS_ROLE | METRICS_BUS | METRICS_PRESENCE | METRICS_FRONTEND;
        return 0;
}

static int end(void **state)
{
        (void)state;
        page_finish(&page);
        return 0;
}

static void print(void)
{
        page_finish(&page);
        metrics_print(all, countof(all), &page);
        assert_false(page.full);
        assert_int_equal(page.bytes[page.size], '\0');
}

static size_t count_of(const char *words)
{
        size_t count = 0;

        for (const char *at = strstr(page.bytes, words); at; at = strstr(at + 1, words))
                count++;
        return count;
}

static void expect(const char *line)
{
        char wanted[200];

        snprintf(wanted, sizeof(wanted), "\n%s\n", line);
        if (count_of(wanted) != 1)
                fail_msg("not once in the page: %s", line);
}

static void test_every_role_counts_for_itself(void **state)
{
        (void)state;
        metrics_add(&session, METRIC_BUS_RECORDS, 5);
        metrics_add(&session, METRIC_BUS_RECORDS, 2);
        metrics_set(&frontend, METRIC_CONNECTIONS, 12);
        metrics_set(&process, METRIC_PROCESS_CPU, 1500042);
        print();
        expect("galka_bus_records_total{role=\"session\",index=\"3\"} 7");
        expect("galka_bus_records_total{role=\"frontend\",index=\"0\"} 0");
        expect("galka_frontend_connections{role=\"frontend\",index=\"0\"} 12");
        expect("process_cpu_seconds_total 1.500042");
        /* Who does not count a thing does not speak of it. */
        assert_int_equal(count_of("galka_frontend_connections{"), 1);
        assert_int_equal(count_of("galka_store_up{role=\"frontend\""), 0);
}

static void test_each_name_is_explained_once(void **state)
{
        (void)state;
        metrics_set(&session, METRIC_BUS_FLUSHED_UNCERTAIN, 4);
        print();
        expect("# TYPE galka_bus_flushes_total counter");
        expect("galka_bus_flushes_total{role=\"session\",index=\"3\",outcome=\"uncertain\"} 4");
        expect("# TYPE galka_frontend_connections gauge");
        expect("# TYPE galka_store_apply_seconds histogram");
        assert_int_equal(count_of("# HELP galka_bus_flushes_total "), 1);
        assert_int_equal(count_of("# HELP "), count_of("# TYPE "));
}

static void test_histograms_count_upward(void **state)
{
        (void)state;
        metrics_observe(&session, HISTOGRAM_STORE_APPLY, 100);
        metrics_observe(&session, HISTOGRAM_STORE_APPLY, 101);
        metrics_observe(&session, HISTOGRAM_STORE_APPLY, 2000000);
        metrics_observe(&session, HISTOGRAM_STORE_APPLY, 60000000);
        metrics_observe(&session, HISTOGRAM_WORKER_BATCH, 1);
        metrics_observe(&session, HISTOGRAM_WORKER_BATCH, 400);
        print();
        expect("galka_store_apply_seconds_bucket{role=\"session\",index=\"3\",le=\"0.0001\"} 1");
        expect("galka_store_apply_seconds_bucket{role=\"session\",index=\"3\",le=\"0.00025\"} 2");
        expect("galka_store_apply_seconds_bucket{role=\"session\",index=\"3\",le=\"1\"} 2");
        expect("galka_store_apply_seconds_bucket{role=\"session\",index=\"3\",le=\"2.5\"} 3");
        expect("galka_store_apply_seconds_bucket{role=\"session\",index=\"3\",le=\"10\"} 3");
        expect("galka_store_apply_seconds_bucket{role=\"session\",index=\"3\",le=\"+Inf\"} 4");
        expect("galka_store_apply_seconds_sum{role=\"session\",index=\"3\"} 62.000201");
        expect("galka_store_apply_seconds_count{role=\"session\",index=\"3\"} 4");
        expect("galka_worker_batch_records_bucket{role=\"session\",index=\"3\",le=\"1\"} 1");
        expect("galka_worker_batch_records_bucket{role=\"session\",index=\"3\",le=\"400\"} 2");
        expect("galka_worker_batch_records_sum{role=\"session\",index=\"3\"} 401");
}

static void test_lag_is_told_of_what_is_read(void **state)
{
        (void)state;
        metrics_set_lag(&session, 0, true, 0);
        metrics_set_lag(&session, 7, true, 41);
        metrics_set_lag(&session, 8, true, 5);
        metrics_set_lag(&session, 8, false, 0);
        metrics_set_lag(&session, METRICS_PARTITIONS_MAX, true, 9);
        print();
        expect("galka_bus_lag_records{role=\"session\",index=\"3\",partition=\"0\"} 0");
        expect("galka_bus_lag_records{role=\"session\",index=\"3\",partition=\"7\"} 41");
        assert_int_equal(count_of("galka_bus_lag_records{"), 2);
}

/* Names as Prometheus has them, counters that end in _total, and a help. */
static void test_the_table_keeps_the_rules(void **state)
{
        static const char *const counters[] = {
#define METRIC_COUNTER(name)                        name,
#define METRIC_MICROSECONDS(name)                   name,
#define METRIC_GAUGE(name)                          NULL,
#define METRIC(id, type, group, name, labels, help) METRIC_##type(name)
#include "server/metrics.def"
        };
        static const char *const names[] = {
#define METRIC(id, type, group, name, labels, help) name,
#define HISTOGRAM(id, unit, group, name, help)      name,
#define PARTITIONED(id, group, name, help)          name,
#include "server/metrics.def"
        };

        (void)state;
        for (size_t i = 0; i < countof(counters); i++)
                if (counters[i])
                        assert_string_equal(counters[i] + strlen(counters[i]) - strlen("_total"), "_total");
        for (size_t i = 0; i < countof(names); i++) {
                assert_int_equal(strspn(names[i], "abcdefghijklmnopqrstuvwxyz_"), strlen(names[i]));
                assert_true(strncmp(names[i], "galka_", 6) == 0 || strncmp(names[i], "process_", 8) == 0);
        }
        print();
        assert_int_equal(count_of("# HELP galka_bus_up 1 while"), 1);
        for (size_t i = 0; i < countof(names); i++) {
                char head[200];

                snprintf(head, sizeof(head), "# HELP %s ", names[i]);
                assert_int_equal(count_of(head), 1);
                assert_int_not_equal(strstr(page.bytes, head)[strlen(head)], '\n');
        }
}

static void test_a_page_has_its_bound(void **state)
{
        char line[1001];

        (void)state;
        memset(line, 'x', sizeof(line) - 1);
        line[sizeof(line) - 1] = '\0';
        for (size_t i = 0; i < 2 * PAGE_SIZE_MAX / 1000 && !page.full; i++)
                page_print(&page, "%s", line);
        assert_true(page.full);
        assert_in_range(page.size, PAGE_SIZE_MAX / 2, PAGE_SIZE_MAX);
        page_finish(&page);
        memory_fail_at(1);
        page_print(&page, "x");
        memory_fail_at(0);
        assert_true(page.full);
        assert_int_equal(page.size, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_every_role_counts_for_itself), TEST(test_each_name_is_explained_once),
                TEST(test_histograms_count_upward),      TEST(test_lag_is_told_of_what_is_read),
                TEST(test_the_table_keeps_the_rules),    TEST(test_a_page_has_its_bound),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
