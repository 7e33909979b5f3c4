/* See keys.h. Sequences are looked up in a table; those with modifiers ("[1;5C") are taken apart first. */
#include "terminal/screen/keys.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

#define ESC 27

/* What follows ESC. `~` stands for any of the numbered ones. */
static const struct {
        const char *keys;
        enum key_code code;
        unsigned modifiers;
} sequences[] = {
        {"[A", KEY_ARROW_UP, 0},
        {"[B", KEY_ARROW_DOWN, 0},
        {"[C", KEY_ARROW_RIGHT, 0},
        {"[D", KEY_ARROW_LEFT, 0},
        {"OA", KEY_ARROW_UP, 0},
        {"OB", KEY_ARROW_DOWN, 0},
        {"OC", KEY_ARROW_RIGHT, 0},
        {"OD", KEY_ARROW_LEFT, 0},
        {"Oa", KEY_ARROW_UP, MODIFIER_CONTROL}, /* rxvt */
        {"Ob", KEY_ARROW_DOWN, MODIFIER_CONTROL},
        {"Oc", KEY_ARROW_RIGHT, MODIFIER_CONTROL},
        {"Od", KEY_ARROW_LEFT, MODIFIER_CONTROL},
        {"[H", KEY_TO_HOME, 0},
        {"[F", KEY_TO_END, 0},
        {"OH", KEY_TO_HOME, 0},
        {"OF", KEY_TO_END, 0},
        {"[1~", KEY_TO_HOME, 0},
        {"[4~", KEY_TO_END, 0},
        {"[7~", KEY_TO_HOME, 0},
        {"[8~", KEY_TO_END, 0},
        {"[3~", KEY_GONE, 0},
        {"[5~", KEY_PAGE_UP, 0},
        {"[6~", KEY_PAGE_DOWN, 0},
        {"[11~", KEY_F1, 0},
        {"[12~", KEY_F2, 0},
        {"[13~", KEY_F3, 0},
        {"[14~", KEY_F4, 0},
        {"OP", KEY_F1, 0},
        {"OQ", KEY_F2, 0},
        {"OR", KEY_F3, 0},
        {"OS", KEY_F4, 0},
        {"[P", KEY_F1, 0},
        {"[Q", KEY_F2, 0},
        {"[R", KEY_F3, 0},
        {"[S", KEY_F4, 0},
        {"[[A", KEY_F1, 0}, /* linux */
        {"[[B", KEY_F2, 0},
        {"[[C", KEY_F3, 0},
        {"[[D", KEY_F4, 0},
        {"OM", KEY_RETURN, 0}, /* keypad */
        {"[Z", KEY_TABULATOR, MODIFIER_SHIFT},
        {"[I", KEY_FOCUS_IN, 0},
        {"[O", KEY_FOCUS_OUT, 0},
};

static bool give(struct key *key, enum key_code code, unsigned modifiers)
{
        *key = (struct key){.code = code, .modifiers = modifiers};
        return code != KEY_NOTHING;
}

/* xterm's number: 1 and the bits Shift, Alt, Control. */
static unsigned modifiers_of(unsigned number)
{
        return number > 1 && number <= 8 ? number - 1 : 0;
}

/* "[1;5C" is "[C" with modifiers 5, "[3;5~" is "[3~" with them. */
static unsigned take_modifiers(char *sequence)
{
        char *mark = strchr(sequence, ';');
        size_t size = strlen(sequence);
        unsigned number;

        if (sequence[0] != '[' || !mark)
                return 0;
        number = (unsigned)strtoul(mark + 1, NULL, 10);
        if (sequence[size - 1] == '~') {
                mark[0] = '~';
                mark[1] = '\0';
        } else {
                sequence[1] = sequence[size - 1];
                sequence[2] = '\0';
        }
        return modifiers_of(number);
}

/* "[<0;12;5M": button, column, row; a small m when it is let go. */
static bool mouse(const char *sequence, struct key *key)
{
        unsigned button, column, row;
        char last;

        if (sscanf(sequence, "[<%3u;%4u;%4u%c", &button, &column, &row, &last) != 4 || column == 0 || row == 0)
                return false;
        if (last != 'M')
                return false;
        give(key,
             button == 0    ? KEY_MOUSE_PRESS
             : button == 64 ? KEY_WHEEL_UP
             : button == 65 ? KEY_WHEEL_DOWN
                            : KEY_NOTHING,
             0);
        key->row = row - 1;
        key->column = column - 1;
        return key->code != KEY_NOTHING;
}

/* "]11;rgb:1a1a/1b1b/1c1c": what colour the ground has. */
static bool ground(const char *sequence, struct key *key)
{
        unsigned red, green, blue;
        const char *colours = strstr(sequence, "rgb:");

        if (strncmp(sequence, "]11;", 4) != 0 || !colours ||
            sscanf(colours, "rgb:%2x%*[0-9a-fA-F]/%2x%*[0-9a-fA-F]/%2x", &red, &green, &blue) != 3)
                return false;
        give(key, KEY_GROUND, 0);
        key->light = red * 299 + green * 587 + blue * 114 > 128 * 1000;
        return true;
}

static bool sequence_done(struct keys *keys, struct key *key)
{
        char *sequence = keys->escape + 1;
        unsigned modifiers = 0;

        keys->escape[keys->escape_size] = '\0';
        keys->escape_size = 0;
        if (strcmp(sequence, "[200~") == 0) {
                keys->pasting = true;
                keys->paste_size = 0;
                return false;
        }
        if (sequence[0] == '[' && sequence[1] == '<')
                return mouse(sequence, key);
        if (sequence[0] == ']')
                return ground(sequence, key);
        if (sequence[0] == ESC) { /* Alt with a key that has a sequence */
                modifiers = MODIFIER_ALT;
                sequence++;
        }
        modifiers |= take_modifiers(sequence);
        for (size_t i = 0; i < countof(sequences); i++)
                if (strcmp(sequence, sequences[i].keys) == 0)
                        return give(key, sequences[i].code, sequences[i].modifiers | modifiers);
        return false;
}

/* After ESC: is the sequence whole with this byte? */
static bool is_whole(const struct keys *keys)
{
        const char *sequence = keys->escape + 1;
        unsigned size = keys->escape_size - 1;
        char last = sequence[size - 1];

        if (sequence[0] == ESC) {
                sequence++;
                size--;
        }
        if (size == 0)
                return false;
        if (sequence[0] == ']')
                return last == '\a' || (size > 1 && last == '\\' && sequence[size - 2] == ESC);
        if (sequence[0] == 'O')
                return size == 2;
        if (sequence[0] == '[' && size > 1)
                return last >= '@' && last <= '~' && !(size == 2 && last == '[');
        return false;
}

static bool control(char byte, unsigned alt, struct key *key)
{
        switch (byte) {
        case '\r':
                return give(key, KEY_RETURN, alt);
        case '\t':
                return give(key, KEY_TABULATOR, alt);
        case '\b':
        case 127:
                return give(key, KEY_BACK, alt);
        case 31: /* Ctrl+/ on most terminals */
                give(key, KEY_CHARACTER, MODIFIER_CONTROL | alt);
                key->letter = '/';
                return true;
        default:
                give(key, KEY_CHARACTER, MODIFIER_CONTROL | alt);
                key->letter = byte == 0 ? ' ' : (char)(byte | 0x60);
                return true;
        }
}

/* A character's last byte was taken. */
static bool character(struct keys *keys, unsigned alt, struct key *key)
{
        struct slice text = slice_of(keys->partial, keys->partial_size);
        unsigned char lead = (unsigned char)keys->partial[0];

        keys->partial_size = 0;
        if (!slice_is_text(text) || (lead == 0xc2 && (unsigned char)keys->partial[1] < 0xa0))
                return false;
        give(key, KEY_CHARACTER, alt);
        key->text = text;
        if (alt && text.size == 1)
                key->letter = (char)(lead >= 'A' && lead <= 'Z' ? lead | 0x20 : lead);
        return true;
}

static bool plain(struct keys *keys, char byte, struct key *key)
{
        unsigned char lead = (unsigned char)keys->partial[0];
        unsigned alt = keys->alt ? MODIFIER_ALT : 0;
        bool continues = ((unsigned char)byte & 0xc0) == 0x80;

        if (keys->partial_size > 0 && !continues)
                keys->partial_size = 0;
        if ((unsigned char)byte < 32 || byte == 127) {
                keys->alt = false;
                return control(byte, alt, key);
        }
        if (keys->partial_size == 0 && continues)
                return false;
        keys->partial[keys->partial_size++] = byte;
        lead = (unsigned char)keys->partial[0];
        if (keys->partial_size < (lead < 0x80 ? 1u : lead < 0xe0 ? 2u : lead < 0xf0 ? 3u : 4u))
                return false;
        keys->alt = false;
        return character(keys, alt, key);
}

/* Until ESC [201~. A carriage return is a line's end. */
static bool paste(struct keys *keys, char byte, struct key *key)
{
        static const char end[] = "\033[201~";
        size_t size = sizeof(end) - 1;

        if (byte == '\r')
                byte = '\n';
        if (keys->paste_size == sizeof(keys->paste)) {
                memmove(keys->paste + sizeof(keys->paste) - size, keys->paste + sizeof(keys->paste) - size + 1, size - 1);
                keys->paste_size--;
        }
        keys->paste[keys->paste_size++] = byte;
        if (keys->paste_size < size || memcmp(keys->paste + keys->paste_size - size, end, size) != 0)
                return false;
        keys->pasting = false;
        keys->paste_size -= (unsigned)size;
        while (keys->paste_size > 0 && !slice_is_text(slice_of(keys->paste, keys->paste_size)) &&
               ((unsigned char)keys->paste[keys->paste_size - 1] & 0x80))
                keys->paste_size--;
        give(key, KEY_PASTE, 0);
        key->text = slice_of(keys->paste, keys->paste_size);
        return true;
}

bool keys_byte(struct keys *keys, char byte, struct key *key)
{
        if (keys->pasting)
                return paste(keys, byte, key);
        if (keys->escape_size == 0) {
                if (byte != ESC)
                        return plain(keys, byte, key);
                keys->partial_size = 0;
                keys->escape[keys->escape_size++] = byte;
                return false;
        }
        if (keys->escape_size == 1 && byte != '[' && byte != 'O' && byte != ']' && byte != ESC) {
                keys->escape_size = 0;
                keys->alt = true;
                return plain(keys, byte, key);
        }
        if (keys->escape_size + 1 < sizeof(keys->escape))
                keys->escape[keys->escape_size++] = byte;
        else if (keys->escape[1] == ']') /* a long answer: only its end matters */
                keys->escape[keys->escape_size - 1] = byte;
        else
                keys->escape_size = 0;
        return keys->escape_size > 0 && is_whole(keys) && sequence_done(keys, key);
}

bool keys_waiting(const struct keys *keys)
{
        return keys->escape_size > 0 && !keys->pasting;
}

bool keys_lapse(struct keys *keys, struct key *key)
{
        unsigned size = keys->escape_size;
        char second = size > 1 ? keys->escape[1] : 0;

        keys->escape_size = 0;
        keys->alt = false;
        if (size == 1 || (size == 2 && second == ESC))
                return give(key, KEY_ESCAPE, 0);
        if (size == 2 && second != ']') { /* Alt+[, Alt+O */
                give(key, KEY_CHARACTER, MODIFIER_ALT);
                key->letter = second == 'O' ? 'o' : second;
                return true;
        }
        return false;
}
