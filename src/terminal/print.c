/* Output for people and for scripts; see print.h. */
#include "terminal/print.h"

#include <inttypes.h>
#include <time.h>

#include "base/assert.h"
#include "rules/mention.h"
#include "rules/role.h"
#include "rules/room.h"
#include "rules/row.h"
#include "rules/setting.h"
#include "terminal/mentions.h"
#include "terminal/safe.h"

const char *print_state(enum core_message_state state)
{
        switch (state) {
        case CORE_MESSAGE_QUEUED:
                return "queued";
        case CORE_MESSAGE_SENT:
                return "sent";
        case CORE_MESSAGE_DELIVERED:
                return "delivered";
        case CORE_MESSAGE_READ:
                return "read";
        case CORE_MESSAGE_FAILED:
                return "failed";
        }
        unreachable();
}

const char *print_tick(enum core_message_state state, bool colour)
{
        switch (state) {
        case CORE_MESSAGE_QUEUED:
                return "…  ";
        case CORE_MESSAGE_SENT:
                return "✓  ";
        case CORE_MESSAGE_DELIVERED:
                return "✓✓ ";
        case CORE_MESSAGE_READ:
                return colour ? "\033[36m✓✓\033[0m " : "✔✔ ";
        case CORE_MESSAGE_FAILED:
                return colour ? "\033[31m!\033[0m  " : "!  ";
        }
        unreachable();
}

void print_clock(uint64_t time_ms, char text[static CLOCK_SIZE])
{
        time_t seconds = (time_t)(time_ms / 1000);
        time_t now = time(NULL);
        struct tm local, today;
        const char *format = "%d %b %H:%M";

        if (!localtime_r(&seconds, &local) || !localtime_r(&now, &today)) {
                snprintf(text, CLOCK_SIZE, "--:--");
                return;
        }
        if (local.tm_year == today.tm_year && local.tm_yday == today.tm_yday)
                format = "%H:%M";
        else if (local.tm_year != today.tm_year)
                format = "%d %b %Y";
        if (strftime(text, CLOCK_SIZE, format, &local) == 0)
                snprintf(text, CLOCK_SIZE, "--:--");
}

static void print_json_id(const char *name, const struct id *id)
{
        char text[ID_TEXT_SIZE];

        id_format(id, text);
        printf(",\"%s\":\"%s\"", name, text);
}

/* Ids of users are decimal texts in JSON: 63 bits do not fit a JavaScript number. */
static void print_json_user(const char *name, uint64_t user)
{
        printf(",\"%s\":\"%" PRIu64 "\"", name, user);
}

/* What happened to the group, after the name of who did it. */
static void print_deed(struct session *session, const struct id *room, const struct wire_row *row)
{
        char subject[SESSION_NAME_SIZE], heir[SESSION_NAME_SIZE];
        bool self = row->subject == row->sender;

        session_sender_name(session, room, row->subject, subject);
        session_sender_name(session, room, row->heir, heir);
        switch ((enum row_kind)row->kind) {
        case ROW_CREATED:
                fputs("made the group ", stdout);
                break;
        case ROW_JOINED:
                printf(self ? "came by the link" : "brought in %s", subject);
                break;
        case ROW_LEFT:
                printf(self ? "left" : "removed %s", subject);
                if (row->heir)
                        printf(", and %s owns it now", heir);
                break;
        case ROW_TITLE:
                fputs("named the group ", stdout);
                break;
        case ROW_ROLE:
                printf("made %s %s", self ? "himself" : subject, role_text((unsigned)row->role));
                break;
        case ROW_LINK:
                fputs("changed the link", stdout);
                break;
        case ROW_DELETED:
                fputs("(deleted)", stdout);
                break;
        case ROW_TEXT:
                break;
        default:
                fputs("(something that a newer galka can show) ", stdout);
        }
        safe_text(stdout, row->text);
}

/* "  [👍 2, ❤️ 1]"; the own one with a star. */
static void print_reactions(const struct wire_row *row)
{
        struct wire_iterator iterator;
        struct wire_reaction reaction;
        const char *before = "  [";

        WIRE_LIST_START(&iterator, row, reactions, &row->reactions);
        while (wire_list_next(&iterator, &reaction)) {
                fputs(before, stdout);
                safe_text(stdout, reaction.emoji);
                printf(" %" PRIu64 "%s", reaction.people, slice_equal(reaction.emoji, row->reacted) ? "*" : "");
                before = ", ";
        }
        if (row->reactions.count)
                putchar(']');
}

static void print_json_reactions(const struct wire_row *row)
{
        struct wire_iterator iterator;
        struct wire_reaction reaction;
        const char *before = "";

        if (row->reactions.count == 0)
                return;
        printf(",\"reactions\":[");
        WIRE_LIST_START(&iterator, row, reactions, &row->reactions);
        while (wire_list_next(&iterator, &reaction)) {
                printf("%s{\"emoji\":", before);
                safe_json(stdout, reaction.emoji);
                printf(",\"people\":%" PRIu64 "}", reaction.people);
                before = ",";
        }
        putchar(']');
        if (row->reacted.size) {
                printf(",\"reacted\":");
                safe_json(stdout, row->reacted);
        }
}

/* The row without what is said in it. */
static struct wire_row hide(const struct wire_row *row)
{
        struct wire_row hidden = *row;

        hidden.text = hidden.origin = hidden.reacted = (struct slice){0};
        hidden.reactions = (struct wire_list){0};
        return hidden;
}

static void print_row_plain(struct session *session, const struct id *room, const struct wire_row *row, bool hidden,
                            const char *name)
{
        bool mine = row->sender == core_user(session->host->core);
        char clock[CLOCK_SIZE];

        print_clock(row->time_ms, clock);
        printf("%s%s ",
               mine ? print_tick(core_row_state(session->host->core, room, row->seq, row->sender), session->colour) : "   ",
               clock);
        if (session->numbers)
                printf("%" PRIu64 " ", row->seq);
        printf(session->colour ? "\033[1m%s\033[0m  " : "%s  ", name);
        if (row->reply_to)
                printf("(re %" PRIu64 ") ", row->reply_to);
        if (row->origin.size) {
                fputs("(forwarded from ", stdout);
                safe_text(stdout, row->origin);
                fputs(") ", stdout);
        }
        fputs(hidden ? PRINT_HIDDEN : "", stdout);
        print_deed(session, room, row);
        if (row->edited_ms)
                printf(" (edited)");
        if (row->pinned)
                printf(" (pinned)");
        print_reactions(row);
        putchar('\n');
}

static void print_row_json(struct session *session, const char *type, const struct id *room, const struct wire_row *row,
                           bool hidden, const char *name)
{
        bool mine = row->sender == core_user(session->host->core);

        printf("{\"type\":\"%s\"", type);
        print_json_id("room", room);
        printf(",\"seq\":%" PRIu64 ",\"time_ms\":%" PRIu64, row->seq, row->time_ms);
        print_json_id("id", &row->request);
        print_json_user("sender", row->sender);
        printf(",\"sender_name\":");
        safe_json(stdout, slice_text(name));
        if (mine)
                printf(",\"state\":\"%s\"", print_state(core_row_state(session->host->core, room, row->seq, row->sender)));
        if (row->reply_to)
                printf(",\"reply_to\":%" PRIu64, row->reply_to);
        if (row->edited_ms)
                printf(",\"edited_ms\":%" PRIu64, row->edited_ms);
        if (row->pinned)
                printf(",\"pinned\":%" PRIu64, row->pinned);
        if (row->origin.size) {
                printf(",\"origin\":");
                safe_json(stdout, row->origin);
        }
        print_json_reactions(row);
        if (!mine && row->kind == ROW_TEXT && mention_has(row->text, core_profile(session->host->core).user_name))
                printf(",\"mentions_me\":true");
        if (row->kind == ROW_DELETED)
                printf(",\"deleted\":true");
        if (hidden)
                printf(",\"blocked\":true");
        printf(",\"kind\":\"%s\"", row_kind_text((unsigned)row->kind) ? row_kind_text((unsigned)row->kind) : "unknown");
        if (row->subject)
                print_json_user("subject", row->subject);
        if (role_text((unsigned)row->role))
                printf(",\"role\":\"%s\"", role_text((unsigned)row->role));
        if (row->heir)
                print_json_user("heir", row->heir);
        printf(",\"text\":");
        safe_json(stdout, row->text);
        puts("}");
}

void print_row(struct session *session, const char *type, const struct id *room, const struct wire_row *row)
{
        bool hides = !session->blocked && session_hides(session, room, row);
        const struct wire_row hidden = hide(row);
        char name[SESSION_NAME_SIZE];

        session_sender_name(session, room, row->sender, name);
        if (session->json)
                print_row_json(session, type, room, hides ? &hidden : row, hides, name);
        else
                print_row_plain(session, room, hides ? &hidden : row, hides, name);
        fflush(stdout);
}

void print_queued(struct session *session, const struct id *room, const struct id *id,
                  const struct wire_operation *operation, enum core_message_state state)
{
        char id_text[ID_TEXT_SIZE];

        id_format(id, id_text);
        if (!session->json) {
                printf("%s%s  ", print_tick(state, session->colour), id_text);
                if (operation->kind != ROW_TEXT)
                        printf("(%s) ", row_kind_text((unsigned)operation->kind));
                if (operation->target)
                        printf("(re %" PRIu64 ") ", operation->target);
                safe_text(stdout, operation->text);
                putchar('\n');
                return;
        }
        printf("{\"type\":\"outbox\"");
        print_json_id("room", room);
        print_json_id("id", id);
        printf(",\"state\":\"%s\",\"kind\":\"%s\"", print_state(state), row_kind_text((unsigned)operation->kind));
        if (operation->target)
                printf(",\"target\":%" PRIu64, operation->target);
        if (operation->off)
                printf(",\"off\":true");
        printf(",\"text\":");
        safe_json(stdout, operation->text);
        puts("}");
}

static void print_json_settings(const struct room_settings *settings, const struct core_room_info *info, uint64_t now_ms)
{
        bool muted = room_is_muted(settings, now_ms);

        if (muted)
                printf(",\"muted\":true");
        if (muted && settings->muted_until_ms != SETTING_FOREVER)
                printf(",\"muted_until_ms\":%" PRIu64, settings->muted_until_ms);
        if (room_is_archived(settings, info->last_time_ms, now_ms))
                printf(",\"archived\":true");
        if (settings->pin)
                printf(",\"pinned\":%" PRIu64, settings->pin);
        if (settings->draft.size) {
                printf(",\"draft\":");
                safe_json(stdout, settings->draft);
        }
        if (settings->draft_reply_to)
                printf(",\"draft_reply_to\":%" PRIu64, settings->draft_reply_to);
}

static void print_settings(const struct room_settings *settings, const struct core_room_info *info, uint64_t now_ms)
{
        if (settings->pin)
                fputs("  pinned", stdout);
        if (room_is_muted(settings, now_ms))
                fputs("  muted", stdout);
        if (room_is_archived(settings, info->last_time_ms, now_ms))
                fputs("  archived", stdout);
        if (settings->draft.size) {
                fputs("  draft: ", stdout);
                safe_line(stdout, settings->draft);
        }
}

void print_room(struct session *session, const struct core_room_info *info)
{
        struct room_settings settings = core_room_settings(session->host->core, &info->room);
        uint64_t now_ms = host_time(session->host).wall_ms;
        struct mentions mentions = mentions_of(session, info);
        char name[SESSION_NAME_SIZE], clock[CLOCK_SIZE];

        session_room_name(info, name);
        if (session->json) {
                printf("{\"type\":\"room\"");
                print_json_id("room", &info->room);
                printf(",\"name\":");
                safe_json(stdout, slice_text(name));
                printf(",\"head\":%" PRIu64 ",\"unread\":%" PRIu64 ",\"queued\":%u,\"last_time_ms\":%" PRIu64, info->head,
                       info->unread, info->queued, info->last_time_ms);
                if (info->peer.user)
                        print_json_user("peer", info->peer.user);
                if (info->kind == ROOM_GROUP)
                        printf(",\"members\":%" PRIu64 ",\"role\":\"%s\",\"left\":%s", info->members,
                               role_text(info->role) ? role_text(info->role) : "none", info->left ? "true" : "false");
                if (mentions.count || mentions.more)
                        printf(",\"mentions\":%u,\"mentions_more\":%s", mentions.count, mentions.more ? "true" : "false");
                print_json_settings(&settings, info, now_ms);
                puts("}");
                return;
        }
        print_clock(info->last_time_ms, clock);
        printf("%-20s  %-12s  ", name, info->last_time_ms ? clock : "");
        safe_line(stdout, info->peer.display_name);
        if (info->left)
                fputs("left", stdout);
        else if (info->kind == ROOM_GROUP)
                printf("%" PRIu64 " members", info->members);
        if (info->unread)
                printf("  %" PRIu64 " unread", info->unread);
        if (mentions.count)
                printf(", %u%s with your name", mentions.count, mentions.more ? "+" : "");
        if (info->queued)
                printf("  %u queued", info->queued);
        print_settings(&settings, info, now_ms);
        putchar('\n');
}

void print_person(struct session *session, const struct wire_person *person)
{
        char name[SESSION_NAME_SIZE];

        if (session->json) {
                printf("{\"type\":\"person\"");
                print_json_user("user", person->user);
                printf(",\"user_name\":");
                safe_json(stdout, person->user_name);
                printf(",\"display_name\":");
                safe_json(stdout, person->display_name);
                puts("}");
                return;
        }
        safe_copy(person->user_name, name, sizeof(name));
        printf("@%-20s ", name);
        safe_line(stdout, person->display_name);
        putchar('\n');
}

void print_member(struct session *session, const struct wire_member *member)
{
        const char *role = role_text((unsigned)member->role);
        char name[SESSION_NAME_SIZE];

        if (!role)
                role = "member";
        if (session->json) {
                printf("{\"type\":\"member\"");
                print_json_user("user", member->person.user);
                printf(",\"user_name\":");
                safe_json(stdout, member->person.user_name);
                printf(",\"display_name\":");
                safe_json(stdout, member->person.display_name);
                printf(",\"role\":\"%s\",\"delivered\":%" PRIu64 ",\"shown\":%" PRIu64 "}\n", role, member->delivered,
                       member->shown);
                return;
        }
        safe_copy(member->person.user_name, name, sizeof(name));
        printf("@%-20s %-7s ", name, role);
        safe_line(stdout, member->person.display_name);
        putchar('\n');
}

void print_device(struct session *session, const struct wire_device *device)
{
        bool current = device->device == core_device(session->host->core);
        char clock[CLOCK_SIZE];

        if (session->json) {
                printf("{\"type\":\"device\"");
                print_json_user("device", device->device);
                printf(",\"name\":");
                safe_json(stdout, device->name);
                printf(",\"created_ms\":%" PRIu64 ",\"seen_ms\":%" PRIu64 ",\"current\":%s}\n", device->created_ms,
                       device->seen_ms, current ? "true" : "false");
                return;
        }
        print_clock(device->seen_ms, clock);
        printf("%-20" PRIu64 " %-12s ", device->device, clock);
        safe_line(stdout, device->name);
        puts(current ? "  (this one)" : "");
}
