/* Who has which reaction, as far as that is known here: in a chat of two the counts say it, in a group the server is asked. */
import type { Reactor, UserId } from '../core/types.ts';
import type { Item } from './items.ts';

/** Of a chat of two, or of one. */
export function reactorsOfTwo(reactions: Item['reactions'], me: UserId, peer: UserId): Reactor[] {
  return reactions.flatMap(({ emoji, people, mine }) => {
    const own = mine ? [{ emoji, user: me }] : [];
    return people > own.length ? [...own, { emoji, user: peer }] : own;
  });
}

export interface Reacted {
  emoji: string;
  users: UserId[];
}

/** By reaction, in the order in which the message shows them; oneself first. What came since, or went, is as who was asked last says. */
export function byReaction(reactors: Reactor[], shown: Item['reactions'], me: UserId): Reacted[] {
  const users = new Map<string, UserId[]>(shown.map(({ emoji }) => [emoji, []]));
  for (const { emoji, user } of reactors) users.set(emoji, [...(users.get(emoji) ?? []), user]);
  return [...users].filter(([, list]) => list.length > 0).map(([emoji, list]) => ({ emoji, users: list.sort((a, b) => Number(b === me) - Number(a === me)) }));
}
