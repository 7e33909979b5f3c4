/*
 * What the screen shows, without a terminal: models made by hand are drawn and compared with expected/NAME.txt (long: a test a part
 * of the screen, and the model they share). With UPDATE=1 in the
 * environment the files are written anew: look at what changed before you commit it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "base/memory.h"
#include "rules/role.h"
#include "rules/room.h"
#include "rules/row.h"
#include "terminal/screen/view.h"

#define ME      7
#define BOB     8
#define CAROL   9
#define MINUTE  60000ull
#define DAY     86400000ull
#define NOW     (1795910400000ull + 14 * 3600000) /* Sunday, 29 November 2026, 14:00 */
#define BIG_MAX 100000

static struct model model;
static struct grid grid;
static const char *expected_folder;

static void know(uint64_t user, const char *name, const char *user_name)
{
        model_know(&model, &(struct wire_person){
                                   .user = user, .display_name = slice_text(name), .user_name = slice_text(user_name)});
}

static struct model_room *add_room(const struct id *id, const char *name, const char *last, uint64_t ago_ms)
{
        struct model_room *room;

        assert_true(model_rooms_reserve(&model, model.room_count + 1));
        room = &model.rooms[model.room_count++];
        *room = (struct model_room){.room = *id, .kind = (uint8_t)room_kind_of(id), .time_ms = NOW - ago_ms};
        snprintf(room->name, sizeof(room->name), "%s", name);
        snprintf(room->last, sizeof(room->last), "%s", last);
        return room;
}

static struct model_row *add_row(uint64_t seq, uint64_t sender, const char *said, uint64_t ago_ms,
                                 enum core_message_state state)
{
        struct wire_row wire = {
                .seq = seq, .sender = sender, .kind = ROW_TEXT, .time_ms = NOW - ago_ms, .text = slice_text(said)};
        struct model_row *row;

        wire.request.bytes[0] = (uint8_t)(seq + 1);
        wire.request.bytes[1] = (uint8_t)(ago_ms >> 4);
        row = log_row_new(&wire, sender == ME, state);
        assert_non_null(row);
        assert_true(log_put(&model.log, row));
        return row;
}

/* Bob's room is open, with yesterday's and today's talk. */
static void talk(void)
{
        struct id bob = room_personal(ME, BOB), carol = room_personal(ME, CAROL), self = room_personal(ME, ME);
        struct model_room *room;

        model.me = (struct model_person){.user = ME, .name = "Alice", .user_name = "alice"};
        model.now_ms = NOW;
        model.phase = CORE_SYNCED;
        know(BOB, "Bob", "bob");
        know(CAROL, "Carol", "carol");
        room = add_room(&bob, "Bob", "See you at nine.", 3 * MINUTE);
        room->last_mine = true;
        room->last_state = CORE_MESSAGE_READ;
        snprintf(room->detail, sizeof(room->detail), "@bob");
        room = add_room(&carol, "Carol", "Привет! Завтра в шесть?", 2 * DAY);
        room->unread = 3;
        add_room(&self, text(TEXT_SELF_ROOM), "milk, bread, candles", 40 * DAY);
        model.open = true;
        model.at = model.rooms[0];
        model.focus = FOCUS_COMPOSE;
        add_row(1, BOB, "Did you see the jackdaws on the roof?", DAY + 5 * MINUTE, CORE_MESSAGE_SENT);
        add_row(2, ME, "Four of them, and one that steals buttons.", DAY + 4 * MINUTE, CORE_MESSAGE_READ);
        add_row(3, ME, "I put the photos on the board.", DAY + 3 * MINUTE, CORE_MESSAGE_READ);
        add_row(4, BOB,
                "The roof again. Let us meet at the bakery at nine, and bring the long ladder, because the one from last "
                "year is "
                "broken and nobody has fixed it since.",
                5 * MINUTE, CORE_MESSAGE_SENT);
        add_row(5, ME, "See you at nine.", 3 * MINUTE, CORE_MESSAGE_READ);
        add_row(6, ME, "And the camera?", 2 * MINUTE, CORE_MESSAGE_DELIVERED);
        add_row(7, ME, "Never mind.", MINUTE, CORE_MESSAGE_SENT);
}

static int begin(void **state)
{
        (void)state;
        text_choose(LANGUAGE_EN);
        return model_init(&model) == ERR_OK ? 0 : 1;
}

static int end(void **state)
{
        (void)state;
        model_finish(&model);
        grid_finish(&grid);
        return 0;
}

static void draw(unsigned rows, unsigned columns)
{
        assert_int_equal(grid_resize(&grid, rows, columns), ERR_OK);
        view_settle(&model, rows, columns);
        view_draw(&model, &grid);
}

/* The screen's text, without spaces at the ends of lines. */
static const char *shown(void)
{
        static char all[BIG_MAX];
        size_t used = 0;

        for (unsigned row = 0; row < grid.rows; row++) {
                size_t start = used;

                for (unsigned column = 0; column < grid.columns; column++) {
                        const struct cell *cell = &grid.cells[row * grid.columns + column];

                        assert_true(used + cell->size + 2 < sizeof(all));
                        memcpy(all + used, cell->shown, cell->size);
                        used += cell->size;
                }
                while (used > start && all[used - 1] == ' ')
                        used--;
                all[used++] = '\n';
        }
        all[used] = '\0';
        return all;
}

static void looks_like(const char *name)
{
        static char expected[BIG_MAX];
        char path[512];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s.txt", expected_folder, name);
        if (getenv("UPDATE")) {
                file = fopen(path, "w");
                assert_non_null(file);
                assert_true(fputs(shown(), file) >= 0);
                assert_int_equal(fclose(file), 0);
                return;
        }
        file = fopen(path, "r");
        assert_non_null(file);
        expected[fread(expected, 1, sizeof(expected) - 1, file)] = '\0';
        fclose(file);
        if (strcmp(expected, shown()) != 0)
                fprintf(stderr, "%s is now:\n%s", name, shown());
        assert_string_equal(expected, shown());
}

static bool sees(const char *said)
{
        return strstr(shown(), said) != NULL;
}

/* The style of the first cell of what is shown. */
static unsigned style_of(const char *said)
{
        for (unsigned row = 0; row < grid.rows; row++)
                for (unsigned column = 0; column < grid.columns; column++) {
                        size_t size = 0;
                        unsigned at = column;

                        while (said[size] && at < grid.columns) {
                                const struct cell *cell = &grid.cells[row * grid.columns + at++];

                                if (strncmp(said + size, cell->shown, cell->size) != 0)
                                        break;
                                size += cell->size;
                        }
                        if (!said[size])
                                return grid.cells[row * grid.columns + column].style;
                }
        fail_msg("'%s' is not on the screen", said);
        return 0;
}

/* ---- */

static void a_talk_in_both_sizes_and_languages(void **state)
{
        (void)state;
        talk();
        draw(24, 80);
        looks_like("talk-80x24-en");
        assert_int_equal(style_of("See you at nine.  13"), STYLE(OWN, TEXT));
        assert_int_equal(style_of("Did you"), STYLE(OTHER, TEXT));
        assert_int_equal(style_of("3  │"), STYLE(BADGE, STRONG));
        draw(60, 200);
        looks_like("talk-200x60-en");
        text_choose(LANGUAGE_RU);
        draw(24, 80);
        looks_like("talk-80x24-ru");
        draw(60, 200);
        looks_like("talk-200x60-ru");
}

static void ticks_tell_how_far_a_message_is(void **state)
{
        (void)state;
        talk();
        add_row(0, ME, "In the tunnel", 0, CORE_MESSAGE_QUEUED);
        draw(24, 80);
        assert_true(sees("In the tunnel  14:00 …"));
        assert_true(sees("Never mind.  13:59 ✓\n"));
        assert_true(sees("And the camera?  13:58 ✓✓"));
        assert_int_equal(style_of("✓✓ See you"), STYLE(CHOSEN, EYE)); /* in the list */
        /* Without colours a read one has a tick of its own. */
        model.colourless = true;
        draw(24, 80);
        assert_true(sees("See you at nine.  13:57 ✔✔"));
}

static void what_failed_says_why_and_what_to_do(void **state)
{
        struct model_row *row;

        (void)state;
        talk();
        row = add_row(0, ME, "too late", 0, CORE_MESSAGE_FAILED);
        row->error = ERR_NO_ROOM;
        model.failed = 1;
        draw(24, 80);
        assert_true(sees("too late  14:00 !"));
        assert_true(sees("Not sent: you are not in this chat"));
        assert_true(sees("1 not sent"));
        model.focus = FOCUS_LOG;
        model.log.marked = model.log.count - 1;
        draw(24, 80);
        assert_true(sees("Enter send again"));
        assert_int_equal(style_of("too late"), STYLE(MARKED, TEXT));
        looks_like("failed-80x24-en");
}

static void without_a_link_a_banner_says_so(void **state)
{
        (void)state;
        talk();
        model.phase = CORE_OFFLINE;
        model.offline_ms = NOW - 500;
        model.queued = 2;
        draw(24, 80);
        assert_false(sees("No link")); /* not for every hiccup */
        model.offline_ms = NOW - 5000;
        draw(24, 80);
        looks_like("offline-80x24-en");
        text_choose(LANGUAGE_RU);
        snprintf(model.problem, sizeof(model.problem), "%s", text(TEXT_WHY_UNREACHABLE));
        draw(60, 200);
        assert_true(sees("Нет связи (сервер недоступен): написанное уйдёт позже"));
        assert_true(sees("2 ждут"));
}

static void the_unread_line_stands_before_the_first_new_one_of_others(void **state)
{
        char *line, *before;
        char copy[8192];

        (void)state;
        talk();
        model.log.unread_seq = 3; /* an own one */
        draw(40, 100);
        snprintf(copy, sizeof(copy), "%s", shown());
        line = strstr(copy, "New messages");
        before = strstr(copy, "The roof again");
        assert_non_null(line);
        assert_true(line < before && line > strstr(copy, "I put the photos"));
        assert_int_equal(style_of("New messages"), STYLE(GROUND, BEAK));
}

static void names_are_shown_in_groups_once_a_group_of_rows(void **state)
{
        struct id id = {{1, 2, 3, 4, 5, 6, 0x70, 0, 0x80}};

        (void)state;
        talk();
        log_clear(&model.log);
        model.at.kind = ROOM_GROUP;
        model.at.room = id;
        add_row(1, BOB, "one", 9 * MINUTE, CORE_MESSAGE_SENT);
        add_row(2, BOB, "two", 8 * MINUTE, CORE_MESSAGE_SENT);
        add_row(3, CAROL, "three", 7 * MINUTE, CORE_MESSAGE_SENT);
        add_row(4, 99, "four", 6 * MINUTE, CORE_MESSAGE_SENT);
        draw(24, 80);
        looks_like("group-80x24-en");
        assert_true(style_of("Carol ") != STYLE(OTHER, TEXT));
}

static struct model_row *add_news(uint64_t seq, uint8_t kind, uint64_t sender, uint64_t subject, uint8_t role,
                                  const char *title)
{
        struct wire_row wire = {
                .seq = seq, .kind = kind, .sender = sender, .subject = subject, .role = role, .time_ms = NOW - 30 * MINUTE};
        struct model_row *row;

        wire.text = slice_text(title);
        row = log_row_new(&wire, sender == ME, CORE_MESSAGE_SENT);
        assert_non_null(row);
        assert_true(log_put(&model.log, row));
        return row;
}

static void open_a_group(void)
{
        talk();
        log_clear(&model.log);
        model.at.kind = ROOM_GROUP;
        model.at.role = ROLE_OWNER;
        model.at.members = 3;
        snprintf(model.at.name, sizeof(model.at.name), "Jackdaw watchers");
        snprintf(model.at.detail, sizeof(model.at.detail), "3 members");
        model.members[0] = (struct model_member){.user = ME, .role = ROLE_OWNER};
        model.members[1] = (struct model_member){.user = BOB, .role = ROLE_ADMIN};
        model.members[2] = (struct model_member){.user = CAROL, .role = ROLE_MEMBER};
        model.member_count = 3;
        add_news(1, ROW_CREATED, ME, 0, 0, "Jackdaws");
        add_news(2, ROW_JOINED, ME, BOB, 0, "");
        add_news(3, ROW_JOINED, CAROL, CAROL, 0, "");
        add_news(4, ROW_TITLE, BOB, 0, 0, "Jackdaw watchers");
        add_news(5, ROW_ROLE, ME, BOB, ROLE_ADMIN, "");
        add_news(6, ROW_LINK, ME, 0, 0, "");
        add_row(7, BOB, "Who saw the one with the ring?", 3 * MINUTE, CORE_MESSAGE_SENT);
        add_news(8, ROW_LEFT, BOB, CAROL, 0, "");
        add_news(9, ROW_LEFT, BOB, BOB, 0, "")->heir = ME;
}

static void news_of_a_group_are_told_in_sentences(void **state)
{
        (void)state;
        open_a_group();
        draw(24, 80);
        looks_like("news-80x24-en");
        draw(60, 200);
        looks_like("news-200x60-en");
        text_choose(LANGUAGE_RU);
        draw(24, 80);
        looks_like("news-80x24-ru");
}

static void what_happened_last_is_told_in_the_list(void **state)
{
        (void)state;
        open_a_group();
        model.rooms[1].kind = ROOM_GROUP;
        model.rooms[1].last_kind = ROW_LEFT;
        model.rooms[1].last_sender = model.rooms[1].last_subject = BOB;
        draw(24, 80);
        assert_true(sees(" Bob left the group"));
}

static void a_reply_quotes_what_it_answers(void **state)
{
        struct wire_row wire = {.seq = 8, .kind = ROW_TEXT, .sender = BOB, .time_ms = NOW, .reply_to = 2};
        struct model_row *row;

        (void)state;
        talk();
        wire.text = slice_text("He steals mine too.");
        assert_true(log_put(&model.log, log_row_new(&wire, false, CORE_MESSAGE_SENT)));
        wire.seq = 9;
        wire.reply_to = 4000; /* nowhere here */
        assert_true(log_put(&model.log, log_row_new(&wire, false, CORE_MESSAGE_SENT)));
        model.about.kind = ABOUT_REPLY;
        model_quote_row(&model.about.quote, 8, BOB, slice_text("He steals\nmine too."));
        line_insert(model.compose, SLICE_LITERAL("Which button?"));
        draw(24, 80);
        looks_like("reply-80x24-en");
        assert_true(sees("▎You: Four of them, and one that steals butt…"));
        assert_true(sees("▎a message that is not on this device"));
        assert_true(sees("▎Reply to Bob: He steals mine too."));
        /* As it is now. */
        row = log_by_seq(&model.log, 2);
        row->kind = ROW_DELETED;
        text_choose(LANGUAGE_RU);
        model.about.kind = ABOUT_EDIT;
        draw(24, 80);
        assert_true(sees("▎Вы: удалённое сообщение"));
        assert_true(sees("▎Новый текст вместо: He steals mine too."));
        model.focus = FOCUS_LOG;
        model.log.marked = model.log.count - 1;
        draw(24, 80);
        assert_true(sees("Enter ответить · a реакция · f переслать · e изменить"));
}

static void reactions_stand_below_and_a_forwarded_text_says_whose_it_is(void **state)
{
        const struct wire_reaction list[] = {{.emoji = SLICE_LITERAL("👍"), .people = 12},
                                             {.emoji = SLICE_LITERAL("❤️"), .people = 1},
                                             {.emoji = SLICE_LITERAL("\033"), .people = 1}};
        struct wire_row made = {.seq = 8, .kind = ROW_TEXT, .sender = BOB, .time_ms = NOW}, row;
        uint8_t bytes[512], *at;

        (void)state;
        talk();
        made.text = SLICE_LITERAL("The roof again.");
        made.reactions = (struct wire_list){.items = list, .count = 3};
        made.reacted = list[1].emoji;
        made.origin = SLICE_LITERAL("Carol of the roof");
        at = wire_encode(WIRE_STRUCTURE(row), &made, bytes, bytes + sizeof(bytes));
        assert_int_equal(wire_decode(WIRE_STRUCTURE(row), slice_of(at, (size_t)(bytes + sizeof(bytes) - at)), &row, NULL),
                         ERR_OK);
        assert_true(log_put(&model.log, log_row_new(&row, false, CORE_MESSAGE_SENT)));
        row.seq = 9;
        row.reacted = (struct slice){0};
        row.origin = (struct slice){0};
        assert_true(log_put(&model.log, log_row_new(&row, true, CORE_MESSAGE_READ)));
        draw(24, 80);
        looks_like("reactions-80x24-en");
        assert_true(sees("Forwarded from Carol of the roof"));
        assert_true(sees("👍 12  [❤ 1]  · 1"));
        assert_true(sees("👍 12  ❤ 1  · 1\n"));
}

static void who_is_mentioned_sees_it_in_the_list_and_in_the_log(void **state)
{
        struct model_row *row;

        (void)state;
        open_a_group();
        model.rooms[1].kind = ROOM_GROUP;
        model.rooms[1].mentioned = true;
        row = add_row(10, BOB, "What do you think, @alice?", MINUTE, CORE_MESSAGE_SENT);
        row->mentions = true;
        draw(24, 80);
        assert_true(sees(" @ 3 "));
        assert_true(sees("▎What do you think, @alice?"));
        assert_int_equal(style_of("▎What do"), STYLE(OTHER, BEAK));
        model.rooms[1].unread = 0;
        draw(24, 80);
        assert_false(sees(" @ "));
}

static void the_head_says_who_is_online_and_who_types(void **state)
{
        (void)state;
        talk();
        draw(24, 80);
        assert_false(sees("online"));
        model.peer_online = model.rooms[0].online = true;
        draw(24, 80);
        looks_like("online-80x24-en");
        assert_true(sees("● online"));
        model.typists[0] = BOB;
        model.typist_count = 1;
        draw(24, 80);
        assert_true(sees("typing…"));
        assert_false(sees("online"));
        text_choose(LANGUAGE_RU);
        draw(24, 80);
        assert_true(sees("печатает…"));
}

static void typing_in_a_group_names_who_does(void **state)
{
        (void)state;
        open_a_group();
        model.typists[0] = BOB;
        model.typist_count = 1;
        draw(24, 80);
        looks_like("typing-80x24-en");
        assert_true(sees("Bob is typing…"));
        model.typists[1] = CAROL;
        model.typist_count = 2;
        draw(24, 80);
        assert_true(sees("several people are typing…"));
}

static void wide_and_combining_letters_keep_the_columns(void **state)
{
        (void)state;
        talk();
        log_clear(&model.log);
        add_row(1, BOB, "日本語のテキストは幅が広いので、行の終わりで正しく折り返す必要があります。", MINUTE,
                CORE_MESSAGE_SENT);
        add_row(2, BOB, "e\xcc\x81t\xcc\xa3\xcc\x87 ok", MINUTE, CORE_MESSAGE_SENT);
        add_row(3, BOB, "👨‍👩‍👧 and ❤️ and 👍🏽", MINUTE, CORE_MESSAGE_SENT);
        add_row(4, BOB, "שלום עולם", MINUTE, CORE_MESSAGE_SENT);
        draw(24, 80);
        looks_like("letters-80x24-en");
        /* The bubble's edge stands where the columns say. */
        for (unsigned row = 0; row < 24; row++)
                for (unsigned column = 0, width; column < 80; column += width) {
                        width = grid.cells[row * 80 + column].columns;
                        assert_true(width == 1 || width == 2);
                }
}

static void nobody_can_draw_on_the_screen(void **state)
{
        (void)state;
        talk();
        log_clear(&model.log);
        add_row(1, BOB, "evil \033[2J\r\x07 \xe2\x80\xae text\nnext line", MINUTE, CORE_MESSAGE_SENT);
        draw(24, 80);
        assert_true(sees("evil ·[2J·· · text"));
        assert_true(sees("next line"));
        assert_false(sees("\033"));
        assert_false(sees("\xe2\x80\xae"));
}

static void scrolling_shows_every_line_once_and_stays_where_it_is(void **state)
{
        char seen[100] = {0};

        (void)state;
        talk();
        for (uint64_t seq = 10; seq < 90; seq++) {
                char said[32];

                snprintf(said, sizeof(said), "number %u.", (unsigned)seq);
                add_row(seq, seq % 2 ? ME : BOB, said, 0, CORE_MESSAGE_READ);
        }
        for (int i = 0; i < 60; i++) {
                draw(24, 80);
                for (unsigned seq = 10; seq < 90; seq++) {
                        char said[32];

                        snprintf(said, sizeof(said), "number %u.", seq);
                        seen[seq] |= (char)sees(said);
                }
                view_scroll(&model, 24, 80, 3);
        }
        for (unsigned seq = 10; seq < 90; seq++)
                assert_true(seen[seq]);
        assert_false(model.log.following);
        assert_true(view_at_top(&model, 24, 80));
        draw(24, 80);
        assert_true(sees("Did you see"));
        /* What comes does not move what is read, and is counted. */
        view_scroll(&model, 24, 80, -10);
        draw(24, 80);
        {
                char before[8192];
                const char *after;

                snprintf(before, sizeof(before), "%s", shown());
                add_row(90, BOB, "new below", 0, CORE_MESSAGE_SENT);
                model.log.come = 1;
                draw(24, 80);
                after = shown();
                assert_memory_equal(after, before, (size_t)(strstr(before, "End:") - before) / 2);
                assert_true(sees("1 new message · End"));
                assert_false(sees("new below"));
        }
        assert_true(view_read_seq(&model) < 90);
        view_scroll(&model, 24, 80, -10000);
        draw(24, 80);
        assert_true(model.log.following);
        assert_true(sees("new below"));
        assert_int_equal(view_read_seq(&model), 90);
}

static void a_long_message_can_be_read_to_its_end(void **state)
{
        static char said[16001];
        bool first = false, last = false;

        (void)state;
        talk();
        log_clear(&model.log);
        memset(said, 'x', sizeof(said) - 1);
        for (size_t i = 7; i < sizeof(said) - 1; i += 8)
                said[i] = i % 64 == 7 ? '\n' : ' ';
        memcpy(said, "FIRST", 5);
        memcpy(said + sizeof(said) - 6, " LAST", 5);
        add_row(1, BOB, said, 0, CORE_MESSAGE_SENT);
        draw(24, 80);
        last = sees("LAST");
        for (int i = 0; i < 100 && !first; i++) {
                view_scroll(&model, 24, 80, 10);
                draw(24, 80);
                first = sees("FIRST");
        }
        assert_true(first && last);
}

static void popups_and_forms_are_drawn_over_it(void **state)
{
        (void)state;
        talk();
        popup_open(&model, POPUP_HELP);
        draw(24, 80);
        looks_like("help-80x24-en");
        draw(60, 200);
        looks_like("help-200x60-en");
        popup_open(&model, POPUP_SETTINGS);
        text_choose(LANGUAGE_RU);
        draw(24, 80);
        looks_like("settings-80x24-ru");
        text_choose(LANGUAGE_EN);
        popup_open(&model, POPUP_SIGN_UP);
        line_insert(model.popup.fields[1].line, SLICE_LITERAL("alice@example.org"));
        line_insert(model.popup.fields[4].line, SLICE_LITERAL("secret"));
        popup_say(&model.popup, true, text(TEXT_BAD_PASSWORD));
        model.popup.chosen = 4;
        draw(24, 80);
        looks_like("signup-80x24-en");
        assert_false(sees("secret"));
        assert_true(grid.cursor);
        assert_int_equal(style_of(text(TEXT_BAD_PASSWORD)), STYLE(RAISED, DANGER));
}

static void what_is_typed_grows_and_scrolls(void **state)
{
        (void)state;
        talk();
        model.compose->several = true;
        draw(24, 80);
        assert_true(sees("› Message"));
        line_insert(model.compose, SLICE_LITERAL("one\ntwo\nthree"));
        draw(24, 80);
        assert_true(sees("› one") && sees("  two") && sees("  three"));
        assert_int_equal(grid.cursor_row, 22);
        line_do(model.compose, LINE_UP);
        draw(24, 80);
        assert_int_equal(grid.cursor_row, 21);
        for (int i = 0; i < 30; i++)
                line_insert(model.compose, SLICE_LITERAL("\nmore"));
        draw(24, 80);
        assert_true(grid.cursor);
        assert_true(sees("Never mind.")); /* the log keeps its place */
}

static void any_size_can_be_drawn(void **state)
{
        (void)state;
        talk();
        model.phase = CORE_OFFLINE;
        model.offline_ms = 1;
        line_insert(model.compose, SLICE_LITERAL("some words that are being typed here"));
        model.about.kind = ABOUT_REPLY;
        model_quote_row(&model.about.quote, 2, ME, slice_text("Four of them"));
        log_by_seq(&model.log, 6)->quote = model.about.quote;
        for (unsigned kind = POPUP_NONE; kind < POPUP_COUNT; kind++) {
                popup_open(&model, (enum model_popup)kind);
                for (unsigned rows = 1; rows < 30; rows++)
                        for (unsigned columns = 1; columns < 140; columns += columns < 30 ? 1 : 13) {
                                model.focus = (enum model_focus)((rows + columns) % 3);
                                draw(rows, columns);
                                view_scroll(&model, rows, columns, 5);
                                view_scroll(&model, rows, columns, -7);
                        }
        }
        popup_close(&model);
        draw(5, 20);
        assert_true(sees("›"));
}

static void an_empty_start_says_what_to_do(void **state)
{
        (void)state;
        model.phase = CORE_SYNCED;
        model.now_ms = NOW;
        draw(24, 80);
        looks_like("empty-80x24-en");
        assert_true(sees("Ctrl+N finds people"));
}

static void the_mouse_finds_what_is_there(void **state)
{
        size_t index;

        (void)state;
        talk();
        draw(24, 80);
        assert_int_equal(view_hit(&model, 24, 80, 3, 5, &index), HIT_ROOM);
        assert_int_equal(index, 1);
        assert_int_equal(view_hit(&model, 24, 80, 20, 5, &index), HIT_NOTHING);
        assert_int_equal(view_hit(&model, 24, 80, 20, 60, &index), HIT_ROW);
        assert_int_equal(index, 6);
        assert_int_equal(view_hit(&model, 24, 80, 22, 60, &index), HIT_COMPOSE);
        popup_open(&model, POPUP_SETTINGS);
        draw(24, 80);
        assert_int_equal(view_hit(&model, 24, 80, 0, 0, &index), HIT_NOTHING);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
                TEST(a_talk_in_both_sizes_and_languages),
                TEST(ticks_tell_how_far_a_message_is),
                TEST(what_failed_says_why_and_what_to_do),
                TEST(without_a_link_a_banner_says_so),
                TEST(the_unread_line_stands_before_the_first_new_one_of_others),
                TEST(names_are_shown_in_groups_once_a_group_of_rows),
                TEST(news_of_a_group_are_told_in_sentences),
                TEST(what_happened_last_is_told_in_the_list),
                TEST(a_reply_quotes_what_it_answers),
                TEST(reactions_stand_below_and_a_forwarded_text_says_whose_it_is),
                TEST(who_is_mentioned_sees_it_in_the_list_and_in_the_log),
                TEST(the_head_says_who_is_online_and_who_types),
                TEST(typing_in_a_group_names_who_does),
                TEST(wide_and_combining_letters_keep_the_columns),
                TEST(nobody_can_draw_on_the_screen),
                TEST(scrolling_shows_every_line_once_and_stays_where_it_is),
                TEST(a_long_message_can_be_read_to_its_end),
                TEST(popups_and_forms_are_drawn_over_it),
                TEST(what_is_typed_grows_and_scrolls),
                TEST(any_size_can_be_drawn),
                TEST(an_empty_start_says_what_to_do),
                TEST(the_mouse_finds_what_is_there),
        };

        check(argc > 1);
        expected_folder = argv[1];
        setenv("TZ", "UTC", 1);
        tzset();
        setlocale(LC_CTYPE, "C.UTF-8");
        return cmocka_run_group_tests(tests, NULL, NULL);
}
