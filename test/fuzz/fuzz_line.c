/*
 * What the terminal client takes from a keyboard, a pipe and other people: any bytes as keys of the line editor, and any bytes as
 * a text that is printed. Input: the bytes.
 *
 * What is checked of the editor: the line is well-formed and has a limit, and so is what lies before the cursor; there are no
 * controls in it; it is what line_take gives; history has a limit. Of printing: nothing that
 * a terminal would obey comes out, no line but the text's own, and the JSON form is one line of valid escapes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "fuzz.h"
#include "terminal/line.h"
#include "terminal/safe.h"

static void check_line(const struct line *line)
{
        struct slice text = slice_of(line->text, line->size);

        check(line->size <= LINE_SIZE_MAX && line->cursor <= line->size);
        check(line->history_count <= LINE_HISTORY_MAX && line->history_at <= line->history_count);
        check(line->escape_size < sizeof(line->escape));
        for (size_t i = 0; i < line->size; i++)
                check((unsigned char)line->text[i] >= 32 && line->text[i] != 127);
        check(slice_is_text(text) && slice_is_text(slice_of(line->text, line->cursor)));
}

static void edit(const uint8_t *data, size_t size)
{
        struct line *line = line_new();

        check(line);
        for (size_t i = 0; i < size; i++) {
                enum line_result result = line_key(line, (char)data[i]);
                size_t entered = line->size;

                check_line(line);
                if (result == LINE_ENTERED)
                        check(line_take(line).size == entered && line->size == 0);
                check_line(line);
        }
        line_free(&line);
}

/* One character of well-formed UTF-8, and how long it is. */
static uint32_t character(const uint8_t *at, size_t *size)
{
        uint32_t code = *at;

        *size = code < 0x80 ? 1 : code < 0xe0 ? 2 : code < 0xf0 ? 3 : 4;
        code &= *size == 1 ? 0x7f : 0xffu >> (*size + 1);
        for (size_t i = 1; i < *size; i++)
                code = code << 6 | (at[i] & 0x3f);
        return code;
}

static bool obeyed_by_terminals(uint32_t code)
{
        return code < 32 || (code >= 127 && code < 160) || (code >= 0x2028 && code <= 0x202e) ||
               (code >= 0x2066 && code <= 0x2069);
}

static void check_output(const char *text, size_t size, bool lines)
{
        size_t step = 1;

        check(slice_is_text(slice_of(text, size)));
        for (size_t at = 0; at < size; at += step) {
                uint32_t code = character((const uint8_t *)text + at, &step);

                check(!obeyed_by_terminals(code) || (code == '\n' && lines));
        }
}

static void print(struct slice text)
{
        char *buffer = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&buffer, &size);

        check(out);
        safe_text(out, text);
        check(fflush(out) == 0);
        check_output(buffer, size, true);
        for (size_t at = 0; at < size; at++) /* no text can look as if it began a line of its own */
                check(buffer[at] != '\n' || strncmp(buffer + at + 1, SAFE_INDENT, strlen(SAFE_INDENT)) == 0);
        rewind(out);
        safe_line(out, text);
        check(fflush(out) == 0);
        check_output(buffer, size, false);
        rewind(out);
        safe_json(out, text);
        check(fflush(out) == 0);
        check_output(buffer, size, false);
        check(size >= 2 && buffer[0] == '"' && buffer[size - 1] == '"');
        fclose(out);
        free(buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        edit(data, size);
        print(slice_of(data, size));
        return 0;
}
