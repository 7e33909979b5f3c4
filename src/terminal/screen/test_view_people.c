/* What the screen shows of groups and of what others do: replies, reactions, mentions, who is there and types. See test_view.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "rules/role.h"
#include "rules/room.h"
#include "rules/row.h"
#include "support/view_stage.h"

static void names_are_shown_in_groups_once_a_group_of_rows(void **state)
{
        struct id id = {{1, 2, 3, 4, 5, 6, 0x70, 0, 0x80}};

        (void)state;
        stage_talk();
        log_clear(&model.log);
        model.at.kind = ROOM_GROUP;
        model.at.room = id;
        stage_add_row(1, BOB, "one", 9 * MINUTE, CORE_MESSAGE_SENT);
        stage_add_row(2, BOB, "two", 8 * MINUTE, CORE_MESSAGE_SENT);
        stage_add_row(3, CAROL, "three", 7 * MINUTE, CORE_MESSAGE_SENT);
        stage_add_row(4, 99, "four", 6 * MINUTE, CORE_MESSAGE_SENT);
        stage_draw(24, 80);
        stage_looks_like("group-80x24-en");
        assert_true(stage_style_of("Carol ") != STYLE(OTHER, TEXT));
}

static void what_the_blocked_write_is_hidden(void **state)
{
        const struct id id = {{2}};

        (void)state;
        stage_talk();
        log_clear(&model.log);
        model.at.kind = ROOM_GROUP;
        model.at.room = id;
        stage_add_row(1, BOB, "good morning", 9 * MINUTE, CORE_MESSAGE_SENT)->quote.seq = 2;
        stage_add_row(2, CAROL, "nasty words", 8 * MINUTE, CORE_MESSAGE_SENT)->hidden = true;
        stage_draw(24, 80);
        stage_looks_like("blocked-80x24-en");
        assert_false(stage_sees("nasty words"));
        model.log.rows[1]->hidden = false;
        stage_draw(24, 80);
        assert_true(stage_sees("nasty words"));
        model.at.kind = ROOM_PERSONAL;
        model.at_blocked = true;
        stage_draw(24, 80);
        assert_true(stage_sees("blocked by you"));
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
        stage_talk();
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
        stage_add_row(7, BOB, "Who saw the one with the ring?", 3 * MINUTE, CORE_MESSAGE_SENT);
        add_news(8, ROW_LEFT, BOB, CAROL, 0, "");
        add_news(9, ROW_LEFT, BOB, BOB, 0, "")->heir = ME;
}

static void news_of_a_group_are_told_in_sentences(void **state)
{
        (void)state;
        open_a_group();
        stage_draw(24, 80);
        stage_looks_like("news-80x24-en");
        stage_draw(60, 200);
        stage_looks_like("news-200x60-en");
        text_choose(LANGUAGE_RU);
        stage_draw(24, 80);
        stage_looks_like("news-80x24-ru");
}

static void what_happened_last_is_told_in_the_list(void **state)
{
        (void)state;
        open_a_group();
        model.rooms[1].kind = ROOM_GROUP;
        model.rooms[1].last_kind = ROW_LEFT;
        model.rooms[1].last_sender = model.rooms[1].last_subject = BOB;
        stage_draw(24, 80);
        assert_true(stage_sees(" Bob left the group"));
}

static void a_reply_quotes_what_it_answers(void **state)
{
        struct wire_row wire = {.seq = 8, .kind = ROW_TEXT, .sender = BOB, .time_ms = NOW, .reply_to = 2};
        struct model_row *row;

        (void)state;
        stage_talk();
        wire.text = slice_text("He steals mine too.");
        assert_true(log_put(&model.log, log_row_new(&wire, false, CORE_MESSAGE_SENT)));
        wire.seq = 9;
        wire.reply_to = 4000; /* nowhere here */
        assert_true(log_put(&model.log, log_row_new(&wire, false, CORE_MESSAGE_SENT)));
        model.about.kind = ABOUT_REPLY;
        model_quote_row(&model.about.quote, 8, BOB, slice_text("He steals\nmine too."));
        line_insert(model.compose, SLICE_LITERAL("Which button?"));
        stage_draw(24, 80);
        stage_looks_like("reply-80x24-en");
        assert_true(stage_sees("▎You: Four of them, and one that steals butt…"));
        assert_true(stage_sees("▎a message that is not on this device"));
        assert_true(stage_sees("▎Reply to Bob: He steals mine too."));
        /* As it is now. */
        row = log_by_seq(&model.log, 2);
        row->kind = ROW_DELETED;
        text_choose(LANGUAGE_RU);
        model.about.kind = ABOUT_EDIT;
        stage_draw(24, 80);
        assert_true(stage_sees("▎Вы: удалённое сообщение"));
        assert_true(stage_sees("▎Новый текст вместо: He steals mine too."));
        model.focus = FOCUS_LOG;
        model.log.marked = model.log.count - 1;
        stage_draw(24, 80);
        assert_true(stage_sees("Enter ответить · a реакция · p закрепить · e изменить"));
}

static void reactions_stand_below_and_a_forwarded_text_says_whose_it_is(void **state)
{
        const struct wire_reaction list[] = {{.emoji = SLICE_LITERAL("👍"), .people = 12},
                                             {.emoji = SLICE_LITERAL("❤️"), .people = 1},
                                             {.emoji = SLICE_LITERAL("\033"), .people = 1}};
        struct wire_row made = {.seq = 8, .kind = ROW_TEXT, .sender = BOB, .time_ms = NOW}, row;
        uint8_t bytes[512], *at;

        (void)state;
        stage_talk();
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
        stage_draw(24, 80);
        stage_looks_like("reactions-80x24-en");
        assert_true(stage_sees("Forwarded from Carol of the roof"));
        assert_true(stage_sees("👍 12  [❤ 1]  · 1"));
        assert_true(stage_sees("👍 12  ❤ 1  · 1\n"));
}

static void who_is_mentioned_sees_it_in_the_list_and_in_the_log(void **state)
{
        struct model_row *row;

        (void)state;
        open_a_group();
        model.rooms[1].kind = ROOM_GROUP;
        model.rooms[1].mentions = 2;
        row = stage_add_row(10, BOB, "What do you think, @alice?", MINUTE, CORE_MESSAGE_SENT);
        row->mentions = true;
        stage_draw(24, 80);
        assert_true(stage_sees(" @2   3 "));
        model.rooms[1].mentions = 9;
        model.rooms[1].mentions_more = true;
        stage_draw(24, 80);
        assert_true(stage_sees(" @9+   3 "));
        model.rooms[1].mentions = 0; /* whether there are any is not known */
        stage_draw(24, 80);
        assert_false(stage_sees("@9") || stage_sees("@0"));
        model.rooms[1].mentions = 1;
        assert_true(stage_sees("▎What do you think, @alice?"));
        assert_int_equal(stage_style_of("▎What do"), STYLE(OTHER, BEAK));
        model.rooms[1].unread = 0;
        stage_draw(24, 80);
        assert_false(stage_sees(" @1 "));
}

static void the_head_says_who_is_online_and_who_types(void **state)
{
        (void)state;
        stage_talk();
        stage_draw(24, 80);
        assert_false(stage_sees("online"));
        model.peer_online = model.rooms[0].online = true;
        stage_draw(24, 80);
        stage_looks_like("online-80x24-en");
        assert_true(stage_sees("● online"));
        model.typists[0] = BOB;
        model.typist_count = 1;
        stage_draw(24, 80);
        assert_true(stage_sees("typing…"));
        assert_false(stage_sees("online"));
        text_choose(LANGUAGE_RU);
        stage_draw(24, 80);
        assert_true(stage_sees("печатает…"));
}

static void the_head_says_when_somebody_was_there_last(void **state)
{
        (void)state;
        stage_talk();
        model.peer_seen_ms = model.now_ms - 17 * 60000;
        stage_draw(24, 80);
        stage_looks_like("last-seen-80x24-en");
        assert_true(stage_sees("last seen 15 minutes ago"));
        text_choose(LANGUAGE_RU);
        stage_draw(24, 80);
        stage_looks_like("last-seen-80x24-ru");
        assert_true(stage_sees("был(а) в сети 15 минут назад"));
        model.peer_online = true;
        stage_draw(24, 80);
        assert_false(stage_sees("был(а)"));
        model.peer_online = false;
        model.at_blocked = true;
        stage_draw(24, 80);
        assert_false(stage_sees("был(а)"));
}

static void typing_in_a_group_names_who_does(void **state)
{
        (void)state;
        open_a_group();
        model.typists[0] = BOB;
        model.typist_count = 1;
        stage_draw(24, 80);
        stage_looks_like("typing-80x24-en");
        assert_true(stage_sees("Bob is typing…"));
        model.typists[1] = CAROL;
        model.typist_count = 2;
        stage_draw(24, 80);
        assert_true(stage_sees("several people are typing…"));
}

static void one_is_told_of_oneself_as_you(void **state)
{
        (void)state;
        open_a_group();
        log_clear(&model.log);
        add_news(1, ROW_JOINED, BOB, ME, 0, "");
        add_news(2, ROW_JOINED, ME, ME, 0, "");
        add_news(3, ROW_ROLE, BOB, ME, ROLE_ADMIN, "");
        add_news(4, ROW_LEFT, BOB, ME, 0, "");
        add_news(5, ROW_LEFT, ME, ME, 0, "")->heir = CAROL;
        stage_draw(24, 80);
        assert_true(stage_sees("You joined, invited by Bob"));
        assert_true(stage_sees("You joined by the link"));
        assert_true(stage_sees("You are an admin now (Bob)"));
        assert_true(stage_sees("You were removed by Bob"));
        assert_true(stage_sees("You left the group; the owner is now Carol"));
        text_choose(LANGUAGE_RU);
        stage_draw(24, 80);
        assert_true(stage_sees("Вы теперь в группе (приглашение: Bob)"));
        assert_true(stage_sees("Вы теперь администратор (Bob)"));
}

static void only_messages_are_chosen(void **state)
{
        (void)state;
        open_a_group();
        log_clear(&model.log);
        assert_int_equal(log_choose(&model.log, true), SIZE_MAX);
        stage_add_row(1, BOB, "one", 9 * MINUTE, CORE_MESSAGE_SENT);
        add_news(2, ROW_JOINED, CAROL, CAROL, 0, "");
        stage_add_row(3, BOB, "three", 8 * MINUTE, CORE_MESSAGE_SENT);
        add_news(4, ROW_LEFT, CAROL, CAROL, 0, "");
        log_follow(&model.log);
        model.log.marked = log_choose(&model.log, true);
        assert_int_equal(model.log.marked, 2);
        model.log.marked = log_choose(&model.log, true);
        assert_int_equal(model.log.marked, 0);
        assert_int_equal(log_choose(&model.log, true), SIZE_MAX);
        model.log.marked = log_choose(&model.log, false);
        assert_int_equal(model.log.marked, 2);
        assert_int_equal(log_choose(&model.log, false), SIZE_MAX);
        model.focus = FOCUS_LOG;
        model.log.marked = 3; /* as a jump to a date may mark it */
        stage_draw(24, 80);
        assert_false(stage_sees("Enter reply"));
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                STAGE_TEST(names_are_shown_in_groups_once_a_group_of_rows),
                STAGE_TEST(news_of_a_group_are_told_in_sentences),
                STAGE_TEST(what_happened_last_is_told_in_the_list),
                STAGE_TEST(a_reply_quotes_what_it_answers),
                STAGE_TEST(reactions_stand_below_and_a_forwarded_text_says_whose_it_is),
                STAGE_TEST(who_is_mentioned_sees_it_in_the_list_and_in_the_log),
                STAGE_TEST(the_head_says_who_is_online_and_who_types),
                STAGE_TEST(the_head_says_when_somebody_was_there_last),
                STAGE_TEST(typing_in_a_group_names_who_does),
                STAGE_TEST(one_is_told_of_oneself_as_you),
                STAGE_TEST(only_messages_are_chosen),
                STAGE_TEST(what_the_blocked_write_is_hidden),
        };

        stage_open(argc, argv);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
