/* A link is pressed: one that could be taken for another one is asked about; one to this very app stays in it. */
import type { Segment } from '../../model/links.ts';
import { overlays } from '../overlay.svelte.ts';

export function openLink(event: MouseEvent, link: Extract<Segment, { kind: 'link' }>): void {
  const url = new URL(link.href);
  if (url.origin === location.origin && url.pathname === location.pathname && url.hash.startsWith('#join=')) {
    event.preventDefault();
    location.hash = url.hash;
  } else if (link.suspect) {
    event.preventDefault();
    overlays.show({ kind: 'link', href: link.href, host: link.host });
  }
}
