/* Rule 9: everybody comes to rest. See check.h. */
#include <stdio.h>

#include "sim/check.h"

static bool client_rests(const struct sim *sim, const struct sim_client *client, char *why)
{
        struct core_room_info info;
        struct core_setting setting;

        if (client->start_us || !client->host.core) {
                snprintf(why, SIM_BROKEN_SIZE, "client %u does not run", client->number);
                return false;
        }
        if (client->person && core_phase(client->host.core) < CORE_OFFLINE &&
            core_phase(client->host.core) > CORE_LOADING) /* as his story has it */
                return true;
        if (core_phase(client->host.core) != CORE_SYNCED) {
                snprintf(why, SIM_BROKEN_SIZE, "client %u is in phase %d", client->number,
                         (int)core_phase(client->host.core));
                return false;
        }
        if (client->of_the_past) {
                snprintf(why, SIM_BROKEN_SIZE, "client %u has not heard that the store went back", client->number);
                return false;
        }
        if (client->host.batches || client->host.keep_by_hand) {
                snprintf(why, SIM_BROKEN_SIZE, "client %u has not kept everything", client->number);
                return false;
        }
        for (uint32_t i = 0; core_room_at(client->host.core, i, &info); i++) {
                if (info.queued || info.hole_top) {
                        snprintf(why, SIM_BROKEN_SIZE, "client %u has %u messages queued, a hole up to %llu", client->number,
                                 info.queued, (unsigned long long)info.hole_top);
                        return false;
                }
        }
        for (uint32_t i = 0; core_setting_at(client->host.core, i, &setting); i++) {
                if (setting.waits) {
                        snprintf(why, SIM_BROKEN_SIZE, "client %u has a setting that is not done", client->number);
                        return false;
                }
        }
        for (unsigned i = 0; i < sim->history.count; i++) {
                const struct message *message = &sim->history.messages[i];

                if (message->client == client->number && message->state == MESSAGE_OPEN && !message->abandoned) {
                        snprintf(why, SIM_BROKEN_SIZE, "client %u's message %u is not answered", client->number,
                                 message->number);
                        return false;
                }
        }
        return true;
}

/* Everything that was published to workers is committed. */
static bool bus_rests(const struct sim *sim, char *why)
{
        const struct bus_log *log = bus_embedded_log(sim->engine.bus);

        for (int topic = 0; topic < BUS_TOPIC_COUNT; topic++) {
                if (topic == BUS_FRONTENDS || topic == BUS_DEAD_LETTERS || topic == BUS_CALL)
                        continue;
                for (int32_t i = 0; i < (int32_t)bus_log_partitions(log, topic); i++) {
                        struct bus_log_state state = bus_log_state(log, topic, i);

                        if (state.end == state.first || state.committed == state.end)
                                continue;
                        snprintf(why, SIM_BROKEN_SIZE, "partition %d of %s has %llu records, %llu committed", (int)i,
                                 bus_topic_name(topic), (unsigned long long)state.end, (unsigned long long)state.committed);
                        return false;
                }
        }
        return true;
}

bool check_at_rest(struct sim *sim, char why[static SIM_BROKEN_SIZE])
{
        for (unsigned i = 0; i < sim->roles.frontend_count; i++)
                if (!role_serves(sim, i)) {
                        snprintf(why, SIM_BROKEN_SIZE, "frontend %u does not serve", i);
                        return false;
                }
        for (unsigned i = 0; i < sim->clients.count; i++)
                if (!client_rests(sim, &sim->clients.all[i], why))
                        return false;
        if (!rogues_rest(sim, why, SIM_BROKEN_SIZE) || !guest_rests(sim, why, SIM_BROKEN_SIZE) ||
            !resident_rests(sim, why, SIM_BROKEN_SIZE))
                return false;
        return sim->engine.commit_given_up || bus_rests(sim, why);
}
