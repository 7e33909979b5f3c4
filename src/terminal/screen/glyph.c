/* Characters come from safe_next, one after the other; here they are put together. */
#include "terminal/screen/glyph.h"

#include "base/assert.h"
#include "terminal/safe.h"

#define BASELESS "\xe2\x97\x8c" /* a dotted circle, for marks without a letter */

/* What the first character is; the text is well-formed, for safe_next gave it. */
static uint32_t code_of(const char *text)
{
        static const uint8_t masks[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
        uint8_t lead = (uint8_t)text[0];
        size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        uint32_t code = lead & masks[size];

        for (size_t i = 1; i < size; i++)
                code = code << 6 | ((uint8_t)text[i] & 0x3fu);
        return code;
}

/* Takes part in how its neighbours look, on some terminals; has no look of its own. */
static bool is_left_out(uint32_t code, uint32_t base)
{
        bool symbol = base >= 0x2190;

        return (code >= 0xfe00 && code <= 0xfe0f) || (code >= 0x2060 && code <= 0x2064) || code == 0xfeff ||
               code == 0x200b || code == 0x20e3 || (code >= 0xe0000 && code <= 0xe01ef) || (symbol && code == 0x200d) ||
               (symbol && code >= 0x1f3fb && code <= 0x1f3ff);
}

static struct slice after(struct slice text, size_t taken)
{
        return slice_of(text.data + taken, text.size - taken);
}

static void add(struct glyph *glyph, const char *bytes, size_t size)
{
        if (glyph->size + size > sizeof(glyph->shown))
                return;
        memcpy(glyph->shown + glyph->size, bytes, size);
        glyph->size = (uint8_t)(glyph->size + size);
}

void glyph_next(struct slice text, struct glyph *glyph)
{
        struct safe_character character;
        uint32_t base;
        unsigned marks = 0;

        safe_next(text, &character);
        *glyph = (struct glyph){.taken = character.taken, .columns = (uint8_t)character.columns};
        base = code_of(character.shown);
        if (character.columns > 2) {
                add(glyph, " ", 1);
                return;
        }
        if (character.columns == 0) {
                add(glyph, BASELESS, sizeof(BASELESS) - 1);
                glyph->columns = 1;
                base = 0;
                if (is_left_out(code_of(character.shown), UINT32_MAX))
                        glyph->columns = 0;
        }
        if (character.columns > 0 || glyph->columns > 0)
                add(glyph, character.shown, character.size);
        while (glyph->taken < text.size) {
                uint32_t code;

                safe_next(after(text, glyph->taken), &character);
                code = code_of(character.shown);
                if (!is_left_out(code, base) && character.columns > 0)
                        break;
                glyph->taken += character.taken;
                if (!is_left_out(code, base) && glyph->columns > 0 && marks++ < GLYPH_MARKS_MAX)
                        add(glyph, character.shown, character.size);
        }
}

unsigned glyph_columns(struct slice text)
{
        struct glyph glyph;
        unsigned columns = 0;

        for (; text.size > 0; text = after(text, glyph.taken)) {
                glyph_next(text, &glyph);
                columns += glyph.columns;
        }
        return columns;
}

struct slice glyph_fitting(struct slice text, unsigned columns)
{
        struct glyph glyph;
        size_t size = 0;

        while (size < text.size) {
                glyph_next(after(text, size), &glyph);
                if (glyph.columns > columns)
                        break;
                columns -= glyph.columns;
                size += glyph.taken;
        }
        return slice_of(text.data, size);
}

struct wrap wrap_of(struct slice text, unsigned width)
{
        return (struct wrap){text, width < 2 ? 2 : width, false};
}

/* The line is the first `size` bytes; `skip` more (its end) are passed over. */
static bool cut(struct wrap *wrap, struct slice *line, size_t size, size_t skip)
{
        *line = slice_of(wrap->rest.data, size);
        wrap->rest = after(wrap->rest, size + skip);
        return true;
}

bool wrap_next(struct wrap *wrap, struct slice *line)
{
        struct slice rest = wrap->rest;
        struct glyph glyph;
        unsigned columns = 0;
        size_t at = 0, space = 0; /* behind the last space */

        if (wrap->ended)
                return false;
        while (at < rest.size) {
                if (rest.data[at] == '\n')
                        return cut(wrap, line, at, 1);
                glyph_next(after(rest, at), &glyph);
                if (rest.data[at] == ' ') {
                        at++;
                        columns++;
                        space = at;
                        continue;
                }
                if (columns + glyph.columns > wrap->width && at > 0)
                        return cut(wrap, line, space ? space : at, 0);
                columns += glyph.columns;
                at += glyph.taken;
        }
        wrap->ended = true;
        return cut(wrap, line, at, 0);
}

unsigned wrap_measure(struct slice text, unsigned width, unsigned *widest)
{
        struct wrap wrap = wrap_of(text, width);
        struct slice line;
        unsigned lines = 0;

        *widest = 0;
        for (; wrap_next(&wrap, &line); lines++) {
                while (line.size > 0 && line.data[line.size - 1] == ' ')
                        line.size--;
                *widest = max_of(*widest, min_of(glyph_columns(line), wrap.width));
        }
        return lines;
}
