/* messages.def itself: rules that its lines keep, seen through the tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "support/wire_sample.h"

static unsigned depth_of(const struct wire_structure *structure)
{
        unsigned deepest = 0;

        for (size_t i = 0; i < structure->field_count; i++)
                if (structure->fields[i].part)
                        deepest = max_of(deepest, depth_of(structure->fields[i].part));
        return deepest + 1;
}

static void test_depth_is_bounded(void **state)
{
        const struct wire_structure *structure;
        unsigned deepest = 0;

        (void)state;
        for (size_t i = 0; (structure = sample_structure_at(i)); i++)
                deepest = max_of(deepest, depth_of(structure));
        assert_int_equal(deepest, WIRE_DEPTH_MAX);
}

static void test_tags_and_names_are_found(void **state)
{
        const struct wire_structure *structure;

        (void)state;
        for (size_t i = 0; (structure = sample_structure_at(i)); i++) {
                assert_ptr_equal(wire_structure_by_name(slice_text(structure->name)), structure);
                for (size_t f = 0; f < structure->field_count; f++) {
                        const struct wire_field *field = &structure->fields[f];

                        /* Of two fields with one tag, only the first would be found. */
                        assert_ptr_equal(wire_field_by_tag(structure, field->tag), field);
                        assert_int_equal(field->part != NULL, field->kind == WIRE_KIND_ONE || field->kind == WIRE_KIND_LIST);
                        assert_true(field->limit > 0);
                        if (field->kind == WIRE_KIND_ID)
                                assert_int_equal(field->limit, sizeof(struct id));
                        if (field->kind == WIRE_KIND_LIST)
                                assert_true(field->limit <= UINT32_MAX);
                }
                assert_null(wire_field_by_tag(structure, 200));
        }
        assert_null(wire_structure_by_name(SLICE_LITERAL("nothing")));
}

static void test_codes_find_their_messages(void **state)
{
        const struct wire_message *message;
        size_t known = 0, count = 0;

        (void)state;
        for (; (message = wire_message_at(count)); count++)
                assert_ptr_equal(wire_message_by_code(message->code), message);
        for (unsigned code = 0; code < 256; code++)
                known += wire_message_by_code((uint8_t)code) != NULL;
        assert_int_equal(known, count);
        assert_null(wire_message_by_code(WIRE_CODE_none));
}

/* What a client sends is answered from the server with the same request id; what is keyed by something carries it. */
static void check_up(const struct wire_message *message)
{
        const struct wire_message *reply = wire_message_by_code(message->reply);

        assert_true(message->topic != WIRE_TOPIC_NONE);
        assert_true(message->who != WIRE_SERVER);
        if (message->key == WIRE_KEY_ROOM)
                assert_true(message->header & WIRE_HAS_ROOM);
        if (message->key == WIRE_KEY_USER)
                assert_true(message->header & WIRE_HAS_TOKEN);
        if (message->who == WIRE_SIGNED_IN || message->who == WIRE_MEMBER)
                assert_true(message->header & WIRE_HAS_TOKEN);
        if (message->topic != WIRE_TOPIC_FRONTEND)
                assert_true(message->key != WIRE_KEY_NONE);
        if (message->reply == WIRE_CODE_none)
                return;
        assert_non_null(reply);
        assert_int_equal(reply->direction, WIRE_DOWN);
        assert_int_equal(reply->header & WIRE_HAS_REQUEST, message->header & WIRE_HAS_REQUEST);
}

static void test_directions_are_consistent(void **state)
{
        const struct wire_message *message;

        (void)state;
        for (size_t i = 0; (message = wire_message_at(i)); i++) {
                if (message->direction == WIRE_UP) {
                        check_up(message);
                        assert_true(message->code < 0x80);
                        continue;
                }
                assert_true(message->code >= 0x80);
                assert_int_equal(message->code >= 0xe0, message->direction == WIRE_BUS);
                assert_int_equal(message->who, WIRE_SERVER);
                assert_int_equal(message->reply, WIRE_CODE_none);
                assert_false(message->header & WIRE_HAS_DEVICE);
                if (message->direction == WIRE_BUS && message->topic != WIRE_TOPIC_NONE) {
                        /* A service or a frontend tells a service in an envelope, as a client's frame comes: of whom is in its header,
                         * or (a user without a device) in its body. */
                        assert_int_equal(message->header & ~WIRE_HAS_TOKEN, WIRE_HAS_REQUEST);
                        continue;
                }
                assert_int_equal(message->topic, WIRE_TOPIC_NONE);
                assert_false(message->header & WIRE_HAS_TOKEN);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_depth_is_bounded),
                cmocka_unit_test(test_tags_and_names_are_found),
                cmocka_unit_test(test_codes_find_their_messages),
                cmocka_unit_test(test_directions_are_consistent),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
