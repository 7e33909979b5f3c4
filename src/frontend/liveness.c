/* See liveness.h. */
#include "frontend/liveness.h"

#include "frontend/ending.h"

enum { NEWCOMERS, HEARD, CLOSING, ENDED, LISTS };

static const struct list *list_at(const struct frontend *frontend, int which)
{
        const struct list *const lists[LISTS] = {&frontend->newcomers, &frontend->heard, &frontend->closing,
                                                 &frontend->ended};

        return lists[which];
}

static uint64_t patience_ms(const struct frontend *frontend, int which)
{
        uint64_t ping_ms = frontend->options.ping_ms;
        const uint64_t patience[LISTS] = {frontend->options.sign_in_ms, 2 * ping_ms + ping_ms / LIVENESS_PRECISION,
                                          ENDING_MS, ENDED_MS};

        return patience[which];
}

/* Milliseconds since the start, in 32 bits: only differences of it are used, and they are far below 49 days. */
static uint32_t now_short(const struct frontend *frontend)
{
        return (uint32_t)(frontend->now_ms - frontend->start_ms);
}

void liveness_wait(struct frontend *frontend, struct connection *connection)
{
        struct list *list = NULL;

        switch ((enum connection_state)connection->state) {
        case CONNECTION_PROXY:
        case CONNECTION_HTTP:
        case CONNECTION_ANSWERED:
        case CONNECTION_HELLO:
        case CONNECTION_SIGNED_OUT:
        case CONNECTION_JOINING:
                list = &frontend->newcomers;
                break;
        case CONNECTION_READY:
                list = &frontend->heard;
                break;
        case CONNECTION_CLOSING:
                list = &frontend->closing;
                break;
        case CONNECTION_ENDED:
                list = &frontend->ended;
                break;
        case CONNECTION_LEAVING:
                break;
        case CONNECTION_FREE:
        case CONNECTION_STATE_COUNT:
                unreachable();
        }
        list_remove(&connection->waits);
        connection->since_ms = now_short(frontend);
        if (list)
                list_append(list, &connection->waits);
}

void liveness_heard(struct frontend *frontend, struct connection *connection)
{
        if (connection->state != CONNECTION_READY)
                return;
        if (now_short(frontend) - connection->since_ms >= frontend->options.ping_ms / LIVENESS_PRECISION)
                liveness_wait(frontend, connection);
}

static struct connection *first_of(const struct list *list)
{
        struct list_node *node = list_first(list);

        return node ? container_of(node, struct connection, waits) : NULL;
}

static void expire(struct frontend *frontend, struct connection *connection, int which)
{
        if (which >= CLOSING) {
                connection_drop(frontend, connection);
                return;
        }
        frontend->counts.idle_closed++;
        connection_end(frontend, connection, ERR_IDLE, 0);
}

void liveness_run(struct frontend *frontend)
{
        for (int which = 0; which < LISTS; which++) {
                struct connection *connection;
                int ended = 0;

                while (ended++ < LIVENESS_ENDS_MAX && (connection = first_of(list_at(frontend, which))) &&
                       now_short(frontend) - connection->since_ms >= patience_ms(frontend, which))
                        expire(frontend, connection, which);
        }
}

uint64_t liveness_next_ms(const struct frontend *frontend)
{
        uint64_t next = UINT64_MAX;

        for (int which = 0; which < LISTS; which++) {
                const struct connection *connection = first_of(list_at(frontend, which));
                uint64_t waited;

                if (!connection)
                        continue;
                waited = now_short(frontend) - connection->since_ms;
                next = min_of(next,
                              frontend->now_ms +
                                      (waited < patience_ms(frontend, which) ? patience_ms(frontend, which) - waited : 0));
        }
        return next;
}
