/*
 * Notes (L10) over Kafka: what is taken singly is noted in the metadata of a commit, so that whoever gets the partition next finds
 * it, on whatever machine. The handle is made of the bus handle that reads the topic, and of the local notes (driver/notes/file),
 * which alone can tell a crash from a kill:
 *
 *   care     SINGLY if a worker of this process crashed lately, or until a record is passed that a note was found of
 *   crashes  the more of what the local notes say and what was found: each note that was never done with is a worker that vanished
 *   note     locally, then by a commit of the record's own offset with "singly OFFSET COUNT"; OK when both are done
 *
 * Its completions come with the bus's: poll the bus first, wait on the bus's descriptor. Free it before the bus; it owns `local`.
 */
#ifndef GALKA_DRIVER_BUS_KAFKA_NOTES_H
#define GALKA_DRIVER_BUS_KAFKA_NOTES_H

#include "seam/notes.h"

/* bus: a handle of bus_kafka_open. NO_MEMORY: local is still the caller's. */
must_use enum error bus_kafka_notes_new(struct bus *bus, enum bus_topic topic, struct notes *local, struct notes **notes);

#endif
