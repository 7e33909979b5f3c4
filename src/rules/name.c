/* Lawful names, and folding by a small table of Unicode ranges; see name.h. */
#include "rules/name.h"

#include "rules/limits.h"

static bool is_letter(uint8_t byte)
{
        return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

bool name_is_user_name(struct slice name)
{
        if (name.size < USER_NAME_MIN || name.size > USER_NAME_MAX || !is_letter(name.data[0]))
                return false;
        for (size_t i = 1; i < name.size; i++) {
                uint8_t byte = name.data[i];

                if (!is_letter(byte) && !(byte >= '0' && byte <= '9') && byte != '_' && byte != '.' && byte != '-')
                        return false;
        }
        return true;
}

bool name_is_email(struct slice email)
{
        size_t at = 0, dot = 0;

        for (size_t i = 0; i < email.size; i++) {
                uint8_t byte = email.data[i];

                if (byte <= ' ' || byte == 127 || byte == ',' || byte == ';' || byte == '<' || byte == '>' || byte == '"')
                        return false;
                if (byte == '@') {
                        if (at || i == 0)
                                return false;
                        at = i;
                }
                if (byte == '.' && at)
                        dot = i;
        }
        return at && dot > at + 1 && dot + 1 < email.size;
}

/* A character and how many bytes it took; 0 bytes for malformed UTF-8. */
static uint32_t take_character(const uint8_t *at, size_t size, size_t *used)
{
        static const uint8_t masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
        size_t length = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 0;
        uint32_t character;

        *used = 0;
        if (length == 0 || length > size)
                return 0;
        character = at[0] & masks[length];
        for (size_t i = 1; i < length; i++) {
                if ((at[i] & 0xc0) != 0x80)
                        return 0;
                character = character << 6 | (at[i] & 0x3f);
        }
        *used = length;
        return character;
}

/* Line and paragraph separators, bidirectional controls, zero-width characters, tags: nothing to see, much to forge. */
static bool is_hidden(uint32_t character)
{
        return character == 0xad || character == 0x61c || character == 0x180e ||
               (character >= 0x200b && character <= 0x200f) || (character >= 0x2028 && character <= 0x202e) ||
               (character >= 0x2060 && character <= 0x206f) || character == 0xfeff ||
               (character >= 0xe0000 && character <= 0xe0fff);
}

/* Spaces, and letters that look like one. */
static bool is_blank(uint32_t character)
{
        return character == ' ' || character == 0xa0 || character == 0x115f || character == 0x1160 || character == 0x1680 ||
               (character >= 0x2000 && character <= 0x200a) || character == 0x202f || character == 0x205f ||
               character == 0x2800 || character == 0x3000 || character == 0x3164 || character == 0xffa0;
}

bool name_is_display_name(struct slice name)
{
        bool visible = false;

        for (size_t at = 0, used; at < name.size; at += used) {
                uint32_t character = take_character(name.data + at, name.size - at, &used);

                if (used == 0 || character < 0x20 || (character >= 0x7f && character < 0xa0))
                        return false;
                if (is_hidden(character))
                        return false;
                visible = visible || !is_blank(character);
        }
        return visible;
}

/* One range: its upper-case characters become lower-case ones. step 1: each, by adding; step 2: every even (or odd) one, plus 1. */
static const struct fold_range {
        uint16_t first, last;
        uint8_t step;
        uint8_t add;
} ranges[] = {
        {'A', 'Z', 1, 32},       {0x00c0, 0x00d6, 1, 32}, {0x00d8, 0x00de, 1, 32},
        {0x0100, 0x0136, 2, 1}, /* İ (0x130) is left out below: its small form is not one character */
        {0x0139, 0x0147, 2, 1},  {0x014a, 0x0176, 2, 1},  {0x0179, 0x017d, 2, 1},
        {0x0386, 0x0386, 1, 38}, {0x0388, 0x038a, 1, 37}, {0x038c, 0x038c, 1, 64},
        {0x038e, 0x038f, 1, 63}, {0x0391, 0x03a1, 1, 32}, {0x03a3, 0x03ab, 1, 32},
        {0x03d8, 0x03ee, 2, 1},  {0x0400, 0x040f, 1, 80}, {0x0410, 0x042f, 1, 32},
        {0x0460, 0x0480, 2, 1},  {0x048a, 0x04be, 2, 1},  {0x04c0, 0x04c0, 1, 15},
        {0x04c1, 0x04cd, 2, 1},  {0x04d0, 0x052e, 2, 1},
};

static uint32_t fold_character(uint32_t character)
{
        if (character == 0x0130)
                return 'i';
        for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
                const struct fold_range *range = &ranges[i];

                if (character < range->first || character > range->last)
                        continue;
                if ((character - range->first) % range->step == 0)
                        character += range->add;
                break;
        }
        if (character == 0x0178)
                return 0x00ff;
        if (character == 0x03c2)
                return 0x03c3;                           /* final sigma */
        return character == 0x0451 ? 0x0435 : character; /* ё is е */
}

/* Every fold stays within the bytes of the original character: the table has no pair that crosses a length. */
static size_t put_character(uint32_t character, uint8_t *at)
{
        if (character < 0x80) {
                at[0] = (uint8_t)character;
                return 1;
        }
        if (character < 0x800) {
                at[0] = (uint8_t)(0xc0 | character >> 6);
                at[1] = (uint8_t)(0x80 | (character & 0x3f));
                return 2;
        }
        if (character < 0x10000) {
                at[0] = (uint8_t)(0xe0 | character >> 12);
                at[1] = (uint8_t)(0x80 | (character >> 6 & 0x3f));
                at[2] = (uint8_t)(0x80 | (character & 0x3f));
                return 3;
        }
        at[0] = (uint8_t)(0xf0 | character >> 18);
        at[1] = (uint8_t)(0x80 | (character >> 12 & 0x3f));
        at[2] = (uint8_t)(0x80 | (character >> 6 & 0x3f));
        at[3] = (uint8_t)(0x80 | (character & 0x3f));
        return 4;
}

size_t name_fold(struct slice text, uint8_t *folded)
{
        size_t size = 0;

        for (size_t at = 0; at < text.size;) {
                size_t used;
                uint32_t character = take_character(text.data + at, text.size - at, &used);

                if (used == 0) {
                        folded[size++] = text.data[at++];
                        continue;
                }
                size += put_character(fold_character(character), folded + size);
                at += used;
        }
        return size;
}
