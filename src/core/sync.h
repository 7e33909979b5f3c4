/*
 * Getting operations: live ones as they are delivered, and pages of changes for what is missing.
 *
 * Live: number = head + 1 is applied; lower is dropped (we have it); higher is held for up to half a second, then the gap is
 * filled by asking. Own messages go the same way when they are answered.
 *
 * Changes: one question a room at a time. For a gap: everything above the head. For a hole: its upper end downward, so
 * that what is fetched can be shown at once. Holes are filled for core_history first, then in the background, latest rooms
 * first, down to background_rows below the head.
 */
#ifndef GALKA_CORE_SYNC_H
#define GALKA_CORE_SYNC_H

#include "core/room.h"

#define SYNC_GAP_MS      500
#define SYNC_FETCHES_MAX 8 /* questions under way, of all rooms */
#define SYNC_BACKGROUND  2 /* of which holes in the background */
#define SYNC_PEERS_MAX   50

/* An operation that came too early. */
struct held {
        struct list_node node;
        uint64_t number;
        bool own; /* ours, answered: the row is made from the outbox entry `id` */
        struct id id;
        uint64_t time_ms, n;
        uint32_t size;  /* of body */
        uint8_t body[]; /* the delivery as it came */
};

struct sync {
        uint32_t held_count;
        bool peers_due; /* a personal room's other user may be unknown */
        bool peers_asked;
        uint64_t peers_ms; /* not before */
        uint64_t scan_ms;  /* when to look for holes to fill in the background */
};

/* live.c */
bool live_delivery(struct core *core, const struct id *room, const struct wire_delivery *delivery);
bool live_own(struct core *core, struct room *room, const struct id *id, uint64_t seq, uint64_t time_ms, uint64_t n);
/* The server has operation `number`: if it does not come by itself, it is asked for. */
void live_behind(struct core *core, struct room *room, uint64_t number);
bool live_drain(struct core *core, struct room *room);
void held_forget(struct core *core, struct room *room);

/* sync.c */
void sync_step(struct core *core);
uint64_t sync_due(const struct core *core);
void sync_link_lost(struct core *core);

/* A room's part of the step: gap and history. True if there is still something to come. */
bool sync_room_step(struct core *core, struct room *room);
uint64_t sync_room_due(const struct core *core, const struct room *room);

void fetch_touched(struct room *room, uint64_t seq);
bool fetch_answered(struct core *core, struct request *request, const struct wire_frame *frame, const void *message);
void fetch_failed(struct core *core, struct request *request, enum error error, uint64_t retry_after_ms);

/* peers.c */
void peers_step(struct core *core);
bool peers_answered(struct core *core, struct request *request, const struct wire_frame *frame, const void *message);
void peers_failed(struct core *core, struct request *request, enum error error, uint64_t retry_after_ms);

#endif
