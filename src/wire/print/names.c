/* Names of things: properties of messages, types, and what messages.def says of a structure. */
#include "wire/print/print.h"

#include <ctype.h>

#include "base/assert.h"

static const char *name_at(const char *const *names, size_t count, size_t index)
{
        check(index < count);
        return names[index];
}

const char *print_direction(const struct wire_message *message)
{
        static const char *const names[] = {"up", "down", "bus"};

        return name_at(names, countof(names), message->direction);
}

const char *print_who(const struct wire_message *message)
{
        static const char *const names[] = {"anyone", "signed out", "signed in", "member", "server"};

        return name_at(names, countof(names), message->who);
}

const char *print_topic(const struct wire_message *message)
{
        static const char *const names[] = {"-", "(frontend)", "authentication", "session", "query", "call"};

        return name_at(names, countof(names), message->topic);
}

const char *print_key(const struct wire_message *message)
{
        static const char *const names[] = {"-", "connection", "user", "room"};

        return name_at(names, countof(names), message->key);
}

void print_header(const struct wire_message *message, const char *between, char *text, size_t size)
{
        static const char *const names[] = {"request", "token", "device", "room"};
        size_t used = 0;

        check(size > 0);
        text[0] = 0;
        for (size_t i = 0; i < countof(names); i++)
                if (message->header >> i & 1)
                        used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? between : "", names[i]);
        if (used == 0)
                used = (size_t)snprintf(text, size, "-");
        check(used < size);
}

void print_type_name(const char *name, char *text, size_t size)
{
        bool upper = true;
        size_t used = 0;

        check(size > strlen(name));
        for (; *name; name++) {
                if (*name != '_')
                        text[used++] = (char)(upper ? toupper((unsigned char)*name) : *name);
                upper = *name == '_';
        }
        text[used] = 0;
}

/* Where `needle` begins at or after `from`; haystack.size if nowhere. */
static size_t find(struct slice haystack, size_t from, const char *needle)
{
        size_t size = strlen(needle);

        for (size_t at = from; at + size <= haystack.size; at++)
                if (memcmp(haystack.data + at, needle, size) == 0)
                        return at;
        return haystack.size;
}

void print_comment(struct slice definitions, const char *structure, char *text, size_t size)
{
        char line[64];
        size_t begin, end, used = 0;
        bool space = false;

        snprintf(line, sizeof(line), "\n#define WIRE_%s(", structure);
        text[0] = 0;
        end = find(definitions, 0, line);
        if (end == definitions.size || end < 2 || memcmp(definitions.data + end - 2, "*/", 2) != 0)
                return;
        for (begin = end; memcmp(definitions.data + begin, "/*", 2) != 0; begin--)
                check(begin > 0);
        if (definitions.data[begin + 3] == '-')
                return; /* a heading */
        /* Between the marks, with one space for each run of blanks and the stars that lead lines. */
        for (size_t at = begin + 2; at < end - 2; at++) {
                char c = (char)definitions.data[at];
                bool blank = isspace((unsigned char)c) || (c == '*' && isspace(definitions.data[at - 1]));

                if (!blank && space && used > 0)
                        text[used++] = ' ';
                if (!blank)
                        text[used++] = c;
                space = blank;
                check(used + 2 < size);
        }
        text[used] = 0;
}
