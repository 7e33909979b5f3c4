/* See common.h. */
#include "driver/store/common.h"

#include "base/assert.h"
#include "rules/limits.h"
#include "rules/room.h"
#include "rules/row.h"

#define GUESS_FREE      5     /* wrong passwords before waiting begins */
#define GUESS_PAUSE_MS  30000 /* the first wait; doubles each time */
#define GUESS_PAUSE_MAX 3600000

enum error content_check(const struct store_op *op)
{
        struct row_content content = {.kind = op->write.row_kind,
                                      .role = op->write.role,
                                      .subject = op->write.subject,
                                      .target = op->write.target,
                                      .text_size = op->write.text.size,
                                      .link_size = op->write.link.size,
                                      .in_group = room_kind_of(&op->write.room) == ROOM_GROUP};

        return row_check(&content);
}

bool names_fit(struct slice user_name, struct slice display_name, struct slice email)
{
        return user_name.size <= USER_NAME_MAX && display_name.size <= DISPLAY_NAME_MAX && email.size <= EMAIL_MAX;
}

uint64_t guess_pause_ms(uint64_t count)
{
        if (count < GUESS_FREE)
                return 0;
        return min_of((uint64_t)GUESS_PAUSE_MS << min_of(count - GUESS_FREE, (uint64_t)10), (uint64_t)GUESS_PAUSE_MAX);
}

bool word_next(struct slice folded, size_t *at, struct slice *word)
{
        for (; *at < folded.size; (*at)++) {
                if (folded.data[*at] == ' ' || (*at > 0 && folded.data[*at - 1] != ' '))
                        continue;
                *word = slice_of(folded.data + *at, min_of(folded.size - *at, (size_t)STORE_WORD_MAX));
                (*at)++;
                return true;
        }
        return false;
}

struct slice user_principal(uint64_t user, uint8_t bytes[static 8])
{
        be64_put(bytes, user);
        return slice_of(bytes, 8);
}

struct slice find_range(struct slice folded, uint8_t end[static STORE_WORD_MAX + 1], struct slice *until)
{
        folded.size = min_of(folded.size, (size_t)STORE_WORD_MAX);
        if (folded.size)
                memcpy(end, folded.data, folded.size);
        end[folded.size] = 255; /* no UTF-8 has such a byte */
        *until = slice_of(end, folded.size + 1);
        return folded;
}
