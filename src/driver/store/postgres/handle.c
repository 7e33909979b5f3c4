/*
 * A handle of the store: takes jobs, gives them to its connections, tells their ends. Its descriptor is an epoll of the connections'
 * sockets, a timer for what is due, and an eventfd for completions that are already there.
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/memory.h"
#include "driver/store/postgres/asking.h"
#include "driver/store/postgres/inside.h"
#include "driver/store/postgres/transaction.h"

#define EVENTS_MAX 32

struct job {
        struct list_node node; /* of applies, questions or done; linked nowhere while it is being worked on */
        bool taken;
        bool writes;
        struct transaction_job apply;
        struct asking_job ask;
        struct completion completion;
};

struct handle {
        struct store store;
        struct store_postgres *postgres;
        int epoll, timer, wake;
        uint64_t timer_us; /* when it is set for; 0: not */
        struct job jobs[STORE_JOBS_MAX];
        struct list applies, questions, done;
        struct transaction transaction;
        struct job *applying;
        struct asking *askings;
        struct job *asked[STORE_POSTGRES_READERS_MAX];
        unsigned readers;
};

static struct handle *handle_of(struct store *store)
{
        return container_of(store, struct handle, store);
}

static uint64_t now_us(const struct handle *handle)
{
        struct clock *clock = handle->postgres->options.clock;

        return clock->monotonic_us(clock);
}

static void wake_self(struct handle *handle)
{
        uint64_t one = 1;

        if (write(handle->wake, &one, sizeof(one)) != sizeof(one))
                return; /* its counter is full: it is readable already */
}

static void complete(struct handle *handle, struct job *job, enum outcome outcome)
{
        job->completion.outcome = outcome;
        list_append(&handle->done, &job->node);
}

static void on_applied(void *owner, enum outcome outcome)
{
        struct handle *handle = owner;
        struct job *job = handle->applying;

        handle->applying = NULL;
        complete(handle, job, outcome);
}

static void on_asked(void *owner, struct asking *asking, enum outcome outcome)
{
        struct handle *handle = owner;
        size_t place = (size_t)(asking - handle->askings);
        struct job *job = handle->asked[place];

        handle->asked[place] = NULL;
        complete(handle, job, outcome);
}

/* ---- time ---- */

static void sooner(uint64_t *due_us, uint64_t other_us)
{
        if (other_us && (!*due_us || other_us < *due_us))
                *due_us = other_us;
}

static uint64_t next_due(const struct handle *handle)
{
        const struct list *queues[] = {&handle->applies, &handle->questions};
        uint64_t due_us = 0;

        sooner(&due_us, connection_due(&handle->transaction.connection));
        sooner(&due_us, transaction_due(&handle->transaction));
        for (unsigned i = 0; i < handle->readers; i++)
                sooner(&due_us, connection_due(&handle->askings[i].connection));
        for (size_t i = 0; i < countof(queues); i++) {
                const struct list_node *node = list_first((struct list *)queues[i]);
                const struct job *job = node ? container_of(node, struct job, node) : NULL;

                if (job)
                        sooner(&due_us, job->writes ? job->apply.due_us : job->ask.due_us);
        }
        return due_us;
}

static void set_timer(struct handle *handle)
{
        uint64_t due_us = next_due(handle), now = now_us(handle), wait_us;
        struct itimerspec when = {0};

        if (due_us == handle->timer_us)
                return;
        wait_us = due_us > now ? due_us - now : 1;
        if (due_us) {
                when.it_value.tv_sec = (time_t)(wait_us / 1000000);
                when.it_value.tv_nsec = (long)(wait_us % 1000000 * 1000);
        }
        handle->timer_us = due_us;
        check(timerfd_settime(handle->timer, 0, &when, NULL) == 0);
}

/* What waits and cannot be done in time, since nobody answers: nothing of it was done. */
static void expire(struct handle *handle, uint64_t now)
{
        struct list *queues[] = {&handle->applies, &handle->questions};

        for (size_t i = 0; i < countof(queues); i++) {
                list_each(queues[i], job, struct job, node) {
                        if (now < (job->writes ? job->apply.due_us : job->ask.due_us))
                                continue;
                        list_remove(&job->node);
                        complete(handle, job, OUTCOME_FAILED);
                }
        }
}

/* ---- work ---- */

static void start_jobs(struct handle *handle)
{
        struct list_node *node;

        while (transaction_can_start(&handle->transaction) && (node = list_pop(&handle->applies))) {
                handle->applying = container_of(node, struct job, node);
                transaction_start(&handle->transaction, &handle->applying->apply);
        }
        for (unsigned i = 0; i < handle->readers; i++) {
                if (!asking_can_start(&handle->askings[i]))
                        continue;
                node = list_pop(&handle->questions);
                if (!node)
                        break;
                handle->asked[i] = container_of(node, struct job, node);
                asking_start(&handle->askings[i], &handle->asked[i]->ask);
        }
}

static void look_for_events(struct handle *handle)
{
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(handle->epoll, events, EVENTS_MAX, 0);
        uint64_t times;

        for (int i = 0; i < count; i++) {
                if (events[i].data.ptr == &handle->timer) {
                        if (read(handle->timer, &times, sizeof(times)) > 0)
                                handle->timer_us = 0;
                } else if (events[i].data.ptr == &handle->wake) {
                        if (read(handle->wake, &times, sizeof(times)) < 0)
                                times = 0;
                } else {
                        ((struct connection *)events[i].data.ptr)->event = true;
                }
        }
}

static void work_on(struct connection *connection, uint64_t now)
{
        if (connection->event || (connection_due(connection) && now >= connection_due(connection)))
                connection_work(connection, now);
}

static void work(struct handle *handle)
{
        uint64_t now;

        look_for_events(handle);
        now = now_us(handle);
        work_on(&handle->transaction.connection, now);
        transaction_work(&handle->transaction, now);
        for (unsigned i = 0; i < handle->readers; i++)
                work_on(&handle->askings[i].connection, now);
        expire(handle, now);
        start_jobs(handle);
}

/* ---- the seam ---- */

static struct job *take_job(struct handle *handle, uint64_t tag)
{
        for (size_t i = 0; i < STORE_JOBS_MAX; i++) {
                if (handle->jobs[i].taken)
                        continue;
                handle->jobs[i] = (struct job){.taken = true, .completion = {.tag = tag}};
                return &handle->jobs[i];
        }
        return NULL;
}

/* What is submitted goes on its way at once if there is a way; a completion is told by poll in any case. */
static void submitted(struct handle *handle)
{
        start_jobs(handle);
        set_timer(handle);
        if (!list_empty(&handle->done))
                wake_self(handle);
}

static enum error handle_apply(struct store *store, const struct store_op *ops, size_t count, struct store_result *results,
                               struct arena *arena, uint64_t tag)
{
        struct handle *handle = handle_of(store);
        struct job *job = take_job(handle, tag);

        check(count > 0 && count <= STORE_OPS_MAX);
        if (!job)
                return ERR_FULL;
        job->writes = true;
        job->apply = (struct transaction_job){ops, count, results, arena, now_us(handle) + STORE_POSTGRES_ANSWER_MS * 1000};
        list_append(&handle->applies, &job->node);
        submitted(handle);
        return ERR_OK;
}

static bool is_check(const struct store_question *questions, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (questions[i].kind == STORE_ASK_CHECK)
                        return true;
        return false;
}

static enum error handle_ask(struct store *store, const struct store_question *questions, size_t count,
                             struct store_answer *answers, struct arena *arena, uint64_t tag)
{
        struct handle *handle = handle_of(store);
        struct job *job = take_job(handle, tag);
        uint64_t wait_ms = is_check(questions, count) ? CHECK_MS : STORE_POSTGRES_ANSWER_MS;

        check(count > 0 && count <= STORE_QUESTIONS_MAX);
        if (!job)
                return ERR_FULL;
        job->ask = (struct asking_job){questions, count, answers, arena, now_us(handle) + 1000 * wait_ms};
        list_append(&handle->questions, &job->node);
        submitted(handle);
        return ERR_OK;
}

static size_t handle_poll(struct store *store, struct completion *completions, size_t max)
{
        struct handle *handle = handle_of(store);
        struct list_node *node;
        size_t count = 0;

        work(handle);
        while (count < max && (node = list_pop(&handle->done))) {
                struct job *job = container_of(node, struct job, node);

                completions[count++] = job->completion;
                job->taken = false;
        }
        set_timer(handle);
        if (!list_empty(&handle->done))
                wake_self(handle);
        return count;
}

static int handle_fd(struct store *store)
{
        return handle_of(store)->epoll;
}

static void close_all(struct handle *handle)
{
        const int descriptors[] = {handle->timer, handle->wake, handle->epoll};

        for (size_t i = 0; i < countof(descriptors); i++)
                if (descriptors[i] >= 0)
                        close(descriptors[i]);
}

/* What is out is forgotten: its transaction may yet be committed, but touches nothing of its owner's. */
static void handle_free(struct store **store)
{
        struct handle *handle = *store ? handle_of(*store) : NULL;

        if (!handle)
                return;
        *store = NULL;
        if (handle->askings) {
                transaction_finish(&handle->transaction);
                for (unsigned i = 0; i < handle->readers; i++)
                        asking_finish(&handle->askings[i]);
        }
        close_all(handle);
        postgres_handle_gone(handle->postgres);
        memory_free(handle->askings);
        memory_free(handle);
}

static const struct store_ops handle_ops = {handle_free, handle_fd, handle_apply, handle_ask, handle_poll};

static bool watch(struct handle *handle, int *descriptor)
{
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = descriptor};

        return *descriptor >= 0 && epoll_ctl(handle->epoll, EPOLL_CTL_ADD, *descriptor, &event) == 0;
}

enum error store_postgres_open(struct store_postgres *postgres, struct store **store)
{
        struct handle *handle = memory_new(sizeof(*handle));
        const struct store_postgres_options *options = &postgres->options;

        *store = NULL;
        if (!handle)
                return ERR_NO_MEMORY;
        handle->store.ops = &handle_ops;
        handle->postgres = postgres;
        postgres_handle_comes(postgres);
        list_init(&handle->applies);
        list_init(&handle->questions);
        list_init(&handle->done);
        handle->epoll = epoll_create1(EPOLL_CLOEXEC);
        handle->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        handle->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        handle->readers = min_of(options->readers ? options->readers : STORE_POSTGRES_READERS, STORE_POSTGRES_READERS_MAX);
        handle->askings = memory_new(sizeof(*handle->askings) * handle->readers);
        *store = &handle->store;
        if (!handle->askings || handle->epoll < 0 || !watch(handle, &handle->timer) || !watch(handle, &handle->wake)) {
                enum error error = handle->askings ? ERR_SYSTEM : ERR_NO_MEMORY;

                handle_free(store);
                return error;
        }
        transaction_init(&handle->transaction, options, handle->epoll, on_applied, handle);
        for (unsigned i = 0; i < handle->readers; i++)
                asking_init(&handle->askings[i], options, handle->epoll, on_asked, handle);
        /* The first connections are begun now, and whoever waits on the descriptor hears of them. */
        work(handle);
        set_timer(handle);
        return ERR_OK;
}

const struct transaction *store_postgres_transaction(struct store *store)
{
        return &handle_of(store)->transaction;
}
