/* See mention.h. A user name is ASCII (rules/name.h), so bytes are enough. */
#include "rules/mention.h"

static uint8_t lower(uint8_t byte)
{
        return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}

/* Of a name, or of a word that a name would stand within. */
static bool is_within(uint8_t byte)
{
        byte = lower(byte);
        return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '_' || byte == '-' || byte >= 0x80;
}

static bool begins(struct slice text, size_t at, struct slice name)
{
        size_t end = at + name.size;

        if (text.size < end)
                return false;
        for (size_t i = 0; i < name.size; i++)
                if (lower(text.data[at + i]) != lower(name.data[i]))
                        return false;
        /* A dot goes on with the name only if more of it follows: else it ends the sentence. */
        while (end < text.size && text.data[end] == '.')
                end++;
        return end == text.size || !is_within(text.data[end]) || (text.data[end - 1] == '.' && text.data[end] >= 0x80);
}

bool mention_has(struct slice text, struct slice user_name)
{
        for (size_t i = 0; user_name.size > 0 && i < text.size; i++)
                if (text.data[i] == '@' && (i == 0 || !is_within(text.data[i - 1])) && begins(text, i + 1, user_name))
                        return true;
        return false;
}

struct slice mention_begun(struct slice text)
{
        size_t at = text.size;

        while (at > 0 && (is_within(text.data[at - 1]) || text.data[at - 1] == '.') && text.data[at - 1] < 0x80)
                at--;
        if (at == 0 || text.data[at - 1] != '@' || (at > 1 && is_within(text.data[at - 2])))
                return (struct slice){0};
        return slice_of(text.data + at, text.size - at);
}
