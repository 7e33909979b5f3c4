/* The keys' file: made, read again, completed, refused; and what may change in it without changing what digests come out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/keys.h"

static const char first[] = "current 0101010101010101010101010101010101010101010101010101010101010101\n";
static const char second[] = "previous 0202020202020202020202020202020202020202020202020202020202020202\n";
static const char third[] = "lasting 0303030303030303030303030303030303030303030303030303030303030303\n";

static char folder[64], path[96], text[KEYS_ERROR_SIZE];

static int set_up(void **state)
{
        (void)state;
        snprintf(folder, sizeof(folder), "/tmp/galka-keys-XXXXXX");
        assert_non_null(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/keys", folder);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        unlink(path);
        return rmdir(folder);
}

static void write_file(const char *a, const char *b, const char *c)
{
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        assert_true(fprintf(file, "%s%s%s", a, b, c) >= 0);
        assert_int_equal(fclose(file), 0);
}

static struct token_keys load(void)
{
        struct token_keys keys;

        assert_int_equal(keys_load(folder, &keys, text), ERR_OK);
        return keys;
}

static void test_made_once(void **state)
{
        struct token_keys made = load(), again = load();
        static const uint8_t zero[CRYPTO_KEY_SIZE];
        struct stat stat_of;

        (void)state;
        assert_memory_equal(&made, &again, sizeof(made));
        assert_false(made.has_previous);
        assert_memory_not_equal(made.current, zero, sizeof(zero));
        assert_memory_not_equal(made.lasting, zero, sizeof(zero));
        assert_memory_not_equal(made.current, made.lasting, sizeof(zero));
        assert_int_equal(stat(path, &stat_of), 0);
        assert_int_equal(stat_of.st_mode & 0777, 0600);
}

/* An older version wrote no lasting key: it is added, and what was there stays. */
static void test_an_old_file_is_completed(void **state)
{
        struct token_keys made, again;

        (void)state;
        write_file(first, second, "");
        made = load();
        again = load();
        assert_memory_equal(&made, &again, sizeof(made));
        assert_int_equal(made.current[0], 1);
        assert_true(made.has_previous);
        assert_int_equal(made.previous[31], 2);
}

static void test_the_lasting_key_stays_when_others_change(void **state)
{
        struct token_keys before, after;

        (void)state;
        write_file(first, third, "");
        before = load();
        write_file("current 0404040404040404040404040404040404040404040404040404040404040404\n", second, third);
        after = load();
        assert_memory_not_equal(before.current, after.current, sizeof(before.current));
        assert_memory_equal(before.lasting, after.lasting, sizeof(before.lasting));
}

static void test_damaged(void **state)
{
        static const char *const bad[][2] = {
                {"", ""}, {second, third}, {first, "lasting 12\n"}, {first, "lasing 03\n"}, {first, "\n"}};
        struct token_keys keys;

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                write_file(bad[i][0], bad[i][1], "");
                assert_int_equal(keys_load(folder, &keys, text), ERR_CONFIG);
                assert_non_null(strstr(text, "damaged"));
                assert_non_null(strstr(text, path));
        }
}

/* The processes of a cluster share a file: nobody makes one of his own by mistake, and none is written over. */
static void test_a_shared_file_is_made_once(void **state)
{
        struct token_keys keys, again;

        (void)state;
        assert_int_equal(keys_read(path, &keys, text), ERR_CONFIG);
        assert_non_null(strstr(text, "galkad keys"));
        assert_int_equal(keys_make(path, text), ERR_OK);
        assert_int_equal(keys_read(path, &keys, text), ERR_OK);
        assert_int_equal(keys_make(path, text), ERR_CONFIG);
        assert_non_null(strstr(text, "is there already"));
        assert_int_equal(keys_open(path, "/nowhere", &again, text), ERR_OK);
        assert_memory_equal(&keys, &again, sizeof(keys));
        assert_int_equal(keys_open("", folder, &again, text), ERR_OK);
        assert_memory_equal(&keys, &again, sizeof(keys));
        assert_int_equal(keys_make("/nowhere/at/all", text), ERR_SYSTEM);
}

static void test_a_shared_file_is_not_completed(void **state)
{
        struct token_keys keys;

        (void)state;
        write_file(first, "", "");
        assert_int_equal(keys_read(path, &keys, text), ERR_CONFIG);
        assert_non_null(strstr(text, "lasting"));
        write_file(first, "lasing 03\n", "");
        assert_int_equal(keys_read(path, &keys, text), ERR_CONFIG);
        assert_non_null(strstr(text, "damaged"));
}

#define NOW 1795531768000

/* current becomes previous; the lasting one stays; nobody may do it twice within a day. */
static void test_rotation(void **state)
{
        struct token_keys before, after, again;

        (void)state;
        assert_int_equal(keys_rotate(path, NOW, 0, false, text), ERR_CONFIG); /* there is no file */
        before = load();
        assert_int_equal(keys_rotate(path, NOW, 0, false, text), ERR_OK);
        assert_int_equal(keys_read(path, &after, text), ERR_OK);
        assert_memory_equal(after.previous, before.current, sizeof(before.current));
        assert_memory_not_equal(after.current, before.current, sizeof(before.current));
        assert_memory_equal(after.lasting, before.lasting, sizeof(before.lasting));
        assert_true(after.has_previous);
        assert_int_equal(keys_rotate(path, NOW + KEYS_REST_MS - 1, 0, false, text), ERR_CONFIG);
        assert_non_null(strstr(text, "less than a day ago"));
        assert_int_equal(keys_read(path, &again, text), ERR_OK);
        assert_memory_equal(&again, &after, sizeof(again));
        assert_int_equal(keys_rotate(path, NOW + KEYS_REST_MS, 0, false, text), ERR_OK);
        assert_int_equal(keys_read(path, &again, text), ERR_OK);
        assert_memory_equal(again.previous, after.current, sizeof(after.current));
}

static void test_a_leaked_key_is_gone(void **state)
{
        struct token_keys before, after;

        (void)state;
        before = load();
        assert_int_equal(keys_rotate(path, NOW, 0, false, text), ERR_OK);
        assert_int_equal(keys_rotate(path, NOW + 1, 0, true, text), ERR_OK);
        assert_int_equal(keys_read(path, &after, text), ERR_OK);
        assert_false(after.has_previous);
        assert_memory_not_equal(after.current, before.current, sizeof(before.current));
}

/* Until the file is everywhere the key before signs, and both are good. */
static void test_a_key_begins_to_sign_later(void **state)
{
        struct token_keys before, file, now;
        uint8_t token[TOKEN_SIZE], later[TOKEN_SIZE];

        (void)state;
        before = load();
        assert_int_equal(keys_rotate(path, NOW, NOW + 600000, false, text), ERR_OK);
        assert_int_equal(keys_read(path, &file, text), ERR_OK);
        keys_at(&file, NOW + 599999, &now);
        assert_memory_equal(now.current, before.current, sizeof(before.current));
        token_mint(&now, 1, 2, token);
        token_mint(&file, 1, 2, later);
        assert_int_equal(token_verify(&now, 1, 2, later + 8), TOKEN_OLD_KEY); /* of a machine whose clock is ahead */
        keys_at(&file, NOW + 600000, &now);
        assert_memory_equal(&now, &file, sizeof(now));
        assert_int_equal(token_verify(&now, 1, 2, token + 8), TOKEN_OLD_KEY);
        assert_int_equal(token_verify(&now, 1, 2, later + 8), TOKEN_GOOD);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_made_once, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_an_old_file_is_completed, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_the_lasting_key_stays_when_others_change, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_shared_file_is_made_once, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_shared_file_is_not_completed, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_rotation, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_leaked_key_is_gone, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_key_begins_to_sign_later, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
