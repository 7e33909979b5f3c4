/* See common.h. */
#include "driver/store/common.h"

#include "base/assert.h"
#include "rules/limits.h"
#include "rules/reaction.h"
#include "rules/room.h"
#include "rules/row.h"
#include "rules/setting.h"

#define GUESS_FREE      5     /* wrong guesses before waiting begins */
#define GUESS_FREE_FROM 100   /* the same of a place, behind which a whole office may sit */
#define GUESS_PAUSE_MS  30000 /* the first wait; doubles each time */
#define GUESS_PAUSE_MAX 3600000

enum error content_check(const struct store_op *op)
{
        struct row_content content = {.kind = op->write.row_kind,
                                      .role = op->write.role,
                                      .subject = op->write.subject,
                                      .target = op->write.target,
                                      .text = op->write.text,
                                      .origin = op->write.origin,
                                      .link_size = op->write.link.size,
                                      .room = room_kind_of(&op->write.room),
                                      .off = op->write.off};

        return row_check(&content);
}

uint64_t row_time_ms(unsigned kind, uint64_t now_ms, uint64_t room_ms)
{
        return kind == ROW_SETTING ? room_ms : max_of(now_ms, room_ms);
}

size_t row_bytes(const struct store_row *row)
{
        return row->text.size + row->origin.size + min_of(row->reactions.size, (size_t)REACTIONS_WIRE_MAX);
}

bool names_fit(struct slice user_name, struct slice display_name, struct slice email)
{
        return user_name.size <= USER_NAME_MAX && display_name.size <= DISPLAY_NAME_MAX && email.size <= EMAIL_MAX;
}

bool op_needs_device(const struct store_op *op)
{
        switch (op->kind) {
        case STORE_WRITE:
        case STORE_MARK:
        case STORE_SIGN_OUT:
        case STORE_PASSWORD:
        case STORE_PROFILE:
        case STORE_EMAIL:
        case STORE_EMAIL_CONFIRM:
        case STORE_DELETE:
        case STORE_SEEN:
        case STORE_BLOCK:
                return true;
        case STORE_INVITE:
                return op->user != 0;
        case STORE_SIGN_UP:
        case STORE_CONFIRM:
        case STORE_SIGN_IN:
        case STORE_GUESS:
        case STORE_RENEW:
        case STORE_RESET:
        case STORE_RESET_CONFIRM:
        case STORE_IMPORT:
        case STORE_LAST_SEEN:
        case STORE_LEAVE:
        case STORE_LEAVING:
        case STORE_ACCESS:
        case STORE_RECEIPTS:
        case STORE_RECEIPTS_DONE:
                return false;
        }
        unreachable();
}

bool op_switches_receipts(const struct store_op *op)
{
        bool off;

        return op->kind == STORE_WRITE && op->write.row_kind == ROW_SETTING && setting_receipts(op->write.text, &off);
}

bool question_needs_device(enum store_question_kind kind)
{
        switch (kind) {
        case STORE_ASK_LOGIN:
        case STORE_ASK_LEAVERS:
        case STORE_ASK_LEAVING:
        case STORE_ASK_RECEIPTS:
        case STORE_ASK_USERS:
        case STORE_ASK_CHECK:
                return false;
        default:
                return true;
        }
}

bool access_hash(const struct store_op *op, struct slice old, struct arena *arena, struct slice *new)
{
        bool was_off = is_switched_off(old);
        bool off = op->access.access == STORE_ACCESS_OFF || (op->access.access == STORE_ACCESS_PASSWORD && was_off);
        struct slice hash = was_off ? slice_of(old.data + 1, old.size - 1) : old;
        uint8_t *bytes;

        if (op->access.access == STORE_ACCESS_PASSWORD)
                hash = slice_text(op->access.password_hash);
        bytes = arena_take(arena, hash.size + 2);
        if (!bytes)
                return false;
        bytes[0] = SWITCHED_OFF;
        if (hash.size)
                memcpy(bytes + 1, hash.data, hash.size);
        bytes[hash.size + 1] = '\0';
        *new = off ? slice_of(bytes, hash.size + 1) : slice_of(bytes + 1, hash.size);
        return true;
}

static uint64_t pause_ms(uint64_t count, uint64_t free)
{
        if (count < free)
                return 0;
        return min_of((uint64_t)GUESS_PAUSE_MS << min_of(count - free, (uint64_t)10), (uint64_t)GUESS_PAUSE_MAX);
}

struct slice nobodys_name(uint64_t user, uint8_t bytes[static NOBODYS_NAME_SIZE])
{
        bytes[0] = 255;
        be64_put(bytes + 1, user);
        return slice_of(bytes, NOBODYS_NAME_SIZE);
}

uint64_t guess_pause_ms(uint64_t count)
{
        return pause_ms(count, GUESS_FREE);
}

uint64_t guess_pause_from_ms(uint64_t count)
{
        return pause_ms(count, GUESS_FREE_FROM);
}

bool guesses_are_old(uint64_t until_ms, uint64_t now_ms)
{
        return until_ms && until_ms + GUESS_FORGET_MS < now_ms;
}

enum purpose purpose_of(enum store_op_kind confirm)
{
        if (confirm == STORE_CONFIRM)
                return PURPOSE_SIGN_UP;
        check(confirm == STORE_RESET_CONFIRM || confirm == STORE_EMAIL_CONFIRM);
        return confirm == STORE_RESET_CONFIRM ? PURPOSE_RESET : PURPOSE_EMAIL;
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

bool block_is_lawful(const struct store_op *op)
{
        return op->block.peer > 0 && op->block.peer <= INT64_MAX && op->block.peer != op->user;
}

bool write_between(const struct store_op *op, struct id *personal)
{
        enum room_kind kind = room_kind_of(&op->write.room);

        *personal = op->write.room;
        if (kind == ROOM_PERSONAL)
                return room_peer(&op->write.room, op->user) != 0;
        if (kind != ROOM_GROUP || op->write.row_kind != ROW_JOINED || op->write.subject == 0 ||
            op->write.subject > INT64_MAX || op->write.subject == op->user)
                return false;
        *personal = room_personal(op->user, op->write.subject);
        return true;
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
