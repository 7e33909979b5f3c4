/*
 * A fuzz target is one function that takes any bytes and must come back: no crash, no leak, no growth, and whatever it
 * claims with check() holds. It is built twice: with libFuzzer (tools/fuzz), and with replay.c, which runs the corpus in every
 * `make test`. Add a target: its file here, a line in meson.build, a few inputs in corpus/<name>/.
 */
#ifndef GALKA_TEST_FUZZ_FUZZ_H
#define GALKA_TEST_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
