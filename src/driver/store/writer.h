/*
 * The one writer: applies operations in their order inside a transaction. write_*.c hold the operations; writer.c the transaction and
 * what every operation has in common (L1 repeat, L7 device, L8 deadline).
 */
#ifndef GALKA_DRIVER_STORE_WRITER_H
#define GALKA_DRIVER_STORE_WRITER_H

#include "base/event.h"
#include "driver/store/common.h"
#include "driver/store/rooms.h"
#include "seam/clock.h"

#define DEVICES_CACHED 4096 /* devices known to be live, by hash; a power of two */

struct writer {
        struct database database;
        struct room_cache rooms;
        struct clock *clock;
        struct event_sink *events;
        uint64_t now_ms; /* only rises within a transaction */
        int wal_pages;   /* in the WAL, as of the last commit */
        struct {
                uint64_t user, device;
        } devices[DEVICES_CACHED];
};

/* One caller's operations within a transaction. */
struct write_job {
        const struct store_op *ops;
        size_t count;
        struct store_result *results;
        struct arena *arena;
};

/* All jobs in one transaction. A single operation that the database itself refuses gets status BAD_FIELD and the rest is done
 * without it. */
enum outcome writer_apply(struct writer *writer, struct write_job *jobs, size_t count);

void writer_finish(struct writer *writer);

/* Forgets what is known in memory. */
void writer_forget(struct writer *writer);

/* True if the sender's device is live. */
bool writer_device_live(struct writer *writer, uint64_t user, uint64_t device);

/* REVOKED, LATE or OK, in that order. */
enum error writer_admit(struct writer *writer, const struct store_op *op);

/* Old lines of sign-ups, requests and guesses: whatever adds one takes up to 20 of each away. */
void writer_prune(struct writer *writer);

/* To whom a result is delivered: the present members; of a repeat, those alone who were there at result->write.number. */
void writer_give_members(struct writer *writer, const struct room *room, uint64_t known, struct store_result *result,
                         struct arena *arena);
/* Beside them, where the lowest marks are told: who does not count. */
void writer_give_uncounted(struct writer *writer, const struct room *room, struct store_result *result, struct arena *arena);
void writer_give_old_members(struct writer *writer, const struct room *room, uint64_t known, struct store_result *result,
                             struct arena *arena);

/* write_alter.c. A row of the log; false: there is none with that number. */
bool writer_row(struct writer *writer, const struct room *room, uint64_t seq, struct store_row *row, struct arena *arena);

/* May the sender alter the operation's target, or reply to it? alter_check. *row is the target. */
must_use enum error writer_target_check(struct writer *writer, struct room *room, const struct store_op *op,
                                        struct store_row *row, struct arena *arena);

/* An operation that alters a row. room: NULL if there is none. */
void write_alteration(struct writer *writer, struct room *room, const struct store_op *op, struct store_result *result,
                      struct arena *arena);

void write_message(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena);

/* Whatever adds a line takes a few old ones away: older than that moment. */
void writer_expire(struct writer *writer, enum statement expired, uint64_t before_ms);

bool writer_knows_user(struct writer *writer, uint64_t user);

/* write_group.c. CREATED: the group with its first member. */
must_use enum error group_make(struct writer *writer, const struct store_op *op, struct room **room);

/* Has the sender the right to that, in that room? `heir`: who becomes owner by it (0: nobody). */
must_use enum error group_admit(struct writer *writer, struct room *room, const struct store_op *op, uint64_t *heir);

/* Was it refused before? Then so it is again. room: NULL: there is none yet. */
bool group_find_refusal(struct writer *writer, const struct room *room, const struct store_op *op,
                        struct store_result *result);
void group_keep_refusal(struct writer *writer, const struct room *room, const struct store_op *op, enum error status);

/* What follows from a row that was appended: members, roles, title, link. */
void group_change(struct writer *writer, struct room *room, const struct store_op *op, const struct store_row *row);

/* write_block.c. NO_USER if that would be written between two of whom one blocks the other. room: that of the operation; NULL: none. */
must_use enum error write_forbidden(struct writer *writer, const struct room *room, const struct store_op *op);

void write_block(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena);

/* write_leaving.c */
void write_leave(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena);
void write_leaving(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena);

/* He is deleted in this transaction: on the list. */
void leaving_begin(struct writer *writer, uint64_t user, const struct id *request);

/* Is there nobody with that id whose account is not deleted? */
bool writer_is_gone(struct writer *writer, uint64_t user);

void write_receipts(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena);
void write_receipts_done(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena);
void write_mark(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena);
void write_sign_up(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena);
void write_confirm(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena);
void write_sign_in(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena);
void write_guess(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena);
void write_renew(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena);
void write_sign_out(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena);
void write_reset(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena);
void write_reset_confirm(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena);
void write_password(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena);
void write_profile(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena);
void write_email(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena);
void write_email_confirm(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena);
void write_invite(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena);
void write_delete(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena);
void write_last_seen(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena);
void write_seen(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena);
void write_import(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena);
void write_access(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena);

/* A row that was written: if it is a setting that the server keeps to, it does so from here on. False: it failed. */
bool write_heeds(struct writer *writer, const struct store_op *op);

/* Columns of ROW_COLUMNS with what they hold copied. */
#define ROW_COLUMN_COUNT 16
struct store_row row_read(struct database *database, sqlite3_stmt *statement, struct arena *arena);

/* How long no password of that user is to be tried, after wrong ones. */
uint64_t guess_wait_ms(struct database *database, uint64_t user, uint64_t now_ms);

/* user 0 if there is no such user. */
struct store_person person_read(struct database *database, uint64_t user, struct arena *arena);

#endif
