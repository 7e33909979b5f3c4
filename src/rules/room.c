/* Packing two 63-bit ids into 16 bytes around the variant bits of byte 8; see room.h. */
#include "rules/room.h"

#include "base/assert.h"

#define VARIANT_GROUP    2u /* 10 */
#define VARIANT_PERSONAL 3u /* 11 */
#define LOW62            ((UINT64_C(1) << 62) - 1)

struct id room_personal(uint64_t a, uint64_t b)
{
        uint64_t lower = min_of(a, b);
        uint64_t higher = max_of(a, b);
        struct id room;

        check(lower > 0 && higher <= INT64_MAX);
        be64_put(room.bytes, lower << 1 | higher >> 62);
        be64_put(room.bytes + 8, (uint64_t)VARIANT_PERSONAL << 62 | (higher & LOW62));
        return room;
}

bool room_personal_users(const struct id *room, uint64_t *lower, uint64_t *higher)
{
        uint64_t first = be64_get(room->bytes);
        uint64_t second = be64_get(room->bytes + 8);

        if (second >> 62 != VARIANT_PERSONAL)
                return false;
        *lower = first >> 1;
        *higher = (first & 1) << 62 | (second & LOW62);
        return *lower > 0 && *lower <= *higher;
}

enum room_kind room_kind_of(const struct id *room)
{
        uint64_t lower, higher;

        if (room_personal_users(room, &lower, &higher))
                return lower == higher ? ROOM_SELF : ROOM_PERSONAL;
        if (be64_get(room->bytes + 8) >> 62 == VARIANT_GROUP)
                return ROOM_GROUP;
        return ROOM_NONE;
}

uint64_t room_peer(const struct id *room, uint64_t user)
{
        uint64_t lower, higher;

        if (!room_personal_users(room, &lower, &higher))
                return 0;
        if (user == lower)
                return higher;
        return user == higher ? lower : 0;
}
