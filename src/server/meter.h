/*
 * Meters: each stands before a seam as if it were that seam, hands everything on, and counts what passes by into the role's metrics: how
 * many, how they ended, how long they took. So neither roles nor drivers know of metrics.
 *
 * Store and presence are asked something small by their meter itself when nobody has asked for METER_PROBE_MS, so that it is known
 * whether they answer (galka_store_up, galka_presence_up); whether the bus does is the driver's to know (bus.lag).
 *
 * A meter owns the seam behind it: free frees both. It belongs to the seam's thread.
 */
#ifndef GALKA_SERVER_METER_H
#define GALKA_SERVER_METER_H

#include "seam/bus.h"
#include "seam/clock.h"
#include "seam/mail.h"
#include "seam/presence.h"
#include "seam/store.h"
#include "server/metrics.h"

#define METER_PROBE_MS    2000
#define METER_PATIENCE_MS 3000 /* without an answer to what is out, it counts as down */
#define METER_LOOK_MS     500  /* how often lag is looked at */

/* Each takes the seam at *seam and puts the meter there. NO_MEMORY: it is as it was. */
must_use enum error meter_bus(struct bus **bus, struct metrics *metrics, struct clock *clock);
must_use enum error meter_store(struct store **store, struct metrics *metrics, struct clock *clock);
/* asks: a frontend polls presence only while it waits for an answer, but then it beats all the time; its meter needs not ask. */
must_use enum error meter_presence(struct presence **presence, bool asks, struct metrics *metrics, struct clock *clock);
must_use enum error meter_mail(struct mail **mail, struct metrics *metrics);

#endif
