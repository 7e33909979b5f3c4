/* See client.h. */
#include "sim/client.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/state.h"
#include "crypto/crypto.h"
#include "rules/name.h"
#include "rules/room.h"
#include "rules/row.h"
#include "sim/sim.h"
#include "support/password_simulation.h"

static struct sim_client *client_of(struct line_owner *owner)
{
        return container_of(owner, struct sim_client, owner);
}

static void set_time(const struct sim *sim, struct sim_client *client)
{
        client->host.time.now_ms = sim_now_ms(sim);
        client->host.time.wall_ms = (uint64_t)((int64_t)(SIM_WALL_MS + sim_now_ms(sim)) + client->wall_off_ms);
}

/* ---- marks only rise: rule 6, while it runs ---- */

static void watch_forget(struct sim_client *client)
{
        memset(client->watched, 0, sizeof(client->watched));
}

static void watch_room(struct sim *sim, struct sim_client *client, const struct id *room)
{
        struct core_room_info info;
        struct watched *watched = &client->watched[history_room(sim, room)];

        if (core_room_info(client->host.core, room, &info) != ERR_OK)
                return;
        if (client->of_the_past)
                watch_forget(client);
        if (info.marks.delivered < watched->delivered || info.marks.read < watched->read || info.head < watched->head ||
            info.lowest.version < watched->version)
                sim_break(sim, "6 went backward",
                          "client %u, room %u: delivered %" PRIu64 " → %" PRIu64 ", read %" PRIu64 " → %" PRIu64,
                          client->number, history_room(sim, room), watched->delivered, info.marks.delivered, watched->read,
                          info.marks.read);
        sim_tell(sim,
                 "client %u, room %u: head %" PRIu64 ", delivered %" PRIu64 ", read %" PRIu64 ", lowest %" PRIu64 " %" PRIu64
                 " (version %" PRIu64 ")",
                 client->number, history_room(sim, room), info.head, info.marks.delivered, info.marks.read,
                 info.lowest.delivered_first, info.lowest.shown_first, info.lowest.version);
        *watched = (struct watched){info.marks.delivered, info.marks.read, info.head, info.lowest.version};
}

/* ---- what the core tells ---- */

static void take_message(struct sim *sim, struct sim_client *client, const struct host_event *event)
{
        struct message *message = history_find(sim, &event->id, core_user(client->host.core), &event->room);

        if (!message) /* told of again after a restart in another account's time: cannot be */
                return;
        switch (event->state) {
        case CORE_MESSAGE_QUEUED:
                message->kept = true;
                break;
        case CORE_MESSAGE_SENT:
        case CORE_MESSAGE_DELIVERED:
        case CORE_MESSAGE_READ:
                history_acked(sim, message, event->seq);
                break;
        case CORE_MESSAGE_FAILED:
                /* It named a row by its number of another era. Where there is none by then, a repeat may find one, later. */
                if (event->error == ERR_UNKNOWN || (event->error == ERR_NO_ROW && (message->past_row || message->forgiven)))
                        message->abandoned = message->forgiven = true;
                else
                        history_refused(sim, message, event->error);
                if (core_discard(client->host.core, &event->room, &event->id, client->host.time) != ERR_OK)
                        sim_tell(sim, "client %u cannot discard", client->number);
                break;
        }
}

/* What was on its way from here is nobody's any more. */
static void client_lost_account(struct sim *sim, struct sim_client *client)
{
        client->device = 0;
        client->revoked = false;
        client->sign_out_target = 0;
        settings_lost_account(sim, client);
        blocking_lost(sim, client);
        for (unsigned i = 0; i < sim->history.count; i++)
                if (sim->history.messages[i].client == client->number && sim->history.messages[i].state == MESSAGE_OPEN)
                        sim->history.messages[i].abandoned = true;
}

static void take_event(struct sim *sim, struct sim_client *client, const struct host_event *event)
{
        switch (event->kind) {
        case CORE_EVENT_MESSAGE:
                take_message(sim, client, event);
                break;
        case CORE_EVENT_ROW:
                if (client->revoked && sim->phase >= SIM_PROBE)
                        sim_break(sim, "7 seen by a revoked device", "client %u still gets rows", client->number);
                sim_tell(sim, "client %u has number %llu of room %u", client->number, (unsigned long long)event->row.seq,
                         history_room(sim, &event->room));
                history_shown(sim, client->user->id, &event->room, &event->row, client->of_the_past);
                if (sim->phase == SIM_AWAY && event->row.kind == ROW_LEFT)
                        client_sees_leaving(sim, client, event);
                break;
        case CORE_EVENT_ROOM:
        case CORE_EVENT_TICKS:
                watch_room(sim, client, &event->room);
                break;
        case CORE_EVENT_SETTING:
                settings_told(sim, client, event);
                break;
        case CORE_EVENT_STATUS:
                watching_status(sim, client->user->id, event->number, event->more,
                                core_seen_ms(client->host.core, event->number));
                break;
        case CORE_EVENT_TYPING:
                if (event->more)
                        watching_types(sim, client->user->id, event->number, &event->room, client);
                break;
        case CORE_EVENT_SIGN:
                client->signing = false;
                if (client->block_target)
                        blocking_answered(sim, client, event->error, event->seq);
                else
                        client_signed(sim, client, event->error);
                break;
        case CORE_EVENT_PHASE:
                sim_tell(sim, "client %u is in phase %d", client->number, (int)event->phase);
                if (event->phase >= CORE_OFFLINE)
                        client_signed_in(sim, client);
                if (event->phase == CORE_SYNCED && client->connected_us > sim->faults.restored_us)
                        client->of_the_past = false;
                break;
        case CORE_EVENT_FORGOTTEN:
                sim_tell(sim, "client %u has forgotten all: %s", client->number, error_name(event->error));
                watch_forget(client);
                client->of_the_past = false;
                if (core_user(client->host.core) == 0)
                        client_lost_account(sim, client);
                break;
        default:
                break;
        }
}

static void take_events(struct sim *sim, struct sim_client *client)
{
        for (size_t i = 0; i < client->host.event_count; i++) {
                struct host_event event = client->host.events[i];

                event.row.text = slice_text(event.text);
                sim_note(sim, "event", (uint64_t)event.kind << 32 | event.seq,
                         slice_of(event.id.bytes, sizeof(event.id.bytes)));
                take_event(sim, client, &event);
        }
        core_host_clear_events(&client->host);
        sim->clients.moved = true;
}

/* ---- the line ---- */

static void on_connected(struct sim *sim, struct line_owner *owner)
{
        struct sim_client *client = client_of(owner);

        client->connected_us = sim->now_us;
        set_time(sim, client);
        core_host_connect(&client->host);
        take_events(sim, client);
        if (sim->phase == SIM_FAULTS)
                client_provoke(sim, client);
}

static void on_receive(struct sim *sim, struct line_owner *owner, struct slice bytes)
{
        struct sim_client *client = client_of(owner);

        set_time(sim, client);
        core_host_receive(&client->host, bytes);
        take_events(sim, client);
}

static void on_closed(struct sim *sim, struct line_owner *owner)
{
        struct sim_client *client = client_of(owner);

        client->line = NULL;
        set_time(sim, client);
        core_host_disconnect(&client->host);
        take_events(sim, client);
}

/* Hands to the line what the core left with its host. */
static void flush(struct sim *sim, struct sim_client *client)
{
        struct core_host *host = &client->host;

        if (client->line && host->up_size && client->line->state == LINE_OPEN) {
                line_send(sim, client->line, slice_of(host->up, host->up_size));
                host->up_size = 0;
        }
        if (host->closed) {
                host->closed = false;
                if (client->line)
                        line_close(sim, client->line);
                client->line = NULL;
        }
        if (host->connect_due && !client->line)
                client->line = line_open(sim, &client->owner);
}

/* ---- life of the process ---- */

static void start(struct sim *sim, struct sim_client *client)
{
        client->start_us = 0;
        set_time(sim, client);
        sim_fill(sim, client->host.seed, sizeof(client->host.seed));
        core_host_start(&client->host);
        take_events(sim, client);
}

/* Is the outbox entry in the storage? */
static bool is_kept(const struct sim *sim, const struct sim_client *client, const struct message *message)
{
        uint8_t key[CORE_KEY_SIZE_MAX], value[256];
        size_t key_size = 0, value_size = sizeof(value);
        const struct wire_operation operation = {.kind = ROW_TEXT,
                                                 .text = SLICE_LITERAL("x")}; /* any: the key is asked for */

        if (core_outbox_record(&sim->history.rooms[message->room].id, &message->request, &operation, 0, key, &key_size,
                               value, &value_size) != ERR_OK)
                return false;
        return core_host_record(&client->host, slice_of(key, key_size)) != NULL;
}

void client_crash(struct sim *sim, struct sim_client *client, uint64_t down_us)
{
        if (client->start_us)
                return;
        /* Perhaps between the storage's doing and the core's hearing of it. */
        while (client->host.batches && sim_chance(sim, 50))
                core_host_apply(&client->host, false);
        for (unsigned i = 0; i < sim->history.count; i++) {
                struct message *message = &sim->history.messages[i];

                if (message->client != client->number || message->state != MESSAGE_OPEN || message->kept)
                        continue;
                message->kept = is_kept(sim, client, message);
                if (!message->kept)
                        message->state = MESSAGE_LOST;
        }
        core_host_crash(&client->host);
        client->host.keep_by_hand = client->host.closed = client->looks = false;
        client->signing = false;
        client->sign_out_target = 0;
        blocking_lost(sim, client);
        watch_forget(client);
        if (client->line)
                line_close(sim, client->line);
        client->line = NULL;
        client->start_us = sim->now_us + max_of(down_us, UINT64_C(1));
        sim_note(sim, "client crash", client->number, (struct slice){0});
}

void client_keep_late(struct sim_client *client)
{
        client->host.keep_by_hand = true;
}

static void keep_some(struct sim *sim, struct sim_client *client)
{
        if (!client->host.keep_by_hand)
                return;
        while (client->host.batches && sim_chance(sim, 30))
                core_host_apply(&client->host, true);
        if (sim_chance(sim, 5)) {
                while (core_host_apply(&client->host, true))
                        continue;
                client->host.keep_by_hand = false;
        }
}

/* ---- all of them ---- */

/* The worst moments for a crash: rows are missing, and only the storage knows which; what was set is under way, and something newer
 * is kept. */
static bool has_hole(const struct sim_client *client)
{
        struct core_room_info info;

        for (uint32_t i = 0; core_room_at(client->host.core, i, &info); i++)
                if (info.hole_top)
                        return true;
        return false;
}

static void crash_at_the_worst(struct sim *sim, struct sim_client *client)
{
        if (!client->dies && (sim->phase != SIM_FAULTS || !sim_chance(sim, 3) || !has_hole(client)))
                return;
        client->dies = false;
        client_crash(sim, client, sim_below(sim, SIM_SECOND));
        fault_happened(sim, FAULT_CLASS_CLIENT_CRASH);
}

static void run(struct sim *sim, struct sim_client *client)
{
        struct core_host *host = &client->host;

        if (client->start_us) {
                if (client->start_us > sim->now_us)
                        return;
                start(sim, client);
        }
        set_time(sim, client);
        if (core_deadline_ms(host->core) <= host->time.now_ms) {
                core_tick(host->core, host->time);
                core_host_settle(host);
        }
        keep_some(sim, client);
        if (client->act_us <= sim->now_us && sim->phase <= SIM_FAULTS) {
                client->act_us = sim->now_us + 1 + sim_below(sim, 2 * client->pace_us);
                client_act(sim, client);
                core_host_settle(host);
        } else if (client->act_us <= sim->now_us) { /* sign-in goes on until it is done */
                client->act_us = sim->now_us + 2 * SIM_SECOND;
                client_sign(sim, client);
                if (sim->phase == SIM_AWAY)
                        client_acts_away(sim, client);
                core_host_settle(host);
        }
        if (host->event_count)
                take_events(sim, client);
        flush(sim, client);
        crash_at_the_worst(sim, client);
}

void clients_run(struct sim *sim)
{
        unsigned first;

        if (sim->clients.count == 0)
                return;
        first = (unsigned)sim_below(sim, sim->clients.count);
        for (unsigned i = 0; i < sim->clients.count; i++)
                run(sim, &sim->clients.all[(first + i) % sim->clients.count]);
}

uint64_t clients_next_us(const struct sim *sim)
{
        uint64_t next_us = UINT64_MAX;

        for (unsigned i = 0; i < sim->clients.count; i++) {
                const struct sim_client *client = &sim->clients.all[i];
                uint64_t due_ms;

                if (client->start_us) {
                        next_us = min_of(next_us, client->start_us);
                        continue;
                }
                if (client->host.connect_due && !client->line) /* there were too many lines */
                        next_us = min_of(next_us, sim->now_us + SIM_SECOND);
                if (client->host.keep_by_hand && client->host.batches)
                        next_us = min_of(next_us, sim->now_us + 50000);
                due_ms = core_deadline_ms(client->host.core);
                if (due_ms != UINT64_MAX)
                        next_us = min_of(next_us, due_ms * 1000);
                next_us = min_of(next_us, client->act_us);
        }
        return next_us;
}

void clients_import(struct sim *sim, struct user *user)
{
        static const struct arena_source heap = {memory_new, memory_free};
        struct store_op op = {.kind = STORE_IMPORT};
        struct store_result result = {0};
        char hash[PASSWORD_HASH_SIZE];
        struct arena arena;

        arena_init(&arena, &heap, 4096, 1 << 20);
        password_simulation_hash(slice_text(user->password), hash);
        sim_fill(sim, op.request.bytes, sizeof(op.request.bytes));
        op.import.user_name = op.import.name_folded = slice_text(user->name);
        op.import.display_name = op.import.user_name;
        op.import.email = op.import.email_folded = slice_text(user->email);
        op.import.device_name = SLICE_LITERAL("imported");
        op.import.password_hash = hash;
        op.import.new_user = random_id63(sim->engine.server_random);
        op.import.new_device = random_id63(sim->engine.server_random);
        engine_apply(sim, &op, &result, &arena);
        check(result.status == ERR_OK);
        user->id = result.signed_in.person.user;
        user->first_device = result.signed_in.device;
        token_mint(&sim->engine.keys, user->id, user->first_device, user->token);
        arena_finish(&arena);
}

static void add_user(struct sim *sim, bool imported, bool rogue)
{
        struct user *user = &sim->clients.users[sim->clients.user_count];

        user->imported = imported;
        user->rogue = rogue;
        snprintf(user->name, sizeof(user->name), "%s%u", rogue ? "mallory" : "user", sim->clients.user_count);
        snprintf(user->email, sizeof(user->email), "u%u@example.org", sim->clients.user_count);
        snprintf(user->password, sizeof(user->password), "password of %u", sim->clients.user_count);
        sim->clients.user_count++;
        if (imported)
                clients_import(sim, user);
}

static void watch(struct core_host *host, const struct core_event *event)
{
        const struct sim_client *client = container_of(host, struct sim_client, host);

        finder_hear(client->sim, client, event);
}

static void add_client(struct sim *sim, struct user *user, enum client_goal goal)
{
        struct sim_client *client = &sim->clients.all[sim->clients.count];

        client->owner = (struct line_owner){on_connected, on_receive, on_closed};
        client->user = user;
        client->number = sim->clients.count++;
        client->goal = goal;
        client->pace_us = sim_between(sim, 2000, 7000) * 1000;
        client->start_us = sim->now_us + 1 + sim_below(sim, SIM_SECOND);
        client->sim = sim;
        core_host_init(&client->host, 0);
        client->host.watch = watch;
        client->host.arena_max = (size_t)8 << 20;
}

void clients_invite(struct sim *sim, uint64_t uses, char invite[static INVITE_TEXT_SIZE])
{
        static const struct arena_source heap = {memory_new, memory_free};
        struct store_op op = {.kind = STORE_INVITE};
        struct store_result result = {0};
        uint8_t bytes[INVITE_SIZE];
        struct arena arena;

        arena_init(&arena, &heap, 4096, 1 << 20);
        sim_fill(sim, bytes, sizeof(bytes));
        invite_write(bytes, invite);
        sim_fill(sim, op.request.bytes, sizeof(op.request.bytes));
        crypto_sha256(slice_text(invite), op.invite.hash);
        op.invite.uses = uses;
        op.invite.valid_ms = UINT64_C(1000000000000);
        engine_apply(sim, &op, &result, &arena);
        check(result.status == ERR_OK);
        arena_finish(&arena);
}

void clients_start(struct sim *sim)
{
        unsigned users = (unsigned)sim_between(sim, 3, 5), rogues = (unsigned)sim_between(sim, 1, 2);

        clients_invite(sim, 1000, sim->clients.invite);
        for (unsigned i = 0; i < users; i++)
                add_user(sim, i < 2 || sim_chance(sim, 60), false);
        for (unsigned i = 0; i < rogues; i++)
                add_user(sim, true, true);
        for (unsigned i = 0; i < users; i++) {
                struct user *user = &sim->clients.users[i];

                add_client(sim, user, user->imported ? CLIENT_ADOPTS : CLIENT_SIGNS_UP);
                if (sim_chance(sim, 50) && sim->clients.count + (users - i) < CLIENTS_MAX)
                        add_client(sim, user, CLIENT_SIGNS_IN);
        }
}

struct sim_client *clients_add(struct sim *sim, const char *name, struct person *person)
{
        struct clients *clients = &sim->clients;
        struct sim_client *client = &clients->all[clients->count];
        unsigned place = 0;

        check(clients->count < CLIENTS_MAX && strlen(name) < USER_TEXT - sizeof("@example.org"));
        while (place < clients->user_count && strcmp(clients->users[place].name, name) != 0)
                place++;
        check(place < USERS_MAX);
        if (place == clients->user_count) {
                struct user *user = &clients->users[clients->user_count++];

                snprintf(user->name, sizeof(user->name), "%.16s", name);
                snprintf(user->email, sizeof(user->email), "%.16s@example.org", name);
                snprintf(user->password, sizeof(user->password), "%.16s's password", name);
        }
        add_client(sim, &clients->users[place], CLIENT_SIGNS_IN);
        client->person = person;
        client->act_us = UINT64_MAX;
        return client;
}

void clients_finish(struct sim *sim)
{
        for (unsigned i = 0; i < sim->clients.count; i++)
                core_host_finish(&sim->clients.all[i].host);
}

void clients_heal(struct sim *sim)
{
        for (unsigned i = 0; i < sim->clients.count; i++) {
                struct sim_client *client = &sim->clients.all[i];

                client->start_us = min_of(client->start_us, sim->now_us + 1);
                client->host.keep_by_hand = false;
                set_time(sim, client);
                while (client->host.core && core_host_apply(&client->host, true))
                        continue;
        }
}

void clients_restored(struct sim *sim, uint64_t since_us)
{
        for (unsigned i = 0; i < sim->clients.count; i++) {
                struct sim_client *client = &sim->clients.all[i];

                client->of_the_past = !client->host.core || !id_is_zero(&client->host.core->account.era);
                if (client->revoked_us >= since_us)
                        client->revoked = false;
        }
}
