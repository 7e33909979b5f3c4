/*
 * The bus drivers that the contract is tried on. A world is one broker, whatever that is for the driver; what a driver cannot do is
 * NULL, and the tests that need it are skipped there.
 */
#ifndef GALKA_TEST_CONTRACT_BUS_DRIVER_H
#define GALKA_TEST_CONTRACT_BUS_DRIVER_H

#include "seam/bus.h"

#define BUS_TEST_PARTITIONS 4
#define BUS_TEST_BYTES_MAX  (512 * 1024) /* bound of one partition */

struct bus_driver {
        const char *name;
        bool has_fd;
        bool bounded;            /* the log is the driver's own: it has bounds, and knows which offsets there are */
        bool tells_leavers;      /* says BUS_EVENT_LEAVING, and takes what is committed then */
        int wait_ms;             /* what must come comes within */
        int parts;               /* processes that share the tests, where these mostly wait; 0: one */
        bool (*available)(void); /* is it this run's? NULL: always */
        void *(*world_new)(void);
        void (*world_free)(void *world);
        struct bus *(*open)(void *world);
        /* The thread of that handle dies; returns who is to be expelled. */
        uint64_t (*crash)(void *world, struct bus **bus);
        /* Who may be expelled while it lives; NULL: nobody can do that from outside. */
        uint64_t (*member)(void *world, const struct bus *bus);
        /* The groups notice that a member is silent; at once, or within wait_ms. */
        void (*expel)(void *world, uint64_t member);
};

extern const struct bus_driver bus_drivers[];
extern const size_t bus_driver_count;

#endif
