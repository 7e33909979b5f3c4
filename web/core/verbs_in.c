/* What happened, and what the core wants done: the host's half of core.h. */
#include "base/assert.h"
#include "glue.h"

#define SEED_SIZE 32

static enum error verb_poll(struct glue *glue, struct args *args, struct json *out)
{
        struct core_event event;

        (void)args;
        (void)core_poll(glue->core, &event);
        json_event(out, glue, &event);
        return ERR_OK;
}

/* seed, client, language */
static enum error verb_new(struct glue *glue, struct args *args, struct json *out)
{
        struct slice seed = args_bytes(args), client = args_bytes(args), language = args_bytes(args);

        (void)out;
        if (args->bad || seed.size != SEED_SIZE)
                return ERR_BAD_FIELD;
        if (glue->core)
                return ERR_NOT_NOW;
        glue->core = core_new(&glue->arena, NULL, seed.data, client, language);
        if (!glue->core)
                return ERR_NO_MEMORY;
        core_start(glue->core, glue->time);
        return ERR_OK;
}

static enum error verb_connected(struct glue *glue, struct args *args, struct json *out)
{
        (void)args, (void)out;
        core_connected(glue->core, glue->time);
        return ERR_OK;
}

static enum error verb_disconnected(struct glue *glue, struct args *args, struct json *out)
{
        (void)args, (void)out;
        core_disconnected(glue->core, glue->time);
        return ERR_OK;
}

/* bytes */
static enum error verb_receive(struct glue *glue, struct args *args, struct json *out)
{
        struct slice bytes = args_bytes(args);

        (void)out;
        if (args->bad)
                return ERR_BAD_FIELD;
        core_receive(glue->core, bytes, glue->time);
        return ERR_OK;
}

static enum error verb_tick(struct glue *glue, struct args *args, struct json *out)
{
        (void)args, (void)out;
        core_tick(glue->core, glue->time);
        return ERR_OK;
}

/* how many bytes were taken */
static enum error verb_sent(struct glue *glue, struct args *args, struct json *out)
{
        uint64_t taken = args_number(args);

        (void)out;
        if (args->bad)
                return ERR_BAD_FIELD;
        core_sent(glue->core, (size_t)taken);
        return ERR_OK;
}

/* the batch's number */
static enum error verb_kept(struct glue *glue, struct args *args, struct json *out)
{
        uint64_t batch = args_number(args);

        (void)out;
        if (args->bad)
                return ERR_BAD_FIELD;
        core_kept(glue->core, batch, glue->time);
        return ERR_OK;
}

/* the want's number, then keys and values in turn */
static enum error verb_given(struct glue *glue, struct args *args, struct json *out)
{
        uint64_t want = args_number(args);

        (void)out;
        while (args_left(args)) {
                struct slice key = args_bytes(args), value = args_bytes(args);

                if (!args->bad)
                        core_given(glue->core, want, key, value, glue->time);
        }
        return args->bad ? ERR_BAD_FIELD : ERR_OK;
}

/* the want's number */
static enum error verb_given_end(struct glue *glue, struct args *args, struct json *out)
{
        uint64_t want = args_number(args);

        (void)out;
        if (args->bad)
                return ERR_BAD_FIELD;
        core_given_end(glue->core, want, glue->time);
        return ERR_OK;
}

/* 1 or 0 */
static enum error verb_online(struct glue *glue, struct args *args, struct json *out)
{
        uint64_t wanted = args_number(args);

        (void)out;
        if (args->bad)
                return ERR_BAD_FIELD;
        core_online(glue->core, wanted != 0, glue->time);
        return ERR_OK;
}

static enum error verb_outbox_changed(struct glue *glue, struct args *args, struct json *out)
{
        (void)args, (void)out;
        core_outbox_changed(glue->core, glue->time);
        return ERR_OK;
}

const struct verb verbs_in[] = {
        {"poll", verb_poll, false},
        {"new", verb_new, true},
        {"connected", verb_connected, false},
        {"disconnected", verb_disconnected, false},
        {"receive", verb_receive, false},
        {"tick", verb_tick, false},
        {"sent", verb_sent, false},
        {"kept", verb_kept, false},
        {"given", verb_given, false},
        {"given_end", verb_given_end, false},
        {"online", verb_online, false},
        {"outbox_changed", verb_outbox_changed, false},
        {NULL, NULL, false},
};
