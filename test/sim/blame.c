/* See blame.h. */
#include "sim/blame.h"

#include "sim/sim.h"

struct blame_notes {
        struct notes notes;
        struct sim *sim;
        struct blame_slot *slot;
        bool out;
        uint64_t tag;
};

static struct blame_notes *notes_of(struct notes *notes)
{
        return container_of(notes, struct blame_notes, notes);
}

static void notes_free(struct notes **notes_p)
{
        struct blame_notes *notes = *notes_p ? notes_of(*notes_p) : NULL;

        *notes_p = NULL;
        memory_free(notes);
}

static int notes_fd(struct notes *notes)
{
        (void)notes;
        return -1;
}

static void notes_enter(struct notes *notes)
{
        (void)notes;
}

static enum notes_care notes_care(struct notes *notes)
{
        const struct blame_notes *own = notes_of(notes);

        if (own->sim->now_us < own->slot->singly_us)
                return NOTES_SINGLY;
        return own->sim->blame.known_count ? NOTES_KNOWN : NOTES_CARELESS;
}

static unsigned notes_crashes(struct notes *notes, const struct noted *record)
{
        const struct blame *blame = &notes_of(notes)->sim->blame;

        for (unsigned i = 0; i < blame->known_count; i++)
                if (id_equal(&blame->known[i].id, &record->id))
                        return blame->known[i].crashes;
        return 0;
}

static enum error notes_note(struct notes *notes, const struct noted *record, uint64_t tag)
{
        struct blame_notes *own = notes_of(notes);

        if (own->out)
                return ERR_FULL;
        own->slot->noted = own->out = true;
        own->slot->id = record->id;
        own->tag = tag;
        return ERR_OK;
}

/* Here every role is a thread of its own: nobody else crashes by its records. */
static void notes_lend(struct notes *notes)
{
        check(notes_of(notes)->slot->noted);
}

static void notes_done(struct notes *notes)
{
        notes_of(notes)->slot->noted = false;
}

static size_t notes_poll(struct notes *notes, struct completion *completions, size_t max)
{
        struct blame_notes *own = notes_of(notes);

        if (!own->out || max == 0)
                return 0;
        own->out = false;
        completions[0] = (struct completion){.tag = own->tag, .outcome = OUTCOME_OK};
        return 1;
}

struct notes *blame_open(struct sim *sim, struct blame_slot *slot)
{
        static const struct notes_ops ops = {notes_free, notes_fd,   notes_enter, notes_care, notes_crashes,
                                             notes_note, notes_lend, notes_done,  notes_poll};
        struct blame_notes *notes = memory_new(sizeof(*notes));

        check(notes);
        *notes = (struct blame_notes){.notes.ops = &ops, .sim = sim, .slot = slot};
        return &notes->notes;
}

static void count(struct sim *sim, const struct blame_slot *slot, unsigned deadly)
{
        if (sim->blame.deadly[deadly].known && ++sim->blame.deadly[deadly].crashes > BLAME_AGAIN_MAX)
                sim_break(sim, "9 not at rest", "message \"%s %u\" is known, and brings workers down all the same",
                          BLAME_DEADLY_TEXT, deadly);
        sim->blame.deadly[deadly].known |= slot->noted;
}

/* One crash was the one before, in a batch; this is the second. */
void blame_gone(struct sim *sim, struct blame_slot *slot, unsigned crashed)
{
        struct blame *blame = &sim->blame;

        if (crashed) {
                slot->singly_us = sim->now_us + BLAME_SINGLY_US;
                count(sim, slot, crashed - 1);
        }
        if (crashed && slot->noted && blame->known_count < BLAME_RECORDS_MAX) {
                blame->known[blame->known_count].id = slot->id;
                blame->known[blame->known_count++].crashes = NOTES_CRASHES_MAX;
        }
        slot->noted = false;
}

unsigned blame_deadly(struct slice text)
{
        size_t size = strlen(BLAME_DEADLY_TEXT " ");

        if (text.size != size + 1 || memcmp(text.data, BLAME_DEADLY_TEXT " ", size) != 0)
                return 0;
        return 1u + text.data[size] - '0';
}
