/*
 * The full screen's input and output: any bytes as keys of a terminal, and any bytes as a text that is wrapped and put into cells.
 * Input: the bytes.
 *
 * What is checked of keys: texts are well-formed, without controls unless pasted; sequences under way have a limit; a key follows any
 * input. Of the text: glyphs are of 1, 2 or 4 columns (0: nothing to see), well-formed and have a limit, and every byte is in one line.
 */
#include <locale.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "fuzz.h"
#include "terminal/line.h"
#include "terminal/screen/glyph.h"
#include "terminal/screen/keymap.h"

static void check_key(const struct key *key, struct line *line)
{
        check(key->code != KEY_NOTHING);
        check(slice_is_text(key->text) || key->code == KEY_PASTE);
        check(key->text.size <= KEYS_PASTE_MAX);
        if (key->code == KEY_CHARACTER && key->modifiers == 0)
                check(key->text.size > 0 && key->text.data[0] >= 32 && key->text.data[0] != 127);
        (void)keymap_find(key, PLACE_COMPOSE);
        line_insert(line, key->text);
        if (key->code == KEY_CHARACTER || key->code == KEY_ARROW_UP)
                (void)line_do(line, (enum line_action)(key->letter & 15));
        check(line->cursor <= line->size && slice_is_text(line_text(line)));
        check(slice_is_text(slice_of(line->text, line->cursor)));
}

static void press(const uint8_t *data, size_t size)
{
        struct keys *keys = memory_new(sizeof(*keys));
        struct line *line = line_new();
        struct key key;

        check(keys && line);
        line->several = true;
        for (size_t i = 0; i < size; i++) {
                if (keys_byte(keys, (char)data[i], &key))
                        check_key(&key, line);
                check(keys->escape_size < KEYS_ESCAPE_MAX && keys->paste_size <= KEYS_PASTE_MAX && keys->partial_size <= 4);
                if (data[i] == 0xff && keys_waiting(keys) && keys_lapse(keys, &key))
                        check_key(&key, line);
        }
        line_free(&line);
        memory_free(keys);
}

static void wrap(struct slice text, unsigned width)
{
        struct wrap wrap = wrap_of(text, width);
        const uint8_t *at = text.data;
        struct slice line;
        unsigned lines = 0, widest;

        while (wrap_next(&wrap, &line)) {
                struct glyph glyph;

                check(line.data == at || line.size == 0);
                at += line.size;
                if (at < text.data + text.size && *at == '\n')
                        at++;
                for (; line.size > 0; line = slice_of(line.data + glyph.taken, line.size - glyph.taken)) {
                        glyph_next(line, &glyph);
                        check(glyph.taken > 0 && glyph.taken <= line.size && glyph.size <= GLYPH_SIZE_MAX);
                        check(glyph.columns <= 2 || glyph.columns == 4);
                        check(slice_is_text(slice_of(glyph.shown, glyph.size)) || glyph.size == 0);
                        check(glyph.size == 0 || (uint8_t)glyph.shown[0] >= 32);
                }
                lines++;
        }
        check(at == text.data + text.size);
        check(wrap_measure(text, width, &widest) == lines && widest <= max_of(width, 2u));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        setlocale(LC_CTYPE, "C.UTF-8");
        press(data, size);
        wrap(slice_of(data, size), 1);
        wrap(slice_of(data, size), 20);
        return 0;
}
