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

static void show_history(struct line *line, size_t at)
{
        const char *text = at < line->history_count ? line->history[at] : "";

        line->history_at = at;
        line->size = line->cursor = strlen(text);
        memcpy(line->text, text, line->size + 1);
}

static void erase_word(struct line *line)
{
        size_t from = line->cursor;

        while (from > 0 && line->text[from - 1] == ' ')
                from--;
        while (from > 0 && line->text[from - 1] != ' ')
                from--;
        erase(line, from, line->cursor);
}

/* What the escape sequences of common terminals mean. */
static void escape_done(struct line *line)
{
        const char *keys = line->escape;

        if (strcmp(keys, "[D") == 0)
                line->cursor = before(line, line->cursor);
        else if (strcmp(keys, "[C") == 0)
                line->cursor = after(line, line->cursor);
        else if (strcmp(keys, "[A") == 0 && line->history_at > 0)
                show_history(line, line->history_at - 1);
        else if (strcmp(keys, "[B") == 0 && line->history_at < line->history_count)
                show_history(line, line->history_at + 1);
        else if (strcmp(keys, "[H") == 0 || strcmp(keys, "[1~") == 0 || strcmp(keys, "OH") == 0)
                line->cursor = 0;
        else if (strcmp(keys, "[F") == 0 || strcmp(keys, "[4~") == 0 || strcmp(keys, "OF") == 0)
                line->cursor = line->size;
        else if (strcmp(keys, "[3~") == 0)
                erase(line, line->cursor, after(line, line->cursor));
        else if (strcmp(keys, "[200~") == 0)
                line->pasting = true;
        else if (strcmp(keys, "[201~") == 0)
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

static enum line_result control_key(struct line *line, char byte)
{
        switch (byte) {
        case '\r':
        case '\n':
                return LINE_ENTERED;
        case CTRL('C'):
                return LINE_ENDED;
        case CTRL('D'):
                if (line->size == 0)
                        return LINE_ENDED;
                erase(line, line->cursor, after(line, line->cursor));
                break;
        case CTRL('A'):
                line->cursor = 0;
                break;
        case CTRL('E'):
                line->cursor = line->size;
                break;
        case CTRL('U'):
                erase(line, 0, line->cursor);
                break;
        case CTRL('K'):
                erase(line, line->cursor, line->size);
                line->cursor = line->size;
                break;
        case CTRL('W'):
                erase_word(line);
                break;
        case CTRL('L'):
                return LINE_REDRAW;
        case CTRL('H'):
        case 127:
                erase(line, before(line, line->cursor), line->cursor);
                break;
        default:
                break;
        }
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
