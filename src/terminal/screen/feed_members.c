/* Who reacted to a message of the open room. Who is in the open group: asked for when it is opened and when that changes, page by page. */
#include "terminal/screen/feed.h"

#include "rules/limits.h"
#include "rules/room.h"

void feed_members(struct feed *feed)
{
        struct model *model = feed->model;

        if (!model->open || model->at.kind != ROOM_GROUP || model->at.left)
                return;
        feed->members_after = 0;
        feed->members_wanted = core_members(feed->session->host->core, &model->at.room, 0, &feed->members_request,
                                            host_time(feed->session->host)) != ERR_OK; /* once there is a link */
}

/* Who may do most comes first, in the order of the ids. */
static void sort_members(struct model *model)
{
        for (size_t i = 1; i < model->member_count; i++)
                for (size_t j = i; j > 0 && model->members[j - 1].role < model->members[j].role; j--) {
                        struct model_member member = model->members[j];

                        model->members[j] = model->members[j - 1];
                        model->members[j - 1] = member;
                }
}

void feed_take_members(struct feed *feed, const struct core_event *event)
{
        struct model *model = feed->model;
        struct wire_iterator iterator;
        struct wire_member member;

        if (feed->members_after == 0)
                model->member_count = 0;
        wire_list_start(&iterator, WIRE_STRUCTURE(member_page), 1, &event->list);
        while (wire_list_next(&iterator, &member)) {
                feed->members_after = member.person.user;
                model_know(model, &member.person);
                if (model->member_count < MODEL_MEMBERS_MAX)
                        model->members[model->member_count++] = (struct model_member){.user = member.person.user,
                                                                                      .delivered = member.delivered,
                                                                                      .shown = member.shown,
                                                                                      .counted_from = member.counted_from,
                                                                                      .role = (uint8_t)member.role};
        }
        model->link_known = event->bytes.size == sizeof(model->link);
        if (model->link_known)
                memcpy(model->link, event->bytes.data, sizeof(model->link));
        if (event->more && core_members(feed->session->host->core, &model->at.room, feed->members_after,
                                        &feed->members_request, host_time(feed->session->host)) == ERR_OK)
                return;
        sort_members(model);
        model->members_known = true;
        feed->members_changed = true;
}

void feed_reactors(struct feed *feed, uint64_t seq)
{
        struct model *model = feed->model;

        model->reactor_count = 0;
        if (core_reactors(feed->session->host->core, &model->at.room, seq, &feed->reactors_request,
                          host_time(feed->session->host)) != ERR_OK)
                feed->reactors_request = (struct id){0}; /* without a link the message's own line tells how many there are */
}

void feed_take_reactors(struct feed *feed, const struct core_event *event)
{
        struct model *model = feed->model;
        struct wire_iterator iterator;
        struct wire_reactor reactor;

        if (!id_equal(&event->id, &feed->reactors_request) || !id_equal(&event->room, &model->at.room))
                return;
        model->reactor_count = 0;
        wire_list_start(&iterator, WIRE_STRUCTURE(reactor_list), 1, &event->list);
        while (wire_list_next(&iterator, &reactor) && model->reactor_count < REACTORS_MAX) {
                struct model_reactor *to = &model->reactors[model->reactor_count++];

                feed_know(feed, reactor.user);
                to->user = reactor.user;
                model_copy_line(reactor.emoji, to->emoji, sizeof(to->emoji));
        }
        feed->members_changed = true;
}
