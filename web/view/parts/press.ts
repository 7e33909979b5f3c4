/* A menu is asked for: by the second button, the menu key, or a long press of a finger. */
import type { Attachment } from 'svelte/attachments';

const LONG_MS = 450;
const MOVES_MAX = 10;
/** presses that an element within another one took for itself */
const taken = new WeakSet<Event>();

/** within: a selector, if it is asked for one of many elements in the one that listens. */
export function onPress(ask: (x: number, y: number, of: Element) => void, within?: string): Attachment<HTMLElement> {
  return (element) => {
    const meant = ({ target }: Event) => (within === undefined ? element : target instanceof Element ? target.closest(within) : null);
    let timer = 0;
    let from = { x: 0, y: 0 };
    let pressed = false;
    const callOff = () => clearTimeout(timer);
    const down = (event: PointerEvent) => {
      pressed = false;
      const of = meant(event);
      if (!of || event.pointerType === 'mouse' || taken.has(event)) return;
      taken.add(event);
      from = { x: event.clientX, y: event.clientY };
      timer = window.setTimeout(() => {
        pressed = true;
        navigator.vibrate?.(8);
        ask(from.x, from.y, of);
      }, LONG_MS);
    };
    const move = (event: PointerEvent) => {
      if (Math.hypot(event.clientX - from.x, event.clientY - from.y) > MOVES_MAX) callOff();
    };
    const menu = (event: MouseEvent) => {
      const of = meant(event);
      if (!of) return;
      event.preventDefault();
      callOff();
      const inner = taken.has(event);
      taken.add(event);
      if (pressed || inner) return;
      const box = of.getBoundingClientRect();
      const byKey = event.clientX === 0 && event.clientY === 0;
      ask(byKey ? box.left + 24 : event.clientX, byKey ? box.top + 24 : event.clientY, of);
    };
    const click = (event: MouseEvent) => {
      if (!pressed) return;
      pressed = false;
      event.preventDefault();
      event.stopPropagation();
    };
    element.addEventListener('pointerdown', down);
    element.addEventListener('pointermove', move);
    element.addEventListener('pointerup', callOff);
    element.addEventListener('pointercancel', callOff);
    element.addEventListener('contextmenu', menu);
    element.addEventListener('click', click, true);
    return () => {
      callOff();
      element.removeEventListener('pointerdown', down);
      element.removeEventListener('pointermove', move);
      element.removeEventListener('pointerup', callOff);
      element.removeEventListener('pointercancel', callOff);
      element.removeEventListener('contextmenu', menu);
      element.removeEventListener('click', click, true);
    };
  };
}
