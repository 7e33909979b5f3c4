/*
 * Password hashing for the simulator and for tests: no thread, no descriptor, done at once, the same every time. A "hash" protects
 * nothing: never link it into a program that people use.
 */
#ifndef GALKA_TEST_PASSWORD_SIMULATION_H
#define GALKA_TEST_PASSWORD_SIMULATION_H

#include "seam/password.h"

#define PASSWORD_SIMULATION_SUBMITS_MAX 64 /* not polled; beyond: FULL */

/* NO_MEMORY. */
must_use enum error password_simulation_new(struct password **password);

/* The hash it makes of a password, for stores filled by hand. */
void password_simulation_hash(struct slice password, char hash[static PASSWORD_HASH_SIZE]);

#endif
