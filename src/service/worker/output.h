/* From a batch's outputs to records for the bus; see output.c. For the phases. */
#ifndef GALKA_SERVICE_WORKER_OUTPUT_H
#define GALKA_SERVICE_WORKER_OUTPUT_H

#include "service/worker/batch.h"

#define POST_CONNECTIONS_MAX (131072 / 8) /* of one record */

/* A record on its way; epoch: of the frontend it is for, or zero. */
struct sending {
        struct bus_message message;
        struct id epoch;
};

/* Makes the list progress.sendings of all outputs, in order. Needs recipients to have been looked up. */
void output_send(struct batch *batch);

/* Adds, for every frontend, that deliveries may have been lost (L5). */
void output_send_lost(struct batch *batch);

#endif
