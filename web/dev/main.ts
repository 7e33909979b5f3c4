/* For those who work on the view: `vite` in web/, then /dev/?state=… shows it over an engine that is made up. Never built. */
import { FakeEngine } from './fake.ts';
import { show } from '../view/show.ts';

const state = new URLSearchParams(location.search).get('state') ?? 'full';
const engine = new FakeEngine(state);
void show(engine, document.getElementById('app')!).then((app) => Object.assign(window, { app, engine }));
