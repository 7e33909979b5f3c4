/*
 * What waits for sockets: whose memory it is, and who goes when it is too much.
 *
 * Each block says to which account its bytes belong while they are queued: frames, and answers by HTTP, wait in memory that is there for
 * them; the bytes of a file are there anyway. What TLS has encrypted and the socket has not taken counts for all alike (net.held).
 *
 * Beyond send_bytes_max the one that has been taking nothing for longest goes: of those that speak frames, unless answers by HTTP have
 * more than their share. So people who load the app and read nothing push each other out, and not those who talk.
 */
#ifndef GALKA_FRONTEND_BUDGET_H
#define GALKA_FRONTEND_BUDGET_H

#include "frontend/internal.h"

#define BUDGET_HTTP_SHARE  4     /* the part of send_bytes_max beyond which answers by HTTP go first: one in so many */
#define BUDGET_HTTP_RECORD 16384 /* bytes that TLS may hold of one of them that takes nothing: a record */

/* So many bytes of the block are queued on a connection, or are no more. */
static inline void budget_count(struct frontend *frontend, struct traffic *traffic, const struct block *block, uint32_t size)
{
        traffic->queued_bytes += size;
        frontend->waiting.bytes[block->account] += size;
}

static inline void budget_uncount(struct frontend *frontend, struct traffic *traffic, const struct block *block,
                                  uint32_t size)
{
        check(traffic->queued_bytes >= size);
        traffic->queued_bytes -= size;
        frontend->waiting.bytes[block->account] -= size;
}

/* Queued to all, but for what is there anyway. */
static inline uint64_t budget_bytes(const struct frontend *frontend)
{
        return frontend->waiting.bytes[BLOCK_OF_FRAMES] + frontend->waiting.bytes[BLOCK_OF_HTTP];
}

/* Whether so many more may wait. */
static inline bool budget_has_room(const struct frontend *frontend, size_t size)
{
        return budget_bytes(frontend) + frontend->seams.net->held + size <= frontend->options.send_bytes_max;
}

/* The socket takes nothing now; it takes again, or the connection goes. What is so already stays so. */
void budget_block(struct frontend *frontend, struct traffic *traffic);
void budget_unblock(struct frontend *frontend, struct traffic *traffic);

/* Makes room for so many bytes more, as far as anybody is to go. */
void budget_make_room(struct frontend *frontend, size_t size);

#endif
