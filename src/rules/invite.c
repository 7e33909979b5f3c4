/* See invite.h. */
#include "rules/invite.h"

#include "base/assert.h"

/* Base 32 without i, l, o, u. */
static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

void invite_write(const uint8_t bytes[static INVITE_SIZE], char text[static INVITE_TEXT_SIZE])
{
        for (size_t i = 0; i < INVITE_TEXT_SIZE - 1; i++) {
                unsigned value = 0;

                for (size_t bit = 5 * i; bit < 5 * i + 5; bit++)
                        value = value << 1 | (bit < 8 * INVITE_SIZE ? bytes[bit / 8] >> (7 - bit % 8) & 1u : 0u);
                text[i] = digits[value];
        }
        text[INVITE_TEXT_SIZE - 1] = '\0';
}

static bool is_digit(uint8_t byte)
{
        uint8_t lower = byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 32) : byte;

        for (size_t i = 0; i < sizeof(digits) - 1; i++)
                if (digits[i] == (char)lower)
                        return true;
        return false;
}

struct slice invite_token(struct slice given)
{
        size_t from = 0, to = given.size;

        while (to > 0 && (given.data[to - 1] == ' ' || given.data[to - 1] == '/'))
                to--;
        for (size_t i = 0; i < to; i++)
                if (given.data[i] == '/' || given.data[i] == ' ')
                        from = i + 1;
        if (to - from != INVITE_TEXT_SIZE - 1)
                return (struct slice){0};
        for (size_t i = from; i < to; i++)
                if (!is_digit(given.data[i]))
                        return (struct slice){0};
        return slice_of(given.data + from, to - from);
}
