/* See settings.h. */
#include "sim/settings.h"

#include <inttypes.h>
#include <stdio.h>

#include "rules/room.h"
#include "rules/row.h"
#include "rules/setting.h"
#include "sim/check.h"

/* The first are those that the server keeps to. */
enum { KEY_HIDDEN, KEY_RECEIPTS_OFF, KEYS_KEPT_TO };

static struct slice key_text(unsigned key, char text[static 4])
{
        if (key == KEY_HIDDEN)
                return SLICE_LITERAL(SETTING_KEY_HIDDEN);
        if (key == KEY_RECEIPTS_OFF)
                return SLICE_LITERAL(SETTING_KEY_RECEIPTS_OFF);
        return slice_of(text, (size_t)snprintf(text, 4, "k%u", key % 10));
}

/* SETTING_KEYS: it is none of these. */
static unsigned key_read(struct slice text)
{
        unsigned key;

        if (slice_equal(text, SLICE_LITERAL(SETTING_KEY_HIDDEN)))
                return KEY_HIDDEN;
        if (slice_equal(text, SLICE_LITERAL(SETTING_KEY_RECEIPTS_OFF)))
                return KEY_RECEIPTS_OFF;
        key = text.size == 2 && text.data[0] == 'k' ? text.data[1] - (unsigned)'0' : SETTING_KEYS;

        return min_of(key, (unsigned)SETTING_KEYS);
}

static void set_one(struct sim *sim, struct sim_client *client, unsigned number)
{
        struct sets *sets = &sim->sets;
        struct set set = {
                .user = client->user->id, .client = client->number, .key = number, .probed = sim->phase == SIM_PROBE};
        char key[4];

        if (sets->count == SETTING_SETS_MAX)
                return;
        if (!sim_chance(sim, number < KEYS_KEPT_TO ? 60 : 15))
                (void)history_text(client->number, client->said++, set.value);
        if (core_set(client->host.core, key_text(set.key, key), slice_text(set.value), client->host.time) != ERR_OK)
                return;
        sets->all[sets->count++] = set;
        sim_tell(sim, "client %u sets k%u to \"%s\"", client->number, set.key, set.value);
        core_host_settle(&client->host);
}

void client_sets(struct sim *sim, struct sim_client *client, unsigned most)
{
        bool one = sim_chance(sim, 50);
        unsigned key = (unsigned)sim_below(sim, SETTING_KEYS);

        for (uint64_t n = sim_between(sim, 1, most); n > 0; n--)
                set_one(sim, client, one ? key : (unsigned)sim_below(sim, SETTING_KEYS));
        client->dies = one && sim->phase == SIM_FAULTS && sim_chance(sim, 10);
}

/* The last of those; NULL: nobody set that. */
static struct set *find(struct sim *sim, uint64_t user, unsigned key, struct slice value)
{
        for (unsigned i = sim->sets.count; i > 0; i--) {
                struct set *set = &sim->sets.all[i - 1];

                if (set->user == user && set->key == key && slice_equal(slice_text(set->value), value))
                        return set;
        }
        return NULL;
}

/* The client's last one of that key, if it is that. */
static void note_kept(struct sim *sim, const struct sim_client *client, unsigned key, struct slice value)
{
        for (unsigned i = sim->sets.count; i > 0; i--) {
                struct set *set = &sim->sets.all[i - 1];

                if (set->client != client->number || set->key != key)
                        continue;
                set->kept |= slice_equal(slice_text(set->value), value);
                return;
        }
}

static struct set *last_kept(struct sim *sim, const struct sim_client *client, unsigned key)
{
        for (unsigned i = sim->sets.count; i > 0; i--) {
                struct set *set = &sim->sets.all[i - 1];

                if (set->client == client->number && set->key == key && set->kept)
                        return set;
        }
        return NULL;
}

void settings_lost_account(struct sim *sim, const struct sim_client *client)
{
        for (unsigned i = 0; i < sim->sets.count; i++)
                if (sim->sets.all[i].client == client->number)
                        sim->sets.all[i].kept = false;
}

void settings_told(struct sim *sim, const struct sim_client *client, const struct host_event *event)
{
        struct slice text = slice_text(event->text), key, value = {0};
        struct set *set;

        if (text.size == 0) /* any may be another now */
                return;
        key = slice_of(text.data, 0);
        while (key.size < text.size && text.data[key.size] != '=')
                key.size++;
        if (key.size < text.size)
                value = slice_of(text.data + key.size + 1, text.size - key.size - 1);
        if (client->revoked && sim->phase >= SIM_PROBE)
                sim_break(sim, "7 seen by a revoked device", "client %u still gets settings", client->number);
        if (event->error)
                sim_break(sim, "8 refused without a reason", "client %u's setting: %s", client->number,
                          error_name(event->error));
        if (client->person) /* his story knows what he set */
                return;
        note_kept(sim, client, key_read(key), value);
        set = find(sim, client->user->id, key_read(key), value);
        sim_tell(sim, "client %u has %s (number %" PRIu64 ")", client->number, event->text, event->seq);
        if (!set && value.size)
                sim_break(sim, "2 appears and was never sent", "client %u has the setting \"%s\"", client->number,
                          event->text);
        /* What was done is what it wanted last; what it shows may by then be what another device set. */
        set = event->seq ? last_kept(sim, client, key_read(key)) : NULL;
        if (!set || client->of_the_past) /* the store that did it is gone; its client learns of that when it joins */
                return;
        set->number = max_of(set->number, event->seq);
        set->acked_us = sim->now_us;
}

void settings_restored(struct sim *sim, uint64_t since_us)
{
        for (unsigned i = 0; i < sim->sets.count; i++)
                if (sim->sets.all[i].acked_us >= since_us)
                        sim->sets.all[i].number = 0;
}

void settings_check_row(struct sim *sim, unsigned room, const struct check_row *row)
{
        const struct history_room *known = &sim->history.rooms[room];
        struct slice key, value;

        if (history_is_group(known) || known->users[0] != known->users[1] || known->users[0] != row->sender)
                sim_break(sim, "7 done without the right", "number %" PRIu64 " of room %u is a setting", row->seq, room);
        else if (!setting_read(slice_text(row->text), &key, &value) ||
                 (value.size && !sim->options.told && !find(sim, row->sender, key_read(key), value)))
                sim_break(sim, "2 appears and was never sent", "number %" PRIu64 " of room %u is the setting \"%s\"",
                          row->seq, room, row->text);
}

/* The row of that key that was altered last; NULL: there is none. */
static const struct check_row *last_of(const struct check_log *log, unsigned key)
{
        const struct check_row *last = NULL;

        for (size_t i = 0; i < log->count; i++) {
                struct slice has, value;

                if (log->rows[i].kind == ROW_SETTING && setting_read(slice_text(log->rows[i].text), &has, &value) &&
                    key_read(has) == key && (!last || log->rows[i].changed > last->changed))
                        last = &log->rows[i];
        }
        return last;
}

/* What was acknowledged is what counts, or something later is. */
static void check_acknowledged(struct sim *sim, uint64_t user, unsigned key, const struct check_row *last,
                               struct slice value)
{
        for (unsigned i = 0; i < sim->sets.count; i++) {
                const struct set *set = &sim->sets.all[i];

                if (set->user != user || set->key != key || set->number == 0)
                        continue;
                if (!last || last->changed < set->number ||
                    (last->changed == set->number && !slice_equal(value, slice_text(set->value))))
                        sim_break(sim, "1 acknowledged and missing",
                                  "a user's setting k%u: \"%s\" (number %" PRIu64 "); it is \"%.*s\"", key, set->value,
                                  set->number, (int)value.size, (const char *)value.data);
        }
}

static bool is_set_again(const struct sim *sim, unsigned place)
{
        const struct set *set = &sim->sets.all[place];

        for (unsigned i = place + 1; i < sim->sets.count; i++)
                if (sim->sets.all[i].client == set->client && sim->sets.all[i].key == set->key)
                        return true;
        return false;
}

/* What was set without anything breaking any more was done. */
static void check_done(struct sim *sim)
{
        for (unsigned i = 0; i < sim->sets.count; i++) {
                const struct set *set = &sim->sets.all[i];

                if (set->probed && set->value[0] && set->number == 0 && !is_set_again(sim, i))
                        sim_break(sim, "9 a setting is never done", "client %u set k%u to \"%s\"", set->client, set->key,
                                  set->value);
        }
}

/* Of what one client set, the newest that it kept comes last. */
static void check_order(struct sim *sim, uint64_t user, unsigned key, struct slice value)
{
        const struct set *counts = value.size ? find(sim, user, key, value) : NULL;

        for (unsigned i = counts ? (unsigned)(counts - sim->sets.all) + 1 : sim->sets.count; i < sim->sets.count; i++) {
                const struct set *later = &sim->sets.all[i];

                if (later->kept && later->client == counts->client && later->key == key)
                        sim_break(sim, "9 a setting is never done", "client %u set k%u to \"%s\", and then to \"%s\"",
                                  later->client, key, counts->value, later->value);
        }
}

static void check_devices(struct sim *sim, uint64_t user, unsigned key, struct slice value)
{
        char text[4];

        for (unsigned i = 0; i < sim->clients.count; i++) {
                const struct sim_client *client = &sim->clients.all[i];
                struct core_setting setting;

                if (core_user(client->host.core) != user)
                        continue;
                (void)core_setting(client->host.core, key_text(key, text), &setting);
                if (!slice_equal(setting.value, value))
                        sim_break(sim, CHECK_SETTING_STALE, "client %u has k%u as \"%.*s\": it is \"%.*s\"", client->number,
                                  key, (int)setting.value.size, (const char *)setting.value.data, (int)value.size,
                                  (const char *)value.data);
        }
}

bool settings_hides(const struct sim *sim, uint64_t user)
{
        struct core_setting setting;

        for (unsigned i = 0; i < sim->clients.count; i++) {
                const struct core *core = sim->clients.all[i].host.core;

                if (sim->clients.all[i].user->id == user && core_phase(core) == CORE_SYNCED &&
                    core_setting(core, SLICE_LITERAL(SETTING_KEY_HIDDEN), &setting) && !setting.waits)
                        return true;
        }
        return false;
}

void settings_check(struct sim *sim, const struct check_store *store)
{
        check_done(sim);
        for (unsigned i = 0; i < sim->clients.user_count && !sim->broken.rule; i++) {
                uint64_t user = sim->clients.users[i].id;
                struct id self;
                const struct check_log *log;

                if (user == 0)
                        continue;
                self = room_personal(user, user);
                log = &store->logs[history_room(sim, &self)];
                for (unsigned key = 0; key < SETTING_KEYS; key++) {
                        const struct check_row *last = last_of(log, key);
                        struct slice has, value = {0};

                        if (last)
                                (void)setting_read(slice_text(last->text), &has, &value);
                        check_acknowledged(sim, user, key, last, value);
                        if (key == KEY_HIDDEN && check_hides(store, user) != (value.size > 0))
                                sim_break(sim, "5 hides, or does not, as he did not say", "user %u", i);
                        if (key == KEY_RECEIPTS_OFF && check_receipts_off(store, user) != (value.size > 0))
                                sim_break(sim, "5 receipts are on, or off, as he did not say", "user %u", i);
                        check_devices(sim, user, key, value);
                        if (sim->faults.restored_us == 0)
                                check_order(sim, user, key, value);
                }
        }
}
