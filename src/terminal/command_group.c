/* Groups: group, add, remove, leave, title, role, members, readers, link, join. */
#include <stdlib.h>

#include "base/assert.h"
#include "crypto/random.h"
#include "rules/role.h"
#include "rules/room.h"
#include "rules/row.h"
#include "terminal/command.h"
#include "terminal/group_link.h"
#include "terminal/print.h"

#define ANSWER_WAIT_MS 10000

/* ---- what changes a group ---- */

static int find_group(struct session *session, const char *text, struct id *room)
{
        int result = session_find_room(session, text, room);

        if (result == EXIT_DONE && room_kind_of(room) != ROOM_GROUP)
                return session_complain(EXIT_USAGE, "'%s' is no group", text);
        return result;
}

/* The same to each of them, in their order. */
static int write_about(struct session *session, struct id *room, enum row_kind kind, int count, char **words)
{
        int result = EXIT_DONE;

        for (int i = 0; i < count && result == EXIT_DONE; i++) {
                struct wire_operation operation = {.kind = kind};

                result = session_find_user(session, words[i], &operation.subject);
                if (result == EXIT_DONE)
                        result = command_write(session, room, &operation);
        }
        return result;
}

static int check_title(const char *title)
{
        struct slice text = slice_text(title);

        if (text.size == 0 || text.size > TITLE_SIZE_MAX || !slice_is_text(text))
                return session_complain(EXIT_REFUSED, "a title has 1 to %d bytes of text", TITLE_SIZE_MAX);
        return EXIT_DONE;
}

int command_group(struct session *session, int count, char **words)
{
        struct wire_operation operation = {.kind = ROW_CREATED, .text = slice_text(words[0])};
        int result = check_title(words[0]);
        struct id room;

        if (result == EXIT_DONE)
                result = command_write(session, &room, &operation);
        return result == EXIT_DONE ? write_about(session, &room, ROW_JOINED, count - 1, words + 1) : result;
}

int command_add(struct session *session, int count, char **words)
{
        struct id room;
        int result = find_group(session, words[0], &room);

        return result == EXIT_DONE ? write_about(session, &room, ROW_JOINED, count - 1, words + 1) : result;
}

int command_remove(struct session *session, int count, char **words)
{
        struct id room;
        int result = find_group(session, words[0], &room);

        return result == EXIT_DONE ? write_about(session, &room, ROW_LEFT, count - 1, words + 1) : result;
}

int command_leave(struct session *session, int count, char **words)
{
        char me[] = "me", *self[] = {me};
        struct id room;
        int result = find_group(session, words[0], &room);

        (void)count;
        return result == EXIT_DONE ? write_about(session, &room, ROW_LEFT, 1, self) : result;
}

int command_title(struct session *session, int count, char **words)
{
        struct wire_operation operation = {.kind = ROW_TITLE, .text = slice_text(words[1])};
        struct id room;
        int result = find_group(session, words[0], &room);

        (void)count;
        if (result == EXIT_DONE)
                result = check_title(words[1]);
        return result == EXIT_DONE ? command_write(session, &room, &operation) : result;
}

int command_role(struct session *session, int count, char **words)
{
        struct wire_operation operation = {.kind = ROW_ROLE};
        struct id room;
        int result = find_group(session, words[0], &room);

        (void)count;
        for (unsigned role = 1; role_text(role); role++)
                if (strcmp(words[2], role_text(role)) == 0)
                        operation.role = role;
        if (result == EXIT_DONE && operation.role == 0)
                return session_complain(EXIT_USAGE, "'%s' is no role: give owner, admin or member", words[2]);
        if (result == EXIT_DONE)
                result = session_find_user(session, words[1], &operation.subject);
        return result == EXIT_DONE ? command_write(session, &room, &operation) : result;
}

/* ---- what asks about one ---- */

/* One page of members after another. */
struct listing {
        struct session *session;
        struct id room, request;
        uint64_t last, reads; /* reads: only those who have read that row; 0: all */
        uint64_t sender;      /* of that row */
        bool print, done, more;
        enum error error;
        unsigned printed;
        uint8_t link[LINK_SIZE];
        size_t link_size;
};

static bool has_read(const struct listing *listing, const struct wire_member *member)
{
        return member->person.user != listing->sender && member->counted_from < listing->reads &&
               member->shown >= listing->reads;
}

static void on_members(void *context, const struct core_event *event)
{
        struct listing *listing = context;
        struct wire_iterator iterator;
        struct wire_member member;

        if (!id_equal(&event->id, &listing->request))
                return;
        if (event->kind == CORE_EVENT_FAILED)
                listing->error = event->error;
        listing->done = event->kind == CORE_EVENT_FAILED || event->kind == CORE_EVENT_MEMBERS;
        if (event->kind != CORE_EVENT_MEMBERS)
                return;
        listing->more = event->more;
        listing->link_size = event->bytes.size;
        if (event->bytes.size)
                memcpy(listing->link, event->bytes.data, min_of(event->bytes.size, sizeof(listing->link)));
        wire_list_start(&iterator, WIRE_STRUCTURE(member_page), 1, &event->list);
        while (wire_list_next(&iterator, &member)) {
                listing->last = member.person.user;
                if (!listing->print || (listing->reads && !has_read(listing, &member)))
                        continue;
                print_member(listing->session, &member);
                listing->printed++;
        }
}

static bool members_done(void *context)
{
        return ((struct listing *)context)->done;
}

static int list_members(struct session *session, struct listing *listing)
{
        int result = session_need_link(session, LINK_WAIT_MS);

        listing->session = session;
        if (result != EXIT_DONE)
                return result;
        host_set_listener(session->host, on_members, listing);
        do {
                listing->done = listing->more = false;
                listing->error = core_members(session->host->core, &listing->room, listing->last, &listing->request,
                                              host_time(session->host));
                if (!listing->error && !host_wait(session->host, members_done, listing, ANSWER_WAIT_MS))
                        listing->error = ERR_UNKNOWN;
        } while (!listing->error && listing->more);
        host_set_listener(session->host, NULL, NULL);
        return listing->error ? session_complain(EXIT_REFUSED, "%s", error_text(listing->error)) : EXIT_DONE;
}

int command_members(struct session *session, int count, char **words)
{
        struct listing listing = {.print = true};
        int result = session_find_room(session, words[0], &listing.room);

        (void)count;
        return result == EXIT_DONE ? list_members(session, &listing) : result;
}

static void take_sender(void *context, struct slice key, struct slice value)
{
        struct wire_row row;

        (void)key;
        if (core_row_decode(value, &row) == ERR_OK)
                *(uint64_t *)context = row.sender;
}

int command_readers(struct session *session, int count, char **words)
{
        struct listing listing = {.print = true};
        uint8_t key[CORE_KEY_SIZE_MAX], end[CORE_KEY_SIZE_MAX];
        size_t size;
        int result = session_find_room(session, words[0], &listing.room);

        (void)count;
        listing.reads = strtoull(words[1], NULL, 10);
        if (result != EXIT_DONE)
                return result;
        if (listing.reads == 0)
                return session_complain(EXIT_USAGE, "'%s' is no message's number", words[1]);
        size = core_key_row(&listing.room, listing.reads, key);
        core_key_row(&listing.room, listing.reads + 1, end);
        if (file_range(session->file, slice_of(key, size), slice_of(end, size), 1, false, take_sender, &listing.sender) !=
            ERR_OK)
                return session_complain(EXIT_DISK, "the profile cannot be read");
        if (listing.sender == 0)
                return session_complain(EXIT_REFUSED, "no such message here: galka history --json prints their numbers");
        result = list_members(session, &listing);
        if (result == EXIT_DONE && listing.printed == 0 && !session->json)
                puts("Nobody yet.");
        return result;
}

/* ---- links ---- */

static void print_link(struct session *session, const struct id *room, const uint8_t *link)
{
        char text[GROUP_LINK_SIZE];

        group_link_format(room, link, text);
        printf(session->json ? "{\"type\":\"link\",\"link\":\"%s\"}\n" : "%s\n", text);
}

static int show_link(struct session *session, const struct id *room)
{
        struct listing listing = {.room = *room};
        int result = list_members(session, &listing);

        if (result != EXIT_DONE)
                return result;
        if (listing.link_size != LINK_SIZE)
                return session_complain(EXIT_REFUSED, "there is no link, or it is for the group's owners and admins to see "
                                                      "(they make one with galka link ROOM new)");
        print_link(session, room, listing.link);
        return EXIT_DONE;
}

int command_link(struct session *session, int count, char **words)
{
        struct wire_operation operation = {.kind = ROW_LINK};
        uint8_t link[LINK_SIZE];
        struct id room;
        int result = find_group(session, words[0], &room);

        if (result != EXIT_DONE || count == 1)
                return result == EXIT_DONE ? show_link(session, &room) : result;
        if (strcmp(words[1], "new") != 0 && strcmp(words[1], "off") != 0)
                return session_complain(EXIT_USAGE, "galka link ROOM [new|off]");
        if (words[1][0] == 'n') {
                crypto_random(link, sizeof(link));
                operation.link = slice_of(link, sizeof(link));
        }
        result = command_write(session, &room, &operation);
        if (result == EXIT_DONE && operation.link.size)
                print_link(session, &room, link);
        return result;
}

int command_join(struct session *session, int count, char **words)
{
        uint8_t link[LINK_SIZE];
        struct wire_operation operation = {
                .kind = ROW_JOINED, .subject = core_user(session->host->core), .link = slice_of(link, sizeof(link))};
        struct id room;

        (void)count;
        if (!group_link_parse(slice_text(words[0]), &room, link))
                return session_complain(EXIT_USAGE, "that is no link to a group: galka link prints them");
        return command_write(session, &room, &operation);
}
