/* See group_link.h. */
#include "terminal/group_link.h"

#include <stdio.h>

#include "rules/room.h"

void group_link_format(const struct id *room, const uint8_t link[static LINK_SIZE], char text[static GROUP_LINK_SIZE])
{
        size_t size = ID_TEXT_SIZE - 1;

        id_format(room, text);
        text[size++] = '/';
        for (size_t i = 0; i < LINK_SIZE; i++)
                size += (size_t)snprintf(text + size, GROUP_LINK_SIZE - size, "%02x", link[i]);
}

/* Two hexadecimal digits; −1: they are none. */
static int byte_of(const uint8_t *digits)
{
        static const char all[] = "0123456789abcdef";
        const char *high = memchr(all, digits[0] | 0x20, 16), *low = memchr(all, digits[1] | 0x20, 16);

        return high && low ? (int)(high - all) << 4 | (int)(low - all) : -1;
}

bool group_link_parse(struct slice text, struct id *room, uint8_t link[static LINK_SIZE])
{
        if (text.size != GROUP_LINK_SIZE - 1 || text.data[ID_TEXT_SIZE - 1] != '/' ||
            !id_parse(slice_of(text.data, ID_TEXT_SIZE - 1), room) || room_kind_of(room) != ROOM_GROUP)
                return false;
        for (size_t i = 0; i < LINK_SIZE; i++) {
                int byte = byte_of(text.data + ID_TEXT_SIZE + 2 * i);

                if (byte < 0)
                        return false;
                link[i] = (uint8_t)byte;
        }
        return true;
}
