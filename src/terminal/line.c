/* Editing by bytes with the cursor always on the first byte of what is shown as one: a character and the marks that combine with it. */
#include "terminal/line.h"

#include "base/assert.h"
#include "base/memory.h"
#include "terminal/safe.h"

#define CTRL(letter) ((letter)&0x1f)

static bool is_continuation(char byte)
{
        return ((unsigned char)byte & 0xc0) == 0x80;
}

struct line *line_new(void)
{
        return memory_new(sizeof(struct line));
}

void line_free(struct line **line_p)
{
        struct line *line = *line_p;

        if (!line)
                return;
        *line_p = NULL;
        for (size_t i = 0; i < line->history_count; i++)
                memory_free(line->history[i]);
        memory_free(line->typed);
        memory_free(line);
}

/* True if a cursor at `at` would stand within something that is shown as one. */
static bool is_within(const struct line *line, size_t at)
{
        struct safe_character character;

        if (at == 0 || at == line->size)
                return false;
        if (is_continuation(line->text[at]))
                return true;
        safe_next(slice_of(line->text + at, line->size - at), &character);
        return character.columns == 0;
}

static size_t before(const struct line *line, size_t at)
{
        if (at == 0)
                return 0;
        at--;
        while (is_within(line, at))
                at--;
        return at;
}

static size_t after(const struct line *line, size_t at)
{
        if (at == line->size)
                return at;
        at++;
        while (is_within(line, at))
                at++;
        return at;
}

static void erase(struct line *line, size_t from, size_t to)
{
        check(from <= to && to <= line->size);
        memmove(line->text + from, line->text + to, line->size - to);
        line->size -= to - from;
        line->text[line->size] = '\0';
        line->cursor = from;
}

static void insert(struct line *line, const char *bytes, size_t size)
{
        if (line->size + size > LINE_SIZE_MAX)
                return;
        memmove(line->text + line->cursor + size, line->text + line->cursor, line->size - line->cursor);
        memcpy(line->text + line->cursor, bytes, size);
        line->cursor += size;
        line->size += size;
        line->text[line->size] = '\0';
}

/* A byte above ASCII: collected until a character is whole. */
static void insert_part(struct line *line, char byte)
{
        unsigned char lead = (unsigned char)line->partial[0];
        size_t whole;

        if (!is_continuation(byte)) {
                line->partial[0] = byte;
                line->partial_size = 1;
                return;
        }
        if (line->partial_size == 0)
                return;
        whole = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        line->partial[line->partial_size++] = byte;
        if (line->partial_size < whole)
                return;
        line->partial_size = 0;
        /* C1 controls are characters of UTF-8, but nobody types them. */
        if (slice_is_text(slice_of(line->partial, whole)) && !(lead == 0xc2 && (unsigned char)byte < 0xa0))
                insert(line, line->partial, whole);
}

/* ---- actions ---- */

static void set_text(struct line *line, const char *text, size_t size)
{
        memcpy(line->text, text, size);
        line->text[size] = '\0';
        line->size = line->cursor = size;
}

/* Past the newest entry stands what was being typed. */
static bool show_history(struct line *line, size_t at)
{
        if (at > line->history_count || at == line->history_at)
                return false;
        if (line->history_at == line->history_count) {
                memory_free(line->typed);
                line->typed = memory_new(line->size + 1); /* without memory it is forgotten */
                if (line->typed)
                        memcpy(line->typed, line->text, line->size);
        }
        line->history_at = at;
        if (at < line->history_count)
                set_text(line, line->history[at], strlen(line->history[at]));
        else
                set_text(line, line->typed ? line->typed : "", line->typed ? strlen(line->typed) : 0);
        return true;
}

static bool is_blank(char byte)
{
        return byte == ' ' || byte == '\n';
}

static size_t word_before(const struct line *line)
{
        size_t at = line->cursor;

        while (at > 0 && is_blank(line->text[at - 1]))
                at--;
        while (at > 0 && !is_blank(line->text[at - 1]))
                at--;
        return at;
}

static size_t word_after(const struct line *line)
{
        size_t at = line->cursor;

        while (at < line->size && is_blank(line->text[at]))
                at++;
        while (at < line->size && !is_blank(line->text[at]))
                at++;
        return at;
}

static size_t line_start(const struct line *line, size_t at)
{
        while (at > 0 && line->text[at - 1] != '\n')
                at--;
        return at;
}

static size_t line_stop(const struct line *line, size_t at)
{
        while (at < line->size && line->text[at] != '\n')
                at++;
        return at;
}

/* To the same column, as far as there is one, of the line that begins at `start`. */
static void go_to_line(struct line *line, size_t start, unsigned columns)
{
        size_t stop = line_stop(line, start);

        line->cursor = start;
        while (line->cursor < stop && safe_columns(slice_of(line->text + start, line->cursor - start)) < columns)
                line->cursor = after(line, line->cursor);
}

static bool go_up_or_down(struct line *line, bool up)
{
        size_t start = line_start(line, line->cursor), stop = line_stop(line, line->cursor);
        unsigned columns = safe_columns(slice_of(line->text + start, line->cursor - start));

        if (up ? start == 0 : stop == line->size)
                return false;
        go_to_line(line, up ? line_start(line, start - 1) : stop + 1, columns);
        return true;
}

static bool go_to(struct line *line, size_t at)
{
        bool moved = line->cursor != at;

        line->cursor = at;
        return moved;
}

static bool erase_part(struct line *line, size_t from, size_t to)
{
        if (from == to)
                return false;
        erase(line, from, to);
        return true;
}

bool line_do(struct line *line, enum line_action action)
{
        size_t at = line->cursor;

        switch (action) {
        case LINE_LEFT:
                return go_to(line, before(line, at));
        case LINE_RIGHT:
                return go_to(line, after(line, at));
        case LINE_WORD_LEFT:
                return go_to(line, word_before(line));
        case LINE_WORD_RIGHT:
                return go_to(line, word_after(line));
        case LINE_HOME:
                return go_to(line, line_start(line, at));
        case LINE_END:
                return go_to(line, line_stop(line, at));
        case LINE_UP:
        case LINE_DOWN:
                return go_up_or_down(line, action == LINE_UP);
        case LINE_OLDER:
                return line->history_at > 0 && show_history(line, line->history_at - 1);
        case LINE_NEWER:
                return show_history(line, line->history_at + 1);
        case LINE_ERASE_BACK:
                return erase_part(line, before(line, at), at);
        case LINE_ERASE:
                return erase_part(line, at, after(line, at));
        case LINE_ERASE_WORD_BACK:
                return erase_part(line, word_before(line), at);
        case LINE_ERASE_WORD:
                return erase_part(line, at, word_after(line));
        case LINE_ERASE_TO_START:
                return erase_part(line, line_start(line, at), at);
        case LINE_ERASE_TO_END:
                return erase_part(line, at, line_stop(line, at));
        }
        unreachable();
}

void line_insert(struct line *line, struct slice text)
{
        size_t from = 0;

        if (text.size > LINE_SIZE_MAX - line->size)
                return;
        for (size_t at = 0; at <= text.size; at++) {
                uint8_t byte = at < text.size ? text.data[at] : 0;
                bool plain = at < text.size && (byte == '\n' ? line->several : byte >= 32 && byte != 127);

                if (plain)
                        continue;
                if (at > from && slice_is_text(slice_of(text.data + from, at - from)))
                        insert(line, (const char *)text.data + from, at - from);
                if (byte == '\t' || (byte == '\n' && !line->several))
                        insert(line, " ", 1);
                from = at + 1;
        }
}

void line_set(struct line *line, struct slice text)
{
        line_clear(line);
        line_insert(line, text);
}

void line_clear(struct line *line)
{
        memset(line->text, 0, line->size);
        line->size = line->cursor = line->partial_size = 0;
        line->text[0] = '\0';
        line->history_at = line->history_count;
}

struct slice line_text(const struct line *line)
{
        return slice_of(line->text, line->size);
}

/* ---- bytes of a terminal ---- */

/* What the escape sequences of common terminals mean. */
static const struct {
        const char *keys;
        enum line_action action;
} sequences[] = {
        {"[D", LINE_LEFT}, {"[C", LINE_RIGHT}, {"[A", LINE_OLDER},  {"[B", LINE_NEWER},
        {"[H", LINE_HOME}, {"OH", LINE_HOME},  {"[1~", LINE_HOME},  {"[F", LINE_END},
        {"OF", LINE_END},  {"[4~", LINE_END},  {"[3~", LINE_ERASE},
};

static void escape_done(struct line *line)
{
        for (size_t i = 0; i < countof(sequences); i++)
                if (strcmp(line->escape, sequences[i].keys) == 0)
                        (void)line_do(line, sequences[i].action);
        if (strcmp(line->escape, "[200~") == 0)
                line->pasting = true;
        else if (strcmp(line->escape, "[201~") == 0)
                line->pasting = false;
}

/* Collects a sequence: after ESC, '[' or 'O', then parameters, then a letter or ~. escape_size counts ESC too. */
static void escape_key(struct line *line, char byte)
{
        size_t length = line->escape_size - 1;

        if (length + 1 < sizeof(line->escape)) {
                line->escape[length] = byte;
                line->escape[length + 1] = '\0';
                line->escape_size++;
        }
        if (length == 0 && (byte == '[' || byte == 'O'))
                return;
        if (length > 0 && !(byte >= '@' && byte <= '~') && length + 2 < sizeof(line->escape))
                return;
        escape_done(line);
        line->escape_size = 0;
}

static const struct {
        char byte;
        enum line_action action;
} controls[] = {
        {CTRL('A'), LINE_HOME},
        {CTRL('E'), LINE_END},
        {CTRL('U'), LINE_ERASE_TO_START},
        {CTRL('K'), LINE_ERASE_TO_END},
        {CTRL('W'), LINE_ERASE_WORD_BACK},
        {CTRL('H'), LINE_ERASE_BACK},
        {127, LINE_ERASE_BACK},
        {CTRL('D'), LINE_ERASE},
};

static enum line_result control_key(struct line *line, char byte)
{
        if (byte == '\r' || byte == '\n')
                return LINE_ENTERED;
        if (byte == CTRL('C') || (byte == CTRL('D') && line->size == 0))
                return LINE_ENDED;
        if (byte == CTRL('L'))
                return LINE_REDRAW;
        for (size_t i = 0; i < countof(controls); i++)
                if (controls[i].byte == byte)
                        (void)line_do(line, controls[i].action);
        return LINE_EDITED;
}

enum line_result line_key(struct line *line, char byte)
{
        if (line->escape_size > 0) {
                escape_key(line, byte);
                return LINE_EDITED;
        }
        if ((unsigned char)byte >= 0x80) {
                insert_part(line, byte);
                return LINE_EDITED;
        }
        line->partial_size = 0;
        if (byte == 27) {
                line->escape_size = 1;
                return LINE_EDITED;
        }
        /* A pasted line's end is part of the text, shown as a space so that the line stays one. */
        if (line->pasting && (byte == '\r' || byte == '\n' || byte == '\t'))
                byte = ' ';
        if ((unsigned char)byte < 32 || byte == 127)
                return control_key(line, byte);
        insert(line, &byte, 1);
        return LINE_EDITED;
}

struct slice line_take(struct line *line)
{
        struct slice taken = slice_of(line->text, line->size); /* stays there until a key overwrites it */
        char *copy = line->size ? memory_new(line->size + 1) : NULL;

        line->size = line->cursor = 0;
        line->history_at = line->history_count;
        if (!copy)
                return taken;
        memcpy(copy, taken.data, taken.size);
        if (line->history_count == LINE_HISTORY_MAX) {
                memory_free(line->history[0]);
                memmove(line->history, line->history + 1, sizeof(line->history[0]) * --line->history_count);
        }
        line->history[line->history_count++] = copy;
        line->history_at = line->history_count;
        return taken;
}
