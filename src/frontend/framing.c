/* See framing.h. */
#include "frontend/framing.h"

#include <sys/types.h>
#include <wslay/wslay.h>

#include "base/assert.h"
#include "base/memory.h"

#define LAST        0x80 /* first byte of a frame: the last one of its message */
#define MASKED      0x80 /* second byte */
#define SIZE_16     126  /* second byte: the size follows in two bytes */
#define SIZE_64     127  /* in eight */
#define MASK_SIZE   4
#define PLAIN_SMALL 125

struct framing {
        wslay_frame_context_ptr context;
        bool used;  /* between begin and end */
        bool dirty; /* the context stands within a frame */

        struct framing_rest rest;                                 /* changed on the way */
        uint8_t before[FRAMING_HEADER_MAX + FRAMING_CONTROL_MAX]; /* stands before `bytes`: what was kept */
        size_t before_size;
        uint8_t *bytes;
        size_t size;
        size_t fed; /* of both, to the context */

        size_t frame;       /* where the frame that is under way begins, in both */
        size_t header_size; /* its header, once known */
        uint64_t payload, offset;
        uint8_t first; /* its first byte */
        bool begun;    /* the context has told of it */
        bool resumed;  /* it is the rest of one that was begun before */
        bool over;     /* CLOSE or BAD was told */
        bool drained;  /* the context wants more than there is */
        uint16_t bad;  /* not 0: why nothing more is taken */

        size_t plain_from, plain; /* bytes of messages, at the front of `bytes` */
        uint8_t control[FRAMING_CONTROL_MAX];
        size_t control_size;
        bool control_waits; /* behind the bytes before it */
        uint32_t idle;      /* frames that carried nothing */
};

/* ---- feeding the context ---- */

/* As much as there is room for: the context takes what is less than a header for all there is. */
static ssize_t feed(uint8_t *to, size_t room, int flags, void *user)
{
        struct framing *framing = user;
        size_t before = framing->fed < framing->before_size ? min_of(room, framing->before_size - framing->fed) : 0, now;

        (void)flags;
        if (before > 0)
                memcpy(to, framing->before + framing->fed, before);
        framing->fed += before;
        if (framing->fed < framing->before_size)
                return (ssize_t)before;
        now = min_of(room - before, framing->before_size + framing->size - framing->fed);
        memcpy(to + before, framing->bytes + (framing->fed - framing->before_size), now);
        framing->fed += now;
        return before + now > 0 ? (ssize_t)(before + now) : -1;
}

static uint8_t byte_at(const struct framing *framing, size_t at)
{
        return at < framing->before_size ? framing->before[at] : framing->bytes[at - framing->before_size];
}

static enum error renew(struct framing *framing)
{
        const struct wslay_frame_callbacks callbacks = {.recv_callback = feed};

        if (framing->context)
                wslay_frame_context_free(framing->context);
        framing->context = NULL;
        framing->dirty = false;
        return wslay_frame_context_init(&framing->context, &callbacks, framing) == 0 ? ERR_OK : ERR_NO_MEMORY;
}

enum error framing_new(struct framing **framing_p)
{
        struct framing *framing = memory_new(sizeof(*framing));

        if (!framing)
                return ERR_NO_MEMORY;
        if (renew(framing) != ERR_OK) {
                framing_free(&framing);
                return ERR_NO_MEMORY;
        }
        *framing_p = framing;
        return ERR_OK;
}

void framing_free(struct framing **framing_p)
{
        struct framing *framing = *framing_p;

        if (!framing)
                return;
        *framing_p = NULL;
        if (framing->context)
                wslay_frame_context_free(framing->context);
        memory_free(framing);
}

static size_t put_header(uint8_t *at, uint8_t first, uint8_t masked, uint64_t size)
{
        at[0] = first;
        if (size <= PLAIN_SMALL) {
                at[1] = (uint8_t)(masked | size);
                return 2;
        }
        if (size <= UINT16_MAX) {
                at[1] = masked | SIZE_16;
                at[2] = (uint8_t)(size >> 8);
                at[3] = (uint8_t)size;
                return 4;
        }
        at[1] = masked | SIZE_64;
        be64_put(at + 2, size);
        return 10;
}

enum error framing_begin(struct framing *framing, const struct framing_rest *rest, uint8_t *bytes, size_t size)
{
        check(!framing->used && size > 0);
        if ((framing->dirty || !framing->context) && renew(framing) != ERR_OK)
                return ERR_NO_MEMORY;
        framing->used = true;
        framing->rest = *rest;
        framing->bytes = bytes;
        framing->size = size;
        framing->fed = framing->frame = framing->before_size = 0;
        framing->plain_from = framing->plain = 0;
        framing->begun = framing->over = framing->drained = framing->control_waits = false;
        framing->bad = 0;
        framing->idle = 0;
        framing->resumed = rest->left > 0;
        if (framing->resumed) {
                framing->before_size = put_header(framing->before, rest->first, MASKED, rest->left);
                memcpy(framing->before + framing->before_size, rest->mask, MASK_SIZE);
                framing->before_size += MASK_SIZE;
        } else if (rest->raw_size > 0) {
                framing->before_size = rest->raw_size;
                memcpy(framing->before, rest->raw, rest->raw_size);
        }
        return ERR_OK;
}

/* ---- what comes out ---- */

static bool is_control(uint8_t first)
{
        return wslay_is_ctrl_frame((first & 15));
}

/* 0, or the code with which a frame is refused whose header has come. */
static uint16_t objection(struct framing *framing, const struct wslay_frame_iocb *frame)
{
        struct framing_rest *rest = &framing->rest;
        bool first = frame->opcode == WSLAY_BINARY_FRAME || frame->opcode == WSLAY_TEXT_FRAME;

        if (!frame->mask || frame->rsv != WSLAY_RSV_NONE)
                return FRAMING_PROTOCOL;
        if (is_control(frame->opcode))
                return frame->opcode <= WSLAY_PONG ? 0 : FRAMING_PROTOCOL;
        if (frame->opcode > WSLAY_BINARY_FRAME || first == rest->within_message)
                return FRAMING_PROTOCOL;
        if (frame->opcode == WSLAY_TEXT_FRAME)
                return FRAMING_UNSUPPORTED;
        if (frame->payload_length > FRAMING_MESSAGE_MAX - rest->message)
                return FRAMING_TOO_BIG;
        rest->message += (uint32_t)frame->payload_length;
        rest->within_message = !frame->fin;
        if (frame->fin)
                rest->message = 0;
        return 0;
}

/* The context tells of a frame with the first bytes of its payload. */
static uint16_t begin_frame(struct framing *framing, const struct wslay_frame_iocb *frame)
{
        size_t wide = frame->payload_length <= PLAIN_SMALL ? 0 : frame->payload_length <= UINT16_MAX ? 2 : 8;

        framing->begun = true;
        framing->payload = frame->payload_length;
        framing->offset = 0;
        framing->first = byte_at(framing, framing->frame);
        framing->header_size = 2 + wide + MASK_SIZE;
        framing->control_size = 0;
        if (framing->resumed)
                return 0; /* it was looked at when it began */
        return objection(framing, frame);
}

static void take_payload(struct framing *framing, const struct wslay_frame_iocb *frame)
{
        if (framing->offset == 0) /* bytes of messages may soon lie where it is */
                for (size_t i = 0; i < MASK_SIZE; i++)
                        framing->rest.mask[i] = byte_at(framing, framing->frame + framing->header_size - MASK_SIZE + i);
        framing->offset += frame->data_length;
        if (is_control(framing->first)) {
                check(framing->control_size + frame->data_length <= sizeof(framing->control));
                if (frame->data_length > 0)
                        memcpy(framing->control + framing->control_size, frame->data, frame->data_length);
                framing->control_size += frame->data_length;
                return;
        }
        check(framing->plain + frame->data_length <= framing->size);
        if (frame->data_length > 0)
                memcpy(framing->bytes + framing->plain, frame->data, frame->data_length);
        framing->plain += frame->data_length;
}

static bool is_sendable(unsigned code)
{
        return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
               (code >= 3000 && code < 5000);
}

static void tell_close(const struct framing *framing, struct framing_event *event)
{
        unsigned code = framing->control_size >= 2 ? (unsigned)framing->control[0] << 8 | framing->control[1] : 0;

        event->kind = FRAMING_CLOSE;
        if (framing->control_size == 0)
                event->code = FRAMING_NO_CODE;
        else if (!is_sendable(code))
                event->code = FRAMING_PROTOCOL;
        else if (!slice_is_text(slice_of(framing->control + 2, framing->control_size - 2)))
                event->code = FRAMING_NOT_TEXT;
        else
                event->code = (uint16_t)code;
}

/* A control frame that is whole. False: there is nothing to tell of it. */
static bool tell_control(struct framing *framing, struct framing_event *event)
{
        framing->control_waits = false;
        switch (framing->first & 15) {
        case WSLAY_PING:
                *event = (struct framing_event){
                        .kind = FRAMING_PING, .bytes = framing->control, .size = framing->control_size};
                return true;
        case WSLAY_CONNECTION_CLOSE:
                tell_close(framing, event);
                framing->over = true;
                return true;
        default:
                return false;
        }
}

/* Bytes of messages that were not told of yet. */
static bool tell_bytes(struct framing *framing, struct framing_event *event)
{
        if (framing->plain == framing->plain_from)
                return false;
        *event = (struct framing_event){
                .kind = FRAMING_BYTES,
                .bytes = framing->bytes + framing->plain_from,
                .size = framing->plain - framing->plain_from,
        };
        framing->plain_from = framing->plain;
        return true;
}

/* What came before it is told first. */
static void tell_bad(struct framing *framing, struct framing_event *event)
{
        if (tell_bytes(framing, event))
                return;
        framing->over = true;
        *event = (struct framing_event){.kind = FRAMING_BAD, .code = framing->bad};
}

static void end_frame(struct framing *framing)
{
        framing->frame += framing->header_size + framing->payload;
        framing->begun = framing->resumed = false;
        framing->control_waits = is_control(framing->first);
        framing->idle += (framing->first & 15) == WSLAY_PONG || (framing->payload == 0 && !is_control(framing->first));
}

uint32_t framing_idle(const struct framing *framing)
{
        return framing->idle;
}

void framing_next(struct framing *framing, struct framing_event *event)
{
        check(framing->used);
        *event = (struct framing_event){.kind = FRAMING_NOTHING};
        while (!framing->over && !framing->bad) {
                struct wslay_frame_iocb frame = {0};
                ssize_t got;

                if (framing->control_waits && (tell_bytes(framing, event) || tell_control(framing, event)))
                        return;
                got = wslay_frame_recv(framing->context, &frame);
                if (got == WSLAY_ERR_WANT_READ) {
                        framing->drained = true;
                        (void)tell_bytes(framing, event);
                        return;
                }
                if (got < 0)
                        framing->bad = FRAMING_PROTOCOL;
                else if (!framing->begun)
                        framing->bad = begin_frame(framing, &frame);
                if (framing->bad)
                        break;
                take_payload(framing, &frame);
                if (framing->offset == framing->payload)
                        end_frame(framing);
        }
        if (framing->bad && !framing->over)
                tell_bad(framing, event);
}

/* ---- what is left ---- */

static void keep_raw(struct framing *framing, struct framing_rest *rest)
{
        size_t all = framing->before_size + framing->size;

        check(all - framing->frame <= sizeof(rest->raw));
        rest->raw_size = (uint8_t)(all - framing->frame);
        for (size_t i = 0; i < rest->raw_size; i++)
                rest->raw[i] = byte_at(framing, framing->frame + i);
        framing->dirty |= rest->raw_size > 0;
}

static void keep_payload(struct framing *framing, struct framing_rest *rest)
{
        uint8_t mask[MASK_SIZE];

        memcpy(mask, rest->mask, MASK_SIZE);
        for (size_t i = 0; i < MASK_SIZE; i++)
                rest->mask[i] = mask[(i + framing->offset) % MASK_SIZE];
        rest->left = (uint32_t)(framing->payload - framing->offset);
        rest->first = framing->first;
        framing->dirty = true;
}

void framing_end(struct framing *framing, struct framing_rest *rest)
{
        check(framing->used);
        framing->used = false;
        *rest = framing->rest;
        rest->raw_size = 0;
        rest->left = 0;
        if (framing->over || !framing->drained) {
                framing->dirty = true; /* the connection ends */
                *rest = (struct framing_rest){0};
        } else if (framing->begun && !is_control(framing->first)) {
                keep_payload(framing, rest);
        } else {
                keep_raw(framing, rest);
        }
}

bool framing_is_clean(const struct framing_rest *rest)
{
        return rest->raw_size == 0 && rest->left == 0 && !rest->within_message;
}

/* ---- what goes to clients ---- */

size_t framing_head(uint8_t head[static FRAMING_HEAD_MAX], uint64_t size)
{
        return put_header(head, LAST | WSLAY_BINARY_FRAME, 0, size);
}

size_t framing_pong(uint8_t frame[static FRAMING_CONTROL_SIZE], struct slice echo)
{
        check(echo.size <= FRAMING_CONTROL_MAX);
        frame[0] = LAST | WSLAY_PONG;
        frame[1] = (uint8_t)echo.size;
        if (echo.size > 0)
                memcpy(frame + 2, echo.data, echo.size);
        return 2 + echo.size;
}

size_t framing_close(uint8_t frame[static FRAMING_CONTROL_SIZE], uint16_t code)
{
        size_t size = code == FRAMING_NO_CODE ? 0 : 2;

        frame[0] = LAST | WSLAY_CONNECTION_CLOSE;
        frame[1] = (uint8_t)size;
        frame[2] = (uint8_t)(code >> 8);
        frame[3] = (uint8_t)code;
        return 2 + size;
}
