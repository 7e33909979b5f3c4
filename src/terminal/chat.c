/*
 * galka chat ROOM: one room on a plain terminal. Incoming lines appear above the line that is being typed; ticks of own messages
 * change in place while they are on the screen. From a pipe, every input line is sent and every message is printed.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "rules/row.h"
#include "terminal/chat_draft.h"
#include "terminal/command.h"
#include "terminal/line.h"
#include "terminal/print.h"
#include "terminal/safe.h"

#define SHOWN_MAX     200 /* messages whose ticks may still change on the screen */
#define RECENT_ROWS   20
#define START_WAIT_MS 2000
#define PIPE_WAIT_MS  5000 /* at the end: for answers to what a pipe sent */
#define LEAVE_WAIT_MS 1500 /* at the end: for what a person typed and read last */

/* A message on the screen: how many screen lines below its first one have been printed since. */
struct shown {
        struct id id;
        uint64_t seq;
        unsigned row; /* number of its first screen line since the start */
        enum core_message_state state;
        bool mine;
};

struct chat {
        struct session *session;
        struct id room;
        struct line *line;
        struct chat_draft draft; /* on a screen only */
        struct shown shown[SHOWN_MAX];
        size_t shown_count;
        unsigned next_row; /* screen lines printed so far */
        unsigned width, height;
        bool screen; /* a terminal, in raw mode */
        bool ended;
        bool settings_changed;
        enum core_phase phase;
        uint64_t read_seq, others_seq; /* of the last row shown, of the last one by another */
};

static struct termios saved_mode;
static bool mode_saved;
static volatile sig_atomic_t resized = 1, told_to_end;

static void on_resize(int signal)
{
        (void)signal;
        resized = 1;
}

static void on_end(int signal)
{
        (void)signal;
        told_to_end = 1;
}

static void leave_raw(void)
{
        if (mode_saved) {
                fputs("\033[?2004l", stdout);
                fflush(stdout);
                tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved_mode);
        }
        mode_saved = false;
}

static bool enter_raw(void)
{
        struct termios raw;

        if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &saved_mode) != 0)
                return false;
        raw = saved_mode;
        raw.c_iflag &= ~(tcflag_t)(ICRNL | IXON);
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
        if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) != 0)
                return false;
        mode_saved = true;
        atexit(leave_raw);
        fputs("\033[?2004h", stdout); /* bracketed paste */
        return true;
}

static void measure(struct chat *chat)
{
        struct winsize size = {0};

        if (!resized)
                return;
        resized = 0;
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
                size = (struct winsize){.ws_row = 24, .ws_col = 80};
        chat->width = size.ws_col;
        chat->height = size.ws_row;
}

/* Screen lines that one line of output takes; a wide character does not begin in the last column. */
static unsigned screen_lines(const struct chat *chat, struct slice text)
{
        struct safe_character character;
        unsigned lines = 1, column = 0;

        for (; text.size > 0; text = slice_of(text.data + character.taken, text.size - character.taken)) {
                safe_next(text, &character);
                if (column + character.columns > chat->width) {
                        lines++;
                        column = 0;
                }
                column += character.columns;
        }
        return lines;
}

static void clear_line(struct chat *chat)
{
        if (chat->screen)
                fputs("\r\033[K", stdout);
}

/* The line being typed: only its part around the cursor if it is wider than the screen. */
static void draw_line(struct chat *chat)
{
        const struct line *line = chat->line;
        struct slice text = slice_of(line->text, line->size);
        struct safe_character character;
        unsigned room, left, column = 0, cursor = 0;

        if (!chat->screen)
                return;
        measure(chat);
        room = chat->width > 4 ? chat->width - 3 : 1;
        left = safe_columns(slice_of(line->text, line->cursor));
        while (left >= room) {
                safe_next(text, &character);
                text = slice_of(text.data + character.taken, text.size - character.taken);
                left -= character.columns;
        }
        fputs("\r\033[K> ", stdout);
        for (; text.size > 0; text = slice_of(text.data + character.taken, text.size - character.taken)) {
                if ((const char *)text.data == line->text + line->cursor)
                        cursor = column;
                safe_next(text, &character);
                if (column + character.columns > room)
                        break;
                fwrite(character.shown, 1, character.size, stdout);
                column += character.columns;
        }
        if (line->cursor == line->size)
                cursor = column;
        printf("\r\033[%uC", 2 + cursor);
        fflush(stdout);
}

/* The text is safe already; it is looked at to know how many screen lines it takes. */
static void print_above(struct chat *chat, const char *text)
{
        const char *at = text;

        clear_line(chat);
        fputs(text, stdout);
        while (*at) {
                const char *end = strchr(at, '\n');
                size_t size = end ? (size_t)(end - at) : strlen(at);

                chat->next_row += screen_lines(chat, slice_of(at, size));
                at += size + (end != NULL);
        }
        fflush(stdout);
}

static void say(struct chat *chat, const char *text)
{
        if (chat->session->json)
                return;
        print_above(chat, text);
        draw_line(chat);
}

static struct shown *find_shown(struct chat *chat, uint64_t seq, const struct id *id)
{
        for (size_t i = chat->shown_count; i > 0; i--) {
                struct shown *shown = &chat->shown[i - 1];

                if ((seq && shown->seq == seq) || (id && id_equal(&shown->id, id)))
                        return shown;
        }
        return NULL;
}

static struct shown *add_shown(struct chat *chat)
{
        if (chat->shown_count == SHOWN_MAX)
                memmove(chat->shown, chat->shown + 1, sizeof(chat->shown[0]) * --chat->shown_count);
        chat->shown[chat->shown_count] = (struct shown){.row = chat->next_row};
        return &chat->shown[chat->shown_count++];
}

/* "✓✓ 14:02 bob  text": written to memory, so that its lines can be counted. The prefix has no colours for that reason. */
static void print_message(struct chat *chat, bool mine, enum core_message_state state, uint64_t time_ms, uint64_t sender,
                          struct slice text)
{
        char *buffer = NULL, name[SESSION_NAME_SIZE], clock[CLOCK_SIZE];
        size_t size = 0;
        FILE *out = open_memstream(&buffer, &size);

        if (!out)
                return;
        session_sender_name(chat->session, &chat->room, sender, name);
        print_clock(time_ms, clock);
        fprintf(out, "%s%s %s  ", mine ? print_tick(state, false) : "   ", clock, name);
        safe_text(out, text);
        fputc('\n', out);
        if (fclose(out) == 0)
                print_above(chat, buffer);
        free(buffer);
}

/* Writes a new tick over the old one if it is still on the screen. */
static void set_state(struct chat *chat, struct shown *shown, enum core_message_state state)
{
        unsigned up = chat->next_row - shown->row;

        if (shown->state == state)
                return;
        shown->state = state;
        if (!chat->screen || up >= chat->height)
                return;
        measure(chat);
        printf("\r\033[%uA%s\r\033[%uB", up, print_tick(state, chat->session->colour), up);
        draw_line(chat);
}

static void update_ticks(struct chat *chat)
{
        for (size_t i = 0; i < chat->shown_count; i++) {
                struct shown *shown = &chat->shown[i];

                if (shown->mine && shown->seq)
                        set_state(chat, shown,
                                  core_row_state(chat->session->host->core, &chat->room, shown->seq,
                                                 core_user(chat->session->host->core)));
        }
}

static void show_row(struct chat *chat, const struct wire_row *row)
{
        bool hides = !chat->session->blocked && session_hides(chat->session, &chat->room, row);
        struct slice written = hides ? SLICE_LITERAL(PRINT_HIDDEN) : row->text;
        bool mine = row->sender == core_user(chat->session->host->core);
        struct shown *shown = find_shown(chat, row->seq, &row->request);

        if (row->seq > chat->read_seq)
                chat->read_seq = row->seq;
        if (!mine)
                chat->others_seq = max_of(chat->others_seq, row->seq);
        core_read(chat->session->host->core, &chat->room, chat->read_seq, host_time(chat->session->host));
        if (shown && row->changed == row->seq) {
                shown->seq = row->seq;
                update_ticks(chat);
                return;
        }
        if (chat->session->json) {
                print_row(chat->session, row->changed == row->seq ? "message" : "changed", &chat->room, row);
        } else if (row->changed != row->seq) {
                char said[200];

                snprintf(said, sizeof(said), "-- number %llu was %s:\n", (unsigned long long)row->seq,
                         row->kind == ROW_DELETED ? "deleted"
                         : row->edited_ms == 0    ? "reacted to"
                                                  : "changed");
                say(chat, said);
                if (row->kind != ROW_DELETED)
                        print_message(chat, mine,
                                      core_row_state(chat->session->host->core, &chat->room, row->seq, row->sender),
                                      row->time_ms, row->sender, written);
        } else {
                shown = add_shown(chat);
                shown->id = row->request;
                shown->seq = row->seq;
                shown->mine = mine;
                shown->state = core_row_state(chat->session->host->core, &chat->room, row->seq, row->sender);
                print_message(chat, mine, shown->state, row->time_ms, row->sender, written);
        }
        draw_line(chat);
}

static void show_own_state(struct chat *chat, const struct core_event *event)
{
        struct shown *shown = find_shown(chat, 0, &event->id);

        if (!shown)
                return;
        if (event->seq)
                shown->seq = event->seq;
        set_state(chat, shown, event->state);
        if (event->state == CORE_MESSAGE_FAILED) {
                char text[160];

                snprintf(text, sizeof(text), "-- not sent: %s (galka outbox, galka retry)\n", error_text(event->error));
                say(chat, text);
        }
}

static const char no_link[] = "-- no link; what you type is kept and sent later\n";

static void show_phase(struct chat *chat)
{
        enum core_phase phase = core_phase(chat->session->host->core);

        if (phase == CORE_OFFLINE && chat->phase >= CORE_READY)
                say(chat, no_link);
        if (phase >= CORE_READY && chat->phase < CORE_READY)
                say(chat, "-- connected\n");
        if (phase == CORE_SIGNED_OUT)
                chat->ended = true;
        if (phase != CORE_JOINING)
                chat->phase = phase;
}

static void on_chat(void *context, const struct core_event *event)
{
        struct chat *chat = context;

        if (event->kind == CORE_EVENT_PHASE)
                show_phase(chat);
        if (event->kind == CORE_EVENT_SETTING)
                chat->settings_changed = true;
        if (!id_equal(&event->room, &chat->room))
                return;
        if (event->kind == CORE_EVENT_ROW)
                show_row(chat, &event->row);
        else if (event->kind == CORE_EVENT_MESSAGE)
                show_own_state(chat, event);
        else if (event->kind == CORE_EVENT_TICKS)
                update_ticks(chat);
}

static void send_line(struct chat *chat, struct slice text)
{
        struct session *session = chat->session;
        struct wire_operation operation = {.kind = ROW_TEXT, .text = text, .target = chat->draft.reply_to};
        struct id id;
        enum error error;

        if (text.size == 0)
                return;
        host_hurry(session->host);
        error = core_write(session->host->core, &chat->room, &operation, &id, host_time(session->host));
        if (error) {
                char problem[160];

                snprintf(problem, sizeof(problem), "-- not sent: %s\n", error_text(error));
                say(chat, problem);
                return;
        }
        if (!session->json) {
                struct shown *shown = add_shown(chat);

                shown->id = id;
                shown->mine = true;
                shown->state = CORE_MESSAGE_QUEUED;
                print_message(chat, true, CORE_MESSAGE_QUEUED, host_time(session->host).wall_ms,
                              core_user(session->host->core), text);
        }
        host_settle(session->host);
}

static void take_keys(struct chat *chat)
{
        char bytes[512];
        ssize_t got = read(STDIN_FILENO, bytes, sizeof(bytes));

        if (got <= 0)
                chat->ended = true;
        for (ssize_t i = 0; i < got && !chat->ended; i++) {
                switch (line_key(chat->line, bytes[i])) {
                case LINE_ENTERED:
                        clear_line(chat);
                        send_line(chat, line_take(chat->line));
                        if (chat->screen)
                                chat_draft_sent(&chat->draft);
                        break;
                case LINE_ENDED:
                        chat->ended = true;
                        break;
                case LINE_EDITED:
                        chat_draft_typed(&chat->draft);
                        break;
                case LINE_REDRAW:
                        break;
                }
        }
        draw_line(chat);
}

static void show_stored_row(void *context, struct slice key, struct slice value)
{
        struct chat *chat = context;
        struct wire_row row;

        (void)key;
        if (core_row_decode(value, &row) == ERR_OK)
                show_row(chat, &row);
}

/* The last rows that are stored here, and older ones are fetched if they are not. */
static void show_recent(struct chat *chat)
{
        struct session *session = chat->session;
        uint8_t from[CORE_KEY_SIZE_MAX], to[CORE_KEY_SIZE_MAX];
        uint32_t rows = command_flags.rows ? command_flags.rows : RECENT_ROWS;
        struct core_room_info info;
        uint64_t first = 0;
        size_t from_size, to_size = core_key_row(&chat->room, UINT64_MAX, to);

        if (core_room_info(session->host->core, &chat->room, &info) == ERR_OK)
                first = max_of(info.hole_top, info.head > rows ? info.head - rows + 1 : 0);
        from_size = core_key_row(&chat->room, first, from);
        if (file_range(session->file, slice_of(from, from_size), slice_of(to, to_size), 0, false, show_stored_row, chat) !=
            ERR_OK)
                session->host->storage_failed = true;
}

/* Everything typed is sent, and the others' ticks show what was read here. */
static bool is_at_rest(void *context)
{
        struct chat *chat = context;
        struct core_room_info info;

        if (chat->screen && !chat_draft_at_rest(&chat->draft))
                return false;
        return core_room_info(chat->session->host->core, &chat->room, &info) != ERR_OK ||
               (info.queued == 0 && info.marks.shown >= chat->others_seq);
}

/* What was begun here or on another device, and not sent. */
static void tell_draft(struct chat *chat)
{
        char text[80] = "-- a draft of yours: Enter sends it\n";

        if (chat->draft.reply_to)
                snprintf(text, sizeof(text), "-- a draft of yours, a reply to number %" PRIu64 ": Enter sends it\n",
                         chat->draft.reply_to);
        say(chat, text);
}

static void draft_turn(struct chat *chat)
{
        if (!chat->screen)
                return;
        if (chat->settings_changed && chat_draft_heard(&chat->draft)) {
                if (chat->line->size)
                        tell_draft(chat);
                draw_line(chat);
        }
        chat->settings_changed = false;
        chat_draft_turn(&chat->draft);
}

/* With a link the screen begins with what is new; without one the person is told. */
static void begin(struct chat *chat)
{
        struct session *session = chat->session;

        host_wait_reachable(session->host, session_joined, session, START_WAIT_MS);
        chat->phase = core_phase(session->host->core);
        chat->ended = chat->phase == CORE_SIGNED_OUT;
        measure(chat);
        show_recent(chat);
        if (chat->phase == CORE_OFFLINE || chat->phase == CORE_JOINING)
                say(chat, no_link);
        chat->draft.session = session;
        chat->draft.room = chat->room;
        chat->draft.line = chat->line;
        if (chat->screen && chat_draft_load(&chat->draft))
                tell_draft(chat);
        host_set_listener(session->host, on_chat, chat);
}

static int chat_loop(struct chat *chat)
{
        struct session *session = chat->session;

        if (host_watch(session->host, STDIN_FILENO) != ERR_OK)
                return session_complain(EXIT_USAGE, "standard input cannot be waited on: use a terminal or a pipe");
        draw_line(chat);
        while (!chat->ended && !told_to_end && !session->host->storage_failed) {
                if (host_turn(session->host, 1000))
                        take_keys(chat);
                draft_turn(chat);
        }
        clear_line(chat);
        if (chat->screen && !session->host->storage_failed)
                chat_draft_save(&chat->draft);
        /* From a pipe the input ends before the answers are here; a person leaves right after he has read the last line. */
        if (core_phase(session->host->core) >= CORE_READY || !chat->screen)
                host_wait_reachable(session->host, is_at_rest, chat, chat->screen ? LEAVE_WAIT_MS : PIPE_WAIT_MS);
        host_set_listener(session->host, NULL, NULL);
        if (session->host->storage_failed)
                return session_complain(EXIT_DISK, "the profile cannot be written");
        if (core_phase(session->host->core) == CORE_SIGNED_OUT)
                return session_complain(EXIT_SIGN_IN, "the server signed this device out");
        return EXIT_DONE;
}

int command_chat(struct session *session, int count, char **words)
{
        struct chat *chat = memory_new(sizeof(*chat));
        int result = chat ? EXIT_DONE : EXIT_REFUSED;

        (void)count;
        if (result == EXIT_DONE)
                result = session_need_lead(session);
        if (result == EXIT_DONE)
                result = session_find_room(session, words[0], &chat->room);
        if (result == EXIT_DONE) {
                chat->session = session;
                chat->line = line_new();
                result = chat->line ? EXIT_DONE : EXIT_REFUSED;
        }
        if (result == EXIT_DONE) {
                signal(SIGWINCH, on_resize);
                /* Whoever ends it, the terminal is left as it was found. */
                signal(SIGTERM, on_end);
                signal(SIGHUP, on_end);
                signal(SIGINT, on_end);
                chat->screen = !session->json && enter_raw();
                begin(chat);
                result = chat_loop(chat);
                leave_raw();
        }
        if (chat)
                line_free(&chat->line);
        memory_free(chat);
        return result;
}
