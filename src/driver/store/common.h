/* What every store driver promises in numbers. */
#ifndef GALKA_DRIVER_STORE_COMMON_H
#define GALKA_DRIVER_STORE_COMMON_H

#define STORE_JOBS_MAX   16 /* of one handle, submitted and not polled; one more is FULL */
#define STORE_ERROR_SIZE 512

#endif
