/* UUIDv7 (RFC 9562 section 5.7) and the text form of 16-byte ids. */
#include "base/id.h"

struct id id_uuid7(uint64_t time_ms, const uint8_t random[10])
{
        struct id id;

        be64_put(id.bytes, time_ms << 16);
        memcpy(id.bytes + 6, random, 10);
        id.bytes[6] = (uint8_t)(0x70 | (id.bytes[6] & 0x0f));
        id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
        return id;
}

uint64_t id_uuid7_time_ms(const struct id *id)
{
        return be64_get(id->bytes) >> 16;
}

void id_format(const struct id *id, char text[static ID_TEXT_SIZE])
{
        static const char digits[] = "0123456789abcdef";
        char *at = text;

        for (size_t i = 0; i < sizeof(id->bytes); i++) {
                if (i == 4 || i == 6 || i == 8 || i == 10)
                        *at++ = '-';
                *at++ = digits[id->bytes[i] >> 4];
                *at++ = digits[id->bytes[i] & 15];
        }
        *at = '\0';
}

static int hex_value(uint8_t digit)
{
        if (digit >= '0' && digit <= '9')
                return digit - '0';
        if (digit >= 'a' && digit <= 'f')
                return digit - 'a' + 10;
        if (digit >= 'A' && digit <= 'F')
                return digit - 'A' + 10;
        return -1;
}

bool id_parse(struct slice text, struct id *id)
{
        struct id parsed;
        size_t at = 0;

        if (text.size != ID_TEXT_SIZE - 1)
                return false;
        for (size_t i = 0; i < sizeof(parsed.bytes); i++) {
                int high, low;

                if ((i == 4 || i == 6 || i == 8 || i == 10) && text.data[at++] != '-')
                        return false;
                high = hex_value(text.data[at++]);
                low = hex_value(text.data[at++]);
                if (high < 0 || low < 0)
                        return false;
                parsed.bytes[i] = (uint8_t)(high << 4 | low);
        }
        *id = parsed;
        return true;
}
