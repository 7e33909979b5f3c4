/* One tab stop a list: arrows, Home and End move the focus among what matches `selector`, in the order of the page. */
export function rove(event: KeyboardEvent, box: HTMLElement, selector: string): boolean {
  if (event.altKey || event.ctrlKey || event.metaKey) return false;
  const all = [...box.querySelectorAll<HTMLElement>(selector)];
  const at = all.indexOf(document.activeElement as HTMLElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
  if (to === undefined || at < 0) return false;
  const next = all[Math.max(0, Math.min(to, all.length - 1))];
  event.preventDefault();
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
  return true;
}
