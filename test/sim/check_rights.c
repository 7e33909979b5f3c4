/*
 * Rule 7: whoever did something in a room could do it. A group's log says who was in it when, and in which role: it is replayed, row by
 * row, and each row, and each alteration that was acknowledged, is judged by what was so before it. The rules are written here once
 * more, so that a wrong one in src/rules is seen. See check.h.
 */
#include <inttypes.h>

#include "base/memory.h"
#include "rules/role.h"
#include "sim/check.h"

struct person {
        uint64_t user, joined;
        unsigned role; /* ROLE_NONE: he has left */
        bool removed;  /* by another */
};

struct replay {
        struct person *people;
        size_t count;
};

/* As he is, or as a stranger. */
static struct person find(const struct replay *replay, uint64_t user)
{
        for (size_t i = 0; i < replay->count; i++)
                if (replay->people[i].user == user)
                        return replay->people[i];
        return (struct person){.user = user};
}

static void set(struct replay *replay, struct person person)
{
        size_t i = 0;

        while (i < replay->count && replay->people[i].user != person.user)
                i++;
        replay->count += i == replay->count;
        replay->people[i] = person;
}

static size_t count_of(const struct replay *replay, unsigned role_min)
{
        size_t count = 0;

        for (size_t i = 0; i < replay->count; i++)
                count += replay->people[i].role >= role_min;
        return count;
}

static bool may_leave(const struct replay *replay, const struct check_row *row, const struct person *sender,
                      const struct person *subject)
{
        bool orphaned =
                subject->role == ROLE_OWNER && count_of(replay, ROLE_OWNER) == 1 && count_of(replay, ROLE_MEMBER) > 1;

        if (!subject->role || orphaned != (row->heir != 0) || (row->heir && !find(replay, row->heir).role))
                return false;
        return sender->user == subject->user || (sender->role >= ROLE_ADMIN && sender->role > subject->role);
}

static bool may(const struct replay *replay, const struct check_row *row)
{
        struct person sender = find(replay, row->sender), subject = find(replay, row->subject);
        bool self = row->sender == row->subject;

        switch ((enum row_kind)row->kind) {
        case ROW_TEXT:
        case ROW_DELETED:
                return sender.role && (row->reply_to == 0 || row->reply_to >= sender.joined);
        case ROW_CREATED:
                return row->seq == 1;
        case ROW_JOINED:
                return !subject.role && (self ? !sender.removed : sender.role >= ROLE_ADMIN);
        case ROW_LEFT:
                return may_leave(replay, row, &sender, &subject);
        case ROW_TITLE:
        case ROW_LINK:
                return sender.role >= ROLE_ADMIN;
        case ROW_ROLE:
                return sender.role == ROLE_OWNER && subject.role && subject.role != row->role &&
                       (subject.role != ROLE_OWNER || (self && count_of(replay, ROLE_OWNER) > 1));
        case ROW_EDITED:
        case ROW_REACTED:
        case ROW_PINNED:
        case ROW_SETTING:     /* not in a group */
                return false; /* makes no row */
        }
        return false;
}

static void follow(struct replay *replay, const struct check_row *row)
{
        struct person subject = find(replay, row->subject), heir = find(replay, row->heir);

        switch ((enum row_kind)row->kind) {
        case ROW_CREATED:
                set(replay, (struct person){row->sender, row->seq, ROLE_OWNER, false});
                break;
        case ROW_JOINED:
                set(replay, (struct person){row->subject, row->seq, ROLE_MEMBER, false});
                break;
        case ROW_LEFT:
                subject.role = ROLE_NONE;
                subject.removed = row->sender != row->subject;
                set(replay, subject);
                heir.role = ROLE_OWNER;
                if (row->heir)
                        set(replay, heir);
                break;
        case ROW_ROLE:
                subject.role = row->role;
                set(replay, subject);
                break;
        case ROW_TEXT:
        case ROW_TITLE:
        case ROW_LINK:
        case ROW_DELETED:
        case ROW_EDITED:
        case ROW_REACTED:
        case ROW_PINNED:
        case ROW_SETTING:
                break;
        }
}

/* The members that the store holds are those that its log makes. */
static void check_members(struct sim *sim, const struct check_store *store, unsigned room, const struct replay *replay)
{
        size_t present = 0;

        check_each_member(store, room, member)
        {
                struct person person = find(replay, member->user);

                if (member->left != UINT64_MAX)
                        continue;
                present++;
                if (person.role != member->role || person.joined != member->joined)
                        sim_break(sim, "7 members are not what the log says",
                                  "group %u: a member of role %u since %" PRIu64 ", by the log of role %u since %" PRIu64,
                                  room, member->role, member->joined, person.role, person.joined);
        }
        if (present != count_of(replay, ROLE_MEMBER))
                sim_break(sim, "7 members are not what the log says", "group %u: %zu members, by the log %zu", room, present,
                          count_of(replay, ROLE_MEMBER));
}

static void check_group(struct sim *sim, const struct check_store *store, unsigned room, struct replay *replay)
{
        const struct check_log *log = &store->logs[room];

        replay->count = 0;
        for (size_t i = 0; i < log->count; i++) {
                if (!may(replay, &log->rows[i]))
                        sim_break(sim, "7 done without the right", "group %u, number %" PRIu64 ", of kind %u", room,
                                  log->rows[i].seq, log->rows[i].kind);
                follow(replay, &log->rows[i]);
        }
        check_members(sim, store, room, replay);
}

/* One's own text; an admin deletes what somebody below him wrote, since he came. In a group it is admins who pin. */
static bool may_alter(const struct check_log *log, const struct message *message, struct replay *replay)
{
        const struct check_row *target = NULL;
        struct person sender, author;

        replay->count = 0;
        for (size_t i = 0; i < log->count && log->rows[i].seq < message->seq; i++) {
                if (log->rows[i].seq == message->target)
                        target = &log->rows[i];
                if (message->in_group)
                        follow(replay, &log->rows[i]);
        }
        if (!target || (target->kind != ROW_TEXT && target->kind != ROW_DELETED))
                return false;
        if (!message->in_group)
                return target->sender == message->sender || message->alters == ROW_REACTED || message->alters == ROW_PINNED;
        sender = find(replay, message->sender);
        author = find(replay, target->sender);
        if (!sender.role || message->target < sender.joined)
                return false;
        if (message->alters == ROW_PINNED)
                return sender.role >= ROLE_ADMIN;
        return target->sender == message->sender || message->alters == ROW_REACTED ||
               (message->alters == ROW_DELETED && sender.role >= ROLE_ADMIN && sender.role > author.role);
}

static void check_alterations(struct sim *sim, const struct check_store *store, struct replay *replay)
{
        for (unsigned i = 0; i < sim->history.count; i++) {
                const struct message *message = &sim->history.messages[i];

                if (message->state == MESSAGE_ACKED && message->alters && !message->forgiven &&
                    !may_alter(&store->logs[message->room], message, replay))
                        sim_break(sim, "7 done without the right",
                                  "client %u's alteration %u, number %" PRIu64 " of room %u, of row %" PRIu64,
                                  message->client, message->number, message->seq, message->room, message->target);
        }
}

void check_rights(struct sim *sim, const struct check_store *store)
{
        struct replay replay = {0};
        size_t rows = 1;

        for (unsigned room = 0; room < sim->history.room_count; room++)
                rows = max_of(rows, store->logs[room].count);
        replay.people = memory_new(2 * rows * sizeof(*replay.people)); /* a row brings two at most */
        check(replay.people);
        for (unsigned room = 0; room < sim->history.room_count; room++)
                if (history_is_group(&sim->history.rooms[room]))
                        check_group(sim, store, room, &replay);
        if (sim->faults.restored_us == 0)
                check_alterations(sim, store, &replay);
        memory_free(replay.people);
}
