/* Puts the house together: platform makes an Engine, the model listens to it, the view shows the model. */
import { openEngine } from './platform/browser.ts';
import { watchUpdates } from './platform/update.ts';
import { update } from './view/parts/update.svelte.ts';
import { show } from './view/show.ts';

const updates = watchUpdates(() => update.offer(() => updates.use()));

void show(openEngine(), document.getElementById('app')!);
