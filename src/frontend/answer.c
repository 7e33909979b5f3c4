/* See answer.h. */
#include "frontend/answer.h"

#include "frontend/ending.h"
#include "frontend/output.h"

#define FRAME_SIZE_MAX 1024 /* of those made here */

struct block *answer_build(struct frontend *frontend, uint8_t code, const struct id *request, const void *message)
{
        struct wire_frame frame = {.code = code, .message = wire_message_by_code(code)};
        uint8_t bytes[FRAME_SIZE_MAX];
        struct slice built;

        check(frame.message);
        if (request)
                frame.request = *request;
        built = wire_frame_build(&frame, message, bytes, bytes + sizeof(bytes));
        check(built.size > 0);
        return block_copy(&frontend->blocks, built);
}

static void answer(struct frontend *frontend, struct connection *connection, uint8_t code, const struct id *request,
                   const void *message)
{
        struct block *block = answer_build(frontend, code, request, message);

        if (!block) {
                connection_drop(frontend, connection);
                return;
        }
        output_queue(frontend, connection, piece_of(block));
        block_drop(&frontend->blocks, block);
}

void answer_error(struct frontend *frontend, struct connection *connection, const struct id *request, enum error error,
                  uint32_t retry_after_ms, const char *field)
{
        struct wire_error message = {
                .code = error,
                .text = slice_text(error_text(error)),
                .retry_after_ms = retry_after_ms,
                .field = slice_text(field),
        };

        check(error != ERR_OK && error < 100);
        frontend->counts.refused++;
        answer(frontend, connection, WIRE_CODE_error, request, &message);
}

void answer_fatal(struct frontend *frontend, struct connection *connection, const struct id *request, enum error error)
{
        uint64_t id = connection->id;

        answer_error(frontend, connection, request, error, 0, NULL);
        if (connection->id == id)
                connection_end(frontend, connection, error, 0);
}

void answer_bye(struct frontend *frontend, struct connection *connection, enum error error, uint32_t retry_after_ms)
{
        struct wire_bye message = {
                .code = error,
                .text = slice_text(error_text(error)),
                .retry_after_ms = retry_after_ms,
        };

        answer(frontend, connection, WIRE_CODE_bye, NULL, &message);
}

void answer_welcome(struct frontend *frontend, struct connection *connection)
{
        struct wire_welcome message = {
                .version = FRONTEND_VERSION,
                .server = SLICE_LITERAL("galka"),
                .time_ms = frontend->wall_ms,
                .ping_ms = frontend->options.ping_ms,
                .reply_ms = frontend->options.reply_ms,
                .margin_ms = FRONTEND_MARGIN_MS,
                .frame_up_max = WIRE_UP_SIZE_MAX,
                .frame_down_max = WIRE_DOWN_SIZE_MAX,
                .operations_max = FRONTEND_OPERATIONS_MAX,
        };

        answer(frontend, connection, WIRE_CODE_welcome, NULL, &message);
}

void answer_pong(struct frontend *frontend, struct connection *connection, uint64_t echo)
{
        struct wire_pong message = {.echo = echo};

        answer(frontend, connection, WIRE_CODE_pong, NULL, &message);
}

struct slice answer_refusal(enum error error, uint32_t retry_after_ms, uint8_t *start, uint8_t *end)
{
        struct wire_frame frame = {.code = WIRE_CODE_bye, .message = wire_message_by_code(WIRE_CODE_bye)};
        struct wire_bye message = {
                .code = error,
                .text = slice_text(error_text(error)),
                .retry_after_ms = retry_after_ms,
        };

        return wire_frame_build(&frame, &message, start, end);
}
