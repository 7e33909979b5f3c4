/* Puts the house together: platform makes an Engine, the model listens to it, the view shows the model. */
import { mount } from 'svelte';
import App from './view/App.svelte';

mount(App, { target: document.getElementById('app')! });
