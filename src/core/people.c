/* See people.h. A sorted array to find by, a list to forget by. */
#include "core/people.h"

#include "core/state.h"

void people_init(struct people *people)
{
        *people = (struct people){0};
        list_init(&people->by_use);
}

static uint32_t search(const struct people *people, uint64_t user)
{
        uint32_t low = 0, high = people->count;

        while (low < high) {
                uint32_t middle = low + (high - low) / 2;

                if (people->by_user[middle]->person.user < user)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static struct known *find(const struct people *people, uint64_t user)
{
        uint32_t at = search(people, user);

        return at < people->count && people->by_user[at]->person.user == user ? people->by_user[at] : NULL;
}

static void give(struct core *core, struct known *known)
{
        recycler_give_copy(&core->memory, &known->person.user_name);
        recycler_give_copy(&core->memory, &known->person.display_name);
        list_remove(&known->use);
        recycler_give(&core->memory, known, sizeof(*known));
}

void people_forget(struct core *core)
{
        struct people *people = &core->people;

        for (uint32_t i = 0; i < people->count; i++)
                give(core, people->by_user[i]);
        recycler_give(&core->memory, people->by_user, sizeof(struct known *) * people->size);
        people_init(people);
}

static bool grow(struct core *core)
{
        struct people *people = &core->people;
        uint32_t size = people->size ? 2 * people->size : 4;
        struct known **by_user;

        if (people->count < people->size)
                return true;
        by_user = recycler_take(&core->memory, sizeof(struct known *) * size);
        if (!by_user)
                return false;
        if (people->count)
                memcpy(by_user, people->by_user, sizeof(struct known *) * people->count);
        recycler_give(&core->memory, people->by_user, sizeof(struct known *) * people->size);
        people->by_user = by_user;
        people->size = size;
        return true;
}

static size_t key_of(uint64_t user, uint8_t key[static CORE_KEY_SIZE_MAX])
{
        key[0] = 'U';
        be64_put(key + 1, user);
        return 9;
}

/* False: no memory. */
static bool forget_oldest(struct core *core)
{
        struct people *people = &core->people;
        struct known *oldest = container_of(list_first(&people->by_use), struct known, use);
        uint32_t at = search(people, oldest->person.user);
        uint8_t key[CORE_KEY_SIZE_MAX], end[CORE_KEY_SIZE_MAX];
        size_t size = key_of(oldest->person.user, key);

        memcpy(end, key, size);
        end[size] = 0;
        if (!batch_drop(core, EFFECT_NONE, ERR_OK, slice_of(key, size), slice_of(end, size + 1)))
                return false;
        people->wanted -= oldest->wanted;
        memmove(people->by_user + at, people->by_user + at + 1, sizeof(struct known *) * (people->count - at - 1));
        people->count--;
        give(core, oldest);
        return true;
}

static struct known *get(struct core *core, uint64_t user)
{
        struct people *people = &core->people;
        struct known *known = find(people, user);
        uint32_t at;

        if (known) {
                list_remove(&known->use);
                list_append(&people->by_use, &known->use);
                return known;
        }
        if ((people->count == PEOPLE_MAX && !forget_oldest(core)) || !grow(core))
                return NULL;
        known = recycler_new(&core->memory, struct known);
        if (!known)
                return NULL;
        at = search(people, user);
        memmove(people->by_user + at + 1, people->by_user + at, sizeof(struct known *) * (people->count - at));
        people->by_user[at] = known;
        people->count++;
        known->person.user = user;
        list_append(&people->by_use, &known->use);
        return known;
}

bool people_knows(const struct core *core, uint64_t user)
{
        return find(&core->people, user) != NULL;
}

static void want(struct core *core, struct known *known)
{
        if (known->wanted || known->asked)
                return;
        known->wanted = true;
        core->people.wanted++;
        core->sync.peers_due = true;
}

void people_want(struct core *core, uint64_t user)
{
        struct known *known;

        if (user == 0 || user == core->account.user)
                return;
        known = get(core, user);
        if (known && known->person.user_name.size == 0)
                want(core, known);
}

static bool keep(struct core *core, const struct wire_person *person)
{
        uint8_t key[CORE_KEY_SIZE_MAX];
        size_t key_size = key_of(person->user, key);
        size_t texts = person->user_name.size + person->display_name.size;
        struct batch_item *item = batch_item_new(core, EFFECT_NONE, slice_of(key, key_size), RECORD_PERSON_EXTRA + texts);
        uint8_t *value;

        if (!item)
                return false;
        value = record_person_encode(person, batch_value(item), batch_value_end(item));
        check(value);
        batch_add(core, item, value);
        return true;
}

bool people_take(struct core *core, const struct wire_person *person, bool from_storage)
{
        struct known *known = person->user ? get(core, person->user) : NULL;
        struct slice user_name, display_name;

        if (!known)
                return person->user == 0;
        core->people.wanted -= known->wanted;
        known->wanted = false;
        known->asked |= !from_storage;
        if (known->person.user_name.size && person->version <= known->person.version)
                return true;
        if (!recycler_copy(&core->memory, person->user_name, &user_name))
                return false;
        if (!recycler_copy(&core->memory, person->display_name, &display_name) || (!from_storage && !keep(core, person))) {
                recycler_give_copy(&core->memory, &user_name);
                return false;
        }
        recycler_give_copy(&core->memory, &known->person.user_name);
        recycler_give_copy(&core->memory, &known->person.display_name);
        known->person = *person;
        known->person.user_name = user_name;
        known->person.display_name = display_name;
        core->people.news |= !from_storage;
        return true;
}

uint32_t people_wanted(struct core *core, struct wire_user_ref *users, uint32_t max)
{
        struct people *people = &core->people;
        uint32_t count = 0;

        for (uint32_t i = 0; i < people->count && people->wanted > 0 && count < max; i++) {
                struct known *known = people->by_user[i];

                if (!known->wanted)
                        continue;
                known->wanted = false;
                known->asked = true;
                people->wanted--;
                users[count++].user = known->person.user;
        }
        return count;
}

void people_not_answered(struct core *core)
{
        struct people *people = &core->people;

        for (uint32_t i = 0; i < people->count; i++) {
                people->by_user[i]->asked = false;
                if (people->by_user[i]->person.user_name.size == 0)
                        want(core, people->by_user[i]);
        }
}

bool core_person(struct core *core, uint64_t user, struct wire_person *person)
{
        struct known *known;

        *person = (struct wire_person){.user = user};
        if (user == core->account.user) {
                *person = core->account.person;
                return person->user_name.size > 0;
        }
        known = user ? get(core, user) : NULL;
        if (!known)
                return false;
        want(core, known);
        *person = known->person;
        return person->user_name.size > 0;
}
