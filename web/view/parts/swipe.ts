/* A finger draws an element to the left: how far is told while it moves; let go beyond a mark, it is done. Up and down stays the list's (touch-action). */
import type { Attachment } from 'svelte/attachments';

const BEGINS = 12;
/** pixels after which letting go does it */
export const SWIPE_DONE = 56;
const SWIPE_MAX = 80;

export interface Swipe {
  /** May what this element is in be drawn? */
  may: (target: EventTarget | null) => boolean;
  /** 0: back in its place */
  moved: (pixels: number) => void;
  done: () => void;
}

export function onSwipe({ may, moved, done }: Swipe): Attachment<HTMLElement> {
  return (element) => {
    let from: { id: number; x: number; y: number } | undefined;
    let pulled = 0;
    const end = () => {
      if (pulled > 0) moved(0);
      from = undefined;
      pulled = 0;
    };
    const down = (event: PointerEvent) => {
      end();
      if (event.pointerType === 'touch' && event.isPrimary && may(event.target)) from = { id: event.pointerId, x: event.clientX, y: event.clientY };
    };
    const move = (event: PointerEvent) => {
      if (!from || event.pointerId !== from.id) return;
      const [left, down] = [from.x - event.clientX, Math.abs(event.clientY - from.y)];
      if (pulled === 0 && (down > BEGINS || left < -BEGINS)) from = undefined; // it goes elsewhere
      else if (pulled > 0 || left > BEGINS) {
        const next = Math.max(1, Math.min(left - BEGINS, SWIPE_MAX));
        if (pulled < SWIPE_DONE && next >= SWIPE_DONE) navigator.vibrate?.(8);
        pulled = next;
        moved(pulled);
      }
    };
    const up = (event: PointerEvent) => {
      if (from?.id !== event.pointerId) return;
      const far = pulled >= SWIPE_DONE;
      end();
      if (far) done();
    };
    element.addEventListener('pointerdown', down);
    element.addEventListener('pointermove', move);
    element.addEventListener('pointerup', up);
    element.addEventListener('pointercancel', end);
    return () => {
      element.removeEventListener('pointerdown', down);
      element.removeEventListener('pointermove', move);
      element.removeEventListener('pointerup', up);
      element.removeEventListener('pointercancel', end);
    };
  };
}
