/* galkad doctor: a table of checks, each of which says one line or more. What asks other machines is in doctor_engines.c. */
#ifndef GALKA_SERVER_DOCTOR_H
#define GALKA_SERVER_DOCTOR_H

#include "server/server.h"

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_FAIL };

struct doctor {
        const struct options *options;
        struct server server;
        const char *check; /* which one is at work */
        bool json;
        unsigned failed;
};

/* A line: what was found, and unless it is OK what to do about it; to_do NULL: nothing. */
void doctor_say(struct doctor *doctor, enum verdict verdict, const char *what, const char *to_do);

/* The same with a format for what was found. */
void doctor_tell(struct doctor *doctor, enum verdict verdict, const char *to_do, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/* Who answers, in the version and shape that is needed. Only those that the options name. */
void doctor_postgres(struct doctor *doctor);
void doctor_redis(struct doctor *doctor);
void doctor_kafka(struct doctor *doctor);
void doctor_mail(struct doctor *doctor);

#endif
