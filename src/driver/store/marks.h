/* Members' marks, and the lowest of a room's, as every store driver counts them. */
#ifndef GALKA_DRIVER_STORE_MARKS_H
#define GALKA_DRIVER_STORE_MARKS_H

#include "seam/store.h"

#define MEMBER_LAG_MAX 1024 /* rows that may be counted to know a member's own sends */

struct member {
        uint64_t user, joined_seq;
        uint8_t role; /* rules/role.h */
        uint64_t delivered, read, shown, counted_from;
        uint64_t read_n, read_own;     /* ordinal of the room, and own sends, at `read` */
        uint64_t own_sends, own_as_of; /* own sends up to operation own_as_of, as stored; own_sends is of now in memory */
};

/* Does he count in the room? Who does not sees no lowest marks there either. */
bool member_counts(const struct member *member);

/* From now on he counts for what is written after `head`, or for nothing. False: that is so already. */
bool member_switch(struct member *member, bool off, uint64_t head);

/* What `reader` is told of a room's lowest marks, and of a member's. */
struct store_lowest lowest_told(const struct store_lowest *lowest, const struct member *reader);
void member_tell(const struct member *member, bool reader_counts, struct store_member *told);

/* What others wrote after `read`, in a room whose ordinal is n. */
uint64_t member_unread(const struct member *member, uint64_t n);

struct store_marks member_marks(const struct member *member, uint64_t n, uint64_t head);

/* Raises marks as a MARK asks, never past the head, read never past delivered, shown never past read, nor at all while he does not
 * count. True if one moved. The counters that go with `read` are the caller's. */
bool marks_raise(struct member *member, const struct store_op *op, uint64_t head);

/* Lowest marks of those of the members who count, without a version. */
struct store_lowest lowest_of(const struct member *members, size_t count);

/* The same one by one: of nobody, and with one more. */
struct store_lowest lowest_of_none(void);
void lowest_add(struct store_lowest *lowest, const struct member *member);
bool lowest_equal(const struct store_lowest *a, const struct store_lowest *b);

/* The stored form of lowest marks. */
#define LOWEST_SIZE 80
void lowest_put(const struct store_lowest *lowest, uint8_t bytes[static LOWEST_SIZE]);
bool lowest_get(struct slice bytes, struct store_lowest *lowest);

#endif
