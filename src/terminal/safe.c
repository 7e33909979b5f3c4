/* Character by character; whatever is not well-formed UTF-8 is taken byte by byte. */
#include "terminal/safe.h"

#include <wchar.h>

#include "base/assert.h"

#define DOT      "\xc2\xb7"
#define TAB      "    "
#define NOT_TEXT UINT32_MAX

/* The first character's code, NOT_TEXT if there is none, and how many bytes it takes. */
static uint32_t decode(struct slice text, size_t *taken)
{
        static const uint8_t masks[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
        uint8_t lead = text.data[0];
        size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        uint32_t code = lead & masks[size];

        *taken = 1;
        if (lead == 0)
                return 0;
        if (size > text.size || !slice_is_text(slice_of(text.data, size)))
                return NOT_TEXT;
        for (size_t i = 1; i < size; i++)
                code = code << 6 | (text.data[i] & 0x3fu);
        *taken = size;
        return code;
}

static bool is_obeyed(uint32_t code)
{
        return code < 32 || (code >= 127 && code < 160) || /* C0, DEL, C1 */
               (code >= 0x2028 && code <= 0x202e) ||       /* line separators, bidirectional embeddings and overrides */
               (code >= 0x2066 && code <= 0x2069);         /* bidirectional isolates */
}

void safe_next(struct slice text, struct safe_character *character)
{
        uint32_t code;
        int columns;

        check(text.size > 0);
        code = decode(text, &character->taken);
        if (code == '\t') {
                *character = (struct safe_character){TAB, sizeof(TAB) - 1, 1, sizeof(TAB) - 1};
        } else if (code == NOT_TEXT || is_obeyed(code)) {
                *character = (struct safe_character){DOT, sizeof(DOT) - 1, character->taken, 1};
        } else {
                columns = code < 0x7f ? 1 : wcwidth((wchar_t)code); /* which is slow, and most of what is drawn is plain */
                character->shown = (const char *)text.data;
                character->size = character->taken;
                character->columns = columns < 0 ? 1 : (unsigned)columns; /* one that is newer than the C library */
        }
}

static struct slice rest_of(struct slice text, size_t taken)
{
        return slice_of(text.data + taken, text.size - taken);
}

static void write_safe(FILE *out, struct slice text, bool lines)
{
        struct safe_character character;

        for (; text.size > 0; text = rest_of(text, character.taken)) {
                safe_next(text, &character);
                if (lines && text.data[0] == '\n')
                        fputs("\n" SAFE_INDENT, out);
                else
                        fwrite(character.shown, 1, character.size, out);
        }
}

void safe_text(FILE *out, struct slice text)
{
        write_safe(out, text, true);
}

void safe_line(FILE *out, struct slice text)
{
        write_safe(out, text, false);
}

void safe_copy(struct slice text, char *copy, size_t size)
{
        struct safe_character character;
        size_t used = 0;

        check(size > 0);
        for (; text.size > 0; text = rest_of(text, character.taken)) {
                safe_next(text, &character);
                if (used + character.size >= size)
                        break;
                memcpy(copy + used, character.shown, character.size);
                used += character.size;
        }
        copy[used] = '\0';
}

void safe_json(FILE *out, struct slice text)
{
        fputc('"', out);
        while (text.size > 0) {
                size_t taken;
                uint32_t code = decode(text, &taken);

                if (code == '"' || code == '\\')
                        fprintf(out, "\\%c", (char)code);
                else if (code == '\n')
                        fputs("\\n", out);
                else if (code == NOT_TEXT)
                        fputs("\\ufffd", out);
                else if (is_obeyed(code))
                        fprintf(out, "\\u%04x", (unsigned)code);
                else
                        fwrite(text.data, 1, taken, out);
                text = rest_of(text, taken);
        }
        fputc('"', out);
}

unsigned safe_columns(struct slice text)
{
        struct safe_character character;
        unsigned columns = 0;

        for (; text.size > 0; text = rest_of(text, character.taken)) {
                safe_next(text, &character);
                columns += character.columns;
        }
        return columns;
}
