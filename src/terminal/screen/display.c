/*
 * ncurses shows; input is read and understood elsewhere (keys.c). What ncurses does not know (pastes, focus, the mouse, title, clipboard,
 * the ground's colour) is said in xterm's sequences to terminals that are like it.
 */
#include "terminal/screen/display.h"

#include <curses.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "base/assert.h"

/* Macros of term.h that are words here. */
#undef columns
#undef lines
#undef bell

#define STYLES      (STYLE_SURFACE_COUNT * STYLE_INK_COUNT)
#define COPY_MAX    16384
#define NO_PAIR     (-1)
#define PAIRS_MAX   250
#define RESTORE_MAX 512

static const char enter_modes[] = "\033[22;2t\033[?2004h\033[?1004h\033]11;?\a";
static const char leave_modes[] = "\033[?1000l\033[?1006l\033[?1004l\033[?2004l\033[23;2t";
static const char mouse_on[] = "\033[?1000h\033[?1006h";
static const char mouse_off[] = "\033[?1000l\033[?1006l";

static const struct surface {
        short dark, dark_text, dark_quiet, light, light_text, light_quiet, plain, plain_text;
        attr_t colourless;
} surfaces[STYLE_SURFACE_COUNT] = {
#define X(name, ...) {__VA_ARGS__},
        STYLE_SURFACES(X)
#undef X
};

static const struct ink {
        short dark, light, plain;
        attr_t coloured, eight, colourless;
} inks[STYLE_INK_COUNT] = {
#define X(name, ...) {__VA_ARGS__},
        STYLE_INKS(X)
#undef X
};

static struct {
        SCREEN *screen;
        struct termios before;
        bool open, like_xterm, mouse;
        enum style_colours colours; /* not AUTO */
        bool light;
        short pairs[STYLES];
        attr_t attributes[STYLES];
        struct {
                short text, ground;
        } known[PAIRS_MAX];
        short known_count;
        char restore[RESTORE_MAX]; /* what a crash writes */
        size_t restore_size;
} display;

static volatile sig_atomic_t pending;

/* ---- signals ---- */

static void on_signal(int number)
{
        pending |= number == SIGWINCH ? DISPLAY_RESIZED : number == SIGTSTP ? DISPLAY_STOP : DISPLAY_END;
}

static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
static struct sigaction crash_before[countof(crashes)];

/* Only what a signal handler may: the terminal is given back, then whoever was to hear of the crash hears of it. */
static void on_crash(int number)
{
        for (size_t i = 0; i < countof(crashes); i++)
                if (crashes[i] == number)
                        sigaction(number, &crash_before[i], NULL);
        if (display.open && write(STDOUT_FILENO, display.restore, display.restore_size) >= 0)
                tcsetattr(STDIN_FILENO, TCSANOW, &display.before);
        raise(number);
}

static void watch_signals(bool on)
{
        static const int numbers[] = {SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGTSTP};
        struct sigaction action = {.sa_handler = on ? on_signal : SIG_DFL};

        sigemptyset(&action.sa_mask);
        for (size_t i = 0; i < countof(numbers); i++)
                sigaction(numbers[i], &action, NULL);
        action.sa_handler = on_crash;
        for (size_t i = 0; i < countof(crashes); i++)
                sigaction(crashes[i], on ? &action : &crash_before[i], on ? &crash_before[i] : NULL);
}

unsigned display_signals(void)
{
        unsigned asked = (unsigned)pending;

        pending = 0;
        return asked;
}

/* ---- the terminal ---- */

static bool is_like_xterm(const char *term)
{
        static const char *const names[] = {"xterm", "tmux", "screen", "rxvt",    "foot",    "alacritty", "kitty", "konsole",
                                            "st-",   "st",   "vte",    "wezterm", "ghostty", "gnome",     "putty"};

        for (size_t i = 0; term && i < countof(names); i++)
                if (strncmp(term, names[i], strlen(names[i])) == 0)
                        return true;
        return false;
}

static void say(const char *sequence)
{
        if (!display.like_xterm)
                return;
        fputs(sequence, stdout);
        fflush(stdout);
}

static size_t add_restore(size_t size, const char *sequence)
{
        size_t more = sequence ? strlen(sequence) : 0;

        if (!sequence || size + more > sizeof(display.restore))
                return size;
        memcpy(display.restore + size, sequence, more);
        return size + more;
}

/* Attributes off, cursor shown, the other screen left: the terminal's own sequences. */
static void note_restore(void)
{
        size_t size = add_restore(0, display.like_xterm ? leave_modes : NULL);

        size = add_restore(size, exit_attribute_mode);
        size = add_restore(size, cursor_normal);
        display.restore_size = add_restore(size, exit_ca_mode);
}

bool display_open(void)
{
        check(!display.open);
        if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &display.before) != 0)
                return false;
        display.screen = newterm(NULL, stdout, stdin);
        if (!display.screen)
                return false;
        if (!cursor_address) {
                endwin();
                delscreen(display.screen);
                return false;
        }
        display.like_xterm = is_like_xterm(getenv("TERM"));
        raw();
        noecho();
        nonl();
        typeahead(-1);
        scrollok(stdscr, FALSE);
        if (has_colors()) {
                start_color();
                use_default_colors();
        }
        display.open = true;
        note_restore();
        watch_signals(true);
        refresh();
        say(enter_modes);
        return true;
}

void display_close(void)
{
        if (!display.open)
                return;
        say(leave_modes);
        endwin();
        display.open = false;
        watch_signals(false);
        /* delscreen is left out: the process ends, and ncurses frees what it knows of at its own pace. */
}

void display_size(unsigned *rows, unsigned *columns)
{
        struct winsize size = {0};

        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
                size = (struct winsize){.ws_row = (unsigned short)LINES, .ws_col = (unsigned short)COLS};
        *rows = min_of(max_of((unsigned)size.ws_row, 1u), (unsigned)GRID_ROWS_MAX);
        *columns = min_of(max_of((unsigned)size.ws_col, 1u), (unsigned)GRID_COLUMNS_MAX);
        if ((int)*rows != LINES || (int)*columns != COLS)
                resizeterm((int)*rows, (int)*columns);
}

/* ---- colours ---- */

static short pair_of(short ink, short ground)
{
        for (short i = 0; i < display.known_count; i++)
                if (display.known[i].text == ink && display.known[i].ground == ground)
                        return (short)(i + 1);
        if (display.known_count == PAIRS_MAX || display.known_count + 1 >= COLOR_PAIRS)
                return 0;
        display.known[display.known_count].text = ink;
        display.known[display.known_count].ground = ground;
        init_pair((short)(display.known_count + 1), ink, ground);
        return ++display.known_count;
}

/* Nothing but its own text can be read on it. */
static bool is_loud(const struct surface *surface)
{
        return surface->dark_text == surface->dark_quiet;
}

static void make_style(unsigned style)
{
        const struct surface *surface = &surfaces[style / STYLE_INK_COUNT];
        const struct ink *ink = &inks[style % STYLE_INK_COUNT];
        short text, ground;

        switch (display.colours) {
        case COLOURS_256:
                ground = display.light ? surface->light : surface->dark;
                text = display.light ? ink->light : ink->dark;
                if (text == -1 || is_loud(surface))
                        text = display.light ? surface->light_text : surface->dark_text;
                else if (text == -2)
                        text = display.light ? surface->light_quiet : surface->dark_quiet;
                display.attributes[style] = ink->coloured;
                display.pairs[style] = pair_of(text, ground);
                break;
        case COLOURS_8:
                text = ink->plain == -1 || surface->plain != -1 ? surface->plain_text : ink->plain;
                display.attributes[style] = ink->eight;
                display.pairs[style] = text == -1 && surface->plain == -1 ? 0 : pair_of(text, surface->plain);
                break;
        default:
                display.attributes[style] = surface->colourless | ink->colourless;
                display.pairs[style] = 0;
                break;
        }
}

void display_colours(enum style_ground ground, enum style_colours colours, bool light)
{
        enum style_colours able = !has_colors() || COLORS < 8 ? COLOURS_NONE : COLORS < 256 ? COLOURS_8 : COLOURS_256;
        const char *wish = getenv("NO_COLOR");

        if (colours == COLOURS_AUTO)
                colours = wish && *wish ? COLOURS_NONE : able;
        display.colours = max_of(colours, able); /* the enum goes from many to none */
        display.light = ground == GROUND_LIGHT || (ground == GROUND_AUTO && light);
        display.known_count = 0;
        for (unsigned style = 0; style < STYLES; style++)
                make_style(style);
        display_redraw();
}

bool display_colourless(void)
{
        return display.colours == COLOURS_NONE;
}

/* ---- showing ---- */

static void show_cell(const struct cell *cell, int row, int column)
{
        wchar_t letters[CCHARW_MAX + 1];
        cchar_t shown;
        size_t count = 0, at = 0;
        mbstate_t state = {0};

        while (at < cell->size && count < CCHARW_MAX) {
                size_t taken = mbrtowc(&letters[count], cell->shown + at, cell->size - at, &state);

                if (taken == 0 || taken > cell->size - at)
                        break;
                at += taken;
                count++;
        }
        if (count == 0)
                letters[count++] = L' ';
        letters[count] = L'\0';
        if (setcchar(&shown, letters, display.attributes[cell->style], display.pairs[cell->style], NULL) == OK)
                mvadd_wch(row, column, &shown);
}

void display_show(const struct grid *grid)
{
        for (unsigned row = 0; row < grid->rows; row++)
                for (unsigned column = 0; column < grid->columns; column++) {
                        const struct cell *cell = &grid->cells[row * grid->columns + column];

                        if (cell->columns > 0)
                                show_cell(cell, (int)row, (int)column);
                }
        curs_set(grid->cursor ? 1 : 0);
        if (grid->cursor)
                move((int)grid->cursor_row, (int)grid->cursor_column);
        refresh();
}

void display_redraw(void)
{
        clearok(curscr, TRUE);
}

void display_mouse(bool on)
{
        display.mouse = on;
        say(on ? mouse_on : mouse_off);
}

void display_bell(void)
{
        putchar('\a');
        fflush(stdout);
}

void display_title(uint64_t unread)
{
        char title[64];

        if (unread)
                snprintf(title, sizeof(title), "\033]2;(%llu) galka\a", (unsigned long long)unread);
        else
                snprintf(title, sizeof(title), "\033]2;galka\a");
        say(title);
}

void display_copy(struct slice text)
{
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        static char said[COPY_MAX * 4 / 3 + 32];
        size_t used = (size_t)snprintf(said, sizeof(said), "\033]52;c;");

        text.size = min_of(text.size, (size_t)COPY_MAX);
        for (size_t i = 0; i < text.size; i += 3) {
                unsigned bytes = (unsigned)text.data[i] << 16;

                bytes |= i + 1 < text.size ? (unsigned)text.data[i + 1] << 8 : 0;
                bytes |= i + 2 < text.size ? text.data[i + 2] : 0;
                said[used++] = digits[bytes >> 18];
                said[used++] = digits[bytes >> 12 & 63];
                said[used++] = i + 1 < text.size ? digits[bytes >> 6 & 63] : '=';
                said[used++] = i + 2 < text.size ? digits[bytes & 63] : '=';
        }
        memcpy(said + used, "\a", 2);
        say(said);
}

void display_suspend(void)
{
        struct sigaction before, action = {.sa_handler = SIG_DFL};

        say(leave_modes);
        def_prog_mode();
        endwin();
        sigemptyset(&action.sa_mask);
        sigaction(SIGTSTP, &action, &before);
        raise(SIGTSTP);
        sigaction(SIGTSTP, &before, NULL);
        reset_prog_mode();
        refresh();
        say(enter_modes);
        display_mouse(display.mouse);
        display_redraw();
        pending |= DISPLAY_RESIZED;
}
