/* What everything stands on: arena, heap, map, list, slices, ids, the table of errors, events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include <stdlib.h>

#include "base/arena.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/event.h"
#include "base/heap.h"
#include "base/id.h"
#include "base/list.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/pace.h"

static unsigned chunks_taken, chunks_given;

static void *take_counted(size_t size)
{
        void *chunk = memory_new(size);

        chunks_taken += chunk != NULL;
        return chunk;
}

static void give_counted(void *chunk)
{
        chunks_given++;
        memory_free(chunk);
}

static const struct arena_source counted = {take_counted, give_counted};

static void an_arena_gives_zeroed_aligned_memory_up_to_its_limit(void **state)
{
        struct arena arena;
        uint8_t *first, *second;

        (void)state;
        arena_init(&arena, &counted, 64, 256);
        first = arena_take(&arena, 3);
        second = arena_take(&arena, 40);
        assert_non_null(first);
        assert_int_equal((uintptr_t)first % 16, 0);
        assert_int_equal(second - first, 16);
        for (int i = 0; i < 40; i++)
                assert_int_equal(second[i], 0);
        assert_non_null(arena_take(&arena, 128)); /* more than a chunk: one of its own */
        assert_null(arena_take(&arena, 128));
        assert_null(arena_take(&arena, SIZE_MAX));
        assert_non_null(arena_take(&arena, 64)); /* what is left */
        memset(first, 0xff, 3);
        arena_reset(&arena);
        assert_ptr_equal(arena_take(&arena, 3), first); /* the oldest chunk is kept, and zeroed again */
        assert_int_equal(first[0], 0);
        arena_finish(&arena);
        assert_int_equal(chunks_taken, chunks_given);
}

static void an_arena_without_memory_says_so(void **state)
{
        struct arena arena;
        struct slice copy = SLICE_LITERAL("old");

        (void)state;
        arena_init(&arena, &counted, 64, 256);
        memory_fail_at(1);
        assert_false(arena_copy(&arena, SLICE_LITERAL("text"), &copy));
        assert_int_equal(copy.size, 0);
        assert_true(arena_copy(&arena, SLICE_LITERAL("text"), &copy));
        assert_true(slice_equal(copy, SLICE_LITERAL("text")));
        assert_true(arena_copy(&arena, (struct slice){0}, &copy));
        memory_fail_at(0);
        arena_finish(&arena);
}

static void the_nth_allocation_fails_and_no_other(void **state)
{
        void *blocks[4];

        (void)state;
        memory_fail_at(3);
        for (int i = 0; i < 4; i++)
                blocks[i] = memory_new(8);
        assert_non_null(blocks[1]);
        assert_null(blocks[2]);
        assert_non_null(blocks[3]);
        assert_int_equal(memory_fail_at(0), 4);
        for (int i = 0; i < 4; i++)
                memory_free(blocks[i]);
        memory_fail_at(1);
        assert_null(memory_resize(NULL, 8));
        memory_fail_at(0);
}

#define NODES 200

static void a_heap_is_in_order_whatever_is_taken_out(void **state)
{
        struct heap_node nodes[NODES] = {0}, *places[NODES];
        uint64_t random = 1, last = 0;
        struct heap heap;
        unsigned left = 0;

        (void)state;
        heap_init(&heap, places, NODES);
        assert_null(heap_peek(&heap));
        for (unsigned i = 0; i < NODES; i++) {
                random = random * UINT64_C(6364136223846793005) + 1;
                assert_true(heap_insert(&heap, &nodes[i], random >> 56));
        }
        assert_false(heap_insert(&heap, &(struct heap_node){0}, 1)); /* full */
        for (unsigned i = 0; i < NODES; i += 3)
                heap_remove(&heap, &nodes[i]);
        heap_remove(&heap, &nodes[0]); /* in no heap: fine */
        for (struct heap_node *node; (node = heap_peek(&heap)); left++) {
                assert_true(node->key >= last);
                last = node->key;
                heap_remove(&heap, node);
                assert_int_equal(node->place, 0);
        }
        assert_int_equal(left, NODES - (NODES + 2) / 3);
}

struct element {
        struct map_node node;
        struct list_node line;
        uint64_t key;
};

static struct element *find(const struct map *map, uint64_t key)
{
        for (struct map_node *node = map_first(map, hash_u64(key)); node; node = map_next(node, hash_u64(key)))
                if (container_of(node, struct element, node)->key == key)
                        return container_of(node, struct element, node);
        return NULL;
}

static void a_map_finds_what_is_in_it_before_and_after_growing(void **state)
{
        struct map_node *small[4] = {0}, *large[64] = {0};
        struct element elements[NODES] = {0};
        size_t walked = 0;
        struct map map;

        (void)state;
        map_init(&map, small, 4);
        for (uint64_t i = 0; i < NODES; i++) {
                elements[i].key = i * 3;
                map_insert(&map, &elements[i].node, hash_u64(i * 3));
                if (i == NODES / 2) {
                        assert_true(map_is_crowded(&map));
                        assert_ptr_equal(map_rehash(&map, large, 64), small);
                }
        }
        for (uint64_t i = 0; i < NODES; i++) {
                assert_ptr_equal(find(&map, i * 3), &elements[i]);
                assert_null(find(&map, i * 3 + 1));
        }
        for (uint64_t i = 0; i < NODES; i += 2)
                map_remove(&map, &elements[i].node);
        for (struct map_node *node = map_walk(&map, NULL); node; node = map_walk(&map, node))
                walked++;
        assert_int_equal(walked, NODES / 2);
        assert_int_equal(map.count, NODES / 2);
        assert_null(find(&map, 0));
        assert_non_null(find(&map, 3));
}

static void a_list_may_lose_what_is_being_looked_at(void **state)
{
        struct element elements[5] = {0};
        struct list list;
        uint64_t sum = 0;

        (void)state;
        list_init(&list);
        assert_true(list_empty(&list));
        assert_null(list_first(&list));
        assert_null(list_pop(&list));
        for (uint64_t i = 0; i < 5; i++) {
                elements[i].key = i;
                i % 2 ? list_prepend(&list, &elements[i].line) : list_append(&list, &elements[i].line);
        }
        /* 3 1 0 2 4 */
        assert_ptr_equal(list_first(&list), &elements[3].line);
        assert_ptr_equal(list_last(&list), &elements[4].line);
        list_each(&list, element, struct element, line) {
                sum = sum * 10 + element->key;
                if (element->key % 2 == 0)
                        list_remove(&element->line);
        }
        assert_int_equal(sum, 31024);
        list_remove(&elements[0].line); /* on no list: fine */
        assert_false(list_linked(&elements[0].line));
        assert_ptr_equal(list_pop(&list), &elements[3].line);
        assert_ptr_equal(list_pop(&list), &elements[1].line);
        assert_true(list_empty(&list));
}

static bool is_text_among_ascii(size_t before, struct slice middle)
{
        char text[64];

        memset(text, '~', sizeof(text));
        memcpy(text + before, middle.data, middle.size);
        return slice_is_text(slice_of(text, before + middle.size + 20));
}

static void text_is_well_formed_utf8_without_nul(void **state)
{
        static const char *const good[] = {"",
                                           "a",
                                           "\xc2\x80",
                                           "\xdf\xbf",
                                           "\xe0\xa0\x80",
                                           "\xed\x9f\xbf",
                                           "\xee\x80\x80",
                                           "\xef\xbf\xbf",
                                           "\xf0\x90\x80\x80",
                                           "\xf4\x8f\xbf\xbf",
                                           "г\xc2\xa0л"};
        static const char *const bad[] = {"\x80",
                                          "\xbf",
                                          "\xc0\x80",
                                          "\xc1\xbf",
                                          "\xc2",
                                          "\xc2z",
                                          "\xe0\x9f\xbf",
                                          "\xe2\x82",
                                          "\xed\xa0\x80",
                                          "\xed\xbf\xbf",
                                          "\xf0\x8f\xbf\xbf",
                                          "\xf4\x90\x80\x80",
                                          "\xf5\x80\x80\x80",
                                          "\xff",
                                          "\xf0\x90\x80",
                                          "ok\xc3"};

        (void)state;
        for (size_t i = 0; i < countof(good); i++)
                assert_true(slice_is_text(slice_text(good[i])));
        for (size_t i = 0; i < countof(bad); i++)
                assert_false(slice_is_text(slice_text(bad[i])));
        assert_false(slice_is_text(slice_of("a\0b", 3)));
        for (size_t before = 0; before < 20; before++) {
                for (size_t i = 0; i < countof(good); i++)
                        assert_true(is_text_among_ascii(before, slice_text(good[i])));
                for (size_t i = 0; i < countof(bad); i++)
                        assert_false(is_text_among_ascii(before, slice_text(bad[i])));
                assert_false(is_text_among_ascii(before, slice_of("", 1)));
        }
}

static void slices_are_ordered_as_bytes(void **state)
{
        uint8_t bytes[8];

        (void)state;
        assert_true(slice_compare(SLICE_LITERAL("a"), SLICE_LITERAL("ab")) < 0);
        assert_true(slice_compare(SLICE_LITERAL("b"), SLICE_LITERAL("ab")) > 0);
        assert_true(slice_compare(SLICE_LITERAL("\xff"), SLICE_LITERAL("a")) > 0);
        assert_int_equal(slice_compare((struct slice){0}, SLICE_LITERAL("")), 0);
        assert_true(slice_equal((struct slice){0}, SLICE_LITERAL("")));
        assert_int_equal(slice_text(NULL).size, 0);
        be64_put(bytes, UINT64_C(0x0102030405060708));
        assert_memory_equal(bytes, "\1\2\3\4\5\6\7\10", 8);
        assert_int_equal(be64_get(bytes), UINT64_C(0x0102030405060708));
        assert_int_equal(be32_get(bytes + 4), 0x05060708);
}

static void ids_are_written_and_read(void **state)
{
        static const uint8_t random[10] = {0xff, 0xff, 0xff, 4, 5, 6, 7, 8, 9, 10};
        static const char *const bad[] = {"",
                                          "01890a5d-ac96-774b-bcce-b302099a805",
                                          "01890a5d-ac96-774b-bcce-b302099a80577",
                                          "01890a5dxac96-774b-bcce-b302099a8057",
                                          "g1890a5d-ac96-774b-bcce-b302099a8057",
                                          "01890a5-dac96-774b-bcce-b302099a8057"};
        struct id id = id_uuid7(UINT64_C(0x01890a5dac96), random), other = {{0}}, read;
        char text[ID_TEXT_SIZE];

        (void)state;
        assert_int_equal(id.bytes[6] >> 4, 7);
        assert_int_equal(id.bytes[8] >> 6, 2);
        assert_int_equal(id_uuid7_time_ms(&id), UINT64_C(0x01890a5dac96));
        id_format(&id, text);
        assert_int_equal(strlen(text), 36);
        assert_true(id_parse(slice_text(text), &read));
        assert_true(id_equal(&id, &read));
        for (size_t i = 0; i < countof(bad); i++)
                assert_false(id_parse(slice_text(bad[i]), &read));
        assert_true(id_equal(&id, &read)); /* unchanged */
        other = id_uuid7(UINT64_C(0x01890a5dac97), (const uint8_t[10]){0});
        assert_true(id_compare(&id, &other) < 0); /* time orders them */
        assert_true(id_is_zero(&(struct id){{0}}));
        assert_false(id_is_zero(&id));
}

static void every_error_has_a_number_a_name_a_text_and_a_class(void **state)
{
        static const struct {
                unsigned number;
                const char *name;
                enum error_class class;
        } lines[] = {
#define X(name, number, class, text) {number, #name, ERROR_CLASS_##class},
#include "base/errors.def"
#undef X
        };

        (void)state;
        for (size_t i = 0; i < countof(lines); i++) {
                assert_string_equal(error_name(lines[i].number), lines[i].name);
                assert_int_equal(error_class(lines[i].number), lines[i].class);
                assert_true(strlen(error_text(lines[i].number)) > 1);
                /* What travels is below 100, what does not is above. */
                assert_int_equal(lines[i].class == ERROR_CLASS_LOCAL, lines[i].number >= 100);
                for (size_t k = 0; k < i; k++)
                        assert_int_not_equal(lines[i].number, lines[k].number);
        }
        assert_string_equal(error_text(99), "unknown error");
        assert_int_equal(error_class(99), ERROR_CLASS_REFUSED);
        assert_non_null(error_name(12345));
}

static unsigned events_seen;

static void count_event(struct event_sink *sink, const struct event *event)
{
        (void)sink;
        events_seen += event->field_count;
}

static void events_below_the_level_are_dropped(void **state)
{
        struct event_sink sink = {.write = count_event, .level_min = EVENT_WARNING}, none = {0};

        (void)state;
        event_note(&sink, EVENT_INFO, "base.test", NULL, {"a", NULL, 1});
        assert_int_equal(events_seen, 0);
        event_note(&sink, EVENT_ERROR, "base.test", NULL, {"a", NULL, 1}, {"b", "text"});
        assert_int_equal(events_seen, 2);
        event_note(&none, EVENT_ERROR, "base.test", NULL, {"a", NULL, 1});
        assert_int_equal(events_seen, 2);
}

static void a_pace_is_twice_what_requests_take(void **state)
{
        struct pace pace = pace_init(6), none = pace_init(0);

        (void)state;
        assert_int_equal(pace_ms(&pace), 6);
        for (int i = 0; i < 60; i++)
                pace_took(&pace, 1);
        assert_in_range(pace_ms(&pace), 2, 3);
        for (int i = 0; i < 60; i++)
                pace_took(&pace, 0);
        assert_int_equal(pace_ms(&pace), 0);
        pace_took(&pace, 100000); /* one of them is no trend */
        assert_in_range(pace_ms(&pace), 1, 3);
        for (int i = 0; i < 60; i++)
                pace_took(&pace, 100000);
        assert_int_equal(pace_ms(&pace), 6);
        pace_took(&none, 100000);
        assert_int_equal(pace_ms(&none), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_arena_gives_zeroed_aligned_memory_up_to_its_limit),
                cmocka_unit_test(an_arena_without_memory_says_so),
                cmocka_unit_test(the_nth_allocation_fails_and_no_other),
                cmocka_unit_test(a_heap_is_in_order_whatever_is_taken_out),
                cmocka_unit_test(a_map_finds_what_is_in_it_before_and_after_growing),
                cmocka_unit_test(a_list_may_lose_what_is_being_looked_at),
                cmocka_unit_test(text_is_well_formed_utf8_without_nul),
                cmocka_unit_test(slices_are_ordered_as_bytes),
                cmocka_unit_test(ids_are_written_and_read),
                cmocka_unit_test(every_error_has_a_number_a_name_a_text_and_a_class),
                cmocka_unit_test(events_below_the_level_are_dropped),
                cmocka_unit_test(a_pace_is_twice_what_requests_take),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
