/* What the machine itself gives, measured in the same run as the figures that stand beside it. */
#ifndef GALKA_BENCH_LIMIT_H
#define GALKA_BENCH_LIMIT_H

#include "histogram.h"

/* write of 4 KiB + fdatasync to a file in `folder` for `seconds`; times into the histogram. The file is left
 * there to be used again: to free its blocks may hold the disk up for long. Returns syncs a second, 0 on error. */
double limit_fdatasync(const char *folder, double seconds, struct histogram *times);

/* Bare epoll echo between two threads over loopback: round trips a second with `connections`, 100 bytes, one in flight each. */
double limit_echo(unsigned connections, double seconds);

#endif
