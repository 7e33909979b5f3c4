/* See stage.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "base/assert.h"
#include "base/memory.h"
#include "crypto/crypto.h"
#include "rules/row.h"
#include "service/stage.h"
#include "service/worker/state.h"
#include "support/faulty_bus.h"
#include "support/faulty_presence.h"
#include "support/faulty_store.h"
#include "support/password_simulation.h"

static const struct arena_source heap_source = {memory_new, memory_free};

/* ---- the script ---- */

static enum fault choose(struct fault_plan *plan, enum fault_call call)
{
        static const char letters[FAULT_CALL_COUNT] = {
                [FAULT_FLUSH] = 'F', [FAULT_COMMIT] = 'C', [FAULT_PRESENCE] = 'P', [FAULT_APPLY] = 'A', [FAULT_ASK] = 'Q'};
        struct script *script = container_of(plan, struct script, plan);
        unsigned long seen = ++script->seen[call];

        if (script->call_count + 1 < sizeof(script->calls))
                script->calls[script->call_count++] = letters[call];
        if (call == FAULT_APPLY && script->culprit)
                return FAULT_FAIL;
        return call == script->call && seen >= script->first && seen - script->first < script->count ? script->fault
                                                                                                     : FAULT_NONE;
}

void stage_fail(struct stage *stage, enum fault_call call, enum fault fault, unsigned long first, unsigned long count)
{
        stage->script = (struct script){
                .plan = {.choose = choose, .delay_polls = 3}, .call = call, .fault = fault, .first = first, .count = count};
        stage->apply_count = 0;
}

/* ---- the store that sees what is applied ---- */

static struct stage *stage_of(struct store *store)
{
        return container_of(store, struct stage, watch);
}

static enum error watch_apply(struct store *store, const struct store_op *ops, size_t count, struct store_result *results,
                              struct arena *arena, uint64_t tag)
{
        struct stage *stage = stage_of(store);

        stage->script.culprit = false;
        for (size_t i = 0; i < count; i++)
                if (ops[i].kind == STORE_WRITE && slice_equal(ops[i].write.text, SLICE_LITERAL("culprit")))
                        stage->script.culprit = true;
        if (stage->apply_count < countof(stage->apply_sizes))
                stage->apply_sizes[stage->apply_count++] = count;
        return stage->watched->ops->apply(stage->watched, ops, count, results, arena, tag);
}

static enum error watch_ask(struct store *store, const struct store_question *questions, size_t count,
                            struct store_answer *answers, struct arena *arena, uint64_t tag)
{
        return stage_of(store)->watched->ops->ask(stage_of(store)->watched, questions, count, answers, arena, tag);
}

static size_t watch_poll(struct store *store, struct completion *completions, size_t max)
{
        return stage_of(store)->watched->ops->poll(stage_of(store)->watched, completions, max);
}

static const struct store_ops watch_ops = {.apply = watch_apply, .ask = watch_ask, .poll = watch_poll};

/* ---- life ---- */

static struct client client_new(struct stage *stage, const char *name, const char *display_name, uint16_t frontend)
{
        struct store_op op = {.kind = STORE_IMPORT};
        struct client client = {random_id63(&stage->random.random), random_id63(&stage->random.random), ++stage->ids,
                                frontend};
        struct store_result result;
        struct completion completion;
        struct presence_entry entry = {client.user, client.connection, client.device, {{(uint8_t)(frontend + 1)}}, frontend};
        struct presence_request requests[] = {{.kind = PRESENCE_BEAT, .entry = entry},
                                              {.kind = PRESENCE_SET, .entry = entry}};
        struct presence_result results[countof(requests)];
        struct presence *presence;
        char email[64];

        snprintf(email, sizeof(email), "%s@example.org", name);
        op.import.email = op.import.email_folded = slice_text(email);
        op.import.user_name = op.import.name_folded = slice_text(name);
        op.import.display_name = slice_text(display_name);
        op.import.device_name = SLICE_LITERAL("laptop");
        op.import.password_hash = "";
        op.import.new_user = client.user;
        op.import.new_device = client.device;
        check(stage->store->ops->apply(stage->store, &op, 1, &result, &stage->arena, 1) == ERR_OK);
        check(stage->store->ops->poll(stage->store, &completion, 1) == 1 && result.status == ERR_OK);
        check(presence_memory_open(stage->memory, &presence) == ERR_OK);
        check(presence->ops->submit(presence, requests, countof(requests), results, &stage->arena, 1) == ERR_OK);
        check(presence->ops->poll(presence, &completion, 1) == 1);
        presence->ops->free(&presence);
        return client;
}

static void open_store(struct stage *stage)
{
        struct store_sqlite_options options = {
                .folder = stage->folder, .clock = &stage->clock.clock, .random = &stage->random.random};
        struct store *inner;
        char text[STORE_ERROR_SIZE];

        snprintf(stage->folder, sizeof(stage->folder), "%s/galka-service-XXXXXX",
                 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
        check(mkdtemp(stage->folder));
        check(store_sqlite_new(&options, &stage->sqlite, text) == ERR_OK);
        check(store_sqlite_open(stage->sqlite, &stage->store) == ERR_OK);
        check(store_sqlite_open(stage->sqlite, &inner) == ERR_OK);
        check(faulty_store_new(inner, &stage->script.plan, &stage->watched) == ERR_OK);
        stage->watch.ops = &watch_ops;
        stage->seams.store = &stage->watch;
}

static void open_bus(struct stage *stage)
{
        struct bus_embedded_options options = {.mode = BUS_EMBEDDED_INLINE};
        struct bus *inner;

        for (int i = 0; i < BUS_TOPIC_COUNT; i++)
                options.log.partitions[i] = i == BUS_FRONTENDS ? STAGE_FRONTENDS : 1;
        check(bus_embedded_new(&options, &stage->embedded) == ERR_OK);
        check(bus_embedded_open(stage->embedded, &stage->client) == ERR_OK);
        for (int i = 0; i < STAGE_FRONTENDS; i++)
                check(stage->client->ops->assign(stage->client, BUS_FRONTENDS, i) == ERR_OK);
        check(stage->client->ops->assign(stage->client, BUS_NOTIFY, 0) == ERR_OK);
        check(stage->client->ops->assign(stage->client, BUS_DEAD_LETTERS, 0) == ERR_OK);
        check(bus_embedded_open(stage->embedded, &inner) == ERR_OK);
        check(faulty_bus_new(inner, &stage->script.plan, &stage->seams.bus) == ERR_OK);
}

void stage_start(struct stage *stage, const struct service *service)
{
        struct presence_memory_options presence = {.mode = PRESENCE_MEMORY_INLINE};
        struct presence *inner;

        *stage = (struct stage){.service = service};
        hand_clock_init(&stage->clock, UINT64_C(1750000000000));
        hand_random_init(&stage->random, 21);
        arena_init(&stage->arena, &heap_source, 1 << 16, 256 << 20);
        memset(stage->keys.current, 'k', sizeof(stage->keys.current));
        stage_fail(stage, FAULT_FLUSH, FAULT_NONE, 0, 0);
        stage->heard = memory_new(sizeof(*stage->heard) * STAGE_HEARD_MAX);
        check(stage->heard);
        stage->seams = (struct worker_seams){.clock = &stage->clock.clock,
                                             .random = &stage->random.random,
                                             .events = &stage->events,
                                             .keys = &stage->keys};
        open_store(stage);
        open_bus(stage);
        presence.clock = &stage->clock.clock;
        check(presence_memory_new(&presence, &stage->memory) == ERR_OK);
        check(presence_memory_open(stage->memory, &inner) == ERR_OK);
        check(faulty_presence_new(inner, &stage->script.plan, &stage->seams.presence) == ERR_OK);
        check(password_simulation_new(&stage->seams.password) == ERR_OK);
        check(worker_new(service, &stage->seams, 0, &stage->worker) == ERR_OK);
        stage_work(stage, 0);
        hand_clock_advance_ms(&stage->clock, WORKER_INHERIT_MS); /* from now on nothing is a predecessor's */
        stage->anna = client_new(stage, "anna", "Anna Petrova", 0);
        stage->boris = client_new(stage, "boris", "Boris", 1);
        stage->clara = client_new(stage, "clara", "Clara", 1);
        stage_work(stage, 0);
        stage_forget(stage);
}

void stage_remove_files(struct stage *stage)
{
        static const char *const names[] = {"galka.db", "galka.db-wal", "galka.db-shm", "lock"};
        char path[128];

        for (size_t i = 0; i < countof(names); i++) {
                snprintf(path, sizeof(path), "%s/%s", stage->folder, names[i]);
                unlink(path);
        }
        check(rmdir(stage->folder) == 0);
}

void stage_worker_anew(struct stage *stage)
{
        worker_free(&stage->worker);
        check(worker_new(stage->service, &stage->seams, 0, &stage->worker) == ERR_OK);
        stage_work(stage, 0);
}

void stage_notes(struct stage *stage, struct notes *notes)
{
        stage->seams.notes = notes;
        stage_worker_anew(stage);
}

void stage_stop(struct stage *stage)
{
        stage->watched->ops->free(&stage->watched);
        stage->seams.presence->ops->free(&stage->seams.presence);
        stage->seams.password->ops->free(&stage->seams.password);
        worker_free(&stage->worker);
        stage->seams.bus->ops->free(&stage->seams.bus);
        stage->client->ops->free(&stage->client);
        stage->store->ops->free(&stage->store);
        store_sqlite_free(&stage->sqlite);
        bus_embedded_free(&stage->embedded);
        presence_memory_free(&stage->memory);
        arena_finish(&stage->arena);
        memory_free(stage->heard);
        stage_remove_files(stage);
}

/* ---- the client's and the frontend's side ---- */

struct id stage_id(struct stage *stage)
{
        uint8_t random[10] = {0};

        be64_put(random + 2, ++stage->ids);
        return id_uuid7(stage->clock.clock.wall_ms(&stage->clock.clock), random);
}

void stage_publish(struct stage *stage, enum bus_topic topic, struct slice key, struct slice value)
{
        struct bus_message record = {.topic = topic, .partition = BUS_PARTITION_BYKEY, .key = key, .value = value};

        check(stage->client->ops->publish(stage->client, &record) == ERR_OK);
        check(stage->client->ops->flush(stage->client, 0) == ERR_OK);
}

void stage_resend(struct stage *stage, const struct client *client, enum wire_code code, struct id room, const void *message,
                  struct id request)
{
        static uint8_t frame_bytes[WIRE_UP_SIZE_MAX], bytes[WIRE_UP_SIZE_MAX + 512];
        struct wire_frame frame = {
                .code = (uint8_t)code, .request = request, .user = client->user, .device = client->device, .room = room};
        struct slice built = wire_frame_build(&frame, message, frame_bytes, frame_bytes + sizeof(frame_bytes));
        struct wire_envelope envelope = {.frontend = client->frontend,
                                         .epoch.bytes = {(uint8_t)(client->frontend + 1)},
                                         .connection = client->connection,
                                         .user = client->user,
                                         .device = client->device,
                                         .not_after_ms = stage->clock.clock.wall_ms(&stage->clock.clock) + STAGE_REPLY_MS};

        check(built.size > 0);
        envelope.frame = slice_of(built.data + WIRE_LENGTH_SIZE, built.size - WIRE_LENGTH_SIZE);
        stage_publish(stage, stage->service->topic, slice_of(room.bytes, sizeof(room.bytes)),
                      wire_record_build(WIRE_CODE_envelope, &envelope, bytes, bytes + sizeof(bytes)));
}

struct id stage_send(struct stage *stage, const struct client *client, enum wire_code code, struct id room,
                     const void *message)
{
        struct id request = stage_id(stage);

        stage_resend(stage, client, code, room, message, request);
        return request;
}

static void hear(struct stage *stage, const struct bus_record *record)
{
        struct heard *heard = &stage->heard[stage->heard_count++];

        check(stage->heard_count < STAGE_HEARD_MAX);
        *heard = (struct heard){.topic = record->topic, .partition = record->partition};
        check(arena_copy(&stage->arena, record->value, &heard->raw));
        heard->record = (enum wire_code)wire_record_code(heard->raw);
        if (heard->record == WIRE_CODE_post) {
                check(wire_record_parse(heard->raw, WIRE_CODE_post, &heard->post) == ERR_OK);
                if (heard->post.frame.size)
                        check(wire_frame_parse(slice_of(heard->post.frame.data + 4, heard->post.frame.size - 4),
                                               &heard->frame) == ERR_OK);
        } else if (heard->record == WIRE_CODE_mail) {
                check(wire_record_parse(heard->raw, WIRE_CODE_mail, &heard->mail) == ERR_OK);
        } else if (heard->record == WIRE_CODE_revoke) {
                check(wire_record_parse(heard->raw, WIRE_CODE_revoke, &heard->revoke) == ERR_OK);
        } else if (heard->record == WIRE_CODE_envelope) {
                check(wire_record_parse(heard->raw, WIRE_CODE_envelope, &heard->dead) == ERR_OK);
        }
}

void stage_work(struct stage *stage, uint64_t for_ms)
{
        uint64_t until_us = stage->clock.us + for_ms * 1000;
        struct bus_event events[64];
        size_t count;

        for (unsigned steps = 0;;) {
                int wait_ms;

                while (worker_step(stage->worker))
                        check(++steps < 100000); /* a worker that never comes to rest */
                wait_ms = worker_wait_ms(stage->worker);
                /* With -1 only completions are waited for: the decorators hold them back for some polls. */
                if (wait_ms < 0 && ++steps % 8 == 0)
                        break;
                if (wait_ms < 0)
                        continue;
                if (stage->clock.us + (uint64_t)wait_ms * 1000 > until_us)
                        break;
                hand_clock_advance_ms(&stage->clock, (uint64_t)max_of(wait_ms, 1));
        }
        while ((count = stage->client->ops->poll(stage->client, events, countof(events))) > 0)
                for (size_t i = 0; i < count; i++)
                        if (events[i].kind == BUS_EVENT_RECORD)
                                hear(stage, &events[i].record);
}

void stage_forget(struct stage *stage)
{
        stage->heard_count = 0;
}

/* ---- looking at what was said ---- */

const struct heard *stage_reply(const struct stage *stage, struct id request)
{
        const struct heard *found = NULL;

        for (size_t i = 0; i < stage->heard_count; i++) {
                const struct heard *heard = &stage->heard[i];

                if (heard->record != WIRE_CODE_post || !id_equal(&heard->post.request, &request))
                        continue;
                /* What was published again after an uncertain flush is the same to the byte. */
                assert_true(!found || slice_equal(found->raw, heard->raw));
                found = heard;
        }
        return found;
}

void stage_body(const struct heard *heard, enum wire_code code, const struct wire_structure *structure, void *message)
{
        assert_non_null(heard);
        assert_int_equal(heard->frame.code, code);
        assert_true(heard->post.frame.size <= WIRE_DOWN_SIZE_MAX);
        assert_int_equal(wire_decode(structure, heard->frame.body, message, NULL), ERR_OK);
}

enum error stage_error(const struct stage *stage, struct id request)
{
        const struct heard *reply = stage_reply(stage, request);
        struct wire_error error;

        assert_non_null(reply);
        if (reply->frame.code != WIRE_CODE_error)
                return ERR_OK;
        stage_body(reply, WIRE_CODE_error, WIRE_STRUCTURE(error), &error);
        return (enum error)error.code;
}

size_t stage_frames_for(const struct stage *stage, const struct client *client, enum wire_code code)
{
        size_t count = 0;

        for (size_t i = 0; i < stage->heard_count; i++) {
                const struct heard *heard = &stage->heard[i];

                if (heard->record != WIRE_CODE_post || heard->frame.code != code || heard->partition != client->frontend)
                        continue;
                for (size_t j = 0; j < wire_post_count(&heard->post); j++)
                        count += wire_post_connection(&heard->post, j) == client->connection;
        }
        return count;
}

size_t stage_records(const struct stage *stage, enum bus_topic topic, enum wire_code record)
{
        size_t count = 0;

        for (size_t i = 0; i < stage->heard_count; i++)
                count += stage->heard[i].topic == topic && stage->heard[i].record == record;
        return count;
}

struct sent stage_say(struct stage *stage, const struct client *client, struct id room, const char *text)
{
        struct wire_operation operation = {.id = stage_id(stage), .kind = ROW_TEXT, .text = slice_text(text)};
        struct wire_write write = {.operations = {.items = &operation, .count = 1}};

        return (struct sent){stage_send(stage, client, WIRE_CODE_write, room, &write), operation.id};
}

struct wire_outcome stage_outcome(const struct stage *stage, struct id request)
{
        struct wire_written written;
        struct wire_iterator iterator;
        struct wire_outcome outcome;

        stage_body(stage_reply(stage, request), WIRE_CODE_written, WIRE_STRUCTURE(written), &written);
        WIRE_LIST_START(&iterator, written, outcomes, &written.outcomes);
        assert_true(wire_list_next(&iterator, &outcome));
        return outcome;
}

struct store_answer stage_ask(struct stage *stage, const struct store_question *question)
{
        struct store_answer answer;
        struct completion completion;

        check(stage->store->ops->ask(stage->store, question, 1, &answer, &stage->arena, 1) == ERR_OK);
        check(stage->store->ops->poll(stage->store, &completion, 1) == 1 && completion.outcome == OUTCOME_OK);
        return answer;
}

size_t stage_rows(struct stage *stage, const struct client *client, struct id room, struct store_row **rows)
{
        struct store_question question = {
                .kind = STORE_ASK_CHANGES, .user = client->user, .device = client->device, .bytes_max = 1 << 20};
        struct store_answer answer;

        question.changes.room = room;
        question.changes.rows_max = 200;
        answer = stage_ask(stage, &question);
        if (rows)
                *rows = answer.rows.rows;
        return answer.status ? 0 : answer.rows.row_count;
}

uint64_t stage_committed(struct stage *stage)
{
        uint64_t committed = bus_log_state(bus_embedded_log(stage->embedded), stage->service->topic, 0).committed;

        return committed == BUS_LOG_NONE ? 0 : committed;
}
