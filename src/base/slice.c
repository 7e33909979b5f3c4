/* UTF-8 well-formedness, RFC 3629 section 4. */
#include "base/slice.h"

/* Length of the sequence that begins with `lead`, and the lawful range of its second byte; 0 if none begins so. */
static size_t sequence_length(uint8_t lead, uint8_t *second_min, uint8_t *second_max)
{
        *second_min = 0x80;
        *second_max = 0xbf;
        if (lead >= 0xc2 && lead <= 0xdf)
                return 2;
        if (lead >= 0xe0 && lead <= 0xef) {
                *second_min = lead == 0xe0 ? 0xa0 : 0x80;
                *second_max = lead == 0xed ? 0x9f : 0xbf;
                return 3;
        }
        if (lead >= 0xf0 && lead <= 0xf4) {
                *second_min = lead == 0xf0 ? 0x90 : 0x80;
                *second_max = lead == 0xf4 ? 0x8f : 0xbf;
                return 4;
        }
        return 0;
}

/* Whether all eight bytes are ASCII and none is NUL. */
static bool is_plain(const uint8_t *at)
{
        const uint64_t ones = UINT64_MAX / 0xff, tops = ones << 7;
        uint64_t word;

        memcpy(&word, at, sizeof(word));
        return ((word | (word - ones)) & tops) == 0;
}

bool slice_is_text(struct slice text)
{
        size_t at = 0;

        while (at < text.size) {
                uint8_t lead = text.data[at];
                uint8_t second_min, second_max;
                size_t length;

                if (text.size - at >= sizeof(uint64_t) && is_plain(text.data + at)) {
                        at += sizeof(uint64_t);
                        continue;
                }
                if (lead < 0x80) {
                        if (lead == 0)
                                return false;
                        at++;
                        continue;
                }
                length = sequence_length(lead, &second_min, &second_max);
                if (length == 0 || text.size - at < length)
                        return false;
                if (text.data[at + 1] < second_min || text.data[at + 1] > second_max)
                        return false;
                for (size_t i = 2; i < length; i++)
                        if ((text.data[at + i] & 0xc0) != 0x80)
                                return false;
                at += length;
        }
        return true;
}
