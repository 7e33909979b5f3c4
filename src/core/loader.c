/* The sequence of wants and what is done with each record. A record that cannot be read is passed over: what it said is
 * fetched again. */
#include "core/loader.h"

#include "core/state.h"

static void want(struct core *core, enum loader_want kind)
{
        struct loader *loader = &core->loader;

        check(loader->want == WANT_NONE);
        loader->want = kind;
        loader->offered = false;
        loader->text_found = false;
        loader->given = 0;
        loader->number++;
}

void loader_start(struct core *core)
{
        check(core->loader.state == LOADER_IDLE);
        core->loader.state = LOADER_PROFILE;
        want(core, WANT_PROFILE);
}

void loader_step(struct core *core)
{
        struct loader *loader = &core->loader;

        if (loader->state != LOADER_DONE || loader->want != WANT_NONE)
                return;
        if (loader->outbox_due && core->account.state == ACCOUNT_SIGNED_IN && core->outbox.count < core->limits.outbox_max) {
                loader->outbox_due = false;
                want(core, WANT_OUTBOX);
        }
}

bool loader_want_text(struct core *core, const struct id *room, const struct id *id)
{
        struct loader *loader = &core->loader;

        if (loader->state != LOADER_DONE || loader->want != WANT_NONE)
                return false;
        loader->room = *room;
        loader->id = *id;
        want(core, WANT_TEXT);
        return true;
}

void loader_forget(struct core *core)
{
        struct loader *loader = &core->loader;

        if (loader->state != LOADER_DONE)
                return;
        loader->want = WANT_NONE;
        loader->offered = false;
}

bool loader_poll(struct core *core, struct core_event *event)
{
        struct loader *loader = &core->loader;
        uint8_t key[CORE_KEY_SIZE_MAX];
        static const char letters[] = {[WANT_PROFILE] = 'P',  [WANT_ROOMS] = 'R',  [WANT_PEOPLE] = 'U',
                                       [WANT_SETTINGS] = 'S', [WANT_BLOCKS] = 'B', [WANT_OUTBOX] = 'O'};
        size_t size = 1;

        if (loader->want == WANT_NONE || loader->offered)
                return false;
        loader->offered = true;
        if (loader->want == WANT_TEXT) {
                size = record_key_entry(&loader->room, &loader->id, key);
                memcpy(loader->key, key, size);
                memcpy(loader->end, key, size);
                loader->end[size] = 0;
                event->end = slice_of(loader->end, size + 1);
                loader->limit = 1;
        } else {
                loader->key[0] = (uint8_t)letters[loader->want];
                loader->end[0] = (uint8_t)(loader->key[0] + 1);
                event->end = slice_of(loader->end, 1);
                loader->limit = loader->want == WANT_PROFILE || loader->want == WANT_BLOCKS ? 1
                                : loader->want == WANT_ROOMS                                ? core->limits.rooms_max
                                : loader->want == WANT_PEOPLE                               ? PEOPLE_MAX
                                : loader->want == WANT_SETTINGS                             ? core->limits.settings_max
                                                                                            : core->limits.outbox_max;
        }
        event->kind = CORE_EVENT_WANT;
        event->number = loader->number;
        event->key = slice_of(loader->key, size);
        event->limit = loader->limit;
        return true;
}

void core_given(struct core *core, uint64_t number, struct slice key, struct slice value, struct core_time time)
{
        struct loader *loader = &core->loader;
        struct record_profile profile;
        struct record_entry entry;
        struct record_room room;
        struct wire_person person;

        core_set_time(core, time);
        if (number != loader->number || !loader->offered || loader->given >= loader->limit)
                return;
        loader->given++;
        switch (loader->want) {
        case WANT_PROFILE:
                if (record_profile_decode(value, &profile) == ERR_OK && !account_restore(core, &profile))
                        core->account.state = ACCOUNT_NONE;
                break;
        case WANT_ROOMS:
                if (record_room_decode(key, value, &room) == ERR_OK)
                        (void)!room_restore(core, &room); /* no memory: it is listed by the server anew */
                break;
        case WANT_PEOPLE:
                if (record_person_decode(key, value, &person) == ERR_OK)
                        (void)!people_take(core, &person, true); /* no memory: he is asked for when he is looked at */
                break;
        case WANT_SETTINGS:
                (void)!settings_restore(core, key, value); /* no memory: the self room has it */
                break;
        case WANT_BLOCKS:
                blocks_restore(core, value);
                break;
        case WANT_OUTBOX:
        case WANT_TEXT:
                if (record_entry_decode(key, value, &entry) == ERR_OK) {
                        loader->text_found = true;
                        outbox_restore(core, &entry);
                }
                break;
        case WANT_NONE:
                break;
        }
}

void core_given_end(struct core *core, uint64_t number, struct core_time time)
{
        struct loader *loader = &core->loader;
        enum loader_want done = loader->want;

        core_set_time(core, time);
        if (number != loader->number || !loader->offered || done == WANT_NONE)
                return;
        loader->want = WANT_NONE;
        loader->offered = false;
        if (done == WANT_OUTBOX)
                core->outbox.more = loader->given >= loader->limit;
        if (done == WANT_TEXT && !loader->text_found)
                outbox_lost(core, &loader->room, &loader->id);
        if (loader->state == LOADER_PROFILE) {
                loader->state = core->account.state == ACCOUNT_SIGNED_IN ? LOADER_ROOMS : LOADER_DONE;
                if (loader->state == LOADER_ROOMS)
                        want(core, WANT_ROOMS);
        } else if (loader->state == LOADER_ROOMS) {
                loader->state = LOADER_PEOPLE;
                want(core, WANT_PEOPLE);
        } else if (loader->state == LOADER_PEOPLE) {
                loader->state = LOADER_SETTINGS;
                want(core, WANT_SETTINGS);
        } else if (loader->state == LOADER_SETTINGS) {
                loader->state = LOADER_BLOCKS;
                want(core, WANT_BLOCKS);
        } else if (loader->state == LOADER_BLOCKS) {
                loader->state = LOADER_OUTBOX;
                want(core, WANT_OUTBOX);
        } else if (loader->state == LOADER_OUTBOX) {
                loader->state = LOADER_DONE;
        }
        core_step(core);
}

void core_outbox_changed(struct core *core, struct core_time time)
{
        core_set_time(core, time);
        core->loader.outbox_due = true;
        core_step(core);
}
