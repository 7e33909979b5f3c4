/* The store on a PostgreSQL that demands TLS and a password: what works, and what is said when it does not, in one line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "contract/store_driver.h"
#include "contract/store_talker.h"
#include "driver/random/system.h"
#include "driver/store/postgres.h"
#include "rules/room.h"

#define URI_SIZE 1024

static struct store_postgres_options options;

static enum error try(const char *more, const char *password, char *text)
{
        struct store_postgres_options changed = options;
        char uri[URI_SIZE];
        struct store_postgres *postgres;
        enum error error;

        snprintf(uri, sizeof(uri), "%s %s", options.uri, more);
        changed.uri = uri;
        changed.password = password;
        error = store_postgres_new(&changed, &postgres, text);
        store_postgres_free(&postgres);
        return error;
}

static void assert_refused(const char *more, const char *password, const char *said)
{
        char text[STORE_ERROR_SIZE];

        assert_int_equal(try(more, password, text), ERR_SYSTEM);
        if (!strstr(text, said))
                print_error("%s\n  does not say: %s\n", text, said);
        assert_non_null(strstr(text, said));
        assert_null(strchr(text, '\n'));
        assert_null(strstr(text, getenv("ENGINES_PASSWORD")));
}

static void test_writing_under_tls(void **state)
{
        struct store_postgres *postgres;
        char text[STORE_ERROR_SIZE];
        struct talker talker;
        struct store *store;

        (void)state;
        assert_int_equal(store_postgres_new(&options, &postgres, text), ERR_OK);
        assert_int_equal(store_postgres_open(postgres, &store), ERR_OK);
        talker_open(&talker, store, 1);
        talker_make_users(&talker);
        for (size_t i = 0; i < OUT_MAX; i++) {
                talker_plan(&talker, i, room_personal(1, 2), i);
                talker_submit(&talker, i);
        }
        for (size_t i = 0; i < OUT_MAX; i++)
                assert_int_equal(talker.results[talker_await(&talker)].status, ERR_OK);
        talker_check(&talker, OUT_MAX);
        store_postgres_free(&postgres);
}

static void test_the_password(void **state)
{
        char text[STORE_ERROR_SIZE], path[] = "/tmp/galka-passwords-XXXXXX", more[URI_SIZE];
        int fd = mkstemp(path);
        FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;

        (void)state;
        assert_non_null(file);
        fprintf(file, "*:*:*:%s:%s\n", getenv("ENGINES_USER"), getenv("ENGINES_PASSWORD"));
        fclose(file);
        assert_refused("password=wrong", NULL, "password authentication failed");
        assert_refused("", "wrong", "password authentication failed");
        assert_refused("password=''", NULL, "no password supplied");
        assert_int_equal(try("password=''", getenv("ENGINES_PASSWORD"), text), ERR_OK);
        snprintf(more, sizeof(more), "password='' passfile=%s", path);
        assert_int_equal(try(more, NULL, text), ERR_OK);
        remove(path);
}

static void test_whom_one_speaks_to(void **state)
{
        char more[URI_SIZE];

        (void)state;
        assert_refused("host=127.0.0.1", NULL, "does not match host name");
        snprintf(more, sizeof(more), "sslrootcert=%s", getenv("ENGINES_STRANGER_CA"));
        assert_refused(more, NULL, "certificate verify failed");
        assert_refused("sslmode=disable", NULL, "no encryption");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_writing_under_tls),
                cmocka_unit_test(test_the_password),
                cmocka_unit_test(test_whom_one_speaks_to),
        };

        options = postgres_options(NULL, random_system(), true);
        return cmocka_run_group_tests_name("store, PostgreSQL, TLS and passwords", tests, NULL, NULL);
}
