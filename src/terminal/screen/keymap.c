/* Bindings and the help sheet. */
#include "terminal/screen/keymap.h"

#include "base/assert.h"

#define EVERYWHERE (PLACE_ROOMS | PLACE_COMPOSE | PLACE_LOG | PLACE_POPUP)
#define OPEN       (PLACE_ROOMS | PLACE_COMPOSE | PLACE_LOG)
#define TYPING     (PLACE_COMPOSE | PLACE_POPUP)
#define CTRL       MODIFIER_CONTROL
#define ALT        MODIFIER_ALT
#define SHIFT      MODIFIER_SHIFT

#define KEY(places, key, modifiers, action)                                                                                 \
        {                                                                                                                   \
                places, key, modifiers, 0, action, 0                                                                        \
        }
#define LETTER(places, modifiers, letter, action)                                                                           \
        {                                                                                                                   \
                places, KEY_CHARACTER, modifiers, letter, action, 0                                                         \
        }
#define EDIT(key, modifiers, edit)                                                                                          \
        {                                                                                                                   \
                TYPING, key, modifiers, 0, ACT_EDIT, edit                                                                   \
        }
#define EDIT_LETTER(modifiers, letter, edit)                                                                                \
        {                                                                                                                   \
                TYPING, KEY_CHARACTER, modifiers, letter, ACT_EDIT, edit                                                    \
        }

static const struct binding bindings[] = {
        KEY(EVERYWHERE, KEY_F1, 0, ACT_HELP),
        LETTER(EVERYWHERE, CTRL, '/', ACT_HELP),
        LETTER(PLACE_ROOMS | PLACE_LOG, 0, '?', ACT_HELP),
        LETTER(OPEN | PLACE_POPUP, CTRL, 'k', ACT_SWITCH),
        LETTER(PLACE_ROOMS, 0, '/', ACT_SWITCH),
        LETTER(OPEN | PLACE_POPUP, CTRL, 'n', ACT_PEOPLE),
        LETTER(OPEN | PLACE_POPUP, CTRL, 'f', ACT_SEARCH),
        LETTER(PLACE_LOG, 0, '/', ACT_SEARCH),
        LETTER(OPEN | PLACE_POPUP, CTRL, 'b', ACT_BLOCK),
        LETTER(OPEN | PLACE_POPUP, CTRL, 't', ACT_SETTINGS),
        KEY(OPEN | PLACE_POPUP, KEY_F2, 0, ACT_SETTINGS),
        KEY(OPEN, KEY_ARROW_UP, ALT, ACT_ROOM_UP),
        KEY(OPEN, KEY_ARROW_DOWN, ALT, ACT_ROOM_DOWN),
        KEY(OPEN, KEY_ARROW_UP, ALT | SHIFT, ACT_UNREAD_UP),
        KEY(OPEN, KEY_ARROW_DOWN, ALT | SHIFT, ACT_UNREAD_DOWN),
        KEY(EVERYWHERE, KEY_ESCAPE, 0, ACT_BACK),
        LETTER(EVERYWHERE, CTRL, 'l', ACT_REDRAW),
        LETTER(EVERYWHERE, CTRL, 'z', ACT_SUSPEND),
        LETTER(EVERYWHERE, CTRL, 'q', ACT_LEAVE),
        LETTER(EVERYWHERE, CTRL, 'c', ACT_CLEAR),
        LETTER(PLACE_ROOMS, 0, 'q', ACT_LEAVE),
        LETTER(PLACE_ROOMS, CTRL, 'd', ACT_LEAVE),

        KEY(EVERYWHERE, KEY_RETURN, 0, ACT_ENTER),
        KEY(PLACE_COMPOSE, KEY_RETURN, ALT, ACT_NEW_LINE),
        LETTER(PLACE_COMPOSE, CTRL, 'j', ACT_NEW_LINE),
        LETTER(PLACE_POPUP, CTRL, 'j', ACT_ENTER),
        KEY(PLACE_ROOMS | PLACE_LOG | PLACE_COMPOSE | PLACE_POPUP, KEY_ARROW_UP, 0, ACT_UP),
        KEY(PLACE_ROOMS | PLACE_LOG | PLACE_COMPOSE | PLACE_POPUP, KEY_ARROW_DOWN, 0, ACT_DOWN),
        KEY(PLACE_ROOMS, KEY_ARROW_RIGHT, 0, ACT_ENTER),
        KEY(EVERYWHERE, KEY_PAGE_UP, 0, ACT_PAGE_UP),
        KEY(EVERYWHERE, KEY_PAGE_DOWN, 0, ACT_PAGE_DOWN),
        KEY(PLACE_ROOMS | PLACE_LOG, KEY_TO_HOME, 0, ACT_TOP),
        KEY(PLACE_ROOMS | PLACE_LOG, KEY_TO_END, 0, ACT_BOTTOM),
        KEY(OPEN, KEY_TO_HOME, CTRL, ACT_TOP),
        KEY(OPEN, KEY_TO_END, CTRL, ACT_BOTTOM),
        KEY(PLACE_SETTINGS, KEY_ARROW_LEFT, 0, ACT_LEFT),
        KEY(PLACE_SETTINGS, KEY_ARROW_RIGHT, 0, ACT_RIGHT),
        KEY(PLACE_COMPOSE, KEY_TABULATOR, 0, ACT_COMPLETE),
        KEY(PLACE_POPUP, KEY_TABULATOR, 0, ACT_NEXT),
        KEY(PLACE_POPUP, KEY_TABULATOR, SHIFT, ACT_PREVIOUS),
        KEY(PLACE_ROOMS, KEY_TABULATOR, 0, ACT_ARCHIVE_LIST),
        LETTER(PLACE_ROOMS, 0, 'p', ACT_PIN),
        LETTER(PLACE_ROOMS, 0, 'm', ACT_MUTE),
        LETTER(PLACE_ROOMS, 0, 'a', ACT_ARCHIVE),
        LETTER(PLACE_LOG, 0, 'r', ACT_REPLY),
        LETTER(PLACE_LOG, 0, 'e', ACT_CHANGE),
        LETTER(PLACE_LOG, 0, 'd', ACT_DELETE),
        LETTER(PLACE_LOG, 0, 'g', ACT_QUOTED),
        LETTER(PLACE_LOG, 0, 'a', ACT_REACT),
        LETTER(PLACE_LOG, 0, 'f', ACT_FORWARD),
        LETTER(PLACE_LOG, 0, 'p', ACT_PIN_ROW),
        LETTER(PLACE_LOG, 0, 'c', ACT_COPY),
        LETTER(PLACE_LOG, 0, 'i', ACT_READERS),

        KEY(EVERYWHERE, KEY_F4, 0, ACT_PINS),
        LETTER(OPEN, CTRL, 'g', ACT_NEW_GROUP),
        KEY(EVERYWHERE, KEY_F3, 0, ACT_GROUP),
        LETTER(OPEN, CTRL, 'r', ACT_GROUP),
        LETTER(PLACE_GROUP, 0, 'i', ACT_INVITE),
        LETTER(PLACE_GROUP, 0, 't', ACT_RENAME),
        LETTER(PLACE_GROUP, 0, 'r', ACT_ROLE),
        LETTER(PLACE_GROUP, 0, 'x', ACT_REMOVE),
        LETTER(PLACE_GROUP, 0, 'k', ACT_LINK),
        LETTER(PLACE_GROUP, 0, 'l', ACT_LEAVE_GROUP),

        EDIT(KEY_ARROW_LEFT, 0, LINE_LEFT),
        EDIT(KEY_ARROW_RIGHT, 0, LINE_RIGHT),
        EDIT(KEY_ARROW_LEFT, CTRL, LINE_WORD_LEFT),
        EDIT(KEY_ARROW_RIGHT, CTRL, LINE_WORD_RIGHT),
        EDIT(KEY_ARROW_LEFT, ALT, LINE_WORD_LEFT),
        EDIT(KEY_ARROW_RIGHT, ALT, LINE_WORD_RIGHT),
        EDIT_LETTER(ALT, 'b', LINE_WORD_LEFT),
        EDIT_LETTER(ALT, 'f', LINE_WORD_RIGHT),
        EDIT(KEY_TO_HOME, 0, LINE_HOME),
        EDIT(KEY_TO_END, 0, LINE_END),
        EDIT_LETTER(CTRL, 'a', LINE_HOME),
        EDIT_LETTER(CTRL, 'e', LINE_END),
        EDIT(KEY_BACK, 0, LINE_ERASE_BACK),
        EDIT(KEY_GONE, 0, LINE_ERASE),
        EDIT_LETTER(CTRL, 'd', LINE_ERASE),
        EDIT_LETTER(CTRL, 'w', LINE_ERASE_WORD_BACK),
        EDIT(KEY_BACK, ALT, LINE_ERASE_WORD_BACK),
        EDIT(KEY_GONE, CTRL, LINE_ERASE_WORD),
        EDIT_LETTER(ALT, 'd', LINE_ERASE_WORD),
        EDIT_LETTER(CTRL, 'u', LINE_ERASE_TO_START),
        EDIT_LETTER(ALT, 'k', LINE_ERASE_TO_END),
        EDIT_LETTER(CTRL, 'p', LINE_OLDER),
};

static const struct binding nothing;

/* The Latin letter on the same key of a Russian keyboard, so that commands need no change of layout; 0: none. */
static char letter_of(struct slice typed)
{
        static const char russian[] = "йцукенгшщзхъфывапролджэячсмитьбю", latin[] = "qwertyuiop[]asdfghjkl;'zxcvbnm,.";

        if (typed.size == 1)
                return (char)typed.data[0];
        for (size_t i = 0; typed.size == 2 && russian[i]; i += 2)
                if (memcmp(russian + i, typed.data, 2) == 0)
                        return latin[i / 2];
        return 0;
}

const struct binding *keymap_find(const struct key *key, unsigned places)
{
        /* A character without modifiers is a command only where nothing is typed. */
        char letter = key->letter;

        if (key->code == KEY_CHARACTER && key->modifiers == 0)
                letter = letter_of(key->text);
        for (size_t i = 0; i < countof(bindings); i++) {
                const struct binding *binding = &bindings[i];

                if ((binding->places & places) && binding->key == key->code && binding->modifiers == key->modifiers &&
                    (key->code != KEY_CHARACTER || (letter && binding->letter == letter)))
                        return binding;
        }
        return &nothing;
}

const struct help_line help_lines[] = {
        {TEXT_KEYS_ANYWHERE, NULL},
        {TEXT_KEY_HELP, "F1, Ctrl+/"},
        {TEXT_KEY_SWITCH, "Ctrl+K"},
        {TEXT_KEY_PEOPLE, "Ctrl+N"},
        {TEXT_KEY_SEARCH, "Ctrl+F"},
        {TEXT_KEY_SETTINGS, "F2, Ctrl+T"},
        {TEXT_KEY_BLOCK, "Ctrl+B"},
        {TEXT_KEY_ROOM_UP, "Alt+↑"},
        {TEXT_KEY_ROOM_DOWN, "Alt+↓"},
        {TEXT_KEY_UNREAD, "Alt+Shift+↑ ↓"},
        {TEXT_KEY_BACK, "Esc"},
        {TEXT_KEY_REDRAW, "Ctrl+L"},
        {TEXT_KEY_SUSPEND, "Ctrl+Z"},
        {TEXT_KEY_LEAVE, "Ctrl+Q"},
        {TEXT_KEYS_ROOMS, NULL},
        {TEXT_KEY_PIN, "p"},
        {TEXT_KEY_MUTE, "m"},
        {TEXT_KEY_ARCHIVE, "a"},
        {TEXT_KEY_ARCHIVE_LIST, "Tab"},
        {TEXT_KEYS_COMPOSE, NULL},
        {TEXT_KEY_SEND, "Enter"},
        {TEXT_KEY_NEW_LINE, "Alt+Enter, Ctrl+J"},
        {TEXT_KEY_COMPLETE, "@…Tab"},
        {TEXT_KEY_WORDS, "Ctrl+← →"},
        {TEXT_KEY_ERASE_WORD, "Ctrl+W, Alt+D"},
        {TEXT_KEY_ERASE_LINE, "Ctrl+U, Alt+K"},
        {TEXT_KEY_OLDER, "Ctrl+P, ↓"},
        {TEXT_KEYS_LOG, NULL},
        {TEXT_KEY_PAGE, "PgUp, PgDn"},
        {TEXT_KEY_TOP, "Ctrl+Home, Ctrl+End"},
        {TEXT_KEY_MARK, "↑ ↓"},
        {TEXT_KEY_REPLY, "Enter, r"},
        {TEXT_KEY_CHANGE, "e"},
        {TEXT_KEY_DELETE, "d"},
        {TEXT_KEY_REACT, "a"},
        {TEXT_KEY_FORWARD, "f"},
        {TEXT_KEY_PIN_ROW, "p"},
        {TEXT_KEY_PINS, "F4"},
        {TEXT_KEY_QUOTED, "g"},
        {TEXT_KEY_RETRY, "Enter, r"},
        {TEXT_KEY_DISCARD, "d"},
        {TEXT_KEY_COPY, "c"},
        {TEXT_KEYS_GROUPS, NULL},
        {TEXT_KEY_NEW_GROUP, "Ctrl+G"},
        {TEXT_KEY_GROUP, "F3, Ctrl+R"},
        {TEXT_KEY_READERS, "i"},
};
const unsigned help_line_count = countof(help_lines);
