/* See line.h. */
#include "sim/line.h"

#include <stdio.h>

#include "base/memory.h"
#include "sim/sim.h"

#define CLIENTS_MACHINE 100
#define READ_SIZE       16384

struct chunk {
        struct chunk *next;
        uint64_t due_us;
        size_t size, done;
        bool end; /* the other end has closed */
        uint8_t bytes[];
};

/* ---- pipes ---- */

static void pipe_add(struct sim *sim, struct line *line, struct pipe *pipe, struct slice bytes, bool end)
{
        struct chunk *chunk = memory_new(sizeof(*chunk) + bytes.size);
        uint64_t delay_us = line->delay_us + sim_below(sim, line->delay_us + 1);

        check(chunk);
        if (sim->now_us < sim->lines.spike_until_us)
                delay_us += sim_below(sim, 3 * SIM_SECOND);
        pipe->last_due_us = max_of(pipe->last_due_us, sim->now_us + delay_us);
        chunk->due_us = pipe->last_due_us;
        chunk->size = bytes.size;
        chunk->end = end;
        if (bytes.size)
                memcpy(chunk->bytes, bytes.data, bytes.size);
        if (pipe->last)
                pipe->last->next = chunk;
        else
                pipe->first = chunk;
        pipe->last = chunk;
}

/* In one piece or in several, each on its way by itself. */
static void pipe_put(struct sim *sim, struct line *line, struct pipe *pipe, struct slice bytes)
{
        while (bytes.size > 0) {
                size_t part = bytes.size;

                if (sim_chance(sim, 15))
                        part = 1 + sim_below(sim, bytes.size);
                pipe_add(sim, line, pipe, slice_of(bytes.data, part), false);
                bytes.data += part;
                bytes.size -= part;
        }
}

static void pipe_pop(struct pipe *pipe)
{
        struct chunk *chunk = pipe->first;

        pipe->first = chunk->next;
        if (!pipe->first)
                pipe->last = NULL;
        memory_free(chunk);
}

static void pipe_clear(struct pipe *pipe)
{
        while (pipe->first)
                pipe_pop(pipe);
}

static uint64_t pipe_next_us(const struct pipe *pipe)
{
        if (!pipe->first)
                return UINT64_MAX;
        return max_of(pipe->first->due_us, pipe->stalled_until_us);
}

/* ---- lines ---- */

static struct net *net_of(struct sim *sim)
{
        return sim->lines.net;
}

static void line_shut_socket(struct sim *sim, struct line *line)
{
        if (line->socket >= 0)
                net_of(sim)->ops->close(net_of(sim), line->socket);
        line->socket = -1;
}

static void line_free(struct sim *sim, struct line *line)
{
        line_shut_socket(sim, line);
        pipe_clear(&line->up);
        pipe_clear(&line->down);
        line->state = LINE_FREE;
        line->owner = NULL;
}

struct line *line_open(struct sim *sim, struct line_owner *owner)
{
        unsigned number = 0;
        struct line *line;

        while (number < LINES_MAX && sim->lines.all[number].state != LINE_FREE)
                number++;
        if (number == LINES_MAX)
                return NULL;
        line = &sim->lines.all[number];
        *line = (struct line){.state = LINE_CONNECTING,
                              .owner = owner,
                              .number = number,
                              .frontend = (unsigned)sim_below(sim, sim->roles.frontend_count),
                              .socket = -1,
                              .delay_us =
                                      sim_chance(sim, 80) ? sim_between(sim, 200, 20000) : sim_between(sim, 20000, 300000)};
        line->connected_us = sim->now_us + 2 * line->delay_us;
        return line;
}

static void note_frames(struct sim *sim, struct line *line, struct slice bytes)
{
        enum error error;
        size_t size;

        while ((size = wire_frame_size(bytes, WIRE_UP_SIZE_MAX, &error)) >= 5 && size <= bytes.size) {
                line->recent[line->recent_next].us = sim->now_us;
                line->recent[line->recent_next].code = bytes.data[4];
                line->recent_next = (line->recent_next + 1) % LINE_RECENT_MAX;
                bytes = slice_of(bytes.data + size, bytes.size - size);
        }
}

void line_send(struct sim *sim, struct line *line, struct slice bytes)
{
        check(line->state == LINE_OPEN);
        note_frames(sim, line, bytes);
        if (!line->silent) {
                pipe_put(sim, line, &line->up, bytes);
        } else if (!line->server_ended) { /* nobody there: the answer is a reset */
                line->server_ended = true;
                pipe_add(sim, line, &line->down, (struct slice){0}, true);
        }
}

void line_close(struct sim *sim, struct line *line)
{
        check(line->state == LINE_CONNECTING || line->state == LINE_OPEN);
        line->owner = NULL;
        pipe_clear(&line->down);
        if (line->state == LINE_CONNECTING || line->socket < 0) {
                line_free(sim, line);
                return;
        }
        line->state = LINE_ORPHAN;
        pipe_add(sim, line, &line->up, (struct slice){0}, true);
}

/* ---- moving ---- */

static void connect_line(struct sim *sim, struct line *line)
{
        char host[24];

        snprintf(host, sizeof(host), "10.0.0.%u", 10 + line->frontend);
        check(net_of(sim)->ops->connect(net_of(sim), host, LINE_PORT, line->number, &line->socket) == ERR_OK);
        line->state = LINE_OPEN;
        sim_note(sim, "connected", line->number, (struct slice){0});
        sim_tell(sim, "line %u goes to frontend %u", line->number, line->frontend);
        line->owner->connected(sim, line->owner);
}

/* From the client's pipe into the socket. */
static void move_up(struct sim *sim, struct line *line)
{
        while (line->socket >= 0 && pipe_next_us(&line->up) <= sim->now_us) {
                struct chunk *chunk = line->up.first;
                struct slice part = slice_of(chunk->bytes + chunk->done, chunk->size - chunk->done);
                size_t written = 0;
                enum error error = ERR_OK;

                if (chunk->end) {
                        line_shut_socket(sim, line);
                        line_free(sim, line);
                        sim->lines.moved = true;
                        return;
                }
                error = net_of(sim)->ops->write(net_of(sim), line->socket, &part, 1, &written);
                if (error == ERR_AGAIN)
                        return;
                sim_note(sim, "up", line->number, slice_of(part.data, error ? 0 : written));
                sim->lines.moved = true;
                chunk->done += written;
                if (error || chunk->done == chunk->size)
                        pipe_pop(&line->up);
        }
}

/* From the socket into the pipe to the client. */
static void take_down(struct sim *sim, struct line *line)
{
        uint8_t bytes[READ_SIZE];
        enum error error = ERR_OK;
        size_t got;

        while (line->socket >= 0 && !error) {
                error = net_of(sim)->ops->read(net_of(sim), line->socket, bytes, sizeof(bytes), &got);
                if (error == ERR_AGAIN)
                        return;
                sim->lines.moved = true;
                if (error == ERR_OK && line->state == LINE_OPEN)
                        pipe_put(sim, line, &line->down, slice_of(bytes, got));
        }
        if (line->socket < 0)
                return;
        line_shut_socket(sim, line);
        pipe_clear(&line->up);
        if (line->state == LINE_ORPHAN) {
                line_free(sim, line);
        } else if (!line->server_ended && !line->silent) {
                line->server_ended = true;
                pipe_add(sim, line, &line->down, (struct slice){0}, true);
        }
}

static void move_down(struct sim *sim, struct line *line)
{
        while (line->state == LINE_OPEN && pipe_next_us(&line->down) <= sim->now_us) {
                struct chunk *chunk = line->down.first;
                struct line_owner *owner = line->owner;

                sim->lines.moved = true;
                sim_note(sim, chunk->end ? "ended" : "down", line->number, slice_of(chunk->bytes, chunk->size));
                if (chunk->end) {
                        line_free(sim, line);
                        owner->closed(sim, owner);
                        return;
                }
                line->down.first = chunk->next;
                if (!chunk->next)
                        line->down.last = NULL;
                owner->receive(sim, owner, slice_of(chunk->bytes, chunk->size));
                memory_free(chunk);
        }
}

void lines_run(struct sim *sim)
{
        unsigned first = (unsigned)sim_below(sim, LINES_MAX);

        for (unsigned i = 0; i < LINES_MAX; i++) {
                struct line *line = &sim->lines.all[(first + i) % LINES_MAX];

                if (line->state == LINE_CONNECTING && line->connected_us <= sim->now_us) {
                        sim->lines.moved = true;
                        connect_line(sim, line);
                }
                if (line->state == LINE_FREE || line->state == LINE_CONNECTING)
                        continue;
                move_up(sim, line);
                if (line->state != LINE_FREE)
                        take_down(sim, line);
                move_down(sim, line);
        }
}

uint64_t lines_next_us(const struct sim *sim)
{
        uint64_t next_us = UINT64_MAX;

        for (unsigned i = 0; i < LINES_MAX; i++) {
                const struct line *line = &sim->lines.all[i];

                if (line->state == LINE_CONNECTING)
                        next_us = min_of(next_us, line->connected_us);
                if (line->state == LINE_OPEN)
                        next_us = min_of(next_us, pipe_next_us(&line->down));
                /* A socket that takes nothing is tried again soon. */
                if (line->state != LINE_FREE && line->socket >= 0 && line->up.first)
                        next_us = min_of(next_us, max_of(pipe_next_us(&line->up), sim->now_us + 1000));
        }
        return next_us;
}

/* ---- faults ---- */

void line_break(struct sim *sim, struct line *line)
{
        struct line_owner *owner = line->owner;

        check(line->state == LINE_OPEN);
        sim_note(sim, "broken", line->number, (struct slice){0});
        if (sim_chance(sim, 50)) { /* what was on its way may still arrive, and the server learns it late */
                line->up.stalled_until_us = sim->now_us + sim_below(sim, 20 * SIM_SECOND);
                line_close(sim, line);
        } else {
                line_free(sim, line);
        }
        owner->closed(sim, owner);
}

void line_stall(struct sim *sim, struct line *line, bool up, bool down, uint64_t us)
{
        sim_note(sim, "stalled", line->number, (struct slice){0});
        if (up)
                line->up.stalled_until_us = sim->now_us + us;
        if (down)
                line->down.stalled_until_us = sim->now_us + us;
}

void lines_server_gone(struct sim *sim, unsigned frontend, bool silent)
{
        for (unsigned i = 0; i < LINES_MAX; i++) {
                struct line *line = &sim->lines.all[i];

                if (line->state == LINE_OPEN && line->frontend == frontend && line->socket >= 0)
                        line->silent = silent;
        }
}

void lines_heal(struct sim *sim)
{
        sim->lines.spike_until_us = 0;
        for (unsigned i = 0; i < LINES_MAX; i++)
                sim->lines.all[i].up.stalled_until_us = sim->lines.all[i].down.stalled_until_us = 0;
}

/* ---- life ---- */

void lines_start(struct sim *sim)
{
        sim->lines.net = fake_world_net(sim->engine.world, CLIENTS_MACHINE);
        check(sim->lines.net);
}

void lines_finish(struct sim *sim)
{
        for (unsigned i = 0; i < LINES_MAX; i++)
                if (sim->lines.all[i].state != LINE_FREE)
                        line_free(sim, &sim->lines.all[i]);
}
