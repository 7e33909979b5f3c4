/*
 * A connection of somebody who speaks frames of his own making, with no core: it says hello by itself and hands on whole frames.
 *
 *      speaker_init → (speaker_open … ready → speaker_send, hear … → lost or speaker_close)* → speaker_finish
 */
#ifndef GALKA_TEST_SIM_SPEAKER_H
#define GALKA_TEST_SIM_SPEAKER_H

#include "sim/line.h"
#include "wire/wire.h"

struct sim;
struct speaker;

struct speaker_calls {
        void (*hear)(struct sim *sim, struct speaker *speaker, const struct wire_frame *frame);
        void (*lost)(struct sim *sim, struct speaker *speaker); /* the other end has closed it */
};

struct speaker {
        struct line_owner owner;
        const struct speaker_calls *calls;
        struct line *line; /* NULL: none */
        uint64_t opened_us;
        bool ready; /* welcomed */
        uint8_t *input;
        size_t input_size;
};

void speaker_init(struct speaker *speaker, const struct speaker_calls *calls);
void speaker_finish(struct speaker *speaker);

/* True: it may speak. Else a line is on its way, or will be. */
bool speaker_open(struct sim *sim, struct speaker *speaker);
void speaker_close(struct sim *sim, struct speaker *speaker);

/* frame: up to 1 KiB. */
void speaker_send(struct sim *sim, struct speaker *speaker, const struct wire_frame *frame, const void *message);

#endif
