/* See budget.h. */
#include "frontend/budget.h"

#include "frontend/ending.h"

static bool asks_by_http(const struct connection *connection)
{
        return connection->state == CONNECTION_HTTP || connection->state == CONNECTION_ANSWERED;
}

void budget_block(struct frontend *frontend, struct traffic *traffic)
{
        bool http = asks_by_http(traffic->connection);

        if (list_linked(&traffic->blocked))
                return;
        list_append(http ? &frontend->waiting.blocked_http : &frontend->waiting.blocked, &traffic->blocked);
        traffic->blocked_secured = http && traffic->connection->secured;
        frontend->waiting.http_secured += traffic->blocked_secured;
        frontend->seams.net->ops->want_write(frontend->seams.net, traffic->connection->socket, true);
}

void budget_unblock(struct frontend *frontend, struct traffic *traffic)
{
        if (!list_linked(&traffic->blocked))
                return;
        list_remove(&traffic->blocked);
        frontend->waiting.http_secured -= traffic->blocked_secured; /* it may speak frames by now */
        traffic->blocked_secured = false;
        frontend->seams.net->ops->want_write(frontend->seams.net, traffic->connection->socket, false);
}

/* NULL: nobody is to go. */
static struct traffic *slowest(const struct frontend *frontend)
{
        const struct waiting *waiting = &frontend->waiting;
        uint64_t http = waiting->bytes[BLOCK_OF_HTTP] + (uint64_t)waiting->http_secured * BUDGET_HTTP_RECORD;
        bool too_much = http > frontend->options.send_bytes_max / BUDGET_HTTP_SHARE;
        const struct list *list =
                too_much && !list_empty(&waiting->blocked_http) ? &waiting->blocked_http : &waiting->blocked;
        struct list_node *node = list_first(list);

        return node ? container_of(node, struct traffic, blocked) : NULL;
}

void budget_make_room(struct frontend *frontend, size_t size)
{
        struct traffic *traffic;

        while (!budget_has_room(frontend, size) && (traffic = slowest(frontend))) {
                frontend->counts.slow_closed++;
                connection_drop(frontend, traffic->connection);
        }
}
