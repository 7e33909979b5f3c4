/*
 * Who is deleted leaves his groups, one by one record, and that one makes the next: who begins it (auth) and who goes on with it
 * (session). A chain that breaks, with its worker, with the bus or because it was late, is begun again where the store knows it to have
 * come, when a frontend's `sweep` finds that nobody was heard to go on for some time.
 */
#ifndef GALKA_SERVICE_WORKER_LEAVING_H
#define GALKA_SERVICE_WORKER_LEAVING_H

#include "service/worker/batch.h"

#define LEAVING_VALID_MS  30000 /* of a record: what is later is left to a sweep */
#define LEAVING_SILENT_MS 45000 /* so long nobody was heard to go on: no record is under way any more */

/* The next record: for the group after that one, in that era; zero: for the first. */
void leaving_go_on(struct batch *batch, struct item *item, uint64_t user, const struct id *after, const struct id *era);

#endif
