/* The order of the list, and what the user has set for each room: pinned ones first, archived ones last, in between the latest first. */
#include <stdlib.h>

#include "base/memory.h"
#include "rules/setting.h"
#include "terminal/screen/feed.h"

enum part { PART_PINNED, PART_OTHERS, PART_ARCHIVED };

static int compare(const void *one, const void *other)
{
        const struct feed_place *a = one, *b = other;

        if (a->part != b->part)
                return a->part < b->part ? -1 : 1;
        if (a->pin != b->pin)
                return a->pin > b->pin ? -1 : 1;
        return a->index < b->index ? -1 : 1;
}

struct feed_place *feed_order(const struct core *core, uint64_t now_ms, size_t *count, size_t *archived)
{
        struct core_room_info info;
        struct feed_place *places;
        uint32_t all = 0;

        *count = *archived = 0;
        while (core_room_at(core, all, &info))
                all++;
        places = all ? memory_new(sizeof(*places) * all) : NULL;
        for (uint32_t i = 0; places && i < all && core_room_at(core, i, &info); i++) {
                struct room_settings settings = core_room_settings(core, &info.room);
                bool away = room_is_archived(&settings, info.last_time_ms, now_ms);

                if (core_room_is_bare(&info))
                        continue;
                *archived += away;
                places[(*count)++] = (struct feed_place){.index = i,
                                                         .part = away           ? PART_ARCHIVED
                                                                 : settings.pin ? PART_PINNED
                                                                                : PART_OTHERS,
                                                         .pin = away ? 0 : settings.pin};
        }
        if (places)
                qsort(places, *count, sizeof(*places), compare);
        return places;
}

void feed_describe_settings(const struct core *core, uint64_t now_ms, struct model_room *room)
{
        struct room_settings settings = core_room_settings(core, &room->room);

        room->muted = room_is_muted(&settings, now_ms);
        room->archived = room_is_archived(&settings, room->time_ms, now_ms);
        room->pinned = settings.pin > 0;
        model_copy_line(settings.draft, room->draft, sizeof(room->draft));
}
