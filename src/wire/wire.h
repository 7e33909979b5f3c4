/*
 * The wire format: structures and descriptors made from messages.def, one decoder and one encoder for all of them, and the
 * frame around a body. Nothing here allocates: decoded text and lists are slices of the frame, so they live as long as it.
 */
#ifndef GALKA_WIRE_WIRE_H
#define GALKA_WIRE_WIRE_H

#include "base/error.h"
#include "base/id.h"
#include "wire/messages.def"

/* A repeated part. Decoded: `raw` spans every occurrence in the frame, walked by wire_list_start/next. To encode: either
 * `items`, an array of `count` structures of the part, or (items NULL) `raw` as it was decoded. */
struct wire_list {
        struct slice raw;
        const void *items;
        uint32_t count;
};

/* ---- structures: struct wire_<name> for each part and message ---- */

#define WIRE_TYPE_U64   uint64_t
#define WIRE_TYPE_FIX64 uint64_t
#define WIRE_TYPE_ID    struct id
#define WIRE_TYPE_BYTES struct slice
#define WIRE_TYPE_TEXT  struct slice

#define WIRE_MEMBER_F(S, tag, kind, name, limit)       WIRE_TYPE_##kind name;
#define WIRE_MEMBER_P(S, tag, kind, name, limit, part) WIRE_MEMBER_##kind(name, part)
#define WIRE_MEMBER_ONE(name, part)                    struct wire_##part name;
#define WIRE_MEMBER_LIST(name, part)                   struct wire_list name;

#define WIRE_STRUCT(structure)                                                                                              \
        struct wire_##structure {                                                                                           \
                uint32_t has;                                                                                               \
                WIRE_##structure(WIRE_MEMBER_F, WIRE_MEMBER_P, structure)                                                   \
        };
#define WIRE_STRUCT_M(name, ...) WIRE_STRUCT(name)

WIRE_PARTS(WIRE_STRUCT)
WIRE_MESSAGES(WIRE_STRUCT_M)

/* ---- codes and their properties ---- */

enum wire_code {
#define M(name, code, ...) WIRE_CODE_##name = code,
        WIRE_MESSAGES(M)
#undef M
                WIRE_CODE_none = 0,
};

enum wire_direction { WIRE_UP, WIRE_DOWN, WIRE_BUS };
enum wire_topic {
        WIRE_TOPIC_NONE,
        WIRE_TOPIC_FRONTEND,
        WIRE_TOPIC_AUTHENTICATION,
        WIRE_TOPIC_SESSION,
        WIRE_TOPIC_QUERY,
        WIRE_TOPIC_CALL
};
enum wire_key { WIRE_KEY_NONE, WIRE_KEY_CONNECTION, WIRE_KEY_USER, WIRE_KEY_ROOM };
enum wire_who { WIRE_ANYONE, WIRE_SIGNED_OUT, WIRE_SIGNED_IN, WIRE_MEMBER, WIRE_SERVER };

/* Optional header fields, in the order they have in a frame. */
enum wire_header_flag { WIRE_HAS_REQUEST = 1, WIRE_HAS_TOKEN = 2, WIRE_HAS_DEVICE = 4, WIRE_HAS_ROOM = 8 };

struct wire_structure; /* the descriptor of a part or message: wire/descriptor.h */

struct wire_message {
        const char *name;
        uint8_t code;
        uint8_t direction; /* enum wire_direction */
        uint8_t header;    /* enum wire_header_flag */
        uint8_t topic;     /* enum wire_topic */
        uint8_t key;       /* enum wire_key */
        uint8_t reply;     /* enum wire_code; 0: none */
        uint8_t who;       /* enum wire_who */
        const struct wire_structure *structure;
};

/* The properties of a code, or NULL if there is no such code. */
const struct wire_message *wire_message_by_code(uint8_t code);

/* All messages in the order of messages.def: the i-th, or NULL past the last. */
const struct wire_message *wire_message_at(size_t index);

/* What a post does to the connection besides carrying its frame (wire_post.effect). */
enum wire_effect {
        WIRE_EFFECT_NONE,
        WIRE_EFFECT_JOINED,   /* the connection becomes ready */
        WIRE_EFFECT_REFUSED,  /* Join was refused: back to signed out */
        WIRE_EFFECT_CLOSE,    /* close once the frame is written */
        WIRE_EFFECT_REPLACED, /* the 17th connection: close with REPLACED */
        WIRE_EFFECT_PATIENT /* the frame may wait a moment for others to go with, and for a later one of its code and room, which
                               * then goes in its place */
};

enum wire_claim_state { WIRE_CLAIM_CLAIM = 1, WIRE_CLAIM_HELD = 2, WIRE_CLAIM_ACCEPTED = 3 };
enum wire_mail_kind {
        WIRE_MAIL_CODE = 1,
        WIRE_MAIL_KNOWN = 2,
        WIRE_MAIL_RESET = 3,
        WIRE_MAIL_RESET_UNKNOWN = 4,
        WIRE_MAIL_EMAIL = 5,
        WIRE_MAIL_EMAIL_TAKEN = 6,
        WIRE_MAIL_EMAIL_NOTICE = 7
};

/* ---- bodies ---- */

/* The bit in `has` of a field: WIRE_HAS(row, text). Bits count from 0 in the order of the field lines. */
#define WIRE_BIT_F(S, tag, kind, name, limit)       WIRE_BIT_##S##_##name,
#define WIRE_BIT_P(S, tag, kind, name, limit, part) WIRE_BIT_##S##_##name,
#define WIRE_BITS(structure)                        enum { WIRE_##structure(WIRE_BIT_F, WIRE_BIT_P, structure) WIRE_BIT_COUNT_##structure };
#define WIRE_BITS_M(name, ...)                      WIRE_BITS(name)
WIRE_PARTS(WIRE_BITS)
WIRE_MESSAGES(WIRE_BITS_M)

#define WIRE_HAS(structure, field) ((uint32_t)1 << WIRE_BIT_##structure##_##field)

/* Decodes a body into *message, a struct wire_<name> of that code or part; zeroes it first. Unknown fields are skipped; of a
 * field that repeats and should not, the last wins. Errors: BAD_FRAME (cannot be parsed), BAD_FIELD (a limit, UTF-8, size of
 * an id); on either, *field (if not NULL) names the field at fault, or NULL. Slices point into `body`. */
must_use enum error wire_decode(const struct wire_structure *structure, struct slice body, void *message,
                                const char **field);

/* Writes a body. A field is written when its bit in `has` is set, or when it is not zero/empty (has only matters for fields
 * that are present and zero). The encoder writes backwards, from `end` towards `start`; returns where the body begins, or
 * NULL if it does not fit. It trusts its caller: limits are asserted, not reported. */
must_use uint8_t *wire_encode(const struct wire_structure *structure, const void *message, uint8_t *start, uint8_t *end);

/* The descriptor of a part or message by its name: WIRE_STRUCTURE(row). */
#define WIRE_STRUCTURE(name)     (&wire_structure_##name)
#define WIRE_EXTERN(name)        extern const struct wire_structure wire_structure_##name;
#define WIRE_EXTERN_M(name, ...) WIRE_EXTERN(name)
WIRE_PARTS(WIRE_EXTERN)
WIRE_MESSAGES(WIRE_EXTERN_M)

/* Walks a decoded list. Elements were checked when the list was decoded, so next only fails at the end. */
struct wire_iterator {
        struct slice rest;
        uint32_t field_tag;
        const struct wire_structure *part;
};

/* The tag of a field: WIRE_TAG(write, operations). */
#define WIRE_TAG(structure, field)                  ((uint32_t)WIRE_TAG_##structure##_##field)
#define WIRE_TAG_F(S, tag, kind, name, limit)       WIRE_TAG_##S##_##name = tag,
#define WIRE_TAG_P(S, tag, kind, name, limit, part) WIRE_TAG_##S##_##name = tag,
#define WIRE_TAGS(structure)                        enum { WIRE_##structure(WIRE_TAG_F, WIRE_TAG_P, structure) };
#define WIRE_TAGS_M(name, ...)                      WIRE_TAGS(name)
WIRE_PARTS(WIRE_TAGS)
WIRE_MESSAGES(WIRE_TAGS_M)

/* `list` is a decoded field of a struct wire_<structure>. WIRE_LIST_START(&iterator, write, operations,
 * &message.operations), then wire_list_next with a struct of the part until it is false. */
#define WIRE_LIST_START(iterator, structure, field, list)                                                                   \
        wire_list_start(iterator, WIRE_STRUCTURE(structure), WIRE_TAG(structure, field), list)
void wire_list_start(struct wire_iterator *iterator, const struct wire_structure *structure, uint32_t tag,
                     const struct wire_list *list);
bool wire_list_next(struct wire_iterator *iterator, void *element);

/* ---- frames ---- */

#define WIRE_LENGTH_SIZE         4
#define WIRE_TOKEN_SIZE          40
#define WIRE_HEADER_SIZE_MAX     (WIRE_LENGTH_SIZE + 1 + 16 + 40 + 8 + 16)
#define WIRE_UNVERIFIED_SIZE_MAX 4096   /* whole frame, before a token was verified */
#define WIRE_UP_SIZE_MAX         65536  /* whole frame, client to server, after that */
#define WIRE_DOWN_SIZE_MAX       262144 /* whole frame, server to client */

/* A frame taken apart. Fields that the code does not have are zero. */
struct wire_frame {
        uint8_t code;
        const struct wire_message *message; /* NULL: unknown code; only code and body are set then */
        struct id request;
        uint64_t user;   /* first 8 bytes of the token */
        uint8_t mac[32]; /* the rest of the token */
        uint64_t device;
        struct id room;
        struct slice body;
};

/* Bytes of the optional header fields (a set of enum wire_header_flag). */
size_t wire_header_size(uint8_t header);

/* Takes apart what follows the length. Errors: BAD_FRAME (too short for its header). An unknown code is not an error here. */
must_use enum error wire_frame_parse(struct slice after_length, struct wire_frame *frame);

/* Writes a whole frame with its length, encoding `message` (a struct wire_<name>) of frame->code, with the header fields of
 * *frame that the code has. The frame lies at the end of [start, end): returns its slice, empty if it does not fit. */
must_use struct slice wire_frame_build(const struct wire_frame *frame, const void *message, uint8_t *start, uint8_t *end);

/* ---- the splitter: bytes in, whole frames out; keeps nothing but a partial frame's bytes, which its caller owns ---- */

/* Looks at the front of a byte stream. Returns the total size of the first frame once its length is known (>= 5), 0 if more
 * bytes are needed to know it; BAD_FRAME in *error for a length of 0, TOO_LARGE above size_max. */
size_t wire_frame_size(struct slice bytes, size_t size_max, enum error *error);

#endif
