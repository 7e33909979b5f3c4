/* Who may do what: rules/role.c, as far as it decides what is offered. The server decides. */
import type { Role, RoomKind, Row } from '../core/types.ts';

const RANKS: Record<Role, number> = { none: 0, member: 1, admin: 2, owner: 3 };

export interface Place {
  kind: RoomKind;
  left: boolean;
  /** one's own */
  role: Role;
}

export interface Deeds {
  reply: boolean;
  react: boolean;
  edit: boolean;
  delete: boolean;
  pin: boolean;
  forward: boolean;
  readers: boolean;
}

export const NO_DEEDS: Deeds = { reply: false, react: false, edit: false, delete: false, pin: false, forward: false, readers: false };

/** role: of who wrote the row, now. */
export function deedsOn(place: Place, row: Row, mine: boolean, role: Role): Deeds {
  const group = place.kind === 'group';
  const rank = group ? RANKS[place.role] : RANKS.member;
  if (row.kind !== 'text') return NO_DEEDS;
  return {
    reply: !place.left,
    react: !place.left,
    edit: !place.left && mine && row.origin === undefined,
    delete: !place.left && (mine || (group && rank >= RANKS.admin && rank > RANKS[role])),
    pin: !place.left && (!group || rank >= RANKS.admin),
    forward: true,
    readers: group && mine,
  };
}

export function mayManage(role: Role): boolean {
  return RANKS[role] >= RANKS.admin;
}

export function mayRemove(own: Role, other: Role): boolean {
  return mayManage(own) && RANKS[own] > RANKS[other];
}
