/* A plugin of the build: what index.html has before any script runs: the sign, and word to the browser that the core will be needed. */
import type { Plugin } from 'vite';
import { SIGN_PATH } from './view/sign.ts';

const SIGN = `<svg viewBox="0 0 24 24" width="72" height="72"><path fill-rule="evenodd" fill="currentColor" d="${SIGN_PATH}"/></svg>`;

export function boot(): Plugin {
  return {
    name: 'galka-boot',
    transformIndexHtml: {
      order: 'post',
      handler(html, { bundle }) {
        const core = Object.keys(bundle ?? {}).find((name) => name.endsWith('.wasm'));
        return {
          html: html.replace('<div id="app"></div>', `<div id="app"><div class="boot" aria-hidden="true"><div></div><div>${SIGN}</div></div></div>`),
          tags: core
            ? [{ tag: 'link', attrs: { rel: 'preload', as: 'fetch', type: 'application/wasm', crossorigin: '', href: `/${core}` }, injectTo: 'head' }]
            : [],
        };
      },
    },
  };
}
