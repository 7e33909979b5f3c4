/*
 * Where one is, as the part of the address after '#', so that Back goes back: '#/', '#/chat/ROOM', '#/chat/ROOM/about', '#/archive',
 * '#/new', '#/group', '#/settings', '#/settings/PART'. '#invite=TOKEN' and '#join=ROOM.SECRET' are links that others were given.
 */
export type Side = 'rooms' | 'archive' | 'new' | 'group' | 'settings';

export interface Route {
  side: Side;
  /** of settings */
  part: string;
  room: string | undefined;
  about: boolean;
  invite: string | undefined;
  join: { room: string; link: string } | undefined;
}

const NOWHERE: Route = { side: 'rooms', part: '', room: undefined, about: false, invite: undefined, join: undefined };

export function parseRoute(hash: string): Route {
  const [, invite] = /^#invite=([A-Za-z0-9]{1,64})$/.exec(hash) ?? [];
  const [, joinRoom, link] = /^#join=([0-9a-f]{32})\.([0-9a-f]{32})$/i.exec(hash) ?? [];
  const [, room, about] = /^#\/chat\/([0-9a-f]{32})(\/about)?$/.exec(hash) ?? [];
  const [, side, part] = /^#\/(archive|new|group|settings)(?:\/([a-z]+))?$/.exec(hash) ?? [];
  if (invite) return { ...NOWHERE, invite };
  if (joinRoom && link) return { ...NOWHERE, join: { room: joinRoom.toLowerCase(), link: link.toLowerCase() } };
  if (room) return { ...NOWHERE, room, about: about !== undefined };
  if (side) return { ...NOWHERE, side: side as Side, part: part ?? '' };
  return NOWHERE;
}

class Router {
  route = $state.raw<Route>(parseRoute(location.hash));

  constructor() {
    addEventListener('hashchange', () => (this.route = parseRoute(location.hash)));
  }

  go(hash: string): void {
    if (location.hash !== hash) location.hash = hash;
  }

  /** Without a new step for Back. */
  replace(hash: string): void {
    history.replaceState(history.state, '', hash);
    this.route = parseRoute(hash);
  }

  chat(room: string, about = false): void {
    this.go(`#/chat/${room}${about ? '/about' : ''}`);
  }

  home(): void {
    this.go('#/');
  }
}

export const router = new Router();
