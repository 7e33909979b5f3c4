/* JSON for commands that print it. */
#ifndef GALKA_SERVER_JSON_H
#define GALKA_SERVER_JSON_H

#include "base/slice.h"

/* On standard output, as a string. */
void json_put(struct slice text);

#endif
