/* The codes of messages.def and their properties. */
#include "base/assert.h"
#include "wire/wire.h"

#define R WIRE_HAS_REQUEST
#define T WIRE_HAS_TOKEN
#define D WIRE_HAS_DEVICE
#define O WIRE_HAS_ROOM

static const struct wire_message messages[] = {
#define MESSAGE(name_, code_, direction_, header_, topic_, key_, reply_, who_)                                              \
        {.name = #name_,                                                                                                    \
         .code = code_,                                                                                                     \
         .direction = WIRE_##direction_,                                                                                    \
         .header = header_,                                                                                                 \
         .topic = WIRE_TOPIC_##topic_,                                                                                      \
         .key = WIRE_KEY_##key_,                                                                                            \
         .reply = WIRE_CODE_##reply_,                                                                                       \
         .who = WIRE_##who_,                                                                                                \
         .structure = WIRE_STRUCTURE(name_)},
        WIRE_MESSAGES(MESSAGE)
#undef MESSAGE
};

enum {
#define MESSAGE(name, ...) INDEX_##name,
        WIRE_MESSAGES(MESSAGE)
#undef MESSAGE
};

/* A code given out twice is a compiler's warning (-Woverride-init) here. */
static const uint8_t place_of_code[256] = {
#define MESSAGE(name, code, ...) [code] = INDEX_##name + 1,
        WIRE_MESSAGES(MESSAGE)
#undef MESSAGE
};

const struct wire_message *wire_message_by_code(uint8_t code)
{
        uint8_t place = place_of_code[code];

        check(place <= countof(messages));
        return place ? &messages[place - 1] : NULL;
}

const struct wire_message *wire_message_at(size_t index)
{
        return index < countof(messages) ? &messages[index] : NULL;
}
