/* What a transaction writes of accounts and devices. */
#include "base/assert.h"
#include "driver/store/common.h"
#include "driver/store/postgres/save.h"
#include "rules/limits.h"
#include "rules/name.h"

/* ---- users ---- */

static void add_users(struct saving *saving)
{
        struct parameters parameters = parameters_of(saving);
        size_t count = 0, sizes[6] = {0};
        struct column users, columns[6];

        world_each(saving->world, LINE_USER, struct world_user, user)
        {
                const struct slice values[] = {user->person.user_name,    user->name_folded,
                                               user->person.display_name, user->email,
                                               user->email_folded,        user->password_hash};

                for (size_t i = 0; user->line.made && i < countof(values); i++)
                        sizes[i] += values[i].size;
                count += user->line.made;
        }
        if (count == 0)
                return;
        users = add_numbers(&parameters, count);
        for (size_t i = 0; i < countof(columns); i++)
                columns[i] = add_column(&parameters, i == 1 || i == 4 ? COLUMN_BYTES : COLUMN_TEXT, count, sizes[i]);
        world_each(saving->world, LINE_USER, struct world_user, user)
        {
                const struct slice values[] = {user->person.user_name,    user->name_folded,
                                               user->person.display_name, user->email,
                                               user->email_folded,        user->password_hash};

                if (!user->line.made)
                        continue;
                array_number(&users, user->user);
                for (size_t i = 0; i < countof(values); i++)
                        array_bytes(&columns[i], values[i]);
        }
        add_number(&parameters, saving->world->now_ms);
        write(saving, SQL_USERS_NEW, &parameters);
}

struct words {
        size_t count, bytes;
        struct column words, users;
};

static void visit_words(struct words *words, struct slice folded, uint64_t user, bool fill)
{
        struct slice word;

        for (size_t at = 0; word_next(folded, &at, &word);) {
                words->count += !fill;
                words->bytes += fill ? 0 : word.size;
                if (!fill)
                        continue;
                array_bytes(&words->words, word);
                array_number(&words->users, user);
        }
}

static void visit_names(struct saving *saving, struct words *words, bool fill)
{
        uint8_t folded[DISPLAY_NAME_MAX];

        world_each(saving->world, LINE_USER, struct world_user, user)
        {
                if (!user->line.made)
                        continue;
                check(user->person.display_name.size <= sizeof(folded));
                visit_words(words, user->name_folded, user->user, fill);
                visit_words(words, slice_of(folded, name_fold(user->person.display_name, folded)), user->user, fill);
        }
}

static void add_words(struct saving *saving)
{
        struct parameters parameters = parameters_of(saving);
        struct words words = {0};

        visit_names(saving, &words, false);
        if (words.count == 0)
                return;
        words.words = add_column(&parameters, COLUMN_BYTES, words.count, words.bytes);
        words.users = add_numbers(&parameters, words.count);
        visit_names(saving, &words, true);
        write(saving, SQL_WORDS_NEW, &parameters);
}

/* ---- devices ---- */

static void revoke_all(struct saving *saving)
{
        struct parameters parameters = parameters_of(saving);
        struct column users;
        size_t count = 0;

        world_each(saving->world, LINE_USER, struct world_user, user) count += user->revoke_all;
        if (count == 0)
                return;
        users = add_numbers(&parameters, count);
        world_each(saving->world, LINE_USER, struct world_user, user) if (user->revoke_all) array_number(&users, user->user);
        add_number(&parameters, saving->world->now_ms);
        write(saving, SQL_DEVICES_REVOKE_ALL, &parameters);
}

static bool is_revoked(const struct world_device *device)
{
        return device->revoke && !device->line.made;
}

static bool is_seen(const struct world_device *device)
{
        return device->seen && !device->line.made;
}

static void change_devices(struct saving *saving, enum sql sql, bool (*changes)(const struct world_device *device))
{
        struct parameters parameters = parameters_of(saving);
        struct column users, devices;
        size_t count = 0;

        world_each(saving->world, LINE_DEVICE, struct world_device, device) count += changes(device);
        if (count == 0)
                return;
        users = add_numbers(&parameters, count);
        devices = add_numbers(&parameters, count);
        world_each(saving->world, LINE_DEVICE, struct world_device, device)
        {
                if (!changes(device))
                        continue;
                array_number(&users, device->user);
                array_number(&devices, device->device);
        }
        add_number(&parameters, saving->world->now_ms);
        write(saving, sql, &parameters);
}

static void add_devices(struct saving *saving)
{
        struct parameters parameters = parameters_of(saving);
        struct column users, devices, names, secrets, revoked;
        size_t count = 0, bytes = 0;

        world_each(saving->world, LINE_DEVICE, struct world_device, device)
        {
                count += device->line.made;
                bytes += device->line.made ? device->name.size : 0;
        }
        if (count == 0)
                return;
        users = add_numbers(&parameters, count);
        devices = add_numbers(&parameters, count);
        names = add_column(&parameters, COLUMN_TEXT, count, bytes);
        secrets = add_column(&parameters, COLUMN_BYTES, count, STORE_HASH_SIZE * count);
        revoked = add_numbers(&parameters, count);
        world_each(saving->world, LINE_DEVICE, struct world_device, device)
        {
                if (!device->line.made)
                        continue;
                array_number(&users, device->user);
                array_number(&devices, device->device);
                array_bytes(&names, device->name);
                array_bytes(&secrets, device->secret_hash);
                array_number(&revoked, device->revoked_ms);
        }
        add_number(&parameters, saving->world->now_ms);
        write(saving, SQL_DEVICES_NEW, &parameters);
}

/* ---- what waits for a code ---- */

static void fill_pending(struct saving *saving, struct parameters *parameters, size_t count, const size_t sizes[7])
{
        static const enum column_type types[] = {COLUMN_TEXT, COLUMN_BYTES, COLUMN_TEXT, COLUMN_BYTES,
                                                 COLUMN_TEXT, COLUMN_TEXT,  COLUMN_BYTES};
        struct column requests = add_ids(parameters, count), columns[7], until, guesses, known;

        for (size_t i = 0; i < countof(columns); i++)
                columns[i] = add_column(parameters, types[i], count, sizes[i]);
        until = add_numbers(parameters, count);
        guesses = add_numbers(parameters, count);
        known = add_numbers(parameters, count);
        world_each(saving->world, LINE_PENDING, struct world_pending, pending)
        {
                const struct slice values[] = {pending->email,       pending->email_folded, pending->user_name,
                                               pending->name_folded, pending->display_name, pending->password_hash,
                                               pending->code_hash};

                if (!pending->line.made)
                        continue;
                array_id(&requests, &pending->request);
                for (size_t i = 0; i < countof(values); i++)
                        array_bytes(&columns[i], values[i]);
                array_number(&until, pending->valid_until_ms);
                array_number(&guesses, pending->guesses);
                array_number(&known, pending->known);
        }
}

static void add_pending(struct saving *saving)
{
        struct parameters parameters = parameters_of(saving), old = parameters_of(saving);
        size_t count = 0, sizes[7] = {0};
        struct column emails;

        world_each(saving->world, LINE_PENDING, struct world_pending, pending)
        {
                const struct slice values[] = {pending->email,       pending->email_folded, pending->user_name,
                                               pending->name_folded, pending->display_name, pending->password_hash,
                                               pending->code_hash};

                for (size_t i = 0; pending->line.made && i < countof(values); i++)
                        sizes[i] += values[i].size;
                count += pending->line.made;
        }
        if (count == 0)
                return;
        fill_pending(saving, &parameters, count, sizes);
        write(saving, SQL_PENDING_NEW, &parameters);
        emails = add_column(&old, COLUMN_BYTES, count, sizes[1]);
        world_each(saving->world, LINE_PENDING, struct world_pending, pending) if (pending->line.made)
                array_bytes(&emails, pending->email_folded);
        add_number(&old, STORE_PENDING_MAX);
        write(saving, SQL_PENDING_OLD, &old);
}

static void change_pending(struct saving *saving)
{
        struct parameters guessed = parameters_of(saving), dropped = parameters_of(saving);
        size_t guessed_count = 0, dropped_count = 0;
        struct column requests, guesses;

        world_each(saving->world, LINE_PENDING, struct world_pending, pending)
        {
                guessed_count += pending->line.changed && !pending->line.made;
                dropped_count += pending->dropped;
        }
        if (guessed_count) {
                requests = add_ids(&guessed, guessed_count);
                guesses = add_numbers(&guessed, guessed_count);
                world_each(saving->world, LINE_PENDING, struct world_pending, pending)
                {
                        if (!pending->line.changed || pending->line.made)
                                continue;
                        array_id(&requests, &pending->request);
                        array_number(&guesses, pending->guesses);
                }
                write(saving, SQL_PENDING_GUESSED, &guessed);
        }
        if (!dropped_count)
                return;
        requests = add_ids(&dropped, dropped_count);
        world_each(saving->world, LINE_PENDING, struct world_pending, pending) if (pending->dropped)
                array_id(&requests, &pending->request);
        write(saving, SQL_PENDING_DROP, &dropped);
}

/* ---- repeats, guesses, and what is old ---- */

static void add_requests(struct saving *saving)
{
        struct parameters parameters = parameters_of(saving);
        struct column requests, principals, digests, users, devices, numbers;
        size_t count = 0, bytes = 0;

        world_each(saving->world, LINE_REQUEST, struct world_request, request)
        {
                count += request->line.made;
                bytes += request->line.made ? request->principal.size : 0;
        }
        if (count == 0)
                return;
        requests = add_ids(&parameters, count);
        principals = add_column(&parameters, COLUMN_BYTES, count, bytes);
        digests = add_column(&parameters, COLUMN_BYTES, count, STORE_HASH_SIZE * count);
        users = add_numbers(&parameters, count);
        devices = add_numbers(&parameters, count);
        numbers = add_numbers(&parameters, count);
        world_each(saving->world, LINE_REQUEST, struct world_request, request)
        {
                if (!request->line.made)
                        continue;
                array_id(&requests, &request->request);
                array_bytes(&principals, request->principal);
                array_bytes(&digests, slice_of(request->digest, STORE_HASH_SIZE));
                array_number(&users, request->user);
                array_number(&devices, request->device);
                array_number(&numbers, request->number);
        }
        add_number(&parameters, saving->world->now_ms);
        write(saving, SQL_REQUESTS_NEW, &parameters);
}

static void change_guesses(struct saving *saving)
{
        struct parameters set = parameters_of(saving), drop = parameters_of(saving);
        size_t set_count = 0, drop_count = 0;
        struct column users, counts, until;

        world_each(saving->world, LINE_GUESSES, struct world_guesses, guesses)
        {
                set_count += guesses->line.changed && !guesses->dropped;
                drop_count += guesses->dropped;
        }
        if (set_count) {
                users = add_numbers(&set, set_count);
                counts = add_numbers(&set, set_count);
                until = add_numbers(&set, set_count);
                world_each(saving->world, LINE_GUESSES, struct world_guesses, guesses)
                {
                        if (!guesses->line.changed || guesses->dropped)
                                continue;
                        array_number(&users, guesses->user);
                        array_number(&counts, guesses->count);
                        array_number(&until, guesses->until_ms);
                }
                write(saving, SQL_GUESSES_SET, &set);
        }
        if (!drop_count)
                return;
        users = add_numbers(&drop, drop_count);
        world_each(saving->world, LINE_GUESSES, struct world_guesses, guesses) if (guesses->dropped)
                array_number(&users, guesses->user);
        write(saving, SQL_GUESSES_DROP, &drop);
}

static void prune(struct saving *saving, enum sql sql, uint64_t age_ms)
{
        struct parameters parameters = parameters_of(saving);
        uint64_t now_ms = saving->world->now_ms;

        add_number(&parameters, now_ms - min_of(age_ms, now_ms));
        write(saving, sql, &parameters);
}

void save_accounts(struct world *world, struct connection *connection, struct sent *sent)
{
        struct saving saving = {world, connection, sent};

        add_users(&saving);
        add_words(&saving);
        revoke_all(&saving);
        change_devices(&saving, SQL_DEVICES_REVOKE, is_revoked);
        change_devices(&saving, SQL_DEVICES_SEEN, is_seen);
        add_devices(&saving);
        add_pending(&saving);
        change_pending(&saving);
        add_requests(&saving);
        change_guesses(&saving);
        if (!world->prune)
                return;
        prune(&saving, SQL_PENDING_EXPIRED, 0);
        prune(&saving, SQL_REQUESTS_EXPIRED, (uint64_t)STORE_REQUESTS_DAYS * DAY_MS);
        prune(&saving, SQL_GUESSES_EXPIRED, GUESS_FORGET_MS); /* after this transaction's own, which may have been old */
}
