/* The meters of store, presence and mail; see meter.h. */
#include "server/meter.h"

#include "base/memory.h"
#include "server/flights.h"

#define PROBE_TAG        UINT64_MAX /* no role's */
#define PROBE_ARENA_SIZE 4096

static const struct arena_source heap_source = {memory_new, memory_free};

_Static_assert(METRIC_STORE_APPLIED_OK + OUTCOME_UNCERTAIN == METRIC_STORE_APPLIED_UNCERTAIN, "in the order of outcomes");
_Static_assert(METRIC_STORE_ASKED_OK + OUTCOME_UNCERTAIN == METRIC_STORE_ASKED_UNCERTAIN, "in the order of outcomes");
_Static_assert(METRIC_PRESENCE_OK + OUTCOME_UNCERTAIN == METRIC_PRESENCE_UNCERTAIN, "in the order of outcomes");
_Static_assert(METRIC_MAIL_OK + OUTCOME_UNCERTAIN == METRIC_MAIL_UNCERTAIN, "in the order of outcomes");

/* ---- what store and presence share: times, and whether there are answers ---- */

struct watch {
        struct metrics *metrics;
        struct clock *clock;
        enum metric up, waiting;
        struct flights flights;
        uint64_t answered_us;
        bool failed_is_down; /* whatever fails: no request has a fault of its own there */
        bool asks;           /* the meter asks something itself when nobody does */
        bool out;            /* that is under way */
        struct arena arena;
};

static uint64_t now_us(const struct watch *watch)
{
        return watch->clock->monotonic_us(watch->clock);
}

static void watch_init(struct watch *watch, struct metrics *metrics, struct clock *clock, enum metric up,
                       enum metric waiting)
{
        *watch = (struct watch){.metrics = metrics, .clock = clock, .up = up, .waiting = waiting};
        arena_init(&watch->arena, &heap_source, PROBE_ARENA_SIZE, 16 * PROBE_ARENA_SIZE);
}

static void watch_leave(struct watch *watch, uint64_t tag, enum histogram histogram)
{
        flights_leave(&watch->flights, tag, now_us(watch), histogram);
        metrics_set(watch->metrics, watch->waiting, watch->flights.count);
}

/* What failed may have been the request's own fault; what was answered was answered. */
static void watch_return(struct watch *watch, const struct completion *completion, enum histogram *histogram)
{
        (void)flights_return(&watch->flights, completion->tag, now_us(watch), watch->metrics, histogram);
        metrics_set(watch->metrics, watch->waiting, watch->flights.count);
        if (completion->outcome == OUTCOME_OK) {
                watch->answered_us = now_us(watch);
                metrics_set(watch->metrics, watch->up, 1);
        } else if (completion->tag == PROBE_TAG || watch->failed_is_down) {
                metrics_set(watch->metrics, watch->up, 0);
        }
}

/* Nothing has come back for too long. */
static void watch_look(struct watch *watch)
{
        uint64_t oldest_us = flights_oldest_us(&watch->flights);

        if (oldest_us != UINT64_MAX && now_us(watch) > oldest_us + METER_PATIENCE_MS * 1000)
                metrics_set(watch->metrics, watch->up, 0);
}

/* True when the meter is to ask something itself: nobody was answered for a while. At first nobody was ever. */
static bool watch_wonders(struct watch *watch)
{
        return watch->asks && !watch->out &&
               (watch->answered_us == 0 || now_us(watch) > watch->answered_us + METER_PROBE_MS * 1000);
}

/* ---- store ---- */

struct store_meter {
        struct store store;
        struct store *inner;
        struct watch watch;
        struct store_question question;
        struct store_answer answer;
};

static struct store_meter *store_meter_of(struct store *store)
{
        return container_of(store, struct store_meter, store);
}

static enum error store_meter_apply(struct store *store, const struct store_op *ops, size_t count,
                                    struct store_result *results, struct arena *arena, uint64_t tag)
{
        struct store_meter *meter = store_meter_of(store);
        enum error error = meter->inner->ops->apply(meter->inner, ops, count, results, arena, tag);

        if (error) {
                metrics_add(meter->watch.metrics, METRIC_STORE_FULL, error == ERR_FULL);
                return error;
        }
        metrics_observe(meter->watch.metrics, HISTOGRAM_STORE_BATCH, count);
        watch_leave(&meter->watch, tag, HISTOGRAM_STORE_APPLY);
        return ERR_OK;
}

static enum error store_meter_ask(struct store *store, const struct store_question *questions, size_t count,
                                  struct store_answer *answers, struct arena *arena, uint64_t tag)
{
        struct store_meter *meter = store_meter_of(store);
        enum error error = meter->inner->ops->ask(meter->inner, questions, count, answers, arena, tag);

        if (error)
                metrics_add(meter->watch.metrics, METRIC_STORE_FULL, error == ERR_FULL);
        else
                watch_leave(&meter->watch, tag, HISTOGRAM_STORE_ASK);
        return error;
}

/* A device that nobody has: answered by one look into an index. */
static void store_probe(struct store_meter *meter)
{
        arena_reset(&meter->watch.arena);
        meter->question = (struct store_question){.kind = STORE_ASK_DEVICE, .user = 1, .device = 1};
        if (meter->inner->ops->ask(meter->inner, &meter->question, 1, &meter->answer, &meter->watch.arena, PROBE_TAG))
                return;
        meter->watch.out = true;
        watch_leave(&meter->watch, PROBE_TAG, HISTOGRAM_STORE_ASK);
}

/* False: it is the meter's own, and nobody else's business. */
static bool store_returned(struct store_meter *meter, const struct completion *completion)
{
        enum histogram histogram = HISTOGRAM_STORE_ASK;
        bool own = completion->tag == PROBE_TAG;
        enum metric first;

        watch_return(&meter->watch, completion, &histogram);
        first = histogram == HISTOGRAM_STORE_APPLY ? METRIC_STORE_APPLIED_OK : METRIC_STORE_ASKED_OK;
        metrics_add(meter->watch.metrics, (enum metric)(first + completion->outcome), 1);
        if (own)
                meter->watch.out = false;
        return !own;
}

static size_t store_meter_poll(struct store *store, struct completion *completions, size_t max)
{
        struct store_meter *meter = store_meter_of(store);
        size_t got, count = 0;

        do { /* once more if only the meter's own came: who gets nothing sleeps */
                got = meter->inner->ops->poll(meter->inner, completions, max);
                for (size_t i = 0; i < got; i++)
                        if (store_returned(meter, &completions[i]))
                                completions[count++] = completions[i];
        } while (got == max && count == 0 && max > 0);
        watch_look(&meter->watch);
        if (watch_wonders(&meter->watch))
                store_probe(meter);
        return count;
}

static int store_meter_fd(struct store *store)
{
        return store_meter_of(store)->inner->ops->fd(store_meter_of(store)->inner);
}

static void store_meter_free(struct store **store)
{
        struct store_meter *meter;

        if (!*store)
                return;
        meter = store_meter_of(*store);
        *store = NULL;
        meter->inner->ops->free(&meter->inner);
        arena_finish(&meter->watch.arena);
        memory_free(meter);
}

enum error meter_store(struct store **store, struct metrics *metrics, struct clock *clock)
{
        static const struct store_ops ops = {
                .free = store_meter_free,
                .fd = store_meter_fd,
                .apply = store_meter_apply,
                .ask = store_meter_ask,
                .poll = store_meter_poll,
        };
        struct store_meter *meter = memory_new(sizeof(*meter));

        if (!meter)
                return ERR_NO_MEMORY;
        meter->store.ops = &ops;
        meter->inner = *store;
        watch_init(&meter->watch, metrics, clock, METRIC_STORE_UP, METRIC_STORE_WAITING);
        meter->watch.asks = true;
        metrics->groups |= METRICS_STORE;
        *store = &meter->store;
        return ERR_OK;
}

/* ---- presence ---- */

struct presence_meter {
        struct presence presence;
        struct presence *inner;
        struct watch watch;
        struct presence_request request;
        struct presence_result result;
};

static struct presence_meter *presence_meter_of(struct presence *presence)
{
        return container_of(presence, struct presence_meter, presence);
}

static enum error presence_meter_submit(struct presence *presence, const struct presence_request *requests, size_t count,
                                        struct presence_result *results, struct arena *arena, uint64_t tag)
{
        struct presence_meter *meter = presence_meter_of(presence);
        enum error error = meter->inner->ops->submit(meter->inner, requests, count, results, arena, tag);

        if (error) {
                metrics_add(meter->watch.metrics, METRIC_PRESENCE_FULL, error == ERR_FULL);
                return error;
        }
        metrics_add(meter->watch.metrics, METRIC_PRESENCE_REQUESTS, count);
        watch_leave(&meter->watch, tag, HISTOGRAM_PRESENCE_TIME);
        return ERR_OK;
}

static void presence_probe(struct presence_meter *meter)
{
        arena_reset(&meter->watch.arena);
        meter->request = (struct presence_request){.kind = PRESENCE_GET, .entry.user = 1};
        if (meter->inner->ops->submit(meter->inner, &meter->request, 1, &meter->result, &meter->watch.arena, PROBE_TAG))
                return;
        meter->watch.out = true;
        watch_leave(&meter->watch, PROBE_TAG, HISTOGRAM_PRESENCE_TIME);
}

static bool presence_returned(struct presence_meter *meter, const struct completion *completion)
{
        enum histogram histogram;
        bool own = completion->tag == PROBE_TAG;

        watch_return(&meter->watch, completion, &histogram);
        metrics_add(meter->watch.metrics, (enum metric)(METRIC_PRESENCE_OK + completion->outcome), 1);
        if (own)
                meter->watch.out = false;
        return !own;
}

static size_t presence_meter_poll(struct presence *presence, struct completion *completions, size_t max)
{
        struct presence_meter *meter = presence_meter_of(presence);
        size_t got, count = 0;

        do { /* once more if only the meter's own came: who gets nothing sleeps */
                got = meter->inner->ops->poll(meter->inner, completions, max);
                for (size_t i = 0; i < got; i++)
                        if (presence_returned(meter, &completions[i]))
                                completions[count++] = completions[i];
        } while (got == max && count == 0 && max > 0);
        watch_look(&meter->watch);
        if (watch_wonders(&meter->watch))
                presence_probe(meter);
        return count;
}

static int presence_meter_fd(struct presence *presence)
{
        return presence_meter_of(presence)->inner->ops->fd(presence_meter_of(presence)->inner);
}

static void presence_meter_free(struct presence **presence)
{
        struct presence_meter *meter;

        if (!*presence)
                return;
        meter = presence_meter_of(*presence);
        *presence = NULL;
        meter->inner->ops->free(&meter->inner);
        arena_finish(&meter->watch.arena);
        memory_free(meter);
}

enum error meter_presence(struct presence **presence, bool asks, struct metrics *metrics, struct clock *clock)
{
        static const struct presence_ops ops = {
                .free = presence_meter_free,
                .fd = presence_meter_fd,
                .submit = presence_meter_submit,
                .poll = presence_meter_poll,
        };
        struct presence_meter *meter = memory_new(sizeof(*meter));

        if (!meter)
                return ERR_NO_MEMORY;
        meter->presence.ops = &ops;
        meter->inner = *presence;
        watch_init(&meter->watch, metrics, clock, METRIC_PRESENCE_UP, METRIC_PRESENCE_WAITING);
        meter->watch.failed_is_down = true;
        meter->watch.asks = asks;
        metrics->groups |= METRICS_PRESENCE;
        *presence = &meter->presence;
        return ERR_OK;
}

/* ---- mail ---- */

struct mail_meter {
        struct mail mail;
        struct mail *inner;
        struct metrics *metrics;
};

static struct mail_meter *mail_meter_of(struct mail *mail)
{
        return container_of(mail, struct mail_meter, mail);
}

static enum error mail_meter_submit(struct mail *mail, const struct mail_letter *letter, uint64_t tag)
{
        return mail_meter_of(mail)->inner->ops->submit(mail_meter_of(mail)->inner, letter, tag);
}

static size_t mail_meter_poll(struct mail *mail, struct completion *completions, size_t max)
{
        struct mail_meter *meter = mail_meter_of(mail);
        size_t count = meter->inner->ops->poll(meter->inner, completions, max);

        for (size_t i = 0; i < count; i++)
                metrics_add(meter->metrics, (enum metric)(METRIC_MAIL_OK + completions[i].outcome), 1);
        return count;
}

static int mail_meter_fd(struct mail *mail)
{
        return mail_meter_of(mail)->inner->ops->fd(mail_meter_of(mail)->inner);
}

static void mail_meter_free(struct mail **mail)
{
        struct mail_meter *meter;

        if (!*mail)
                return;
        meter = mail_meter_of(*mail);
        *mail = NULL;
        meter->inner->ops->free(&meter->inner);
        memory_free(meter);
}

enum error meter_mail(struct mail **mail, struct metrics *metrics)
{
        static const struct mail_ops ops = {
                .free = mail_meter_free,
                .fd = mail_meter_fd,
                .submit = mail_meter_submit,
                .poll = mail_meter_poll,
        };
        struct mail_meter *meter = memory_new(sizeof(*meter));

        if (!meter)
                return ERR_NO_MEMORY;
        meter->mail.ops = &ops;
        meter->inner = *mail;
        meter->metrics = metrics;
        metrics->groups |= METRICS_MAIL;
        *mail = &meter->mail;
        return ERR_OK;
}
