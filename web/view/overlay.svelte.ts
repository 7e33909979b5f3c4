/* What lies over the screen: one dialog at a time, loaded when it is first wanted, and one menu. */
import type { UserId } from '../core/types.ts';
import type { Item } from '../model/items.ts';

export type Overlay =
  | { kind: 'search'; everywhere: boolean }
  | { kind: 'switch' }
  | { kind: 'keys' }
  | { kind: 'forward'; items: Item[]; done?: () => void }
  | { kind: 'readers'; item: Item }
  | { kind: 'reactors'; item: Item }
  | { kind: 'pins' }
  | { kind: 'emoji'; choose: (emoji: string) => void; reaction: boolean }
  | { kind: 'person'; user: UserId }
  | { kind: 'invite' }
  | { kind: 'invited'; token: string }
  | { kind: 'mute' }
  | { kind: 'link'; href: string; host: string }
  | { kind: 'join'; room: string; link: string }
  | { kind: 'ask'; title: string; text?: string; yes: string; danger?: boolean; values?: Record<string, string | number>; run: () => unknown; /** of what is under way when it is closed */ stop?: () => void };

class Overlays {
  open = $state.raw<Overlay | undefined>();

  show(overlay: Overlay): void {
    this.open = overlay;
  }

  close(): void {
    this.open = undefined;
  }
}

export const overlays = new Overlays();
