/* find, profiles, blocks and devices: people by name, people by id, whom one blocks, one's own devices. */
#include "rules/limits.h"
#include "service/query/query.h"

#define PEOPLE_MAX  50 /* of one answer: the limit in messages.def */
#define DEVICES_MAX 100

void find_plan(struct batch *batch, struct item *item)
{
        struct wire_find *find = batch_decode(batch, item, sizeof(*find));
        struct store_question *question;
        struct slice folded;

        if (!find)
                return;
        folded = batch_fold(batch, find->name);
        if (folded.size == 0) {
                batch_refuse(batch, item, ERR_BAD_FIELD, "name", 0);
                return;
        }
        question = batch_ask(batch, item, STORE_ASK_FIND);
        if (!question)
                return;
        question->find.folded = folded;
        question->find.people_max = query_limit(find->limit, PEOPLE_MAX);
}

void profiles_plan(struct batch *batch, struct item *item)
{
        struct wire_profiles *profiles = batch_decode(batch, item, sizeof(*profiles));
        struct store_question *question;
        struct wire_iterator iterator;
        struct wire_user_ref ref;
        uint64_t *users;
        size_t count = 0;

        if (!profiles)
                return;
        if (profiles->users.count == 0) {
                batch_refuse(batch, item, ERR_BAD_FIELD, "users", 0);
                return;
        }
        question = batch_ask(batch, item, STORE_ASK_PROFILES);
        users = batch_array(batch, uint64_t, PEOPLE_MAX);
        if (!question || !users)
                return;
        WIRE_LIST_START(&iterator, profiles, users, &profiles->users);
        while (count < PEOPLE_MAX && wire_list_next(&iterator, &ref))
                users[count++] = ref.user;
        question->profiles.users = users;
        question->profiles.count = count;
}

void people_stored(struct batch *batch, struct item *item)
{
        const struct store_answer *answer = query_answer(batch, item);
        struct wire_people people;

        if (!answer)
                return;
        people = (struct wire_people){
                .people = shape_people(batch, answer->people.people, min_of(answer->people.count, PEOPLE_MAX))};
        batch_reply(batch, item, WIRE_CODE_people, &people, WIRE_EFFECT_NONE);
}

void blocks_plan(struct batch *batch, struct item *item)
{
        struct wire_blocks *blocks = batch_decode(batch, item, sizeof(*blocks));
        struct store_question *question = blocks ? batch_ask(batch, item, STORE_ASK_BLOCKS) : NULL;

        if (!question)
                return;
        question->blocks.after = blocks->after;
        question->blocks.people_max = query_limit(blocks->limit, BLOCKS_PAGE_MAX);
}

void blocks_stored(struct batch *batch, struct item *item)
{
        const struct store_answer *answer = query_answer(batch, item);
        struct wire_block_list list;

        if (!answer)
                return;
        list = (struct wire_block_list){.people = shape_people(batch, answer->people.people, answer->people.count),
                                        .more = answer->people.more};
        batch_reply(batch, item, WIRE_CODE_block_list, &list, WIRE_EFFECT_NONE);
}

void devices_plan(struct batch *batch, struct item *item)
{
        struct wire_devices *devices = batch_decode(batch, item, sizeof(*devices));

        if (!devices)
                return;
        item->body = devices;
        (void)!batch_ask(batch, item, STORE_ASK_DEVICES);
}

void devices_stored(struct batch *batch, struct item *item)
{
        const struct wire_devices *devices = item->body;
        const struct store_answer *answer = query_answer(batch, item);
        uint32_t limit = query_limit(devices->limit, DEVICES_MAX);
        struct wire_device_list list;

        if (!answer)
                return;
        list = (struct wire_device_list){
                .devices = shape_devices(batch, answer->devices.devices, min_of(answer->devices.count, limit))};
        batch_reply(batch, item, WIRE_CODE_device_list, &list, WIRE_EFFECT_NONE);
}
