/*
 * Join and the list of rooms: how a link becomes ready, and how every head becomes known.
 *
 * Join carries the cursors of the ten most recent rooms and answers the ten rooms most recently active. The rest come by range
 * of ids, with our cursors of the range, so that the server leaves out what did not change. Every ten minutes all of it is
 * compared once more, whatever was delivered (law L5's backstop).
 */
#ifndef GALKA_CORE_JOIN_H
#define GALKA_CORE_JOIN_H

#include "core/core.h"

#define JOIN_COMPARE_MS  600000
#define JOIN_CURSORS_MAX 200 /* of one question for a range */

struct request;

enum list_state { LIST_DONE, LIST_DUE, LIST_ASKED };

struct join {
        enum list_state list;
        uint8_t tries;
        bool joined;       /* this link's Join was answered */
        bool synced;       /* every room was listed on this link */
        bool again;        /* Join again at again_ms, on this link */
        bool asked;        /* a Join is under way */
        struct id after;   /* the next range begins above it */
        uint64_t list_ms;  /* DUE: not before */
        uint64_t again_ms; /* rejoin, or a Join that was busy */
        uint64_t compare_ms;
        uint64_t ready_batch, synced_batch; /* once kept, the phase is READY, SYNCED */
};

void join_step(struct core *core);
uint64_t join_due(const struct core *core);
void join_link_lost(struct core *core);
void join_again(struct core *core, uint64_t within_ms);

bool join_answered(struct core *core, struct request *request, const struct wire_frame *frame, const void *message);
void join_failed(struct core *core, struct request *request, enum error error, uint64_t retry_after_ms);
bool join_rooms_answered(struct core *core, struct request *request, const struct wire_frame *frame, const void *message);
void join_rooms_failed(struct core *core, struct request *request, enum error error, uint64_t retry_after_ms);

#endif
