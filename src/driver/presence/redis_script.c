/* See redis_script.h. The script first, then how requests are written and answers are read. */
#include "driver/presence/redis_script.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"

#define TEXT_(number) #number
#define TEXT(number)  TEXT_(number)

#define ID_SIZE       32 /* epoch, generation, connection: the first bytes of an entry */
#define PUSH_SIZE     74 /* an id and an entry */
#define USER_SIZE_MAX (PRESENCE_CONNECTIONS_MAX * REDIS_ENTRY_SIZE)

_Static_assert(REDIS_ENTRY_SIZE == 42 && PUSH_SIZE == ID_SIZE + REDIS_ENTRY_SIZE && USER_SIZE_MAX == 672 &&
                       REDIS_PUSHES_MAX * PUSH_SIZE == 592 && REDIS_WATCHER_SIZE == 62,
               "the script has these numbers");

/*
 * Strings in Lua count from 1, both ends included. What another program wrote over ours is read as nothing (MGET gives no value
 * that is not a string). A write that changes nothing is left out, so that a question never writes.
 */
// clang-format off
static const char script[] =
        "local P, call, sub = KEYS[1], redis.call, string.sub\n"
        "local U, E, X = P..'u:', P..'e:', P..'x:'\n"
        "local known, out = {}, {}\n"

        /* The generation of a living epoch, or false. */
        "local function living(epoch)\n"
        "  local generation = known[epoch]\n"
        "  if generation == nil then\n"
        "    generation = call('HGET', E..epoch, 'g')\n"
        "    known[epoch] = generation\n"
        "  end\n"
        "  return generation\n"
        "end\n"

        "local function make(epoch)\n"
        "  if living(epoch) then return end\n"
        "  known[epoch] = string.format('%08x', call('INCR', P..'generation') % 4294967296)\n"
        "  call('HSET', E..epoch, 'g', known[epoch])\n"
        "  call('PEXPIRE', E..epoch, " TEXT(PRESENCE_LEASE_MS) ")\n"
        "  call('SADD', P..'epochs', epoch)\n"
        "end\n"

        "local function read(key, size)\n"
        "  local text = call('MGET', key)[1]\n"
        "  if not text or #text % size ~= 0 then return '' end\n"
        "  return text\n"
        "end\n"

        "local function alive(entry)\n"
        "  return living(sub(entry, 1, 16)) == sub(entry, 17, 24)\n"
        "end\n"

        /* Of a user's connections those that are alive. Most have one, and a table costs. */
        "local function lively(text)\n"
        "  if not text or #text % 42 ~= 0 then return '' end\n"
        "  if #text == 42 then return alive(text) and text or '' end\n"
        "  local kept = {}\n"
        "  for at = 1, #text, 42 do\n"
        "    local entry = sub(text, at, at + 41)\n"
        "    if alive(entry) then kept[#kept + 1] = entry end\n"
        "  end\n"
        "  return table.concat(kept)\n"
        "end\n"

        /* Where the entry stands that begins so, or nil. */
        "local function find(text, start)\n"
        "  for at = 1, #text, 42 do\n"
        "    if sub(text, at, at + #start - 1) == start then return at end\n"
        "  end\n"
        "end\n"

        /* Whom this one pushed out when it came, if he has not come back. */
        "local function pushed(user, id, text)\n"
        "  local pushes = read(P..'p:'..user, 74)\n"
        "  for at = 1, #pushes, 74 do\n"
        "    local gone = sub(pushes, at + 32, at + 73)\n"
        "    local back = find(text, sub(gone, 1, 32))\n"
        "    if sub(pushes, at, at + 31) == id and alive(gone) and not back then return gone end\n"
        "  end\n"
        "  return ''\n"
        "end\n"

        /* What this connection watched, it does no longer. */
        "local function unwatch(id)\n"
        "  local old = read(P..'c:'..id, 1)\n"
        "  if old == '' then return end\n"
        "  call('DEL', P..'c:'..id)\n"
        "  call('SREM', P..'v:'..sub(old, 63, 78), id)\n"
        "  for user in string.gmatch(sub(old, 79), '%d+') do call('SREM', P..'w:'..user, id) end\n"
        "end\n"

        /* Those that are alive of a set of connections, as entries with their users; the others leave it. */
        "local told = " TEXT(REDIS_TOLD_MAX) "\n"
        "local function watchers(key)\n"
        "  local ids, keys, found = call('SRANDMEMBER', key, math.min(" TEXT(PRESENCE_WATCHERS_MAX) ", told)), {}, {}\n"
        "  if #ids == 0 then return '' end\n"
        "  for i, id in ipairs(ids) do keys[i] = P..'c:'..id end\n"
        "  for i, text in ipairs(call('MGET', unpack(keys))) do\n"
        "    if text and #text >= 78 and alive(sub(text, 1, 42)) then found[#found + 1] = sub(text, 1, 62)\n"
        "    else call('SREM', key, ids[i]) end\n"
        "  end\n"
        "  told = told - #found\n"
        "  return table.concat(found)\n"
        "end\n"

        /* He comes or goes: who is to be told, and the stamp. */
        "local function news(user)\n"
        "  return call('INCR', P..'stamp'), watchers(P..'w:'..user)\n"
        "end\n"

        "local function set(user, epoch, rest)\n"
        "  make(epoch)\n"
        "  local key, entry, gone = U..user, epoch..known[epoch]..rest, ''\n"
        "  local id, old = sub(entry, 1, 32), read(key, 42)\n"
        "  local text = lively(old)\n"
        "  local at = find(text, id)\n"
        "  if at then\n"
        "    text = sub(text, 1, at - 1)..entry..sub(text, at + 42)\n"
        "    if text ~= old then call('SET', key, text) end\n"
        "    return pushed(user, id, text)\n"
        "  end\n"
        "  if #text >= 672 then\n"
        "    gone, text = sub(text, 631, 672), sub(text, 1, 630)\n"
        "    local pushes = sub(id..gone..read(P..'p:'..user, 74), 1, 592)\n"
        "    call('SET', P..'p:'..user, pushes, 'PX', " TEXT(REDIS_PUSHES_MS) ")\n"
        "    local other = sub(gone, 1, 16)\n"
        "    if not find(text, other) then call('SREM', X..other, user) end\n"
        "  end\n"
        "  call('SET', key, entry..text)\n"
        "  call('SADD', X..epoch, user)\n"
        "  if text ~= '' or call('DEL', P..'g:'..user) == 1 then return gone end\n"
        "  return { gone, news(user) }\n"
        "end\n"

        /* One connection of the epoch, or all. */
        "local function remove(user, epoch, connection)\n"
        "  local key, kept, more = U..user, {}, false\n"
        "  local old = read(key, 42)\n"
        "  for at = 1, #old, 42 do\n"
        "    local entry = sub(old, at, at + 41)\n"
        "    local same = sub(entry, 1, 16) == epoch\n"
        "    if not same or connection and sub(entry, 25, 32) ~= connection then\n"
        "      kept[#kept + 1] = entry\n"
        "      more = more or same\n"
        "    end\n"
        "  end\n"
        "  local text = table.concat(kept)\n"
        "  if text == old then return '' end\n"
        "  if text == '' then call('DEL', key) else call('SET', key, text) end\n"
        "  if connection and lively(text) == '' then call('SET', P..'g:'..user, '', 'PX', " TEXT(PRESENCE_LINGER_MS) ") end\n"
        "  if not more then call('SREM', X..epoch, user) end\n"
        "  return ''\n"
        "end\n"

        "local function watch_one(key, id)\n"
        "  call('SADD', key, id)\n"
        "  call('PEXPIRE', key, " TEXT(PRESENCE_WATCH_MS) ")\n"
        "end\n"

        /* epoch, connection, device, frontend, user, room, users: each user in 20 bytes. A watch of nobody ends the one there was. */
        "local function watch(r)\n"
        "  local epoch, id, online = sub(r, 2, 17), sub(r, 2, 25), {}\n"
        "  make(epoch)\n"
        "  unwatch(id)\n"
        "  local room, users = sub(r, 56, 71), sub(r, 72)\n"
        "  local open = string.find(room, '[^%z]')\n"
        "  if open or users ~= '' then\n"
        "    local text = epoch..known[epoch]..sub(r, 18, 35)..sub(r, 36)\n"
        "    call('SET', P..'c:'..id, text, 'PX', " TEXT(PRESENCE_WATCH_MS) ")\n"
        "  end\n"
        "  if open then watch_one(P..'v:'..room, id) end\n"
        "  for user in string.gmatch(users, '%d+') do\n"
        "    watch_one(P..'w:'..user, id)\n"
        "    local is = lively(read(U..user, 42)) ~= '' or call('EXISTS', P..'g:'..user) == 1\n"
        "    online[#online + 1] = is and '1' or '0'\n"
        "  end\n"
        "  return { call('INCR', P..'stamp'), table.concat(online) }\n"
        "end\n"

        "local function gone(user)\n"
        "  if lively(read(U..user, 42)) ~= '' then return '' end\n"
        "  call('DEL', P..'g:'..user)\n"
        "  return { news(user) }\n"
        "end\n"

        "local function sweep()\n"
        "  local left = " TEXT(REDIS_SWEEP_USERS) "\n"
        "  for _, epoch in ipairs(call('SRANDMEMBER', P..'epochs', " TEXT(REDIS_SWEEP_EPOCHS) ")) do\n"
        "    if left > 0 and not living(epoch) then\n"
        "      local users = call('SPOP', X..epoch, left)\n"
        "      for _, user in ipairs(users) do remove(user, epoch) end\n"
        "      left = left - #users\n"
        "      if left > 0 then call('SREM', P..'epochs', epoch) end\n"
        "    end\n"
        "  end\n"
        "end\n"

        "local function beat(epoch)\n"
        "  make(epoch)\n"
        "  local key = E..epoch\n"
        "  local count, lost = call('HINCRBY', key, 'n', 1), call('HDEL', key, 'l')\n"
        "  call('PEXPIRE', key, " TEXT(PRESENCE_LEASE_MS) ")\n"
        "  sweep()\n"
        "  return { count, lost, string.match(call('INFO', 'replication'), 'master_replid:(%x+)') or '' }\n"
        "end\n"

        "local does = {\n"
        "  S = function(r) return set(sub(r, 36), sub(r, 2, 17), sub(r, 18, 35)) end,\n"
        "  R = function(r) unwatch(sub(r, 2, 25)) return remove(sub(r, 36), sub(r, 2, 17), sub(r, 18, 25)) end,\n"
        "  W = watch,\n"
        "  O = function(r) return watchers(P..'v:'..sub(r, 2)) end,\n"
        "  A = function(r) return gone(sub(r, 2)) end,\n"
        "  B = function(r) return beat(sub(r, 2, 17)) end,\n"
        "  L = function(r) make(sub(r, 2, 17)) call('HSET', E..sub(r, 2, 17), 'l', 1) return '' end,\n"
        "  E = function(r) call('DEL', E..sub(r, 2, 17)) known[sub(r, 2, 17)] = false sweep() return '' end\n"
        "}\n"

        /* Questions that follow each other are read with one MGET. */
        "local i = 1\n"
        "while i <= #ARGV do\n"
        "  local keys, first = {}, i\n"
        "  while i <= #ARGV and sub(ARGV[i], 1, 1) == 'G' do\n"
        "    keys[#keys + 1] = U..sub(ARGV[i], 2)\n"
        "    i = i + 1\n"
        "  end\n"
        "  if i > first then\n"
        "    for k, text in ipairs(call('MGET', unpack(keys))) do out[first + k - 1] = lively(text) end\n"
        "  else\n"
        "    out[i] = does[sub(ARGV[i], 1, 1)](ARGV[i])\n"
        "    i = i + 1\n"
        "  end\n"
        "end\n"
        "return out\n";
// clang-format on

struct slice redis_script_source(void)
{
        return SLICE_LITERAL(script);
}

/* ---- requests ---- */

static const char letters[] = {
        [PRESENCE_SET] = 'S',   [PRESENCE_REMOVE] = 'R',    [PRESENCE_GET] = 'G',
        [PRESENCE_BEAT] = 'B',  [PRESENCE_MARK_LOST] = 'L', [PRESENCE_END] = 'E',
        [PRESENCE_WATCH] = 'W', [PRESENCE_OPEN] = 'O',      [PRESENCE_GONE] = 'A',
};

bool redis_writes(enum presence_kind kind)
{
        return kind != PRESENCE_GET;
}

/* A user's digits, and blanks. */
static uint8_t *put_user(uint8_t *at, uint64_t user)
{
        char digits[REDIS_USER_SIZE + 1];

        check(snprintf(digits, sizeof(digits), "%-20" PRIu64, user) == REDIS_USER_SIZE);
        memcpy(at, digits, REDIS_USER_SIZE);
        return at + REDIS_USER_SIZE;
}

static uint8_t *put_id(uint8_t *at, const struct id *id)
{
        memcpy(at, id->bytes, sizeof(id->bytes));
        return at + sizeof(id->bytes);
}

static bool has_entry(enum presence_kind kind)
{
        return kind == PRESENCE_SET || kind == PRESENCE_REMOVE || kind == PRESENCE_WATCH;
}

/* Where the user comes last, as many digits as he has. */
static bool has_user(enum presence_kind kind)
{
        return kind == PRESENCE_GET || kind == PRESENCE_SET || kind == PRESENCE_REMOVE || kind == PRESENCE_GONE;
}

static bool has_epoch(enum presence_kind kind)
{
        return kind != PRESENCE_GET && kind != PRESENCE_OPEN && kind != PRESENCE_GONE;
}

static size_t put_request(const struct presence_request *request, uint8_t bytes[static REDIS_WATCH_MAX + 1])
{
        const struct presence_entry *entry = &request->entry;
        uint8_t *at = bytes;

        check((size_t)request->kind < countof(letters) && request->user_count <= PRESENCE_WATCHED_MAX);
        *at++ = (uint8_t)letters[request->kind];
        if (has_epoch(request->kind))
                at = put_id(at, &entry->epoch);
        if (has_entry(request->kind)) {
                be64_put(at, entry->connection);
                be64_put(at + 8, entry->device);
                at[16] = (uint8_t)(entry->frontend >> 8);
                at[17] = (uint8_t)entry->frontend;
                at += 18;
        }
        if (has_user(request->kind))
                at += snprintf((char *)at, 21, "%" PRIu64, entry->user);
        if (request->kind == PRESENCE_WATCH)
                at = put_user(at, entry->user);
        if (request->kind == PRESENCE_WATCH || request->kind == PRESENCE_OPEN)
                at = put_id(at, &request->room);
        for (size_t i = 0; request->kind == PRESENCE_WATCH && i < request->user_count; i++)
                at = put_user(at, request->users[i]);
        check(at <= bytes + (request->kind == PRESENCE_WATCH ? REDIS_WATCH_MAX : REDIS_REQUEST_MAX));
        return (size_t)(at - bytes);
}

_Static_assert(REDIS_WATCH_MAX + REDIS_OUT_TEXT_SIZE <= REDIS_CHUNK_BYTES, "a call takes one that watches");

size_t redis_script_fits(const struct presence_request *requests, size_t count)
{
        size_t bytes = 0, fits = 0;

        while (fits < count && fits < REDIS_CHUNK_MAX) {
                bool watches = requests[fits].kind == PRESENCE_WATCH;

                bytes += (watches ? REDIS_WATCH_MAX : REDIS_REQUEST_MAX) + REDIS_OUT_TEXT_SIZE;
                if (bytes > REDIS_CHUNK_BYTES)
                        break;
                fits++;
        }
        check(fits > 0);
        return fits;
}

void redis_script_call(struct redis_out *out, struct slice sha, struct slice prefix, const struct presence_request *requests,
                       size_t count)
{
        check(count <= REDIS_CHUNK_MAX && prefix.size <= REDIS_PREFIX_MAX && sha.size == REDIS_SHA_SIZE);
        redis_out_command(out, 4 + count);
        redis_out_text(out, SLICE_LITERAL("EVALSHA"));
        redis_out_text(out, sha);
        redis_out_text(out, SLICE_LITERAL("1"));
        redis_out_text(out, prefix);
        for (size_t i = 0; i < count; i++) {
                uint8_t bytes[REDIS_WATCH_MAX + 1];

                redis_out_text(out, slice_of(bytes, put_request(&requests[i], bytes)));
        }
}

/* ---- answers ---- */

static struct presence_entry entry_read(const uint8_t *at, uint64_t user)
{
        struct presence_entry entry = {.user = user,
                                       .connection = be64_get(at + 24),
                                       .device = be64_get(at + 32),
                                       .frontend = (uint16_t)(at[40] << 8 | at[41])};

        memcpy(entry.epoch.bytes, at, sizeof(entry.epoch.bytes));
        return entry;
}

static enum error entries_read(const struct redis_reply *reply, uint64_t user, size_t count_max,
                               struct presence_result *result, struct arena *arena)
{
        size_t count = reply->text.size / REDIS_ENTRY_SIZE;

        if (reply->kind != REDIS_TEXT || reply->text.size % REDIS_ENTRY_SIZE != 0 || count > count_max)
                return ERR_CORRUPT;
        if (count == 0)
                return ERR_OK;
        result->entries = arena_array(arena, struct presence_entry, count);
        if (!result->entries)
                return ERR_NO_MEMORY;
        for (size_t i = 0; i < count; i++)
                result->entries[i] = entry_read(reply->text.data + i * REDIS_ENTRY_SIZE, user);
        result->count = count;
        return ERR_OK;
}

/* A user's digits at a fixed place. False: they are none. */
static bool user_read(const uint8_t *at, uint64_t *user)
{
        size_t i = 0;

        *user = 0;
        for (; i < REDIS_USER_SIZE && at[i] >= '0' && at[i] <= '9'; i++)
                if (__builtin_mul_overflow(*user, 10, user) || __builtin_add_overflow(*user, at[i] - '0', user))
                        return false;
        return i > 0;
}

static enum error watchers_read(const struct redis_reply *reply, struct presence_result *result, struct arena *arena)
{
        size_t count = reply->text.size / REDIS_WATCHER_SIZE;

        if (reply->kind != REDIS_TEXT || reply->text.size % REDIS_WATCHER_SIZE != 0 || count > PRESENCE_WATCHERS_MAX)
                return ERR_CORRUPT;
        if (count == 0)
                return ERR_OK;
        result->watchers = arena_array(arena, struct presence_entry, count);
        if (!result->watchers)
                return ERR_NO_MEMORY;
        for (size_t i = 0; i < count; i++) {
                const uint8_t *at = reply->text.data + i * REDIS_WATCHER_SIZE;
                uint64_t user;

                if (!user_read(at + REDIS_ENTRY_SIZE, &user))
                        return ERR_CORRUPT;
                result->watchers[i] = entry_read(at, user);
        }
        result->watcher_count = count;
        return ERR_OK;
}

/* The last two of a list: a stamp, and who is to be told. */
static enum error news_read(const struct redis_reply *stamp, const struct redis_reply *watchers,
                            struct presence_result *result, struct arena *arena)
{
        if (stamp->kind != REDIS_INTEGER || stamp->integer <= 0)
                return ERR_CORRUPT;
        result->stamp = (uint64_t)stamp->integer;
        return watchers_read(watchers, result, arena);
}

/* Whom it pushed out; of one who came, in a list with the news of it. */
static enum error set_read(const struct redis_reply *reply, uint64_t user, struct presence_result *result,
                           struct arena *arena)
{
        enum error error;

        if (reply->kind != REDIS_LIST)
                return entries_read(reply, user, 1, result, arena);
        if (reply->count != 3)
                return ERR_CORRUPT;
        error = entries_read(reply->items[0], user, 1, result, arena);
        return error ? error : news_read(reply->items[1], reply->items[2], result, arena);
}

static enum error gone_read(const struct redis_reply *reply, struct presence_result *result, struct arena *arena)
{
        if (reply->kind == REDIS_TEXT && reply->text.size == 0)
                return ERR_OK;
        if (reply->kind != REDIS_LIST || reply->count != 2)
                return ERR_CORRUPT;
        result->gone = true;
        return news_read(reply->items[0], reply->items[1], result, arena);
}

/* A stamp, and a digit for each of the users. */
static enum error watch_read(const struct redis_reply *reply, size_t user_count, struct presence_result *result)
{
        const struct redis_reply *stamp, *online;

        if (reply->kind != REDIS_LIST || reply->count != 2)
                return ERR_CORRUPT;
        stamp = reply->items[0];
        online = reply->items[1];
        if (stamp->kind != REDIS_INTEGER || stamp->integer <= 0 || online->kind != REDIS_TEXT ||
            online->text.size != user_count)
                return ERR_CORRUPT;
        result->stamp = (uint64_t)stamp->integer;
        for (size_t i = 0; i < user_count; i++)
                if (online->text.data[i] == '1')
                        result->online |= UINT64_C(1) << i;
        return ERR_OK;
}

void redis_beaten_doubt(struct redis_beaten *beaten)
{
        beaten->count = UINT64_MAX;
}

/*
 * Presence forgot if the counter did not go on, or if this is another copy of the data: a replica may have taken over that had not heard
 * all yet, though it knew the last beat.
 */
static enum error beat_read(const struct redis_reply *reply, const struct id *epoch, struct presence_result *result,
                            struct redis_beaten *beaten)
{
        const struct redis_reply *count, *lost, *id;

        if (reply->kind != REDIS_LIST || reply->count != 3)
                return ERR_CORRUPT;
        count = reply->items[0];
        lost = reply->items[1];
        id = reply->items[2];
        if (count->kind != REDIS_INTEGER || count->integer <= 0 || lost->kind != REDIS_INTEGER || id->kind != REDIS_TEXT ||
            id->text.size != REDIS_ID_SIZE)
                return ERR_CORRUPT;
        result->lost = lost->integer != 0;
        result->forgot = id_equal(&beaten->epoch, epoch) && ((uint64_t)count->integer <= beaten->count ||
                                                             memcmp(id->text.data, beaten->replication, REDIS_ID_SIZE) != 0);
        beaten->epoch = *epoch;
        beaten->count = (uint64_t)count->integer;
        memcpy(beaten->replication, id->text.data, REDIS_ID_SIZE);
        return ERR_OK;
}

static enum error result_read(const struct redis_reply *reply, const struct presence_request *request,
                              struct presence_result *result, struct arena *arena, struct redis_beaten *beaten)
{
        switch (request->kind) {
        case PRESENCE_SET:
                return set_read(reply, request->entry.user, result, arena);
        case PRESENCE_WATCH:
                return watch_read(reply, request->user_count, result);
        case PRESENCE_OPEN:
                return watchers_read(reply, result, arena);
        case PRESENCE_GONE:
                return gone_read(reply, result, arena);
        case PRESENCE_GET:
                return entries_read(reply, request->entry.user, PRESENCE_CONNECTIONS_MAX, result, arena);
        case PRESENCE_BEAT:
                return beat_read(reply, &request->entry.epoch, result, beaten);
        case PRESENCE_REMOVE:
        case PRESENCE_MARK_LOST:
        case PRESENCE_END:
                return reply->kind == REDIS_TEXT ? ERR_OK : ERR_CORRUPT;
        }
        unreachable();
}

enum error redis_script_read(const struct redis_reply *reply, const struct presence_request *requests, size_t count,
                             struct presence_result *results, struct arena *arena, struct redis_beaten *beaten)
{
        if (reply->kind != REDIS_LIST || reply->count != count)
                return ERR_CORRUPT;
        for (size_t i = 0; i < count; i++) {
                enum error error = result_read(reply->items[i], &requests[i], &results[i], arena, beaten);

                if (error)
                        return error;
        }
        return ERR_OK;
}
