/*
 * Bytes of a terminal become keys: escape sequences of the usual terminals (xterm, tmux, screen, linux, rxvt, vt100), characters of
 * several bytes, pastes, the mouse (SGR), answers to questions (the ground's colour). Knows no terminal: bytes in, keys out.
 *
 * A lone ESC is told from the start of a sequence by time: whoever reads calls keys_lapse when nothing more came for KEYS_LAPSE_MS.
 */
#ifndef GALKA_TERMINAL_SCREEN_KEYS_H
#define GALKA_TERMINAL_SCREEN_KEYS_H

#include "base/slice.h"

#define KEYS_LAPSE_MS   50
#define KEYS_PASTE_MAX  16384 /* bytes of one paste; the rest is left out */
#define KEYS_ESCAPE_MAX 64

enum key_code {
        KEY_NOTHING,
        KEY_CHARACTER, /* text; or with modifiers: letter */
        KEY_ESCAPE,
        KEY_RETURN,
        KEY_TABULATOR,
        KEY_BACK, /* Backspace */
        KEY_GONE, /* Delete */
        KEY_ARROW_UP,
        KEY_ARROW_DOWN,
        KEY_ARROW_LEFT,
        KEY_ARROW_RIGHT,
        KEY_TO_HOME,
        KEY_TO_END,
        KEY_PAGE_UP,
        KEY_PAGE_DOWN,
        KEY_F1,
        KEY_F2,
        KEY_F3,
        KEY_F4,
        KEY_PASTE,       /* text */
        KEY_MOUSE_PRESS, /* row, column */
        KEY_WHEEL_UP,
        KEY_WHEEL_DOWN,
        KEY_FOCUS_IN,
        KEY_FOCUS_OUT,
        KEY_GROUND /* an answer: light says how the terminal's ground is */
};

enum key_modifier { MODIFIER_SHIFT = 1, MODIFIER_ALT = 2, MODIFIER_CONTROL = 4 };

struct key {
        enum key_code code;
        unsigned modifiers;
        char letter;       /* lower case, of a character with Control or Alt */
        struct slice text; /* lives until the next byte */
        unsigned row, column;
        bool light;
};

struct keys {
        char partial[4]; /* the first bytes of a character */
        unsigned partial_size;
        char escape[KEYS_ESCAPE_MAX];
        unsigned escape_size; /* with its ESC; 0: none */
        bool alt;             /* an ESC stood before the character under way */
        bool pasting;
        char paste[KEYS_PASTE_MAX];
        unsigned paste_size;
};

/* One byte. True: *key is a key. */
bool keys_byte(struct keys *keys, char byte, struct key *key);

/* True while a sequence is under way that may be a lone ESC. */
bool keys_waiting(const struct keys *keys);

/* Nothing came for KEYS_LAPSE_MS: the ESC was one. True: *key is it. */
bool keys_lapse(struct keys *keys, struct key *key);

#endif
