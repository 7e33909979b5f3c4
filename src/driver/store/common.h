/* What every store driver promises in numbers, and what each judges the same way. */
#ifndef GALKA_DRIVER_STORE_COMMON_H
#define GALKA_DRIVER_STORE_COMMON_H

#include "seam/store.h"

#define STORE_JOBS_MAX    16 /* of one handle, submitted and not polled; one more is FULL */
#define STORE_ERROR_SIZE  512
#define STORE_WORD_MAX    128      /* bytes of a name that count when it is looked for */
#define GUESS_FORGET_MS   86400000 /* wrong passwords are forgotten so long after the last wait */
#define DAY_MS            86400000
#define DEVICES_SHOWN_MAX 100

/* Is that what a client may write? BAD_FIELD, TOO_LARGE, OK. */
enum error content_check(const struct store_op *op);

/* When a new row is said to be made: time in a room never goes back. A setting is none that is seen, so the room is not newer for it. */
uint64_t row_time_ms(unsigned kind, uint64_t now_ms, uint64_t room_ms);

/* What a row adds to an answer, beside what every row does. */
size_t row_bytes(const struct store_row *row);

/* Longer ones could be stored, and never be told. */
bool names_fit(struct slice user_name, struct slice display_name, struct slice email);

/* Must the sender's device be live? */
bool op_needs_device(const struct store_op *op);

/* Does it write the setting by which one switches receipts? */
bool op_switches_receipts(const struct store_op *op);

/* Must the asker's? */
bool question_needs_device(enum store_question_kind kind);

/* What stands in the folded columns of somebody who is gone: no UTF-8, so it is nobody's name or address. */
#define NOBODYS_NAME_SIZE 9
struct slice nobodys_name(uint64_t user, uint8_t bytes[static NOBODYS_NAME_SIZE]);

/* How those who are gone are shown. Nobody may have that user name. */
#define GONE_USER_NAME    SLICE_LITERAL("-deleted-")
#define GONE_DISPLAY_NAME SLICE_LITERAL("Deleted account")

static inline bool is_gone(struct slice user_name)
{
        return slice_equal(user_name, GONE_USER_NAME);
}

/* Rooms of one who leaves that are looked at for one answer: personal ones, which stay, lie between his groups. */
#define LEAVING_LOOKED_AT 200
/* Rows of his own room that are emptied at a time; of PostgreSQL's index the words of about as many. */
#define LEAVING_NOTES      500
#define LEAVING_NOTE_WORDS 10000

/* How long is to be waited after so many wrong guesses at an account; from one place, where many may live. */
uint64_t guess_pause_ms(uint64_t count);
uint64_t guess_pause_from_ms(uint64_t count);

/* Is what was counted so old that it does not count any more? */
bool guesses_are_old(uint64_t until_ms, uint64_t now_ms);

/* What a code that was mailed is for: column `purpose` of pending. */
enum purpose { PURPOSE_SIGN_UP, PURPOSE_RESET, PURPOSE_EMAIL };
enum purpose purpose_of(enum store_op_kind confirm);

/* Under what all requests of those who have no account yet, or who reset theirs, are known. */
#define PRINCIPAL_SIGN_UP SLICE_LITERAL("sign_up")
#define PRINCIPAL_RESET   SLICE_LITERAL("reset")

/* What a folded name can be found by: what begins with one of its words and goes on to its end ("anna petrova", "petrova"). Begin
 * with *at = 0. False: no more. */
bool word_next(struct slice folded, size_t *at, struct slice *word);

/* What is kept of a password that opens nothing, since the account is switched off: no hash begins so. */
#define SWITCHED_OFF '!'

static inline bool is_switched_off(struct slice password_hash)
{
        return password_hash.size > 0 && password_hash.data[0] == SWITCHED_OFF;
}

/* What an ACCESS makes of it, in the arena. False: no memory. */
bool access_hash(const struct store_op *op, struct slice old, struct arena *arena, struct slice *new);

/* Can that one be blocked at all? Not nobody, and not oneself. */
bool block_is_lawful(const struct store_op *op);

/* Between whom a block would forbid this write: their personal room; false: between nobody. NO_USER is what both are told then, as
 * of somebody who does not exist, so that neither learns which of them it was. */
bool write_between(const struct store_op *op, struct id *personal);

/* The principal of a signed-in user's requests. */
struct slice user_principal(uint64_t user, uint8_t bytes[static 8]);

/* What begins with a folded name: from the result, which is cut to STORE_WORD_MAX, to *until (exclusive), made in `end`. */
struct slice find_range(struct slice folded, uint8_t end[static STORE_WORD_MAX + 1], struct slice *until);

#endif
