/* Records of the frontend's own partition: posts for its connections, revokes, claims, losses. */
#ifndef GALKA_FRONTEND_POST_H
#define GALKA_FRONTEND_POST_H

#include "frontend/internal.h"

void post_record(struct frontend *frontend, struct slice record);

#endif
