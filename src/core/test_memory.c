/* What a core costs: idle, and after much; and that running out of memory is survived at every single allocation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "base/assert.h"
#include "base/memory.h"
#include "core/state.h"
#include "rules/room.h"
#include "support/fake_server.h"

#define IDLE_BYTES_MAX 2048

/* Bytes of the arena in use, with nothing left at its end by growing in one piece. */
static size_t arena_used(const struct core_host *host)
{
        return host->arena.total;
}

/* Bytes that the core holds: what was taken from the arena less what lies in the free lists. */
static size_t core_held(const struct core_host *host)
{
        const struct recycler *recycler = &host->core->memory;
        size_t free_bytes = 0;

        for (unsigned i = 0; i < RECYCLER_CLASSES; i++) {
                const void *const *block = (const void *const *)(const void *)recycler->free[i];

                for (; block; block = *block)
                        free_bytes += recycler_class_size(i);
        }
        return arena_used(host) - free_bytes;
}

static void an_idle_core_is_small(void **state)
{
        struct fake_server server;
        struct core_host alice, bob;
        struct id room = room_personal(1, 2), id;

        (void)state;
        fake_server_init(&server);
        core_host_init(&alice, 1);
        core_host_init(&bob, 2);
        alice.chunk_size = bob.chunk_size = 16; /* so that the arena's total is what was taken from it */
        fake_server_add(&server, &bob, 2, 21);
        fake_server_add(&server, &alice, 1, 11);
        fake_server_run(&server, 5000, 1000);
        assert_int_equal(core_phase(bob.core), CORE_SYNCED);
        printf("idle core, no room: holds %zu bytes (struct core %zu, struct room %zu)\n", core_held(&bob),
               sizeof(struct core), sizeof(struct room));
        assert_int_equal(core_send(alice.core, &room, SLICE_LITERAL("hello"), &id, alice.time), ERR_OK);
        fake_server_run(&server, 10000, 1000);
        assert_int_equal(core_row_state(alice.core, &room, 1, 1), CORE_MESSAGE_DELIVERED);
        printf("idle core, 1 room: holds %zu bytes, took %zu from its arena\n", core_held(&bob), arena_used(&bob));
        assert_true(core_held(&bob) <= IDLE_BYTES_MAX);
        assert_true(core_held(&alice) <= IDLE_BYTES_MAX);
        fake_server_finish(&server);
}

static void much_traffic_takes_no_more_than_a_little(void **state)
{
        struct fake_server server;
        struct core_host alice, bob;
        struct id room = room_personal(1, 2), id;
        size_t used;

        (void)state;
        fake_server_init(&server);
        core_host_init(&alice, 1);
        core_host_init(&bob, 2);
        alice.chunk_size = bob.chunk_size = 16;
        fake_server_add(&server, &bob, 2, 21);
        fake_server_add(&server, &alice, 1, 11);
        fake_server_serve(&server);
        for (int i = 0; i < 100; i++) {
                if (i == 50)
                        used = arena_used(&alice) + arena_used(&bob);
                assert_int_equal(core_send(alice.core, &room, SLICE_LITERAL("again and again"), &id, alice.time), ERR_OK);
                assert_int_equal(core_set(alice.core, SLICE_LITERAL("draft"), slice_of("0123456789", 1u + (unsigned)i % 10),
                                          alice.time),
                                 ERR_OK);
                fake_server_run(&server, 1000, 500);
        }
        assert_int_equal(arena_used(&alice) + arena_used(&bob), used);
        assert_true(core_held(&bob) <= IDLE_BYTES_MAX);
        fake_server_finish(&server);
}

/* A whole story in little memory: whatever fails, nothing breaks, and with memory again all arrives. */
static void running_out_of_memory_is_survived(void **state)
{
        (void)state;
        for (size_t size = 2048; size < 65536; size += size < 8192 ? 64 : 512) {
                struct fake_server server;
                struct core_host alice, bob;
                struct id room = room_personal(1, 2), id;

                fake_server_init(&server);
                core_host_init(&alice, 1);
                core_host_init(&bob, 2);
                bob.arena_max = size;
                bob.chunk_size = 256;
                fake_server_add(&server, &alice, 1, 11);
                (void)fake_server_add(&server, &bob, 2, 21);
                for (int i = 0; i < 30; i++)
                        fake_server_say(&server, &room, 1, "a message for whoever has the memory", false);
                for (int i = 0; i < 20; i++) {
                        (void)!core_send(bob.core, &room, SLICE_LITERAL("an answer"), &id, bob.time);
                        (void)!core_set(bob.core, SLICE_LITERAL("draft"), slice_of("0123456789", 1u + (unsigned)i % 10),
                                        bob.time);
                        if (i == 10) { /* and the server goes back to another era, told on the next link or on this one */
                                fake_server_restore_nothing(&server);
                                if (size % 128)
                                        core_host_disconnect(&bob);
                                else if (bob.linked)
                                        fake_server_send(&server, &bob, WIRE_CODE_rejoin, NULL, NULL,
                                                         &(struct wire_rejoin){.within_ms = 0});
                        }
                        fake_server_run(&server, 2000, 500);
                }
                fake_server_finish(&server);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_idle_core_is_small),
                cmocka_unit_test(much_traffic_takes_no_more_than_a_little),
                cmocka_unit_test(running_out_of_memory_is_survived),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
