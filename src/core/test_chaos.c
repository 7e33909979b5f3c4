/*
 * Three devices of two people write to each other while links break, answers get lost, processes are killed between keeping and
 * hearing that it was kept, and the server is busy or goes back to another era. In the end all logs are the same, every message
 * is there once and in its sender's order, and every mark and tick is where it must be. A seed chooses everything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "base/assert.h"
#include "rules/room.h"
#include "support/fake_server.h"

#define SEEDS   60
#define STEPS   150
#define DEVICES 3
#define ALICE   1
#define BOB     2

struct chaos {
        struct fake_server server;
        struct core_host hosts[DEVICES];
        struct id rooms[3];
        uint64_t random;
        unsigned said[DEVICES]; /* messages of each device so far */
        bool eras;
};

static uint64_t below(struct chaos *chaos, uint64_t limit)
{
        chaos->random = chaos->random * UINT64_C(6364136223846793005) + 1442695040888963407;
        return (chaos->random >> 33) % limit;
}

/* Texts are "<device> <count>", so that order can be read from them. */
static void say(struct chaos *chaos, unsigned device)
{
        struct core_host *host = &chaos->hosts[device];
        struct id id, room = chaos->rooms[below(chaos, device == 2 ? 1 : 2)];
        char text[32];
        enum error error;

        snprintf(text, sizeof(text), "%u %06u", device, chaos->said[device]);
        error = core_send(host->core, &room, slice_text(text), &id, host->time);
        if (error == ERR_OK)
                chaos->said[device]++;
        core_host_settle(host);
}

static void script(struct chaos *chaos)
{
        static const uint8_t codes[] = {WIRE_CODE_write, WIRE_CODE_write,   WIRE_CODE_write,    WIRE_CODE_mark,
                                        WIRE_CODE_rooms, WIRE_CODE_changes, WIRE_CODE_profiles, WIRE_CODE_join};
        static const enum error errors[] = {ERR_OK, ERR_BUSY, ERR_UNKNOWN, ERR_RATE};
        uint8_t code = codes[below(chaos, sizeof(codes))];
        enum error error = errors[below(chaos, 4)];

        chaos->server.script[code].times = (uint32_t)below(chaos, 3);
        chaos->server.script[code].error = error;
        /* What was answered with "busy" was not done. */
        chaos->server.script[code].undone = error == ERR_BUSY || error == ERR_RATE || below(chaos, 2);
        chaos->server.script[code].retry_after_ms = below(chaos, 1000);
}

static void step(struct chaos *chaos)
{
        unsigned device = (unsigned)below(chaos, DEVICES);
        struct core_host *host = &chaos->hosts[device];
        struct core_room_info info;

        switch (below(chaos, 16)) {
        case 0:
                core_host_disconnect(host);
                break;
        case 1:
                host->keep_by_hand = !host->keep_by_hand;
                while (!host->keep_by_hand && core_host_apply(host, true))
                        continue;
                break;
        case 2:
                core_host_apply(host, true);
                break;
        case 3: /* killed; perhaps between the storage's doing and the core's hearing of it */
                if (below(chaos, 2))
                        core_host_apply(host, false);
                core_host_crash(host);
                host->keep_by_hand = false;
                core_host_start(host);
                chaos->server.clients[device].ready = false;
                break;
        case 4:
                chaos->server.silent = !chaos->server.silent;
                break;
        case 5:
        case 6:
                script(chaos);
                break;
        case 7:
                if (core_room_at(host->core, (uint32_t)below(chaos, 2), &info))
                        core_read(host->core, &info.room, info.head, host->time);
                core_host_settle(host);
                break;
        case 8:
                chaos->server.split = below(chaos, 3) ? 0 : 1 + below(chaos, 40);
                chaos->server.rows_max = 1 + (uint32_t)below(chaos, 30);
                chaos->server.page_rows = 1 + (uint32_t)below(chaos, 40);
                break;
        case 9:
                if (chaos->eras && below(chaos, 20) == 0) {
                        fake_server_restore_nothing(&chaos->server);
                        for (unsigned i = 0; i < DEVICES; i++)
                                core_host_disconnect(&chaos->hosts[i]);
                }
                break;
        case 10:
                host->time.wall_ms += below(chaos, 20000);
                host->time.wall_ms -= below(chaos, 20000);
                break;
        default:
                say(chaos, device);
        }
        if (below(chaos, 3))
                fake_server_run(&chaos->server, 1 + below(chaos, 3000), 1 + below(chaos, 1000));
}

static void heal(struct chaos *chaos)
{
        memset(chaos->server.script, 0, sizeof(chaos->server.script));
        chaos->server.silent = false;
        for (unsigned i = 0; i < DEVICES; i++) {
                chaos->hosts[i].keep_by_hand = false;
                while (core_host_apply(&chaos->hosts[i], true))
                        continue;
        }
        fake_server_run(&chaos->server, 700000, 5000);
}

static void restart(struct chaos *chaos)
{
        for (unsigned i = 0; i < DEVICES; i++) {
                core_host_crash(&chaos->hosts[i]);
                core_host_start(&chaos->hosts[i]);
        }
        fake_server_run(&chaos->server, 5000, 500);
}

static void check_log(const struct fake_room *room)
{
        int64_t last[DEVICES] = {-1, -1, -1};

        for (uint64_t seq = 1; seq <= room->head; seq++) {
                const struct wire_row *row = &room->rows[seq - 1].row;
                unsigned device, count;
                char text[HOST_TEXT_MAX] = {0};

                memcpy(text, row->text.data, row->text.size);
                assert_int_equal(sscanf(text, "%u %u", &device, &count), 2);
                assert_true((int64_t)count > last[device]); /* in order, and once */
                last[device] = count;
                for (uint64_t other = 1; other < seq; other++)
                        assert_false(id_equal(&room->rows[other - 1].row.request, &row->request));
        }
}

static void check_device(const struct core_host *host, const struct fake_room *room, uint64_t user)
{
        struct core_room_info info;
        struct wire_row row;
        uint64_t others = 0;

        assert_int_equal(core_room_info(host->core, &room->id, &info), ERR_OK);
        assert_int_equal(info.head, room->head);
        assert_int_equal(info.hole_top, 0);
        assert_int_equal(info.queued, 0);
        for (uint64_t seq = 1; seq <= room->head; seq++) {
                assert_true(core_host_row(host, &room->id, seq, &row));
                assert_true(slice_equal(row.text, room->rows[seq - 1].row.text));
                assert_true(id_equal(&row.request, &room->rows[seq - 1].row.request));
                if (row.sender != user)
                        others = seq;
        }
        assert_true(room->marks[room->users[1] == user].delivered >= others);
        for (uint64_t seq = 1; seq <= room->head; seq++) { /* all others have it: every tick is there */
                enum core_message_state state = core_row_state(host->core, &room->id, seq, user);

                if (room->rows[seq - 1].row.sender == user && room->users[0] != room->users[1])
                        assert_int_not_equal(state, CORE_MESSAGE_SENT);
        }
}

static unsigned check_all(struct chaos *chaos)
{
        unsigned total = 0;

        for (size_t r = 0; r < chaos->server.room_count; r++) {
                const struct fake_room *room = &chaos->server.rooms[r];

                if (room->head == 0)
                        continue;
                total += (unsigned)room->head;
                check_log(room);
                for (unsigned i = 0; i < DEVICES; i++) {
                        uint64_t user = i == 2 ? BOB : ALICE;

                        if (room->users[0] == user || room->users[1] == user)
                                check_device(&chaos->hosts[i], room, user);
                }
        }
        for (unsigned i = 0; i < DEVICES; i++) {
                assert_int_equal(core_phase(chaos->hosts[i].core), CORE_SYNCED);
                assert_int_equal(core_host_records(&chaos->hosts[i], SLICE_LITERAL("O")), 0);
        }
        return total;
}

/* What all seeds together did, so that a test that stopped testing is seen. */
static unsigned long all_messages, all_repeats, all_fetches, all_joins;

static void run_seed(uint64_t seed, bool eras)
{
        static struct chaos chaos;
        unsigned total, said = 0;

        chaos = (struct chaos){.random = seed * 977 + 5, .eras = eras};
        fake_server_init(&chaos.server);
        chaos.rooms[0] = room_personal(ALICE, BOB);
        chaos.rooms[1] = room_personal(ALICE, ALICE);
        for (unsigned i = 0; i < DEVICES; i++) {
                core_host_init(&chaos.hosts[i], (uint8_t)(seed * 3 + i));
                assert_int_equal(fake_server_add(&chaos.server, &chaos.hosts[i], i == 2 ? BOB : ALICE, 11 + i), ERR_OK);
        }
        for (int i = 0; i < STEPS; i++)
                step(&chaos);
        heal(&chaos);
        total = check_all(&chaos);
        restart(&chaos); /* shows that the storage has it all */
        assert_int_equal(check_all(&chaos), total);
        for (unsigned i = 0; i < DEVICES; i++)
                said += chaos.said[i];
        assert_true(total <= said);
        assert_true(total > 0 || eras);
        all_messages += total;
        all_repeats += chaos.server.repeats;
        all_fetches += chaos.server.counts[WIRE_CODE_changes];
        all_joins += chaos.server.counts[WIRE_CODE_join];
        fake_server_finish(&chaos.server);
}

static void all_logs_are_the_same_in_the_end(void **state)
{
        (void)state;
        for (uint64_t seed = 1; seed <= SEEDS; seed++)
                run_seed(seed, false);
}

static void and_after_another_era_too(void **state)
{
        (void)state;
        for (uint64_t seed = 1; seed <= SEEDS; seed++)
                run_seed(1000 + seed, true);
}

static void it_really_happened(void **state)
{
        (void)state;
        printf("messages %lu, repeats %lu, fetches %lu, joins %lu\n", all_messages, all_repeats, all_fetches, all_joins);
        assert_true(all_messages > SEEDS * 40);
        assert_true(all_repeats > SEEDS);
        assert_true(all_fetches > SEEDS * 10);
        assert_true(all_joins > SEEDS * 20);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(all_logs_are_the_same_in_the_end),
                cmocka_unit_test(and_after_another_era_too),
                cmocka_unit_test(it_really_happened),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
