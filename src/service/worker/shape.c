/* Field by field. The compiler's aggregates keep it short; what needs thought is only what is absent. */
#include "service/worker/shape.h"

#include "service/worker/batch.h"

struct wire_row shape_row(const struct store_row *row)
{
        return (struct wire_row){.seq = row->seq,
                                 .changed = row->changed,
                                 .n = row->n,
                                 .time_ms = row->time_ms,
                                 .sender = row->sender,
                                 .kind = row->kind,
                                 .request = row->request,
                                 .text = row->text,
                                 .subject = row->subject,
                                 .role = row->role,
                                 .heir = row->heir,
                                 .reply_to = row->reply_to,
                                 .edited_ms = row->edited_ms};
}

struct wire_person shape_person(const struct store_person *person)
{
        return (struct wire_person){.user = person->user,
                                    .user_name = person->user_name,
                                    .display_name = person->display_name,
                                    .version = person->version};
}

struct wire_marks shape_marks(const struct store_marks *marks)
{
        return (struct wire_marks){.delivered = marks->delivered,
                                   .read = marks->read,
                                   .shown = marks->shown,
                                   .unread = marks->unread,
                                   .head = marks->head};
}

struct wire_lowest shape_lowest(const struct store_lowest *lowest)
{
        struct wire_lowest shaped = {.version = lowest->version};

#define FIELD(name)                                                                                                         \
        if (lowest->name != STORE_NONE) {                                                                                   \
                shaped.name = lowest->name;                                                                                 \
                shaped.has |= WIRE_HAS(lowest, name);                                                                       \
        }
        FIELD(delivered_first)
        FIELD(delivered_user)
        FIELD(delivered_second)
        FIELD(shown_first)
        FIELD(shown_user)
        FIELD(shown_second)
        FIELD(counted_first)
        FIELD(counted_user)
        FIELD(counted_second)
#undef FIELD
        return shaped;
}

/* One shape_<kind>s() for a list of store_<item>. */
#define SHAPE_LIST(function, one, wire_type, store_type)                                                                    \
        struct wire_list function(struct batch *batch, const struct store_type *items, size_t count)                        \
        {                                                                                                                   \
                struct wire_type *shaped = count ? batch_array(batch, struct wire_type, count) : NULL;                      \
                                                                                                                            \
                for (size_t i = 0; shaped && i < count; i++)                                                                \
                        shaped[i] = one(&items[i]);                                                                         \
                return (struct wire_list){.items = shaped, .count = shaped ? (uint32_t)count : 0};                          \
        }

SHAPE_LIST(shape_rows, shape_row, wire_row, store_row)

static struct wire_hit shape_hit(const struct store_hit *hit)
{
        return (struct wire_hit){.has = WIRE_HAS(hit, row), .room = hit->room, .row = shape_row(&hit->row)};
}

SHAPE_LIST(shape_hits, shape_hit, wire_hit, store_hit)
SHAPE_LIST(shape_people, shape_person, wire_person, store_person)

static struct wire_device shape_device(const struct store_device *device)
{
        return (struct wire_device){.device = device->device,
                                    .name = device->name,
                                    .created_ms = device->created_ms,
                                    .seen_ms = device->seen_ms};
}

SHAPE_LIST(shape_devices, shape_device, wire_device, store_device)

static struct wire_member shape_member(const struct store_member *member)
{
        return (struct wire_member){.person = shape_person(&member->person),
                                    .role = member->role,
                                    .joined_seq = member->joined_seq,
                                    .delivered = member->delivered,
                                    .shown = member->shown,
                                    .counted_from = member->counted_from};
}

SHAPE_LIST(shape_members, shape_member, wire_member, store_member)

struct wire_list shape_rooms(struct batch *batch, const struct store_room *rooms, size_t count)
{
        struct wire_room_state *shaped = count ? batch_array(batch, struct wire_room_state, count) : NULL;

        for (size_t i = 0; shaped && i < count; i++) {
                const struct store_room *room = &rooms[i];

                shaped[i] = (struct wire_room_state){.room = room->room,
                                                     .kind = room->kind,
                                                     .head = room->head,
                                                     .rows_after = room->rows_after,
                                                     .rows = shape_rows(batch, room->rows, room->row_count),
                                                     .marks = shape_marks(&room->marks),
                                                     .lowest = shape_lowest(&room->lowest),
                                                     .left = room->left,
                                                     .joined_seq = room->joined_seq,
                                                     .title = room->title,
                                                     .role = room->role,
                                                     .members = room->member_count,
                                                     .last_time_ms = room->last_time_ms};
                shaped[i].has = WIRE_HAS(room_state, marks) | WIRE_HAS(room_state, lowest);
                if (room->peer.user == 0)
                        continue;
                shaped[i].peer = shape_person(&room->peer);
                shaped[i].has |= WIRE_HAS(room_state, peer);
        }
        return (struct wire_list){.items = shaped, .count = shaped ? (uint32_t)count : 0};
}
