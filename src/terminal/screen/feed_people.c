/* Who people are: those who were looked for by name, and those who are spoken of in what is shown. */
#include "terminal/safe.h"
#include "terminal/screen/feed.h"

void feed_know(struct feed *feed, uint64_t user)
{
        struct wire_person person;

        if (user && !model_person(feed->model, user) && core_person(feed->session->host->core, user, &person))
                model_know(feed->model, &person);
}

/* Of whom the open room's rows speak: also those who left, whom the list of its members does not name. */
void feed_take_names(struct feed *feed)
{
        feed_search_names(feed);
        for (size_t i = 0; i < feed->model->log.count; i++) {
                feed_know(feed, feed->model->log.rows[i]->sender);
                feed_know(feed, feed->model->log.rows[i]->subject);
        }
}

void feed_take_people(struct feed *feed, const struct core_event *event)
{
        struct model_popup_state *popup = &feed->model->popup;
        struct wire_iterator iterator;
        struct wire_person person;

        feed->people_asked = false;
        if (popup->kind != POPUP_PEOPLE && popup->kind != POPUP_INVITE)
                return;
        popup->busy = false;
        popup->item_count = popup->chosen = popup->top = 0;
        wire_list_start(&iterator, WIRE_STRUCTURE(people), 1, &event->list);
        while (wire_list_next(&iterator, &person)) {
                struct model_item *item = popup_add(popup);

                if (!item)
                        break;
                session_remember(feed->session, &person);
                model_know(feed->model, &person);
                item->user = person.user;
                safe_copy(person.display_name, item->label, sizeof(item->label));
                item->detail[0] = '@';
                safe_copy(person.user_name, item->detail + 1, sizeof(item->detail) - 1);
        }
        popup_say(popup, false, popup->item_count ? "" : text(TEXT_PEOPLE_NONE));
}
