/*
 * Every service with its real worker, store (SQLite on a disk in memory), presence and bus, fed with records of any kind: whole
 * envelopes of clients that say anything, damaged ones, and bytes. Input: steps of one byte (what, and a choice) and what that
 * step needs. Several records are published before the workers run, so that good and bad ones share batches.
 *
 * What is checked besides not crashing: each record that a frontend could have published is answered, to its own connection, by a
 * whole frame of the server's; a record that it could not goes to the dead letters, without its body, and takes no other with it
 * (L10); deliveries go to connections of the epochs that there are; in the end all workers are at rest with everything committed,
 * and the store finds its logs gapless and its counters right.
 */
#include "base/memory.h"
#include "crypto/crypto.h"
#include "driver/bus/embedded.h"
#include "driver/presence/memory.h"
#include "driver/store/sqlite.h"
#include "fill.h"
#include "fuzz.h"
#include "rules/room.h"
#include "script.h"
#include "service/worker/service.h"
#include "sim/disk.h"
#include "support/by_hand.h"
#include "support/password_simulation.h"
#include "wire/envelope.h"

#define STEPS_MAX    60
#define USERS        3
#define FRONTENDS    2
#define WORKERS      4
#define ASKED_MAX    64
#define RECORD_MAX   2048
#define WALL_MS      UINT64_C(1700000000000)
#define STEPS_LIMIT  100000
#define LETTERS_KEPT 16

/* A request that a frontend could have published, and so is answered. */
struct asked {
        struct id request;
        uint64_t connection;
        bool answered;
};

struct play {
        struct hand_clock clock;
        struct hand_random random;
        struct event_sink events;
        struct token_keys keys;
        struct bus_embedded *embedded;
        struct bus *observer, *buses[WORKERS];
        struct presence_memory *memory;
        struct presence *presences[WORKERS];
        struct store_sqlite *sqlite;
        struct store *stores[WORKERS];
        struct password *password;
        struct worker *workers[WORKERS];
        struct script *script;
        struct asked asked[ASKED_MAX];
        size_t asked_count;
        uint64_t sequence;     /* makes request ids */
        size_t poisoned, dead; /* records published that are poison; dead letters seen */
};

static const struct service *const services[WORKERS] = {&service_auth, &service_session, &service_query, &service_notify};

/* ---- mail that always goes ---- */

struct post_box {
        struct mail mail;
        uint64_t tags[LETTERS_KEPT];
        size_t count;
};

static void box_free(struct mail **mail)
{
        *mail = NULL;
}

static int box_fd(struct mail *mail)
{
        (void)mail;
        return -1;
}

static enum error box_submit(struct mail *mail, const struct mail_letter *letter, uint64_t tag)
{
        struct post_box *box = container_of(mail, struct post_box, mail);

        check(letter->to.size > 0 && !memchr(letter->to.data, '\n', letter->to.size));
        check(!memchr(letter->subject.data, '\n', letter->subject.size) && slice_is_text(letter->text));
        if (box->count == LETTERS_KEPT)
                return ERR_FULL;
        box->tags[box->count++] = tag;
        return ERR_OK;
}

static size_t box_poll(struct mail *mail, struct completion *completions, size_t max)
{
        struct post_box *box = container_of(mail, struct post_box, mail);
        size_t count = 0;

        while (box->count > 0 && count < max)
                completions[count++] = (struct completion){.tag = box->tags[--box->count], .outcome = OUTCOME_OK};
        return count;
}

static const struct mail_ops box_ops = {box_free, box_fd, box_submit, box_poll};
static struct post_box box = {.mail.ops = &box_ops};

/* ---- the stage ---- */

static struct id epoch_of(unsigned frontend)
{
        struct id epoch = {{0xe0, (uint8_t)frontend}};

        return epoch;
}

static void store_do(struct play *play, const struct store_op *ops, size_t count, struct store_result *results)
{
        struct arena arena;
        struct completion done;
        struct store *store = play->stores[0];

        arena_init(&arena, &(struct arena_source){memory_new, memory_free}, 4096, 1 << 20);
        check(store->ops->apply(store, ops, count, results, &arena, 1) == ERR_OK);
        while (store->ops->poll(store, &done, 1) == 0)
                continue;
        check(done.outcome == OUTCOME_OK);
        arena_finish(&arena);
}

/* Users 100, 101, 102 with devices 1, 2, 3, so that what clients say meets something. */
static void make_users(struct play *play)
{
        static const char *const names[USERS] = {"alice", "bob", "carol"};
        static const char *const emails[USERS] = {"alice@x.org", "bob@x.org", "carol@x.org"};
        struct store_op ops[USERS] = {0};
        struct store_result results[USERS] = {0};

        for (unsigned i = 0; i < USERS; i++) {
                ops[i].kind = STORE_IMPORT;
                ops[i].request.bytes[0] = ops[i].request.bytes[15] = (uint8_t)(1 + i);
                ops[i].import.user_name = ops[i].import.name_folded = ops[i].import.display_name = slice_text(names[i]);
                ops[i].import.email = ops[i].import.email_folded = slice_text(emails[i]);
                ops[i].import.device_name = SLICE_LITERAL("phone");
                ops[i].import.password_hash = "";
                ops[i].import.new_user = FIRST_USER + i;
                ops[i].import.new_device = 1 + i;
        }
        store_do(play, ops, USERS, results);
        for (unsigned i = 0; i < USERS; i++)
                check(results[i].status == ERR_OK && results[i].signed_in.person.user == FIRST_USER + i);
}

static void open_engines(struct play *play)
{
        struct bus_embedded_options bus = {.mode = BUS_EMBEDDED_INLINE};
        struct presence_memory_options presence = {.mode = PRESENCE_MEMORY_INLINE, .clock = &play->clock.clock};
        struct store_sqlite_options store = {.folder = DISK_DATABASE,
                                             .vfs = DISK_VFS,
                                             .clock = &play->clock.clock,
                                             .random = &play->random.random,
                                             .events = &play->events};
        char text[STORE_ERROR_SIZE];

        for (int topic = 0; topic < BUS_TOPIC_COUNT; topic++)
                bus.log.partitions[topic] = topic == BUS_FRONTENDS ? FRONTENDS : 1;
        disk_start(&play->random.random, &play->clock.clock);
        check(store_sqlite_new(&store, &play->sqlite, text) == ERR_OK);
        check(bus_embedded_new(&bus, &play->embedded) == ERR_OK);
        check(presence_memory_new(&presence, &play->memory) == ERR_OK);
        check(password_simulation_new(&play->password) == ERR_OK);
}

static void play_start(struct play *play)
{
        hand_clock_init(&play->clock, WALL_MS);
        hand_random_init(&play->random, 42);
        memset(play->keys.current, 7, sizeof(play->keys.current));
        open_engines(play);
        check(bus_embedded_open(play->embedded, &play->observer) == ERR_OK);
        for (int i = 0; i < FRONTENDS; i++)
                check(play->observer->ops->assign(play->observer, BUS_FRONTENDS, i) == ERR_OK);
        check(play->observer->ops->subscribe(play->observer, BUS_DEAD_LETTERS) == ERR_OK);
        for (int i = 0; i < WORKERS; i++) {
                check(bus_embedded_open(play->embedded, &play->buses[i]) == ERR_OK);
                check(presence_memory_open(play->memory, &play->presences[i]) == ERR_OK);
                check(store_sqlite_open(play->sqlite, &play->stores[i]) == ERR_OK);
        }
        make_users(play);
        box.count = 0;
        for (int i = 0; i < WORKERS; i++) {
                const struct worker_seams seams = {.bus = play->buses[i],
                                                   .store = play->stores[i],
                                                   .presence = play->presences[i],
                                                   .password = i == 0 ? play->password : NULL,
                                                   .mail = i == WORKERS - 1 ? &box.mail : NULL,
                                                   .clock = &play->clock.clock,
                                                   .random = &play->random.random,
                                                   .events = &play->events,
                                                   .keys = &play->keys};

                check(worker_new(services[i], &seams, 8, &play->workers[i]) == ERR_OK);
        }
}

static void play_stop(struct play *play)
{
        for (int i = 0; i < WORKERS; i++) {
                check(worker_drain(play->workers[i]));
                worker_free(&play->workers[i]);
                play->stores[i]->ops->free(&play->stores[i]);
                play->presences[i]->ops->free(&play->presences[i]);
                play->buses[i]->ops->free(&play->buses[i]);
        }
        play->password->ops->free(&play->password);
        play->observer->ops->free(&play->observer);
        store_sqlite_free(&play->sqlite);
        presence_memory_free(&play->memory);
        bus_embedded_free(&play->embedded);
        disk_finish();
}

/* ---- what comes out ---- */

static void see_answer(struct play *play, const struct wire_post *post, const struct wire_frame *frame)
{
        check(id_equal(&frame->request, &post->request) && wire_post_count(post) == 1);
        for (size_t i = 0; i < play->asked_count; i++) {
                struct asked *asked = &play->asked[i];

                if (id_equal(&asked->request, &post->request) && asked->connection == wire_post_connection(post, 0))
                        asked->answered = true;
        }
}

static void see_post(struct play *play, const struct wire_post *post)
{
        struct id zero = {{0}};
        struct wire_frame frame;
        enum error error;
        size_t size;

        if (post->frame.size == 0)
                return; /* an effect alone */
        size = wire_frame_size(post->frame, WIRE_DOWN_SIZE_MAX, &error);
        check(error == ERR_OK && size == post->frame.size);
        check(wire_frame_parse(slice_of(post->frame.data + WIRE_LENGTH_SIZE, size - WIRE_LENGTH_SIZE), &frame) == ERR_OK);
        check(frame.message && frame.message->direction == WIRE_DOWN);
        if (!id_equal(&post->request, &zero))
                see_answer(play, post, &frame);
        else
                check(id_equal(&post->epoch, &(struct id){{0xe0}}) || post->epoch.bytes[1] < FRONTENDS);
}

static void see_record(struct play *play, const struct bus_record *record)
{
        struct wire_envelope facts;
        struct wire_frame frame;
        struct wire_revoke revoke;
        struct wire_post post;

        if (record->topic == BUS_DEAD_LETTERS) {
                play->dead++;
                check(wire_record_parse(record->value, WIRE_CODE_envelope, &facts) == ERR_OK);
                if (facts.frame.size)
                        check(wire_frame_parse(facts.frame, &frame) == ERR_OK && frame.body.size == 0);
                return;
        }
        if (wire_record_code(record->value) == WIRE_CODE_revoke) {
                check(wire_record_parse(record->value, WIRE_CODE_revoke, &revoke) == ERR_OK);
                return;
        }
        check(wire_record_parse(record->value, WIRE_CODE_post, &post) == ERR_OK);
        see_post(play, &post);
}

static void look(struct play *play)
{
        struct bus_event event;

        while (play->observer->ops->poll(play->observer, &event, 1) == 1)
                if (event.kind == BUS_EVENT_RECORD)
                        see_record(play, &event.record);
}

/* Lets all workers come to rest; pauses pass. */
static void run(struct play *play)
{
        bool busy = true;

        for (unsigned long i = 0; busy; i++) {
                bool moved = false;

                check(i < STEPS_LIMIT);
                busy = false;
                for (int w = 0; w < WORKERS; w++) {
                        moved |= worker_step(play->workers[w]);
                        busy |= worker_wait_ms(play->workers[w]) >= 0;
                }
                busy |= moved;
                if (!moved)
                        hand_clock_advance_ms(&play->clock, 1);
        }
        look(play);
        for (size_t i = 0; i < play->asked_count; i++)
                check(play->asked[i].answered);
        check(play->dead >= play->poisoned);
        play->asked_count = 0;
}

/* ---- what goes in ---- */

static void publish(struct play *play, enum bus_topic topic, struct slice key, struct slice value)
{
        struct bus_message message = {.topic = topic, .partition = BUS_PARTITION_BYKEY, .key = key, .value = value};

        if (topic == BUS_FRONTENDS)
                message.partition = 0;
        check(play->observer->ops->publish(play->observer, &message) == ERR_OK);
        check(play->observer->ops->flush(play->observer, 0) == ERR_OK);
}

/* Writes an envelope as a frontend would, with the frame in `frame`. Its slice lies in `buffer`. */
static struct slice envelop(struct play *play, struct wire_envelope *envelope, struct slice frame,
                            uint8_t buffer[RECORD_MAX])
{
        (void)play;
        envelope->frame = slice_of(frame.data + WIRE_LENGTH_SIZE, frame.size - WIRE_LENGTH_SIZE);
        return wire_record_build(WIRE_CODE_envelope, envelope, buffer, buffer + RECORD_MAX);
}

static struct id next_request(struct play *play, unsigned choice)
{
        struct id request = {{0x50}};

        if (!(choice & 8)) /* else it is a repeat of the id before, with whatever content */
                play->sequence++;
        be64_put(request.bytes + 8, play->sequence);
        return request;
}

static struct wire_envelope envelope_of(struct play *play, const struct wire_message *message, unsigned choice)
{
        struct wire_envelope envelope = {.frontend = choice & 1,
                                         .epoch = epoch_of(choice & 1),
                                         .connection = 1 + (choice & 7),
                                         .not_after_ms = WALL_MS + UINT64_C(100000000)};

        (void)play;
        if (message->header & WIRE_HAS_TOKEN) {
                envelope.user = FIRST_USER + choice % USERS;
                envelope.device = 1 + choice % USERS;
        }
        return envelope;
}

static void ask(struct play *play, const struct wire_frame *frame, const struct wire_envelope *envelope)
{
        struct asked *asked = &play->asked[play->asked_count++];

        check(play->asked_count <= ASKED_MAX);
        *asked = (struct asked){.request = frame->request, .connection = envelope->connection};
}

/* A lawful record: any body that a client could fill in, or any bytes as one. */
static void step_request(struct play *play, unsigned choice)
{
        static const uint8_t codes[] = {
                WIRE_CODE_write,          WIRE_CODE_mark,        WIRE_CODE_join,      WIRE_CODE_rooms,
                WIRE_CODE_changes,        WIRE_CODE_around,      WIRE_CODE_find,      WIRE_CODE_profiles,
                WIRE_CODE_devices,        WIRE_CODE_sign_up,     WIRE_CODE_confirm,   WIRE_CODE_sign_in,
                WIRE_CODE_renew,          WIRE_CODE_sign_out,    WIRE_CODE_reset,     WIRE_CODE_reset_confirm,
                WIRE_CODE_set_password,   WIRE_CODE_set_profile, WIRE_CODE_set_email, WIRE_CODE_confirm_email,
                WIRE_CODE_delete_account, WIRE_CODE_invite,      WIRE_CODE_search,    WIRE_CODE_watch,
                WIRE_CODE_typing,         WIRE_CODE_gone,        WIRE_CODE_block,     WIRE_CODE_blocks,
                WIRE_CODE_pins,           WIRE_CODE_last_seen,   WIRE_CODE_leaving,   WIRE_CODE_sweep,
                WIRE_CODE_receipts};
        static const enum bus_topic topics[] = {[WIRE_TOPIC_AUTHENTICATION] = BUS_AUTHENTICATION,
                                                [WIRE_TOPIC_SESSION] = BUS_SESSION,
                                                [WIRE_TOPIC_QUERY] = BUS_QUERY};
        uint8_t shape = script_next(play->script);
        const struct wire_message *message = wire_message_by_code(codes[shape % countof(codes)]);
        struct wire_envelope envelope = envelope_of(play, message, choice);
        struct wire_frame frame = {.code = message->code, .user = envelope.user, .device = envelope.device};
        uint8_t bytes[RECORD_MAX], record[RECORD_MAX];
        union body body = {0};
        struct slice built;

        frame.request = next_request(play, choice);
        frame.room = fill_room(choice ^ shape >> 4);
        if (message->topic == WIRE_TOPIC_AUTHENTICATION)
                fill_account(play->script, message->code, &body);
        else if (message->topic == WIRE_TOPIC_QUERY)
                fill_query(play->script, message->code, &body);
        else
                fill_session(play->script, play->sequence, message->code, &body);
        built = wire_frame_build(&frame, &body, bytes, bytes + sizeof(bytes));
        check(built.size > 0);
        if (message->reply)
                ask(play, &frame, &envelope);
        publish(play, topics[message->topic], slice_of(frame.room.bytes, 16), envelop(play, &envelope, built, record));
}

/* The header of any code, and any bytes as its body: answered, for the frontend lets it through. */
static void step_body(struct play *play, unsigned choice)
{
        static const uint8_t codes[] = {WIRE_CODE_write,   WIRE_CODE_mark,  WIRE_CODE_join, WIRE_CODE_changes,
                                        WIRE_CODE_sign_up, WIRE_CODE_rooms, WIRE_CODE_find, WIRE_CODE_profiles,
                                        WIRE_CODE_search,  WIRE_CODE_pins};
        const struct wire_message *message = wire_message_by_code(codes[script_next(play->script) % countof(codes)]);
        struct wire_envelope envelope = envelope_of(play, message, choice);
        struct wire_frame frame = {.code = message->code, .user = envelope.user, .request = next_request(play, choice)};
        uint8_t bytes[RECORD_MAX], record[RECORD_MAX];
        union body empty = {0};
        struct slice built, body = script_bytes(play->script, 255);

        frame.room = fill_room(choice);
        built = wire_frame_build(&frame, &empty, bytes, bytes + RECORD_MAX / 2);
        memmove(bytes, built.data, built.size);
        if (body.size)
                memcpy(bytes + built.size, body.data, body.size);
        ask(play, &frame, &envelope);
        publish(play,
                message->topic == WIRE_TOPIC_QUERY     ? BUS_QUERY
                : message->topic == WIRE_TOPIC_SESSION ? BUS_SESSION
                                                       : BUS_AUTHENTICATION,
                slice_of(frame.room.bytes, 16), envelop(play, &envelope, slice_of(bytes, built.size + body.size), record));
}

/* An envelope that no frontend writes: poison. */
static void step_poison(struct play *play, unsigned choice)
{
        const struct wire_message *message = wire_message_by_code(WIRE_CODE_write);
        struct wire_envelope envelope = envelope_of(play, message, choice);
        struct wire_frame frame = {.code = WIRE_CODE_write, .user = envelope.user, .request = next_request(play, 0)};
        uint8_t bytes[RECORD_MAX], record[RECORD_MAX];
        struct wire_write write = {0};
        enum bus_topic topic = BUS_SESSION;
        struct slice built;

        frame.room = fill_room(choice);
        switch (script_next(play->script) & 7) {
        case 0:
                envelope.frontend = FRONTENDS + script_next(play->script);
                break;
        case 1:
                envelope.epoch = (struct id){{0}};
                break;
        case 2:
                envelope.user = 0;
                break;
        case 3:
                envelope.device = 0;
                break;
        case 4:
                envelope.not_after_ms = 0;
                break;
        case 5:
                frame.request = (struct id){{0}};
                break;
        default:
                topic = choice & 1 ? BUS_QUERY : BUS_AUTHENTICATION;
                break;
        }
        built = wire_frame_build(&frame, &write, bytes, bytes + sizeof(bytes));
        publish(play, topic, slice_of(frame.room.bytes, 16), envelop(play, &envelope, built, record));
        play->poisoned++;
}

/* Any bytes, to any topic that a worker reads. */
static void step_bytes(struct play *play, unsigned choice)
{
        static const enum bus_topic topics[] = {BUS_AUTHENTICATION, BUS_SESSION, BUS_QUERY, BUS_NOTIFY};
        uint8_t value[512] = {choice & 4 ? WIRE_CODE_envelope : WIRE_CODE_mail};
        struct slice key = script_bytes(play->script, BUS_KEY_SIZE_MAX), bytes = script_bytes(play->script, 255);

        if (bytes.size)
                memcpy(value + 1, bytes.data, bytes.size);
        publish(play, topics[choice & 3], key,
                choice & 8 ? slice_of(value + 1, bytes.size) : slice_of(value, bytes.size + 1));
}

static void step_letter(struct play *play, unsigned choice)
{
        struct wire_mail mail = {.kind = choice & 3, .to = fill_text(play->script), .name = fill_text(play->script)};
        uint8_t record[RECORD_MAX];

        mail.language = fill_text(play->script);
        mail.code = SLICE_LITERAL("123456");
        mail.not_after_ms = choice & 4 ? script_number(play->script) : 0;
        publish(play, BUS_NOTIFY, (struct slice){0},
                wire_record_build(WIRE_CODE_mail, &mail, record, record + sizeof(record)));
}

static void step_time(struct play *play, unsigned choice)
{
        hand_clock_advance_ms(&play->clock, (uint64_t)script_next(play->script) << (choice & 7));
}

static void step_run(struct play *play, unsigned choice)
{
        (void)choice;
        run(play);
}

static void (*const steps[8])(struct play *play, unsigned choice) = {
        step_request, step_request, step_body, step_poison, step_bytes, step_letter, step_time, step_run,
};

static void check_store(struct play *play)
{
        const struct store_question question = {.kind = STORE_ASK_CHECK};
        struct store_answer answer = {0};
        struct completion done;
        struct arena arena;

        arena_init(&arena, &(struct arena_source){memory_new, memory_free}, 4096, 1 << 20);
        check(play->stores[0]->ops->ask(play->stores[0], &question, 1, &answer, &arena, 1) == ERR_OK);
        while (play->stores[0]->ops->poll(play->stores[0], &done, 1) == 0)
                continue;
        check(done.outcome == OUTCOME_OK && answer.status == ERR_OK && answer.check.faults == 0);
        arena_finish(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct play play;
        struct script script = {data, data + size};

        play = (struct play){.script = &script};
        play_start(&play);
        for (int i = 0; i < STEPS_MAX && !script_ended(&script); i++) {
                uint8_t step = script_next(&script);

                steps[step & 7](&play, step >> 4);
                if (!(step & 8))
                        run(&play);
        }
        run(&play);
        check_store(&play);
        play_stop(&play);
        return 0;
}
