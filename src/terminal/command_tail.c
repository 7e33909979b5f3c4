/*
 * galka tail: prints messages as they come. The first message from somebody new comes before the core knows who that is: it asks, and
 * what he says is held back until it is told or TAIL_HOLD_MS have passed; what others say is not. Who owns what: a held row is a copy
 * on the heap, in the list until it is printed.
 */
#include <signal.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/memory.h"
#include "terminal/command.h"
#include "terminal/print.h"

#define TAIL_HOLD_MS  3000
#define TAIL_HELD_MAX 64 /* rows held at a time; one more and the oldest is printed as it is */
#define TAIL_TURN_MS  1000

struct held {
        struct list_node node;
        struct id room;
        struct wire_row row;
        uint64_t until_ms;
        uint8_t text[];
};

struct tail {
        struct session *session;
        bool one_room;
        struct id room;
        struct list held; /* in the order they came */
        unsigned held_count;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
        (void)signal;
        interrupted = 1;
}

static void print_now(struct tail *tail, const struct id *room, const struct wire_row *row)
{
        print_row(tail->session, row->changed == row->seq ? "message" : "changed", room, row);
}

static void print_held(struct tail *tail, struct held *held)
{
        print_now(tail, &held->room, &held->row);
        list_remove(&held->node);
        tail->held_count--;
        memory_free(held);
}

/* Rows of one room stay in their order: nothing overtakes one that is held. */
static bool room_is_held(const struct tail *tail, const struct id *room)
{
        list_each(&tail->held, held, struct held, node)
                if (id_equal(&held->room, room))
                        return true;
        return false;
}

/* False: there is no memory for it. */
static bool hold(struct tail *tail, const struct id *room, const struct wire_row *row)
{
        struct held *held = memory_new(sizeof(*held) + row->text.size);

        if (!held)
                return false;
        if (tail->held_count == TAIL_HELD_MAX)
                print_held(tail, container_of(list_first(&tail->held), struct held, node));
        held->room = *room;
        held->row = *row;
        if (row->text.size)
                memcpy(held->text, row->text.data, row->text.size);
        held->row.text = slice_of(held->text, row->text.size);
        held->until_ms = host_time(tail->session->host).now_ms + TAIL_HOLD_MS;
        list_append(&tail->held, &held->node);
        tail->held_count++;
        return true;
}

/* True while it must wait: its sender is not known yet, or something of its room that came before it waits. */
static bool must_wait(struct tail *tail, const struct held *held, uint64_t now_ms)
{
        if (held->until_ms <= now_ms)
                return false;
        list_each(&tail->held, earlier, struct held, node) {
                if (earlier == held)
                        break;
                if (id_equal(&earlier->room, &held->room))
                        return true;
        }
        return !session_knows(tail->session, &held->room, held->row.sender);
}

/* Prints what need not be held any longer; all of it at the end. */
static void let_go(struct tail *tail, bool all)
{
        uint64_t now_ms = host_time(tail->session->host).now_ms;

        list_each(&tail->held, held, struct held, node)
                if (all || !must_wait(tail, held, now_ms))
                        print_held(tail, held);
}

static void on_tail(void *context, const struct core_event *event)
{
        struct tail *tail = context;

        if (event->kind != CORE_EVENT_ROW || (tail->one_room && !id_equal(&event->room, &tail->room)))
                return;
        if ((session_knows(tail->session, &event->room, event->row.sender) && !room_is_held(tail, &event->room)) ||
            !hold(tail, &event->room, &event->row))
                print_now(tail, &event->room, &event->row);
}

int command_tail(struct session *session, int count, char **words)
{
        struct tail tail = {.session = session, .one_room = count > 0};
        int result = session_need_lead(session);

        if (result == EXIT_DONE && count > 0)
                result = session_find_room(session, words[0], &tail.room);
        if (result != EXIT_DONE)
                return result;
        list_init(&tail.held);
        signal(SIGINT, on_interrupt);
        signal(SIGTERM, on_interrupt);
        host_set_listener(session->host, on_tail, &tail);
        while (!interrupted && !session->host->storage_failed && core_phase(session->host->core) != CORE_SIGNED_OUT &&
               !ferror(stdout)) {
                host_turn(session->host, TAIL_TURN_MS);
                let_go(&tail, false);
        }
        host_set_listener(session->host, NULL, NULL);
        let_go(&tail, true);
        if (session->host->storage_failed)
                return session_complain(EXIT_DISK, "the profile cannot be written");
        if (core_phase(session->host->core) == CORE_SIGNED_OUT)
                return session_complain(EXIT_SIGN_IN, "the server signed this device out");
        return EXIT_DONE;
}
