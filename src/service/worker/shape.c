/* Field by field. The compiler's aggregates keep it short; what needs thought is only what is absent. */
#include "service/worker/shape.h"

#include "rules/reaction.h"
#include "service/worker/batch.h"

static struct wire_list shape_reactions(struct batch *batch, const struct reactions *reactions)
{
        struct wire_reaction *shaped = reactions->count ? batch_array(batch, struct wire_reaction, reactions->count) : NULL;

        for (unsigned i = 0; shaped && i < reactions->count; i++)
                shaped[i] = (struct wire_reaction){.emoji = reactions->list[i].emoji, .people = reactions->list[i].people};
        return (struct wire_list){.items = shaped, .count = shaped ? reactions->count : 0};
}

struct wire_row shape_row(struct batch *batch, const struct store_row *row, uint64_t reader)
{
        struct reactions reactions;
        unsigned own;

        (void)reactions_read(row->reactions, &reactions); /* what cannot be read is not told */
        own = reactions_of(&reactions, reader);
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
                                 .edited_ms = row->edited_ms,
                                 .reactions = shape_reactions(batch, &reactions),
                                 .reacted = own < reactions.count ? reactions.list[own].emoji : (struct slice){0},
                                 .origin = row->origin,
                                 .pinned = row->pinned};
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

struct wire_list shape_rows(struct batch *batch, const struct store_row *rows, size_t count, uint64_t reader)
{
        struct wire_row *shaped = count ? batch_array(batch, struct wire_row, count) : NULL;

        for (size_t i = 0; shaped && i < count; i++)
                shaped[i] = shape_row(batch, &rows[i], reader);
        return (struct wire_list){.items = shaped, .count = shaped ? (uint32_t)count : 0};
}

struct wire_list shape_hits(struct batch *batch, const struct store_hit *hits, size_t count, uint64_t reader)
{
        struct wire_hit *shaped = count ? batch_array(batch, struct wire_hit, count) : NULL;

        for (size_t i = 0; shaped && i < count; i++)
                shaped[i] = (struct wire_hit){
                        .has = WIRE_HAS(hit, row), .room = hits[i].room, .row = shape_row(batch, &hits[i].row, reader)};
        return (struct wire_list){.items = shaped, .count = shaped ? (uint32_t)count : 0};
}

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

struct wire_list shape_rooms(struct batch *batch, const struct store_room *rooms, size_t count, uint64_t reader)
{
        struct wire_room_state *shaped = count ? batch_array(batch, struct wire_room_state, count) : NULL;

        for (size_t i = 0; shaped && i < count; i++) {
                const struct store_room *room = &rooms[i];

                shaped[i] = (struct wire_room_state){.room = room->room,
                                                     .kind = room->kind,
                                                     .head = room->head,
                                                     .rows_after = room->rows_after,
                                                     .rows = shape_rows(batch, room->rows, room->row_count, reader),
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
