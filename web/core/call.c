/* How a call finds its verb, and what it answers. */
#include "base/assert.h"
#include "glue.h"

static const struct verb *find_verb(struct slice name)
{
        static const struct verb *const tables[] = {verbs_in, verbs_look, verbs_user, verbs_stored};

        for (size_t i = 0; i < countof(tables); i++)
                for (const struct verb *verb = tables[i]; verb->name; verb++)
                        if (slice_equal(slice_text(verb->name), name))
                                return verb;
        return NULL;
}

static enum error run(struct glue *glue, struct args *args, struct json *out)
{
        const struct verb *verb = find_verb(args_bytes(args));

        if (args->bad || !verb)
                return ERR_BAD_FIELD;
        if (!verb->alone && !glue->core)
                return ERR_NOT_NOW;
        return verb->run(glue, args, out);
}

enum error glue_call(struct glue *glue, struct slice input, struct json *out)
{
        struct args args = {.rest = input};
        enum error error;

        out->size = 0;
        out->full = false;
        error = run(glue, &args, out);
        if (!error && out->full)
                error = ERR_FULL;
        if (error) {
                out->size = 0;
                out->full = false;
                json_error(out, error);
        }
        return error;
}
