/* What a transaction writes of accounts and devices. */
#include "base/assert.h"
#include "driver/store/common.h"
#include "driver/store/postgres/save.h"
#include "rules/limits.h"
#include "rules/name.h"
#include "rules/seen.h"

/* ---- users ---- */

static bool is_new(const struct world_user *user)
{
        return user->line.made;
}

static bool is_changed(const struct world_user *user)
{
        return user->line.changed && !user->line.made;
}

/* All columns, then each one's version, or the time for all. */
static void write_users(struct saving *saving, enum sql sql, bool (*wanted)(const struct world_user *user), bool versions)
{
        struct parameters parameters = parameters_of(saving);
        size_t count = 0, sizes[6] = {0};
        struct column users, columns[6], last;

        world_each(saving->world, LINE_USER, struct world_user, user)
        {
                const struct slice values[] = {user->person.user_name,    user->name_folded,
                                               user->person.display_name, user->email,
                                               user->email_folded,        user->password_hash};

                for (size_t i = 0; wanted(user) && i < countof(values); i++)
                        sizes[i] += values[i].size;
                count += wanted(user);
        }
        if (count == 0)
                return;
        users = add_numbers(&parameters, count);
        for (size_t i = 0; i < countof(columns); i++)
                columns[i] = add_column(&parameters, i == 1 || i == 4 ? COLUMN_BYTES : COLUMN_TEXT, count, sizes[i]);
        if (versions)
                last = add_numbers(&parameters, count);
        else
                add_number(&parameters, saving->world->now_ms);
        world_each(saving->world, LINE_USER, struct world_user, user)
        {
                const struct slice values[] = {user->person.user_name,    user->name_folded,
                                               user->person.display_name, user->email,
                                               user->email_folded,        user->password_hash};

                if (!wanted(user))
                        continue;
                array_number(&users, user->user);
                for (size_t i = 0; i < countof(values); i++)
                        array_bytes(&columns[i], values[i]);
                if (versions)
                        array_number(&last, user->person.version);
        }
        write(saving, sql, &parameters);
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

/* Words of names as they were, of whom was renamed; or as they are. */
static void visit_names(struct saving *saving, struct words *words, bool before, bool fill)
{
        uint8_t folded[DISPLAY_NAME_MAX];

        world_each(saving->world, LINE_USER, struct world_user, user)
        {
                struct slice display = before ? user->display_before : user->person.display_name;

                if (before ? !user->renamed || user->line.made : user->gone || (!user->renamed && !user->line.made))
                        continue;
                check(display.size <= sizeof(folded));
                visit_words(words, before ? user->name_before : user->name_folded, user->user, fill);
                visit_words(words, slice_of(folded, name_fold(display, folded)), user->user, fill);
        }
}

static void write_words(struct saving *saving, enum sql sql, bool before)
{
        struct parameters parameters = parameters_of(saving);
        struct words words = {0};

        visit_names(saving, &words, before, false);
        if (words.count == 0)
                return;
        words.words = add_column(&parameters, COLUMN_BYTES, words.count, words.bytes);
        words.users = add_numbers(&parameters, words.count);
        visit_names(saving, &words, before, true);
        write(saving, sql, &parameters);
}

/* ---- devices ---- */

static void revoke_all(struct saving *saving)
{
        struct parameters parameters = parameters_of(saving);
        struct column users, kept;
        size_t count = 0;

        world_each(saving->world, LINE_USER, struct world_user, user) count += user->revoke_all;
        if (count == 0)
                return;
        users = add_numbers(&parameters, count);
        kept = add_numbers(&parameters, count);
        world_each(saving->world, LINE_USER, struct world_user, user)
        {
                if (!user->revoke_all)
                        continue;
                array_number(&users, user->user);
                array_number(&kept, user->kept);
        }
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

#define PENDING_COLUMNS 8

static void pending_values(const struct world_pending *pending, struct slice values[PENDING_COLUMNS])
{
        const struct slice all[PENDING_COLUMNS] = {pending->email,       pending->email_folded, pending->user_name,
                                                   pending->name_folded, pending->display_name, pending->password_hash,
                                                   pending->code_hash,   pending->invite_hash};

        memcpy(values, all, sizeof(all));
}

static void fill_pending(struct saving *saving, struct parameters *parameters, size_t count,
                         const size_t sizes[PENDING_COLUMNS])
{
        static const enum column_type types[PENDING_COLUMNS] = {COLUMN_TEXT, COLUMN_BYTES, COLUMN_TEXT,  COLUMN_BYTES,
                                                                COLUMN_TEXT, COLUMN_TEXT,  COLUMN_BYTES, COLUMN_BYTES};
        struct column requests = add_ids(parameters, count), columns[PENDING_COLUMNS], numbers[5];
        struct slice values[PENDING_COLUMNS];

        for (size_t i = 0; i < countof(columns); i++)
                columns[i] = add_column(parameters, types[i], count, sizes[i]);
        for (size_t i = 0; i < countof(numbers); i++)
                numbers[i] = add_numbers(parameters, count);
        world_each(saving->world, LINE_PENDING, struct world_pending, pending)
        {
                if (!pending->line.made)
                        continue;
                array_id(&requests, &pending->request);
                pending_values(pending, values);
                for (size_t i = 0; i < countof(values); i++)
                        array_bytes(&columns[i], values[i]);
                array_number(&numbers[0], pending->valid_until_ms);
                array_number(&numbers[1], pending->guesses);
                array_number(&numbers[2], pending->known);
                array_number(&numbers[3], (uint64_t)pending->purpose);
                array_number(&numbers[4], pending->holder);
        }
}

static void add_pending(struct saving *saving)
{
        struct parameters parameters = parameters_of(saving), old = parameters_of(saving);
        size_t count = 0, sizes[PENDING_COLUMNS] = {0};
        struct slice values[PENDING_COLUMNS];
        struct column emails;

        world_each(saving->world, LINE_PENDING, struct world_pending, pending)
        {
                if (!pending->line.made)
                        continue;
                pending_values(pending, values);
                for (size_t i = 0; i < countof(values); i++)
                        sizes[i] += values[i].size;
                count++;
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

/* ---- invitations ---- */

static void add_invites(struct saving *saving)
{
        struct parameters parameters = parameters_of(saving);
        struct column hashes, numbers[4];
        size_t count = 0;

        world_each(saving->world, LINE_INVITE, struct world_invite, invite) count += invite->line.made;
        if (count == 0)
                return;
        hashes = add_column(&parameters, COLUMN_BYTES, count, STORE_HASH_SIZE * count);
        for (size_t i = 0; i < countof(numbers); i++)
                numbers[i] = add_numbers(&parameters, count);
        world_each(saving->world, LINE_INVITE, struct world_invite, invite)
        {
                if (!invite->line.made)
                        continue;
                array_bytes(&hashes, invite->line.key);
                array_number(&numbers[0], invite->creator);
                array_number(&numbers[1], invite->uses_max);
                array_number(&numbers[2], invite->uses);
                array_number(&numbers[3], invite->valid_until_ms);
        }
        add_number(&parameters, saving->world->now_ms);
        write(saving, SQL_INVITES_NEW, &parameters);
}

static void change_invites(struct saving *saving)
{
        struct parameters parameters = parameters_of(saving);
        struct column hashes, uses;
        size_t count = 0;

        world_each(saving->world, LINE_INVITE, struct world_invite, invite) count +=
                invite->line.changed && !invite->line.made;
        if (count == 0)
                return;
        hashes = add_column(&parameters, COLUMN_BYTES, count, STORE_HASH_SIZE * count);
        uses = add_numbers(&parameters, count);
        world_each(saving->world, LINE_INVITE, struct world_invite, invite)
        {
                if (!invite->line.changed || invite->line.made)
                        continue;
                array_bytes(&hashes, invite->line.key);
                array_number(&uses, invite->uses);
        }
        write(saving, SQL_INVITES_USED, &parameters);
}

static void drop_invites(struct saving *saving)
{
        struct parameters parameters = parameters_of(saving);
        struct column users;
        size_t count = 0;

        world_each(saving->world, LINE_USER, struct world_user, user) count += user->gone;
        if (count == 0)
                return;
        users = add_numbers(&parameters, count);
        world_each(saving->world, LINE_USER, struct world_user, user) if (user->gone) array_number(&users, user->user);
        write(saving, SQL_INVITES_DROP, &parameters);
}

/* Of who deleted his account nothing stays. */
static void note_seen(struct saving *saving)
{
        struct parameters parameters = parameters_of(saving);
        struct column users;
        size_t count = 0;

        world_each(saving->world, LINE_USER, struct world_user, user) count += user->seen;
        if (count == 0)
                return;
        users = add_numbers(&parameters, count);
        world_each(saving->world, LINE_USER, struct world_user, user) if (user->seen) array_number(&users, user->user);
        add_number(&parameters, seen_coarse(saving->world->now_ms));
        write(saving, SQL_USERS_SEEN, &parameters);
}

static void note_hiding(struct saving *saving)
{
        struct parameters parameters = parameters_of(saving);
        struct column users, hides;
        size_t count = 0;

        world_each(saving->world, LINE_USER, struct world_user, user) count += user->hides_set;
        if (count == 0)
                return;
        users = add_numbers(&parameters, count);
        hides = add_numbers(&parameters, count);
        world_each(saving->world, LINE_USER, struct world_user, user)
        {
                if (!user->hides_set)
                        continue;
                array_number(&users, user->user);
                array_number(&hides, user->hides);
        }
        write(saving, SQL_USERS_HIDE, &parameters);
}

static void note_receipts(struct saving *saving)
{
        struct parameters parameters = parameters_of(saving);
        struct column users, switched, done;
        size_t count = 0;

        world_each(saving->world, LINE_USER, struct world_user, user) count += user->receipts_set;
        if (count == 0)
                return;
        users = add_numbers(&parameters, count);
        switched = add_numbers(&parameters, count);
        done = add_numbers(&parameters, count);
        world_each(saving->world, LINE_USER, struct world_user, user)
        {
                if (!user->receipts_set)
                        continue;
                array_number(&users, user->user);
                array_number(&switched, user->receipts);
                array_number(&done, user->receipts_done);
        }
        write(saving, SQL_USERS_RECEIPTS, &parameters);
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

        write_users(&saving, SQL_USERS_SET, is_changed, true);
        write_users(&saving, SQL_USERS_NEW, is_new, false);
        note_seen(&saving);
        note_hiding(&saving);
        note_receipts(&saving);
        write_words(&saving, SQL_WORDS_DROP, true);
        write_words(&saving, SQL_WORDS_NEW, false);
        revoke_all(&saving);
        change_devices(&saving, SQL_DEVICES_REVOKE, is_revoked);
        change_devices(&saving, SQL_DEVICES_SEEN, is_seen);
        add_devices(&saving);
        add_pending(&saving);
        change_pending(&saving);
        add_requests(&saving);
        change_guesses(&saving);
        add_invites(&saving);
        change_invites(&saving);
        drop_invites(&saving);
        if (!world->prune)
                return;
        prune(&saving, SQL_PENDING_EXPIRED, 0);
        prune(&saving, SQL_INVITES_EXPIRED, DAY_MS);
        prune(&saving, SQL_REQUESTS_EXPIRED, (uint64_t)STORE_REQUESTS_DAYS * DAY_MS);
        prune(&saving, SQL_GUESSES_EXPIRED, GUESS_FORGET_MS); /* after this transaction's own, which may have been old */
}
