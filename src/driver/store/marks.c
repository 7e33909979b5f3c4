/* See marks.h. */
#include "driver/store/marks.h"

#include "base/assert.h"

bool member_counts(const struct member *member)
{
        return member->counted_from != STORE_UNCOUNTED;
}

bool member_switch(struct member *member, bool off, uint64_t head)
{
        if (member_counts(member) == !off)
                return false;
        member->counted_from = off ? STORE_UNCOUNTED : head;
        if (!off)
                member->shown = member->read; /* what he read meanwhile lies below that head, or he counts for it */
        return true;
}

/* Who came back to counting holds nobody back by what he did not get or read of before, and nobody learns what he did. Who joined does
 * not need it: his marks begin there. */
static uint64_t floor_of(const struct member *member)
{
        return member->counted_from > member->joined_seq ? member->counted_from : 0;
}

void member_tell(const struct member *member, bool reader_counts, struct store_member *told)
{
        bool tells = reader_counts && member_counts(member);

        told->delivered = tells ? max_of(member->delivered, floor_of(member)) : 0;
        told->shown = tells ? max_of(member->shown, floor_of(member)) : 0;
        told->counted_from = tells ? member->counted_from : STORE_UNCOUNTED;
}

uint64_t member_unread(const struct member *member, uint64_t n)
{
        uint64_t own = member->own_sends - member->read_own;

        /* Stored numbers are input, not invariants: `galkad check` tells if they are wrong. */
        return n >= member->read_n + own ? n - member->read_n - own : 0;
}

struct store_marks member_marks(const struct member *member, uint64_t n, uint64_t head)
{
        return (struct store_marks){member->delivered, member->read, member->shown, member_unread(member, n), head};
}

bool marks_raise(struct member *member, const struct store_op *op, uint64_t head)
{
        uint64_t delivered = max_of(member->delivered, min_of(op->mark.delivered, head));
        uint64_t read = max_of(member->read, min_of(op->mark.read, delivered));
        uint64_t shown = member_counts(member) ? max_of(member->shown, min_of(op->mark.shown, read)) : member->shown;
        bool moved = delivered > member->delivered || read > member->read || shown > member->shown;

        member->delivered = delivered;
        member->read = read;
        member->shown = shown;
        return moved;
}

/* Folds one member's mark into the two lowest. Of equal ones the lower user id holds it, so that the order of members does not
 * matter. */
static void fold(uint64_t mark, uint64_t user, uint64_t *first, uint64_t *first_user, uint64_t *second)
{
        if (*first == STORE_NONE || mark < *first || (mark == *first && user < *first_user)) {
                *second = *first;
                *first = mark;
                *first_user = user;
        } else if (*second == STORE_NONE || mark < *second) {
                *second = mark;
        }
}

struct store_lowest lowest_of_none(void)
{
        return (struct store_lowest){
                .delivered_first = STORE_NONE,
                .delivered_second = STORE_NONE,
                .shown_first = STORE_NONE,
                .shown_second = STORE_NONE,
                .counted_first = STORE_NONE,
                .counted_second = STORE_NONE,
        };
}

struct store_lowest lowest_told(const struct store_lowest *lowest, const struct member *reader)
{
        struct store_lowest told = lowest_of_none();

        if (member_counts(reader))
                return *lowest;
        told.version = lowest->version;
        return told;
}

void lowest_add(struct store_lowest *lowest, const struct member *member)
{
        uint64_t floor = floor_of(member);

        if (!member_counts(member))
                return;
        fold(max_of(member->delivered, floor), member->user, &lowest->delivered_first, &lowest->delivered_user,
             &lowest->delivered_second);
        fold(max_of(member->shown, floor), member->user, &lowest->shown_first, &lowest->shown_user, &lowest->shown_second);
        fold(member->counted_from, member->user, &lowest->counted_first, &lowest->counted_user, &lowest->counted_second);
}

struct store_lowest lowest_of(const struct member *members, size_t count)
{
        struct store_lowest lowest = lowest_of_none();

        for (size_t i = 0; i < count; i++)
                lowest_add(&lowest, &members[i]);
        return lowest;
}

bool lowest_equal(const struct store_lowest *a, const struct store_lowest *b)
{
        uint8_t left[LOWEST_SIZE], right[LOWEST_SIZE];

        lowest_put(a, left);
        lowest_put(b, right);
        return memcmp(left, right, LOWEST_SIZE - 8) == 0; /* without the version */
}

/* The fields in the order of the structure, the version last. */
static void lowest_list(struct store_lowest *lowest, uint64_t *fields[10])
{
        uint64_t *const list[10] = {
                &lowest->delivered_first, &lowest->delivered_user, &lowest->delivered_second, &lowest->shown_first,
                &lowest->shown_user,      &lowest->shown_second,   &lowest->counted_first,    &lowest->counted_user,
                &lowest->counted_second,  &lowest->version,
        };

        memcpy(fields, list, sizeof(list));
}

void lowest_put(const struct store_lowest *lowest, uint8_t bytes[static LOWEST_SIZE])
{
        struct store_lowest copy = *lowest;
        uint64_t *fields[10];

        lowest_list(&copy, fields);
        for (size_t i = 0; i < countof(fields); i++)
                be64_put(bytes + 8 * i, *fields[i]);
}

bool lowest_get(struct slice bytes, struct store_lowest *lowest)
{
        uint64_t *fields[10];

        if (bytes.size != LOWEST_SIZE)
                return false;
        lowest_list(lowest, fields);
        for (size_t i = 0; i < countof(fields); i++)
                *fields[i] = be64_get(bytes.data + 8 * i);
        return true;
}
