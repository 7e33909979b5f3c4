/* Who is on the screen, told to the core, and what it says of them: who is online, who types in the open room. */
#include "base/assert.h"
#include "rules/room.h"
#include "terminal/screen/feed.h"

static void add(uint64_t user, uint64_t *users, size_t *count)
{
        if (user && *count < WATCH_USERS_MAX)
                users[(*count)++] = user;
}

void feed_watch(struct feed *feed, size_t fitting)
{
        struct model *model = feed->model;
        struct core *core = feed->session->host->core;
        uint64_t users[WATCH_USERS_MAX];
        bool open = model->open && !model->at.left && model->at.kind != ROOM_SELF;
        size_t count = 0;

        if (model->phase < CORE_OFFLINE)
                return;
        if (model->open)
                add(model->at.peer, users, &count);
        for (size_t i = model->rooms_top; i < model->room_count && i - model->rooms_top < fitting; i++)
                add(model->rooms[i].peer, users, &count);
        if (core_watch(core, users, count, open ? &model->at.room : NULL, host_time(feed->session->host)) != ERR_OK)
                return; /* nobody looks online until there is memory */
        model->peer_online = false;
        model->peer_seen_ms = 0;
        if (model->open && model->at.peer && core_status(core, model->at.peer, &model->peer_online))
                model->peer_seen_ms = core_seen_ms(core, model->at.peer);
        for (size_t i = 0; i < model->room_count; i++) {
                model->rooms[i].online = false;
                if (model->rooms[i].peer)
                        (void)core_status(core, model->rooms[i].peer, &model->rooms[i].online);
        }
        model->typist_count = open ? core_typists(core, &model->at.room, model->typists, countof(model->typists)) : 0;
}

void feed_types(struct feed *feed)
{
        const struct model *model = feed->model;

        if (model->open && !model->at.left && model->at.kind != ROOM_SELF && model->about.kind != ABOUT_EDIT)
                core_typing(feed->session->host->core, &model->at.room, host_time(feed->session->host));
}
