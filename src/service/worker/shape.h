/* From the store's structures to those of the wire. Slices are shared, nothing is copied. */
#ifndef GALKA_SERVICE_WORKER_SHAPE_H
#define GALKA_SERVICE_WORKER_SHAPE_H

#include "seam/store.h"
#include "wire/wire.h"

struct batch;

/* As that user sees it: with his own reaction. */
struct wire_row shape_row(struct batch *batch, const struct store_row *row, uint64_t reader);
struct wire_person shape_person(const struct store_person *person);
struct wire_marks shape_marks(const struct store_marks *marks);

/* STORE_NONE becomes an absent field; a present zero is written. */
struct wire_lowest shape_lowest(const struct store_lowest *lowest);

/* Lists made in the batch's memory; empty when that runs out. */
struct wire_list shape_rows(struct batch *batch, const struct store_row *rows, size_t count, uint64_t reader);
struct wire_list shape_hits(struct batch *batch, const struct store_hit *hits, size_t count, uint64_t reader);
struct wire_list shape_people(struct batch *batch, const struct store_person *people, size_t count);
struct wire_list shape_rooms(struct batch *batch, const struct store_room *rooms, size_t count, uint64_t reader);
struct wire_list shape_devices(struct batch *batch, const struct store_device *devices, size_t count);
struct wire_list shape_members(struct batch *batch, const struct store_member *members, size_t count);

#endif
