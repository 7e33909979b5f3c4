/*
 * The checker of the kill -9 test. Each rule looks at what the users hold: those who lived through the kills, and newcomers who
 * got everything from the server at the end.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "kill_load.h"

static const char *complaint(const char *format, ...) __attribute__((format(printf, 1, 2)));

static const char *complaint(const char *format, ...)
{
        static char text[200];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        return text;
}

static struct slice stored_row(const struct view *view, const struct id *room, uint64_t seq)
{
        uint8_t key[CORE_KEY_SIZE_MAX];
        const struct storage_record *record = storage_find(&view->storage, slice_of(key, core_key_row(room, seq, key)));

        return record ? storage_value(record) : (struct slice){0};
}

static bool row_at(const struct view *view, const struct id *room, uint64_t seq, struct wire_row *row)
{
        struct slice value = stored_row(view, room, seq);

        return value.size && core_row_decode(value, row) == ERR_OK;
}

/* The four views of a room: 0 and 1 are its members, 2 and 3 the same two as newcomers. */
static struct view *view_of(struct trial *trial, const struct room_of_two *room, int which)
{
        uint32_t member = room->members[which & 1];

        return which < 2 ? &trial->views[member] : &trial->late_views[member];
}

static uint64_t head_of(const struct view *view, const struct id *room)
{
        struct core_room_info info;

        return core_room_info(view->user->core, room, &info) == ERR_OK ? info.head : 0;
}

/* ---- the rules ---- */

static const char *all_answered(struct trial *trial)
{
        for (size_t i = 0; i < trial->sent_count; i++)
                if (trial->sent[i].seq == 0)
                        return complaint("message %zu of user %u was never acknowledged", i, trial->sent[i].from);
        return trial->refused ? complaint("%zu messages were refused", trial->refused) : NULL;
}

static const char *none_lost(struct trial *trial)
{
        for (size_t i = 0; i < trial->sent_count; i++) {
                const struct sent *sent = &trial->sent[i];
                const struct room_of_two *room = &trial->rooms[sent->room];

                for (int which = 0; which < 4 && sent->seq; which++) {
                        struct wire_row row;

                        if (!row_at(view_of(trial, room, which), &room->id, sent->seq, &row) ||
                            !id_equal(&row.request, &sent->id))
                                return complaint("message %zu, acknowledged as number %" PRIu64
                                                 " of room %u, is not in view %d",
                                                 i, sent->seq, sent->room, which);
                }
        }
        return NULL;
}

static int compare_ids(const void *a, const void *b)
{
        return id_compare(a, b);
}

static const char *none_twice(struct trial *trial)
{
        static struct id ids[SENDS_MAX];

        for (uint32_t r = 0; r < ROOMS; r++) {
                for (int which = 0; which < 4; which++) {
                        const struct view *view = view_of(trial, &trial->rooms[r], which);
                        struct wire_row row;
                        size_t count = 0;

                        for (uint64_t seq = 1; count < SENDS_MAX && row_at(view, &trial->rooms[r].id, seq, &row); seq++)
                                ids[count++] = row.request;
                        qsort(ids, count, sizeof(ids[0]), compare_ids);
                        for (size_t i = 1; i < count; i++)
                                if (id_equal(&ids[i - 1], &ids[i]))
                                        return complaint("room %u has one message twice in view %d", r, which);
                }
        }
        return NULL;
}

static const char *none_made_up(struct trial *trial)
{
        static size_t sent_in[ROOMS];

        memset(sent_in, 0, sizeof(sent_in));
        for (size_t i = 0; i < trial->sent_count; i++)
                sent_in[trial->sent[i].room]++;
        for (uint32_t r = 0; r < ROOMS; r++)
                for (int which = 0; which < 4; which++) {
                        uint64_t head = head_of(view_of(trial, &trial->rooms[r], which), &trial->rooms[r].id);

                        if (head != sent_in[r])
                                return complaint("room %u has %" PRIu64 " rows in view %d for %zu messages", r, head, which,
                                                 sent_in[r]);
                }
        return NULL;
}

/* In views from … to − 1. */
static const char *gapless_in(struct trial *trial, int from, int to)
{
        for (uint32_t r = 0; r < ROOMS; r++)
                for (int which = from; which < to; which++) {
                        const struct view *view = view_of(trial, &trial->rooms[r], which);
                        uint64_t head = head_of(view, &trial->rooms[r].id);
                        struct wire_row row;

                        for (uint64_t seq = 1; seq <= head; seq++)
                                if (!row_at(view, &trial->rooms[r].id, seq, &row) || row.seq != seq)
                                        return complaint("room %u lacks number %" PRIu64 " of %" PRIu64 " in view %d", r,
                                                         seq, head, which);
                }
        return NULL;
}

static const char *gapless(struct trial *trial)
{
        return gapless_in(trial, 0, 4);
}

static const char *views_equal(struct trial *trial)
{
        for (uint32_t r = 0; r < ROOMS; r++) {
                const struct view *first = view_of(trial, &trial->rooms[r], 0);
                uint64_t head = head_of(first, &trial->rooms[r].id);

                for (int which = 1; which < 4; which++)
                        for (uint64_t seq = 1; seq <= head + 1; seq++)
                                if (!slice_equal(
                                            stored_row(first, &trial->rooms[r].id, seq),
                                            stored_row(view_of(trial, &trial->rooms[r], which), &trial->rooms[r].id, seq)))
                                        return complaint("number %" PRIu64 " of room %u differs between view 0 and view %d",
                                                         seq, r, which);
        }
        return NULL;
}

static const char *in_order(struct trial *trial)
{
        static uint64_t last[ROOMS][USERS];

        memset(last, 0, sizeof(last));
        /* Messages are written down in the order in which they were sent. */
        for (size_t i = 0; i < trial->sent_count; i++) {
                const struct sent *sent = &trial->sent[i];

                if (sent->seq && sent->seq <= last[sent->room][sent->from])
                        return complaint("message %zu of user %u came before an earlier one", i, sent->from);
                last[sent->room][sent->from] = sent->seq;
        }
        return NULL;
}

static const char *ticks_right(struct trial *trial)
{
        for (size_t i = 0; i < trial->sent_count; i++) {
                const struct sent *sent = &trial->sent[i];
                const struct load_user *user = trial->views[sent->from].user;
                enum core_message_state state =
                        core_row_state(user->core, &trial->rooms[sent->room].id, sent->seq, trial->users[sent->from].user);

                if (sent->seq && state != CORE_MESSAGE_READ)
                        return complaint("message %zu is read, but its tick says %d", i, state);
        }
        for (uint32_t r = 0; r < ROOMS; r++)
                for (int which = 0; which < 2; which++) {
                        const struct view *view = view_of(trial, &trial->rooms[r], which);
                        struct core_room_info info;

                        if (core_room_info(view->user->core, &trial->rooms[r].id, &info) == ERR_OK && info.unread)
                                return complaint("room %u has %" PRIu64 " unread in view %d", r, info.unread, which);
                }
        return NULL;
}

const struct rule rules[] = {
        {"every message is acknowledged in the end", all_answered},
        {"no acknowledged message is lost", none_lost},
        {"no message is there twice", none_twice},
        {"no message is there that nobody sent", none_made_up},
        {"every log is gapless", gapless},
        {"all members and newcomers see the same", views_equal},
        {"one sender's messages are in his order", in_order},
        {"ticks are right at rest", ticks_right},
};
const size_t rule_count = countof(rules);

bool trial_at_rest(struct trial *trial)
{
        return trial->acknowledged + trial->refused == trial->sent_count && trial->load.ready_count == USERS &&
               !ticks_right(trial) && !gapless_in(trial, 0, 2);
}

bool newcomers_complete(struct trial *trial)
{
        for (uint32_t i = 0; i < USERS; i++)
                if (core_phase(trial->late_views[i].user->core) != CORE_SYNCED)
                        return false;
        return !gapless(trial) && !none_made_up(trial);
}
