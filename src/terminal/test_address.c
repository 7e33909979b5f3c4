/* Addresses of servers as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "terminal/address.h"

static void test_what_is_an_address(void **state)
{
        static const struct {
                const char *text, *host;
                uint16_t port;
                bool tls;
        } lines[] = {
                {"galka.example.org", "galka.example.org", 4255, true},
                {"galka.example.org:443", "galka.example.org", 443, true},
                {"tls://galka.example.org", "galka.example.org", 4255, true},
                {"TLS://galka.example.org:1", "galka.example.org", 1, true},
                {"plain://galka.example.org:65535", "galka.example.org", 65535, false},
                {"10.0.0.1:4255", "10.0.0.1", 4255, true},
                {"plain://10.0.0.1", "10.0.0.1", 4255, false},
                {"127.0.0.1", "127.0.0.1", 4255, false},
                {"127.0.0.1:5000", "127.0.0.1", 5000, false},
                {"tls://127.0.0.1:5000", "127.0.0.1", 5000, true},
                {"127.example.org", "127.example.org", 4255, true},
                {"localhost:5000", "localhost", 5000, false},
                {"LocalHost", "LocalHost", 4255, false},
                {"localhost.example.org", "localhost.example.org", 4255, true},
                {"[::1]", "::1", 4255, false},
                {"[::1]:5000", "::1", 5000, false},
                {"[2001:db8::7]:5000", "2001:db8::7", 5000, true},
                {"tls://[2001:db8::7]", "2001:db8::7", 4255, true},
        };

        (void)state;
        for (size_t i = 0; i < countof(lines); i++) {
                struct address address;

                if (address_parse(lines[i].text, &address) != ERR_OK)
                        fail_msg("'%s' is one", lines[i].text);
                assert_string_equal(address.host, lines[i].host);
                assert_int_equal(address.port, lines[i].port);
                if (address.tls != lines[i].tls)
                        fail_msg("TLS of '%s'", lines[i].text);
        }
}

static void test_what_is_none(void **state)
{
        static const char *const texts[] = {
                "",       ":4255",       "host:",       "host:0",  "host:65536", "host:999999", "host:12x", "host: 12",
                "tls://", "tls://:1",    "http://host", "://host", "tlsx://h",   "h/path",      "u@h",      "a b",
                "[::1",   "[]",          "[]:1",        "[::1]5",  "::1",        "2001:db8::7", "host:+1",  "host:-1",
                "a]b",    "tls://a://b",
        };
        char longest[300] = {0};

        (void)state;
        memset(longest, 'a', sizeof(longest) - 1);
        for (size_t i = 0; i <= countof(texts); i++) {
                struct address address;
                const char *text = i < countof(texts) ? texts[i] : longest;

                if (address_parse(text, &address) == ERR_OK)
                        fail_msg("'%s' is none", text);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_is_an_address),
                cmocka_unit_test(test_what_is_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
