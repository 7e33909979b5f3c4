/* OpenSSL's own allocations fail, one after the other, while two ends shake hands and talk: whoever meets that is closed, and nothing is left. A
 * program of its own, since OpenSSL takes its allocator only before it has allocated anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/crypto.h>

#include "base/assert.h"
#include "support/tls_files.h"
#include "support/tls_pair.h"

#define NAME      "galka.test"
#define PIPE      65536
#define NTH_MAX   20000
#define STEP      7 /* so many further on for the next that fails */
#define DRY_TURNS 3

static unsigned long made, fail_at;

static bool fails(void)
{
        return fail_at && ++made == fail_at;
}

static void *take(size_t size, const char *file, int line)
{
        (void)file, (void)line;
        return fails() ? NULL : malloc(size);
}

static void *resize(void *block, size_t size, const char *file, int line)
{
        (void)file, (void)line;
        if (size == 0) {
                free(block);
                return NULL;
        }
        return fails() ? NULL : realloc(block, size);
}

static void give(void *block, const char *file, int line)
{
        (void)file, (void)line;
        free(block);
}

/* Both ends begin, talk and end. True: all of it went well. */
static bool play(struct tls_pair *pair)
{
        struct net *server = pair->server.net, *client = pair->client.net;
        char got[TLS_PAIR_TEXT];
        bool well;

        well = server->ops->secure(server, pair->server.socket, PAIR_SERVER_TAG, (struct slice){0}, NULL) == ERR_OK &&
               client->ops->secure(client, pair->client.socket, PAIR_CLIENT_TAG, (struct slice){0}, NAME) == ERR_OK;
        if (!well)
                return false;
        for (int i = 0; i < DRY_TURNS; i++)
                tls_pair_turn(pair);
        if (tls_pair_say(&pair->client, "hello") != ERR_OK)
                return false;
        tls_pair_turn(pair);
        if (tls_pair_get(&pair->server, got) != ERR_OK)
                return false;
        /* What is heard was said. */
        check(strcmp(got, "hello") == 0);
        return tls_pair_say(&pair->server, "back") == ERR_OK;
}

static void test_every_allocation_of_openssl_may_fail(void **state)
{
        static struct tls_pair pair;
        unsigned long failures = 0;
        bool beyond = false;

        (void)state;
        for (unsigned long nth = 1; nth < NTH_MAX && !beyond; nth += STEP) {
                bool well;

                tls_pair_start(&pair, "good", "ca", PIPE, NULL);
                tls_pair_connect(&pair);
                made = 0;
                fail_at = nth;
                well = play(&pair);
                beyond = made < nth;
                fail_at = 0;
                failures += !well;
                check(!beyond || well);
                tls_pair_close(&pair.client);
                tls_pair_close(&pair.server);
                check(pair.server.net->held == 0 && loop_tls_counts(pair.server.net).under_way == 0);
                tls_pair_stop(&pair);
        }
        assert_true(beyond);
        assert_true(failures > 10);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_allocation_of_openssl_may_fail),
        };
        int result;

        if (CRYPTO_set_mem_functions(take, resize, give) != 1)
                return 1;
        tls_folder_new();
        tls_make("ca", &(struct tls_wish){.authority = true});
        tls_make("good", &(struct tls_wish){.names = "DNS:" NAME, .signer = "ca"});
        result = cmocka_run_group_tests(tests, NULL, NULL);
        tls_folder_remove();
        return result;
}
