/*
 * The bare fan-out: a thread that writes the same bytes to many sockets, one write a socket, as soon as it is told to; and nothing
 * else. Who reads at the other ends is the caller. What is asked for while it writes goes into its next writes, together.
 *
 *      fanout_start → (the caller connects `count` sockets to port) → fanout_use → fanout_send … → fanout_stop
 */
#ifndef GALKA_BENCH_LIMIT_FANOUT_H
#define GALKA_BENCH_LIMIT_FANOUT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define FANOUT_SOCKETS_MAX  1024
#define FANOUT_TOGETHER_MAX 16
#define FANOUT_FRAME_MAX    2048

struct fanout {
        pthread_t thread;
        uint16_t port;
        int listener, trigger[2];
        int sockets[FANOUT_SOCKETS_MAX];
        uint32_t count, accepted;
        uint8_t frame[FANOUT_FRAME_MAX];
        size_t size, number_at;
        atomic_ulong failures; /* writes that were not taken whole */
};

/* False: no sockets, or no thread. */
bool fanout_start(struct fanout *fanout, uint32_t count);
void fanout_stop(struct fanout *fanout);

/* What is written from now on: a frame of at most FANOUT_FRAME_MAX bytes, in which a number of LEDGER_NUMBER_SIZE digits stands at
 * number_at. Nothing may be under way. */
void fanout_use(struct fanout *fanout, struct slice frame, size_t number_at);

/* Writes it with that number to every socket. */
void fanout_send(struct fanout *fanout, uint32_t number);

#endif
