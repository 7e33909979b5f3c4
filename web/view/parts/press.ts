/* A menu is asked for: by the second button, the menu key, or a long press of a finger. */
import type { Attachment } from 'svelte/attachments';

const LONG_MS = 450;
const MOVES_MAX = 10;
/** presses that an element within another one took for itself */
const taken = new WeakSet<Event>();

export function onPress(ask: (x: number, y: number) => void): Attachment<HTMLElement> {
  return (element) => {
    let timer = 0;
    let from = { x: 0, y: 0 };
    let pressed = false;
    const callOff = () => clearTimeout(timer);
    const down = (event: PointerEvent) => {
      pressed = false;
      if (event.pointerType === 'mouse' || taken.has(event)) return;
      taken.add(event);
      from = { x: event.clientX, y: event.clientY };
      timer = window.setTimeout(() => {
        pressed = true;
        navigator.vibrate?.(8);
        ask(from.x, from.y);
      }, LONG_MS);
    };
    const move = (event: PointerEvent) => {
      if (Math.hypot(event.clientX - from.x, event.clientY - from.y) > MOVES_MAX) callOff();
    };
    const menu = (event: MouseEvent) => {
      event.preventDefault();
      callOff();
      const inner = taken.has(event);
      taken.add(event);
      if (pressed || inner) return;
      const box = element.getBoundingClientRect();
      const byKey = event.clientX === 0 && event.clientY === 0;
      ask(byKey ? box.left + 24 : event.clientX, byKey ? box.top + 24 : event.clientY);
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
