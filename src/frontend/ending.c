/* See ending.h. */
#include "frontend/ending.h"

#include "frontend/answer.h"
#include "frontend/http.h"
#include "frontend/input.h"
#include "frontend/liveness.h"
#include "frontend/output.h"
#include "frontend/upkeep.h"
#include "frontend/websocket.h"

/* Nobody is to be reached here any more. */
static void detach(struct frontend *frontend, struct connection *connection)
{
        if (connection->state == CONNECTION_READY)
                frontend->counts.ready--;
        if (connection->user) {
                upkeep_remove(frontend, &frontend->epoch, connection->user, connection->id);
                connection_bind(&frontend->connections, connection, 0, 0, NULL);
        }
}

void connection_drop(struct frontend *frontend, struct connection *connection)
{
        check(connection->state != CONNECTION_FREE);
        detach(frontend, connection);
        input_forget(frontend, connection);
        traffic_free(frontend, connection);
        frontend->seams.net->ops->close(frontend->seams.net, connection->socket);
        if (connection->address)
                limiter_drop(&frontend->addresses, connection->address);
        connection->address = NULL;
        connection_free(&frontend->connections, connection);
        frontend->counts.closed++;
        frontend->counts.connections = frontend->connections.count;
}

/* It hears nothing more, and nothing but its last word follows what is queued. */
static void begin_end(struct frontend *frontend, struct connection *connection)
{
        detach(frontend, connection);
        connection_move(connection, CONNECTION_CLOSING);
        input_forget(frontend, connection);
        output_forget_held(frontend, connection);
        liveness_wait(frontend, connection);
}

void connection_end(struct frontend *frontend, struct connection *connection, enum error error, uint32_t retry_after_ms)
{
        uint64_t id = connection->id;

        if (connection->state >= CONNECTION_CLOSING || connection->state == CONNECTION_FREE)
                return;
        if (connection->state == CONNECTION_HTTP || connection->state == CONNECTION_ANSWERED) {
                http_end(frontend, connection, error);
                return;
        }
        begin_end(frontend, connection);
        answer_bye(frontend, connection, error, retry_after_ms);
        if (connection->framed && connection->id == id)
                websocket_queue_close(frontend, connection, error == ERR_DRAINING ? FRAMING_GOING_AWAY : FRAMING_NORMAL);
}

void connection_end_framed(struct frontend *frontend, struct connection *connection, uint16_t code)
{
        check(connection->framed);
        if (connection->state >= CONNECTION_CLOSING || connection->state == CONNECTION_FREE)
                return;
        begin_end(frontend, connection);
        output_discard(frontend, connection);
        websocket_queue_close(frontend, connection, code);
}

void connection_leave(struct frontend *frontend, struct connection *connection)
{
        if (connection->state <= CONNECTION_HELLO) {
                connection_end(frontend, connection, ERR_DRAINING, FRONTEND_RETRY_MS);
                return;
        }
        if (connection->state >= CONNECTION_LEAVING)
                return;
        if (connection->state == CONNECTION_READY)
                frontend->counts.ready--;
        connection_move(connection, CONNECTION_LEAVING);
        input_forget(frontend, connection);
        output_forget_held(frontend, connection);
        liveness_wait(frontend, connection);
        connection_reply_settled(frontend, connection);
}

void connection_reply_settled(struct frontend *frontend, struct connection *connection)
{
        if (connection->state == CONNECTION_LEAVING && connection->pending == 0)
                connection_end(frontend, connection, ERR_DRAINING, FRONTEND_RETRY_MS);
}

void connection_discard_input(struct frontend *frontend, struct connection *connection)
{
        struct net *net = frontend->seams.net;

        for (int i = 0; i < ENDING_DISCARDS_MAX; i++) {
                size_t got;
                enum error error = net->ops->read(net, connection->socket, frontend->input, FRONTEND_INPUT_SIZE, &got);

                if (error == ERR_AGAIN)
                        return;
                if (error != ERR_OK) {
                        connection_peer_ended(frontend, connection);
                        return;
                }
        }
}

void connection_peer_ended(struct frontend *frontend, struct connection *connection)
{
        if (connection->state == CONNECTION_HTTP || connection->state == CONNECTION_ANSWERED)
                http_peer_ended(frontend, connection);
        else
                connection_drop(frontend, connection);
}

void connection_written(struct frontend *frontend, struct connection *connection)
{
        struct net *net = frontend->seams.net;

        check(connection->state == CONNECTION_CLOSING || connection->state == CONNECTION_ANSWERED);
        if (net->ops->end_writing(net, connection->socket) != ERR_OK) {
                connection_drop(frontend, connection);
                return;
        }
        connection_move(connection, CONNECTION_ENDED);
        net->ops->want_read(net, connection->socket, true); /* it was off if the client had ended first */
        liveness_wait(frontend, connection);
        traffic_tidy(frontend, connection);
}
