/* States, timers, splitting and buffering of the one connection. */
#include "core/link.h"

#include "core/state.h"
#include "rules/limits.h"

#define TO(name) (1u << LINK_##name)
static const uint8_t moves[] = {
#define X(name, text, to) [LINK_##name] = (to),
        LINK_STATES(X)
#undef X
};
#undef TO

void link_init(struct link *link)
{
        *link = (struct link){.wanted = true,
                              .ping_ms = PING_MS,
                              .reply_ms = REPLY_MS,
                              .margin_ms = CLOCK_MARGIN_MS,
                              .up_max = WIRE_UNVERIFIED_SIZE_MAX,
                              .down_max = WIRE_DOWN_SIZE_MAX,
                              .operations_max = 1};
}

void link_move(struct core *core, enum link_state state)
{
        check(moves[core->link.state] & 1u << state);
        if (state == LINK_JOINING)
                memcpy(core->link.bound, core->account.token, sizeof(core->link.bound));
        core->link.state = state;
        core->link.since_ms = core->now_ms;
}

/* ---- output ---- */

static void output_clear(struct core *core)
{
        struct link *link = &core->link;

        recycler_give(&core->memory, link->output, link->output_room);
        link->output = NULL;
        link->output_size = link->output_room = link->output_offered = 0;
        link->blocked_ms = 0;
}

static bool output_grow(struct core *core)
{
        struct link *link = &core->link;
        uint32_t room = link->output_room ? link->output_room * 2 : LINK_OUTPUT_FIRST;
        uint8_t *output;

        room = min_of(room, core->limits.output_max);
        if (room <= link->output_room)
                return false;
        output = recycler_take(&core->memory, room);
        if (!output)
                return false;
        if (link->output_size)
                memcpy(output, link->output, link->output_size);
        recycler_give(&core->memory, link->output, link->output_room);
        link->output = output;
        link->output_room = room;
        return true;
}

bool link_send(struct core *core, struct wire_frame *frame, const void *message)
{
        struct link *link = &core->link;
        const uint8_t *token = link->state >= LINK_JOINING ? link->bound : core->account.token;
        struct slice built = {0};

        check(link->state >= LINK_HELLO);
        frame->user = be64_get(token);
        memcpy(frame->mac, token + 8, sizeof(frame->mac));
        frame->device = core->account.device;
        while (built.size == 0) {
                if (link->output_room > link->output_size)
                        built = wire_frame_build(frame, message, link->output + link->output_size,
                                                 link->output + link->output_room);
                if (built.size == 0 && !output_grow(core))
                        return false;
        }
        if (built.size > link->up_max)
                return false;
        memmove(link->output + link->output_size, built.data, built.size);
        link->output_size += (uint32_t)built.size;
        return true;
}

bool link_poll_output(struct core *core, struct core_event *event)
{
        struct link *link = &core->link;

        if (link->state < LINK_HELLO || link->output_size == 0 || link->output_offered || link->blocked_ms)
                return false;
        link->output_offered = link->output_size;
        event->kind = CORE_EVENT_SEND;
        event->bytes = slice_of(link->output, link->output_size);
        return true;
}

void core_sent(struct core *core, size_t taken)
{
        struct link *link = &core->link;
        uint32_t offered = link->output_offered;

        if (offered == 0) /* the link was closed meanwhile */
                return;
        check(taken <= offered && offered <= link->output_size);
        link->output_offered = 0;
        link->output_size -= (uint32_t)taken;
        if (link->output_size == 0) {
                output_clear(core);
                core_step(core); /* what did not fit before may go now */
                return;
        }
        memmove(link->output, link->output + taken, link->output_size);
        if (taken < offered)
                link->blocked_ms = core->now_ms + LINK_BLOCKED_MS;
        core_step(core);
}

void core_writable(struct core *core)
{
        core->link.blocked_ms = 0;
}

/* ---- input ---- */

static void input_clear(struct core *core)
{
        struct link *link = &core->link;

        recycler_give(&core->memory, link->input, link->input_whole);
        link->input = NULL;
        link->input_size = link->input_whole = 0;
        link->head_size = 0;
}

/* Takes as many bytes as the partial frame lacks. False: the link cannot go on. */
static bool input_add(struct core *core, struct slice *bytes)
{
        struct link *link = &core->link;
        enum error error = ERR_OK;
        size_t more;

        if (!link->input) {
                while (link->head_size < sizeof(link->head) && bytes->size && link->input_whole == 0) {
                        link->head[link->head_size++] = *bytes->data;
                        *bytes = slice_of(bytes->data + 1, bytes->size - 1);
                        link->input_whole =
                                (uint32_t)wire_frame_size(slice_of(link->head, link->head_size), link->down_max, &error);
                        if (error)
                                return false;
                }
                if (link->input_whole == 0)
                        return true;
                link->input = recycler_take(&core->memory, link->input_whole);
                if (!link->input) {
                        link->input_whole = 0;
                        return false;
                }
                memcpy(link->input, link->head, link->head_size);
                link->input_size = link->head_size;
        }
        more = min_of(bytes->size, (size_t)(link->input_whole - link->input_size));
        if (more)
                memcpy(link->input + link->input_size, bytes->data, more);
        link->input_size += (uint32_t)more;
        *bytes = slice_of(bytes->data + more, bytes->size - more);
        return true;
}

static bool input_frame(struct core *core, struct slice whole)
{
        return link_frame(core, slice_of(whole.data + WIRE_LENGTH_SIZE, whole.size - WIRE_LENGTH_SIZE)) &&
               core->batches.bytes <= BATCH_BYTES_MAX;
}

/* One frame, from the bytes as they came or from the partial one. False: the link cannot go on. */
static bool input_step(struct core *core, struct slice *bytes)
{
        struct link *link = &core->link;
        enum error error = ERR_OK;

        if (!link->input && link->head_size == 0) {
                size_t size = wire_frame_size(*bytes, link->down_max, &error);

                if (error)
                        return false;
                if (size && size <= bytes->size) {
                        struct slice whole = slice_of(bytes->data, size);

                        *bytes = slice_of(bytes->data + size, bytes->size - size);
                        return input_frame(core, whole);
                }
        }
        if (!input_add(core, bytes))
                return false;
        if (link->input && link->input_size == link->input_whole) {
                uint8_t *input = link->input;
                uint32_t whole = link->input_whole;
                bool lawful;

                link->input = NULL;
                input_clear(core);
                lawful = input_frame(core, slice_of(input, whole));
                recycler_give(&core->memory, input, whole);
                return lawful;
        }
        return true;
}

void link_receive(struct core *core, struct slice bytes)
{
        struct link *link = &core->link;

        link->heard_ms = core->now_ms;
        while (bytes.size && link->state >= LINK_HELLO)
                if (!input_step(core, &bytes) && link->state != LINK_DOWN)
                        link_close(core, 0);
}

/* ---- up and down ---- */

/* Everything that lived with the connection ends. */
static void link_down(struct core *core, uint64_t pause_ms)
{
        struct link *link = &core->link;
        bool steady = link->state == LINK_READY && core->now_ms - link->since_ms >= LINK_STEADY_MS;

        if (link->state == LINK_DOWN)
                return;
        link_move(core, LINK_DOWN);
        link->connect_due = false;
        link->asked_ms = core->now_ms + pause_ms;
        link->tries = steady ? 0 : (uint8_t)min_of(link->tries + 1, 30);
        link->retry_ms =
                core->now_ms + max_of(pause_ms, core_pause_ms(core, link->tries, LINK_RETRY_FIRST_MS, LINK_RETRY_MAX_MS));
        input_clear(core);
        output_clear(core);
        requests_close(core);
        join_link_lost(core);
        sync_link_lost(core);
        watch_closed(core);
        blocks_closed(core);
}

void link_close(struct core *core, uint64_t pause_ms)
{
        if (core->link.state == LINK_DOWN)
                return;
        core->link.close_due = true;
        link_down(core, pause_ms);
}

void link_hurry(struct core *core)
{
        if (core->link.state != LINK_DOWN)
                return;
        core->link.tries = 0;
        core->link.retry_ms = core->link.asked_ms;
}

void link_disconnected(struct core *core)
{
        if (core->link.close_due) /* it speaks of the one that is closed anyway */
                return;
        link_down(core, 0);
}

void link_connected(struct core *core)
{
        struct wire_frame frame = {.code = WIRE_CODE_hello};
        struct wire_hello hello = {.version_min = PROTOCOL_VERSION, .version_max = PROTOCOL_VERSION};

        if (core->link.state != LINK_CONNECTING)
                return;
        core->link.refused = ERR_OK;
        hello.client = core->client;
        hello.language = core->language;
        link_move(core, LINK_HELLO);
        core->link.heard_ms = core->link.pinged_ms = core->now_ms;
        core->link.up_max = WIRE_UNVERIFIED_SIZE_MAX;
        if (!link_send(core, &frame, &hello))
                link_close(core, 0);
}

static uint32_t bounded(uint64_t value, uint32_t absent, uint32_t low, uint32_t high)
{
        if (value == 0)
                return absent;
        return (uint32_t)min_of(max_of(value, (uint64_t)low), (uint64_t)high);
}

bool link_welcome(struct core *core, const struct wire_welcome *welcome)
{
        struct link *link = &core->link;

        if (link->state != LINK_HELLO || welcome->version != PROTOCOL_VERSION)
                return false;
        link->ping_ms = bounded(welcome->ping_ms, PING_MS, 1000, 3600000);
        link->reply_ms = bounded(welcome->reply_ms, REPLY_MS, 100, 600000);
        link->margin_ms = bounded(welcome->margin_ms, CLOCK_MARGIN_MS, 1, 600000);
        /* A frame of one message of the largest size must fit, or nothing would ever be sent. */
        link->up_max = bounded(welcome->frame_up_max, WIRE_UP_SIZE_MAX, TEXT_SIZE_MAX + 512, WIRE_UP_SIZE_MAX);
        link->down_max = bounded(welcome->frame_down_max, WIRE_DOWN_SIZE_MAX, 4096, WIRE_DOWN_SIZE_MAX);
        link->operations_max = bounded(welcome->operations_max, OPERATIONS_MAX, 1, OPERATIONS_MAX);
        link_move(core, LINK_WELCOME);
        return true;
}

bool link_bye(struct core *core, const struct wire_bye *bye)
{
        uint64_t pause_ms = bye->retry_after_ms;

        core->link.refused = bye->code;
        if (bye->code == ERR_REVOKED) {
                account_revoked(core);
                return true;
        }
        /* With another connection in its place this one must not throw that one out in turn. */
        if (bye->code == ERR_REPLACED || bye->code == ERR_BAD_VERSION)
                pause_ms = max_of(pause_ms, (uint64_t)LINK_RETRY_MAX_MS);
        link_close(core, pause_ms);
        if (bye->code == ERR_RESYNC && core->link.tries <= 1)
                core->link.retry_ms = core->now_ms;
        return true;
}

/* Somebody has something to say over a link. */
static bool link_needed(const struct core *core)
{
        if (!core->link.wanted || core->loader.state != LOADER_DONE)
                return false;
        if (core->batches.bytes > BATCH_BYTES_MAX) /* the storage has to catch up first */
                return false;
        return core->account.state == ACCOUNT_SIGNED_IN || core->account.request;
}

uint64_t core_connect_ms(const struct core *core)
{
        return core->link.state == LINK_DOWN && link_needed(core) ? core->link.retry_ms : UINT64_MAX;
}

static void ping(struct core *core)
{
        struct wire_frame frame = {.code = WIRE_CODE_ping};
        struct wire_ping message = {.echo = core->now_ms};

        if (link_send(core, &frame, &message))
                core->link.pinged_ms = core->now_ms;
}

void link_step(struct core *core)
{
        struct link *link = &core->link;

        if (link->blocked_ms && link->blocked_ms <= core->now_ms)
                link->blocked_ms = 0;
        switch (link->state) {
        case LINK_DOWN:
                if (link_needed(core) && link->retry_ms <= core->now_ms && !link->close_due) {
                        link_move(core, LINK_CONNECTING);
                        link->connect_due = true;
                }
                break;
        case LINK_CONNECTING:
                if (core->now_ms - link->since_ms >= LINK_CONNECT_MS)
                        link_close(core, 0);
                break;
        case LINK_HELLO:
                if (core->now_ms - link->since_ms >= LINK_HELLO_MS)
                        link_close(core, 0);
                break;
        case LINK_WELCOME:
        case LINK_JOINING:
        case LINK_READY:
                if (core->now_ms - link->heard_ms >= 2 * (uint64_t)link->ping_ms)
                        link_close(core, 0);
                else if (core->now_ms - link->pinged_ms >= link->ping_ms)
                        ping(core);
                break;
        }
        if (!link->wanted && link->state != LINK_DOWN) {
                link_close(core, 0);
                link->retry_ms = core->now_ms;
        }
}

uint64_t link_due(const struct core *core)
{
        const struct link *link = &core->link;
        uint64_t blocked = link->blocked_ms ? link->blocked_ms : UINT64_MAX;

        switch (link->state) {
        case LINK_DOWN:
                return link_needed(core) ? link->retry_ms : UINT64_MAX;
        case LINK_CONNECTING:
                return link->since_ms + LINK_CONNECT_MS;
        case LINK_HELLO:
                return min_of(blocked, link->since_ms + LINK_HELLO_MS);
        default:
                /* A ping that did not fit into the output waits for it, not for the clock. */
                if (link->pinged_ms + link->ping_ms <= core->now_ms)
                        return min_of(blocked, link->heard_ms + 2 * (uint64_t)link->ping_ms);
                return min_of(blocked,
                              min_of(link->pinged_ms + link->ping_ms, link->heard_ms + 2 * (uint64_t)link->ping_ms));
        }
}
