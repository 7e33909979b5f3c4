/* See speaker.h. */
#include "sim/speaker.h"

#include "base/memory.h"
#include "sim/sim.h"

#define FRAME_MAX  1024
#define INPUT_SIZE 65536
#define WELCOME_US (10 * SIM_SECOND) /* so long it is waited for: a server may vanish without a word */

static struct speaker *speaker_of(struct line_owner *owner)
{
        return container_of(owner, struct speaker, owner);
}

void speaker_send(struct sim *sim, struct speaker *speaker, const struct wire_frame *frame, const void *message)
{
        uint8_t bytes[FRAME_MAX];
        struct slice built = wire_frame_build(frame, message, bytes, bytes + sizeof(bytes));

        check(built.size > 0);
        line_send(sim, speaker->line, built);
}

static void on_connected(struct sim *sim, struct line_owner *owner)
{
        const struct wire_hello hello = {.version_min = 1, .version_max = 1, .client = SLICE_LITERAL("speaker")};
        const struct wire_frame frame = {.code = WIRE_CODE_hello};

        speaker_of(owner)->input_size = 0;
        speaker_send(sim, speaker_of(owner), &frame, &hello);
}

static void on_closed(struct sim *sim, struct line_owner *owner)
{
        struct speaker *speaker = speaker_of(owner);

        speaker->line = NULL;
        speaker->ready = false;
        speaker->calls->lost(sim, speaker);
}

static void on_receive(struct sim *sim, struct line_owner *owner, struct slice bytes)
{
        struct speaker *speaker = speaker_of(owner);
        size_t at = 0, size;
        enum error error;

        check(speaker->input_size + bytes.size <= INPUT_SIZE);
        memcpy(speaker->input + speaker->input_size, bytes.data, bytes.size);
        speaker->input_size += bytes.size;
        while ((size = wire_frame_size(slice_of(speaker->input + at, speaker->input_size - at), WIRE_DOWN_SIZE_MAX,
                                       &error)) >= 5 &&
               size <= speaker->input_size - at) {
                struct wire_frame frame;

                check(wire_frame_parse(slice_of(speaker->input + at + WIRE_LENGTH_SIZE, size - WIRE_LENGTH_SIZE), &frame) ==
                      ERR_OK);
                speaker->ready |= frame.code == WIRE_CODE_welcome;
                speaker->calls->hear(sim, speaker, &frame);
                if (!speaker->line) /* he has hung up */
                        return;
                at += size;
        }
        speaker->input_size -= at;
        memmove(speaker->input, speaker->input + at, speaker->input_size);
}

bool speaker_open(struct sim *sim, struct speaker *speaker)
{
        if (speaker->line && !speaker->ready && sim->now_us >= speaker->opened_us + WELCOME_US)
                speaker_close(sim, speaker);
        if (!speaker->line) {
                speaker->opened_us = sim->now_us;
                speaker->line = line_open(sim, &speaker->owner);
        }
        return speaker->ready;
}

void speaker_close(struct sim *sim, struct speaker *speaker)
{
        if (speaker->line)
                line_close(sim, speaker->line);
        speaker->line = NULL;
        speaker->ready = false;
}

void speaker_init(struct speaker *speaker, const struct speaker_calls *calls)
{
        speaker->owner = (struct line_owner){on_connected, on_receive, on_closed};
        speaker->calls = calls;
        speaker->input = memory_new(INPUT_SIZE);
        check(speaker->input);
}

void speaker_finish(struct speaker *speaker)
{
        memory_free(speaker->input);
}
