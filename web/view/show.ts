/* Shows the app of an engine on the page. */
import './base.css';
import { mount } from 'svelte';

import type { Engine } from '../core/types.ts';
import { preferredLanguage, setLanguage } from '../lang/words.svelte.ts';
import { App as Model } from '../model/app.svelte.ts';
import App from './App.svelte';
import { browserClock, browserKeep } from './here.ts';

export async function show(engine: Engine, target: HTMLElement): Promise<Model> {
  const app = new Model(engine, browserClock, browserKeep());
  const { language } = app.settings;
  await setLanguage(language === 'auto' ? preferredLanguage(navigator.languages) : language);
  document.documentElement.lang = language === 'auto' ? preferredLanguage(navigator.languages) : language;
  target.replaceChildren(); // what stood there until now: boot.ts
  mount(App, { target, props: { app } });
  return app;
}
