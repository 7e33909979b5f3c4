/*
 * Faults by class (faults.def). Events happen at moments that the seed chooses; the faults of seams are chosen call by call by
 * the plan that all decorators share. Both only in phase FAULTS.
 */
#ifndef GALKA_TEST_SIM_FAULT_H
#define GALKA_TEST_SIM_FAULT_H

#include "base/slice.h"
#include "seam/bus.h"
#include "support/fault.h"

struct sim;

enum fault_class {
#define EVENT(name, text, weight)                FAULT_CLASS_##name,
#define SEAM(name, text, call, fault, per_mille) FAULT_CLASS_##name,
#include "sim/faults.def"
#undef EVENT
#undef SEAM
        FAULT_CLASS_COUNT
};

struct faults {
        struct fault_plan plan;
        struct sim *sim;
        uint64_t next_us;
        unsigned pause_ms;                        /* between two events, on average */
        unsigned count;                           /* of this run */
        uint64_t down_until_us[FAULT_CALL_COUNT]; /* an outage: every call fails */
        unsigned long busy_until_step;            /* a slow answer comes by then: the clock does not jump before */
        unsigned garble_due;                      /* records to be garbled where others wait */
        struct {
                bool due;
                enum bus_topic topic;
                int32_t partition;
                uint64_t end;
        } lose;                         /* what comes behind `end` next is lost before it is read, perhaps */
        bool die_due, mute_due;         /* the next worker that writes for a rogue dies, or cannot publish, */
        bool zombie_due;                /* or loses its partitions, and does not hear of it, */
        bool stall_due;                 /* or stands still until its store's answer is late, */
        bool doubt_due;                 /* or never hears it, for the store is away then */
        bool doubt_now;                 /* the operations that are submitted just now are these */
        unsigned races_due;             /* so many Joins will be slow, and somebody writes to who joins */
        bool race_now;                  /* the question that is asked just now is that one */
        uint64_t saved_us, restored_us; /* the image that the store may go back to; 0: none */
        uint64_t promote_us;            /* when the image is put back, with frontends alive; 0: not now */
        uint64_t told_us;               /* when frontends are told of the new era; 0: they were, or there is none */
        bool presence_kept;             /* presence may go back to an image too */
};

const char *fault_class_text(enum fault_class class);

/* By its name in faults.def; FAULT_CLASS_COUNT: there is none. */
enum fault_class fault_class_named(struct slice name);

void faults_start(struct sim *sim);

/* Makes what is due. */
void faults_run(struct sim *sim);
uint64_t faults_next_us(const struct sim *sim);

/* A Join's question is about to be asked for this user: perhaps it is raced. */
void fault_join_asked(struct sim *sim, uint64_t user);

/* What is in the partition and was not read is gone. */
void fault_lose_records(struct sim *sim, enum bus_topic topic, int32_t partition);

/* Counts one. */
void fault_happened(struct sim *sim, enum fault_class class);

/* `galkad all`, killed: the bus and presence were its memory, the database alone is left. All is back within seconds, restore: on
 * the image that disk_save made, in a new era. False: it was started too often. */
bool faults_kill_server(struct sim *sim, bool restore);

/* Nothing breaks any more; what is broken is mended. */
void faults_heal(struct sim *sim);

#endif
