/*
 * The core's window to its host: what is made here, the order in which events are polled, what is looked at. Each call in
 * sets the time, changes some part, and ends with core_step, which does whatever can be done now.
 */
#include "core/core.h"

#include "core/state.h"

static const struct core_limits defaults = {.rooms_max = 10000,
                                            .outbox_max = 1000,
                                            .outbox_bytes_max = 1048576,
                                            .held_max = 64,
                                            .background_rows = 10000,
                                            .output_max = 131072,
                                            .settings_max = 16384,
                                            .settings_bytes_max = 1048576};

#define OUTPUT_LEAST   20480 /* one message of the largest size, and Hello, fit */
#define HELLO_TEXT_MAX 64

/* ---- time, randomness, ids ---- */

void core_set_time(struct core *core, struct core_time time)
{
        core->now_ms = max_of(core->now_ms, time.now_ms);
        core->wall_ms = time.wall_ms;
}

static uint64_t rotate(uint64_t value, int by)
{
        return value << by | value >> (64 - by);
}

/* xoshiro256** (Blackman and Vigna, 2018, public domain). */
uint64_t core_random(struct core *core)
{
        uint64_t *s = core->random;
        uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = rotate(s[3], 45);
        return result;
}

uint64_t core_random_below(struct core *core, uint64_t limit)
{
        return limit ? core_random(core) % limit : 0;
}

uint64_t core_pause_ms(struct core *core, uint32_t try, uint64_t first_ms, uint64_t max_ms)
{
        uint64_t pause = try < 20 ? min_of(first_ms << try, max_ms) : max_ms;

        return pause / 16 + core_random_below(core, pause - pause / 16 + 1);
}

/* The next id after `id`: one more in its lowest 7 bytes, which are all random in a UUIDv7. */
static void id_add_one(struct id *id)
{
        for (size_t i = sizeof(id->bytes); i-- > 9;)
                if (++id->bytes[i] != 0)
                        return;
}

/*
 * Ids rise even in the same millisecond, or when the clock was set back: then a later millisecond is taken, not the next id. For the
 * last one known may be one from before a crash, of an entry that waited while its followers were answered and forgotten: the next
 * id was one of theirs.
 */
struct id core_new_id(struct core *core)
{
        const uint64_t time_max = (UINT64_C(1) << 48) - 1;
        uint8_t random[16];
        struct id id;

        be64_put(random, core_random(core));
        be64_put(random + 8, core_random(core));
        id = id_uuid7(core->wall_ms & time_max, random);
        if (id_compare(&id, &core->last_id) <= 0)
                id = id_uuid7(min_of(id_uuid7_time_ms(&core->last_id) + 1, time_max), random);
        if (id_compare(&id, &core->last_id) <= 0) { /* the end of time */
                id = core->last_id;
                id_add_one(&id);
        }
        core->last_id = id;
        return id;
}

/* ---- life ---- */

static bool own_text(struct arena *arena, struct slice text, struct slice *copy)
{
        return arena_copy(arena, slice_of(text.data, min_of(text.size, (size_t)HELLO_TEXT_MAX)), copy);
}

static void set_limits(struct core_limits *limits, const struct core_limits *wanted)
{
        *limits = defaults;
        if (!wanted)
                return;
        limits->rooms_max = wanted->rooms_max ? wanted->rooms_max : limits->rooms_max;
        limits->outbox_max = wanted->outbox_max ? wanted->outbox_max : limits->outbox_max;
        limits->outbox_bytes_max = wanted->outbox_bytes_max ? wanted->outbox_bytes_max : limits->outbox_bytes_max;
        limits->held_max = wanted->held_max ? wanted->held_max : limits->held_max;
        limits->background_rows = wanted->background_rows ? wanted->background_rows : limits->background_rows;
        limits->output_max = wanted->output_max ? max_of(wanted->output_max, (uint32_t)OUTPUT_LEAST) : limits->output_max;
        limits->settings_max = wanted->settings_max ? wanted->settings_max : limits->settings_max;
        limits->settings_bytes_max = wanted->settings_bytes_max ? wanted->settings_bytes_max : limits->settings_bytes_max;
        limits->output_max = (uint32_t)min_of((size_t)limits->output_max, RECYCLER_BLOCK_MAX);
}

struct core *core_new(struct arena *arena, const struct core_limits *limits, const uint8_t seed[32], struct slice client,
                      struct slice language)
{
        struct core *core = arena_new(arena, struct core);

        if (!core || !own_text(arena, client, &core->client) ||
            !own_text(arena, slice_of(language.data, min_of(language.size, (size_t)16)), &core->language))
                return NULL;
        recycler_init(&core->memory, arena);
        set_limits(&core->limits, limits);
        for (size_t i = 0; i < countof(core->random); i++)
                core->random[i] = be64_get(seed + 8 * i);
        core->random[0] |= 1; /* all zeroes would stay so for ever */
        link_init(&core->link);
        batches_init(&core->batches);
        rooms_init(&core->rooms);
        people_init(&core->people);
        requests_init(&core->requests);
        asks_init(&core->asks);
        return core;
}

void core_start(struct core *core, struct core_time time)
{
        core_set_time(core, time);
        loader_start(core);
        core->phase_told = UINT8_MAX;
}

bool core_forget(struct core *core, bool keep_outbox, enum error why)
{
        static const struct {
                char first, end;
        } ranges[] = {{'R', 'S' + 1}, {'M', 'N'}, {RECORD_FIRST, RECORD_LAST + 1}};
        size_t from = keep_outbox ? 0 : 2, to = keep_outbox ? 2 : 3;

        for (size_t i = from; i < to; i++) {
                enum effect effect = i + 1 == to ? EFFECT_FORGOTTEN : EFFECT_NONE;

                /* Without memory for this there is none for anything; the next Join finds the same and tries again. */
                if (!batch_drop(core, effect, why, slice_of(&ranges[i].first, 1), slice_of(&ranges[i].end, 1))) {
                        link_close(core, 0);
                        return false;
                }
        }
        if (!keep_outbox) {
                people_forget(core);
                blocks_forget(core);
                watch_end(core);
                settings_forget(core);
        } else {
                settings_forget_rows(core);
        }
        batch_forget(core, NULL, !keep_outbox);
        if (!keep_outbox)
                loader_forget(core);
        rooms_forget(core, keep_outbox);
        return true;
}

/* ---- in ---- */

void core_connected(struct core *core, struct core_time time)
{
        core_set_time(core, time);
        link_connected(core);
        core_step(core);
}

void core_disconnected(struct core *core, struct core_time time)
{
        core_set_time(core, time);
        link_disconnected(core);
        core_step(core);
}

void core_receive(struct core *core, struct slice bytes, struct core_time time)
{
        core_set_time(core, time);
        link_receive(core, bytes);
        core_step(core);
}

void core_tick(struct core *core, struct core_time time)
{
        core_set_time(core, time);
        core_step(core);
}

void core_kept(struct core *core, uint64_t batch, struct core_time time)
{
        core_set_time(core, time);
        batch_kept(core, batch);
        core_step(core);
}

void core_online(struct core *core, bool wanted, struct core_time time)
{
        core_set_time(core, time);
        if (wanted && !core->link.wanted)
                link_hurry(core);
        core->link.wanted = wanted;
        core_step(core);
}

/* ---- the step ---- */

static void rooms_step(struct core *core)
{
        struct list_node *last = list_last(&core->rooms.work);
        struct list_node *node = last ? core->rooms.work.head.next : NULL;

        /* Rooms that sent go to the end: the walk ends with the one that was last when it began. */
        while (node) {
                struct room *room = container_of(node, struct room, work);
                struct list_node *next = node == last ? NULL : node->next;
                bool more = write_room_step(core, room);

                more |= marks_room_step(core, room);
                more |= sync_room_step(core, room);
                if (!more)
                        list_remove(&room->work);
                node = next;
        }
}

void core_step(struct core *core)
{
        batch_cut(core);
        link_step(core);
        requests_expire(core);
        account_step(core);
        if (account_ends(core))
                return;
        join_step(core);
        sync_step(core);
        settings_step(core);
        rooms_step(core);
        watch_step(core);
        blocks_step(core);
        loader_step(core);
}

uint64_t core_deadline_ms(const struct core *core)
{
        uint64_t due = min_of(min_of(link_due(core), requests_due(core)), min_of(account_due(core), batch_due(core)));

        if (account_ends(core))
                return due;
        due = min_of(due, min_of(min_of(sync_due(core), join_due(core)), min_of(watch_due(core), blocks_due(core))));
        due = min_of(due, settings_due(core));
        list_each(&core->rooms.work, room, struct room, work) {
                due = min_of(due, min_of(write_room_due(core, room), marks_room_due(core, room)));
                due = min_of(due, sync_room_due(core, room));
        }
        return due;
}

/* ---- out ---- */

bool core_may_invite(const struct core *core)
{
        return core->join.invites;
}

enum error core_refused(const struct core *core)
{
        return core->link.refused;
}

enum core_phase core_phase(const struct core *core)
{
        if (core->loader.state != LOADER_DONE)
                return CORE_LOADING;
        if (core->account.state == ACCOUNT_NONE)
                return CORE_SIGNED_OUT;
        if (core->account.state == ACCOUNT_WAITS_FOR_CODE)
                return CORE_WAITS_FOR_CODE;
        if (core->account.state == ACCOUNT_WAITS_FOR_RESET)
                return CORE_WAITS_FOR_RESET;
        if (core->link.state < LINK_HELLO)
                return CORE_OFFLINE;
        if (core->link.state != LINK_READY || core->batches.kept < core->join.ready_batch)
                return CORE_JOINING;
        return core->join.synced && core->batches.kept >= core->join.synced_batch ? CORE_SYNCED : CORE_READY;
}

static bool poll_flags(struct core *core, struct core_event *event)
{
        if (core->link.close_due) {
                core->link.close_due = false;
                core_step(core); /* a link that is to be replaced at once may be asked for now */
                event->kind = CORE_EVENT_CLOSE;
                return true;
        }
        if (core->link.connect_due) {
                core->link.connect_due = false;
                event->kind = CORE_EVENT_CONNECT;
                return true;
        }
        if (core->settings.news) {
                core->settings.news = false;
                event->kind = CORE_EVENT_SETTING;
                return true;
        }
        if (core->blocks.news) {
                core->blocks.news = false;
                event->kind = CORE_EVENT_BLOCKS;
                return true;
        }
        if (core->people.news) {
                core->people.news = false;
                event->kind = CORE_EVENT_NAMES;
                return true;
        }
        return false;
}

static bool poll_account(struct core *core, struct core_event *event)
{
        enum core_phase phase = core_phase(core);

        if (phase != core->phase_told) {
                core->phase_told = (uint8_t)phase;
                event->kind = CORE_EVENT_PHASE;
                return true;
        }
        if (core->account.sign_due) {
                core->account.sign_due = false;
                event->kind = CORE_EVENT_SIGN;
                event->error = core->account.sign_error;
                event->number = core->account.sign_wait_ms;
                event->seq = core->account.sign_head;
                return true;
        }
        return false;
}

static bool poll_rooms(struct core *core, struct core_event *event)
{
        list_each(&core->rooms.notice, room, struct room, notice) {
                event->room = room->id;
                if (room->notices & NOTICE_ROOM) {
                        room->notices &= (uint8_t)~NOTICE_ROOM;
                        event->kind = CORE_EVENT_ROOM;
                        return true;
                }
                if (room->notices & NOTICE_TICKS) {
                        room->notices &= (uint8_t)~NOTICE_TICKS;
                        event->kind = CORE_EVENT_TICKS;
                        return true;
                }
                if ((room->notices & NOTICE_HISTORY) && core->batches.kept >= room->history_batch) {
                        room->notices &= (uint8_t)~NOTICE_HISTORY;
                        event->kind = CORE_EVENT_HISTORY;
                        event->seq = holes_top(&room->holes) + 1;
                        event->error = room->history_error;
                        return true;
                }
                if (room->notices == 0)
                        list_remove(&room->notice);
        }
        return false;
}

enum core_event_kind core_poll(struct core *core, struct core_event *event)
{
        bool found;

        *event = (struct core_event){.kind = CORE_EVENT_NONE};
        batch_release(core);
        asks_release(core);
        found = poll_flags(core, event) || batch_poll(core, event) || loader_poll(core, event) ||
                link_poll_output(core, event) || poll_account(core, event) || asks_poll(core, event) ||
                poll_rooms(core, event) || watch_poll(core, event);
        check(found == (event->kind != CORE_EVENT_NONE));
        return event->kind;
}

/* ---- looking ---- */

uint64_t core_user(const struct core *core)
{
        return core->account.user;
}

uint64_t core_device(const struct core *core)
{
        return core->account.device;
}

struct wire_person core_profile(const struct core *core)
{
        return core->account.person;
}

static void fill_info(const struct room *room, struct core_room_info *info)
{
        struct group group = group_of(room);

        *info = (struct core_room_info){.room = room->id,
                                        .kind = room->kind,
                                        .left = room->left,
                                        .head = room->head_kept,
                                        .hole_top = holes_top(&room->holes),
                                        .unread = room_unread(room),
                                        .last_time_ms = room->last_time_ms,
                                        .marks = room->marks,
                                        .lowest = room->lowest,
                                        .peer = room->peer,
                                        .title = group.title,
                                        .role = group.role,
                                        .members = group.members,
                                        .queued = room->queued};
        info->marks.delivered = max_of(room->marks.delivered, room->delivered);
        info->marks.read = max_of(room->marks.read, room->read);
}

enum error core_room_info(const struct core *core, const struct id *id, struct core_room_info *info)
{
        const struct room *room = room_find(core, id);

        if (!room)
                return ERR_NOT_FOUND;
        fill_info(room, info);
        return ERR_OK;
}

bool core_room_at(const struct core *core, uint32_t index, struct core_room_info *info)
{
        if (index >= core->rooms.count)
                return false;
        fill_info(core->rooms.by_time[index], info);
        return true;
}
