/*
 * Join and the list of rooms: how a link becomes ready, and how every head becomes known.
 *
 * Join carries the cursors of the ten most recent rooms and answers the ten rooms most recently active. The rest come by range
 * of ids, with our cursors of the range, so that the server leaves out what did not change. Every ten minutes all of it is
 * compared once more, whatever was delivered (law L5's backstop). If that brings news, then presence may have lost this connection,
 * and nothing would ever be delivered to it again: so it joins again, too.
 *
 * A Join that was not answered in time is asked again with the same id, and the link stays JOINING meanwhile: an answer that comes
 * late, to whichever attempt, is as good as one in time. Were it refused, a server that needs longer than its own deadline would
 * never get anybody in.
 */
#ifndef GALKA_CORE_JOIN_H
#define GALKA_CORE_JOIN_H

#include "core/core.h"

#define JOIN_COMPARE_MS  600000
#define JOIN_CURSORS_MAX 200 /* of one question for a range */
#define JOIN_MISSED_MS   10000

struct request;

enum list_state { LIST_DONE, LIST_DUE, LIST_ASKED };

struct join {
        enum list_state list;
        uint8_t tries;
        bool joined;       /* this link's Join was answered */
        bool synced;       /* every room was listed on this link */
        bool again;        /* Join again at again_ms, on this link */
        bool asked;        /* a Join is under way */
        bool comparing;    /* the list is compared once more, though every delivery should have come */
        bool invites;      /* the last one said that the user may make invitations */
        bool missed;       /* and something was found that was not delivered */
        struct id id;      /* of the Join that was not answered yet, by whatever attempt */
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

/* News came of a room that is not known yet. If a Join is under way its answer, which brings the room, may have been read before
 * them: so it is asked once more. */
void join_overtaken(struct core *core);

bool join_answered(struct core *core, struct request *request, const struct wire_frame *frame, const void *message);
void join_failed(struct core *core, struct request *request, enum error error, uint64_t retry_after_ms);

/* An answer that no request waits for. */
bool join_late(struct core *core, const struct wire_frame *frame, const void *message);
bool join_rooms_answered(struct core *core, struct request *request, const struct wire_frame *frame, const void *message);
void join_rooms_failed(struct core *core, struct request *request, enum error error, uint64_t retry_after_ms);

#endif
