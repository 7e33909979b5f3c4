/* The embedded bus in both of its modes; see bus_driver.h. */
#include "contract/bus_driver.h"

#include "base/assert.h"
#include "driver/bus/embedded.h"

static void *embedded_world(enum bus_embedded_mode mode)
{
        struct bus_embedded_options options = {.mode = mode, .log.partition_bytes_max = BUS_TEST_BYTES_MAX};
        struct bus_embedded *embedded;

        for (int i = 0; i < BUS_TOPIC_COUNT; i++)
                options.log.partitions[i] = BUS_TEST_PARTITIONS;
        check(bus_embedded_new(&options, &embedded) == ERR_OK);
        return embedded;
}

static void *threaded_new(void)
{
        return embedded_world(BUS_EMBEDDED_THREADED);
}

static void *inline_new(void)
{
        return embedded_world(BUS_EMBEDDED_INLINE);
}

static void embedded_free(void *world)
{
        struct bus_embedded *embedded = world;

        bus_embedded_free(&embedded);
}

static struct bus *embedded_open(void *world)
{
        struct bus *bus;

        check(bus_embedded_open(world, &bus) == ERR_OK);
        return bus;
}

static uint64_t embedded_crash(void *world, struct bus **bus)
{
        (void)world;
        return bus_embedded_crash(bus);
}

static uint64_t embedded_member(void *world, const struct bus *bus)
{
        (void)world;
        return bus_embedded_member(bus);
}

static void embedded_expel(void *world, uint64_t member)
{
        bus_embedded_expel(world, member);
}

#define EMBEDDED                                                                                                            \
        .bounded = true, .wait_ms = 5000, .world_free = embedded_free, .open = embedded_open, .crash = embedded_crash,      \
        .member = embedded_member, .expel = embedded_expel

const struct bus_driver bus_drivers[] = {
        {.name = "bus, embedded, threaded", .has_fd = true, .world_new = threaded_new, EMBEDDED},
        {.name = "bus, embedded, inline", .has_fd = false, .world_new = inline_new, EMBEDDED},
};

const size_t bus_driver_count = countof(bus_drivers);
