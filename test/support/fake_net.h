/*
 * A network in memory behind seam/net.h: no sockets, no time, no threads. A world holds machines; each
 * machine is one struct net with an address of its own (10.0.0.N). A connection is two pipes of bounded size,
 * so writers do meet "nothing taken now". Bytes arrive at once and in order; whoever wants delays, cuts or
 * splits puts them between write and poll with the calls below.
 *
 *      fake_world_new → fake_world_net … → (net->ops->free …) → fake_world_free
 */
#ifndef GALKA_TEST_FAKE_NET_H
#define GALKA_TEST_FAKE_NET_H

#include "seam/net.h"

struct fake_world;

/* pipe_size: bytes that one direction of a connection holds. NULL: no memory. */
struct fake_world *fake_world_new(size_t pipe_size);

/* Frees the machines that are left too. */
void fake_world_free(struct fake_world **world);

/* A machine with the address 10.0.0.number. connect() looks for a listener with that port on the machine of
 * that address, or on any machine for "*"; listeners that share a port take turns. NULL: no memory. */
struct net *fake_world_net(struct fake_world *world, uint8_t number);

/* Reads give at most that many bytes a call from now on; 0: as many as there are. */
void fake_net_set_read_max(struct net *net, size_t bytes);

/* The connection breaks: both ends find it closed, bytes on their way are lost. */
void fake_net_break(struct net *net, int socket);

/* How many sockets are open on this machine, listeners too. */
size_t fake_net_open(struct net *net);

#endif
