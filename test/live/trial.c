/* The users of a trial, what they keep and what they were told, and a load of messages between them. */
#include <stdio.h>

#include "base/assert.h"
#include "kill_load.h"
#include "rules/room.h"

static struct view *view_of_user(struct trial *trial, struct load_user *user)
{
        return user->load == &trial->load ? &trial->views[user->index] : &trial->late_views[user->index];
}

static void on_keep(void *context, struct load_user *user, const struct core_event *event)
{
        struct storage *storage = &view_of_user(context, user)->storage;

        for (size_t i = 0; i < event->change_count; i++) {
                const struct core_change *change = &event->changes[i];

                if (change->drop)
                        storage_drop(storage, change->key, change->end);
                else
                        storage_put(storage, change->key, change->value);
        }
}

static void on_want(void *context, struct load_user *user, const struct core_event *event)
{
        struct load *load = user->load;
        const struct core_time time = {clock_monotonic_ms(&load->clock), load->clock.wall_ms(&load->clock)};

        storage_give(&view_of_user(context, user)->storage, user->core, event, time);
}

static struct sent *find_sent(struct trial *trial, const struct id *id)
{
        /* Answers come for the latest messages, mostly. */
        for (size_t i = trial->sent_count; i > 0; i--)
                if (id_equal(&trial->sent[i - 1].id, id))
                        return &trial->sent[i - 1];
        return NULL;
}

static void on_acknowledged(void *context, struct load_user *from, const struct id *room, const struct id *id, uint64_t seq)
{
        struct trial *trial = context;
        struct sent *sent = find_sent(trial, id);

        (void)from, (void)room;
        check(sent && seq > 0);
        if (sent->seq == 0)
                trial->acknowledged++;
        sent->seq = seq;
        if (trial->answered)
                trial->answered(trial, sent);
}

static void on_failed(void *context, struct load_user *from, const struct id *room, const struct id *id, enum error error)
{
        struct trial *trial = context;
        struct sent *sent = find_sent(trial, id);

        (void)room;
        trial->refused++;
        printf("# a message of user %u was refused: %s\n", from->index, error_text(error));
        if (sent && trial->answered)
                trial->answered(trial, sent);
}

bool trial_begin_load(struct trial *trial, struct load *load, struct view *views)
{
        static const char *const addresses[] = {"127.0.0.1", NULL};

        if (load_init(load, USERS, addresses, trial->process.port) != ERR_OK)
                return false;
        load->listener = (struct load_listener){.keep = on_keep, .want = on_want, .context = trial};
        load->reads = load == &trial->load;
        if (load->reads) {
                load->listener.acknowledged = on_acknowledged;
                load->listener.failed = on_failed;
        }
        for (uint32_t i = 0; i < USERS; i++) {
                const struct process_user *user = &trial->users[i];

                /* load_add already keeps and wants. */
                views[i].user = &load->users[i];
                if (!load_add(load, user->user, user->device, user->token))
                        return false;
        }
        return true;
}

void trial_end_load(struct load *load, struct view *views)
{
        if (load->users)
                load_finish(load);
        for (uint32_t i = 0; i < USERS; i++)
                storage_finish(&views[i].storage);
}

double trial_seconds(struct trial *trial)
{
        return (double)load_now_us(&trial->load) / 1e6;
}

bool trial_turn_until(struct trial *trial, struct load *load, bool (*done)(struct trial *trial), double limit)
{
        double end = trial_seconds(trial) + limit;

        /* Looking is dear; so many turns, then a look. */
        while (!done(trial)) {
                if (trial_seconds(trial) > end)
                        return false;
                for (int i = 0; i < 20; i++)
                        load_turn(load, 5);
        }
        return true;
}

void trial_send(struct trial *trial, uint32_t room, uint32_t from)
{
        struct sent *sent = &trial->sent[trial->sent_count];
        char text[64];
        int size = snprintf(text, sizeof(text), "message %zu of user %u", trial->sent_count, from);

        check(trial->sent_count < SENDS_MAX);
        *sent = (struct sent){.room = room, .from = from};
        if (load_send(trial->views[from].user, &trial->rooms[room].id, slice_of(text, (size_t)size), &sent->id) == ERR_OK)
                trial->sent_count++;
}

bool trial_fetch_as_newcomers(struct trial *trial)
{
        trial_end_load(&trial->late, trial->late_views);
        return trial_begin_load(trial, &trial->late, trial->late_views) &&
               trial_turn_until(trial, &trial->late, newcomers_complete, TRIAL_REST_SECONDS);
}

void trial_make_rooms(struct trial *trial)
{
        for (uint32_t i = 0; i < ROOMS; i++) {
                uint32_t first = i % USERS, second = (first + 1 + i / USERS) % USERS;

                trial->rooms[i].members[0] = first;
                trial->rooms[i].members[1] = second;
                trial->rooms[i].id = room_personal(trial->users[first].user, trial->users[second].user);
        }
}
