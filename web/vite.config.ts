/* Builds the app into build/web (GALKA_OUT); tools/web makes core.wasm before and compressed copies after. */
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { VitePWA } from 'vite-plugin-pwa';
import { boot } from './boot.ts';
import { icons } from './icons.ts';
import { po } from './lang/plugin.ts';
import { emoji } from './view/emoji/plugin.ts';

export default defineConfig({
  plugins: [
    po(),
    emoji(),
    svelte(),
    icons(),
    boot(),
    VitePWA({
      strategies: 'injectManifest',
      srcDir: '.',
      filename: 'sw.ts',
      injectRegister: false, // platform/update.ts does
      manifest: {
        name: 'Galka',
        short_name: 'Galka',
        description: 'A messenger',
        id: '/',
        start_url: '/',
        scope: '/',
        display: 'standalone',
        lang: 'en',
        dir: 'ltr',
        categories: ['social'],
        background_color: '#12161c',
        theme_color: '#12161c',
        icons: [
          { src: 'icon.svg', sizes: 'any', type: 'image/svg+xml' },
          { src: 'icon-192.png', sizes: '192x192', type: 'image/png' },
          { src: 'icon-512.png', sizes: '512x512', type: 'image/png' },
          { src: 'icon-maskable-512.png', sizes: '512x512', type: 'image/png', purpose: 'maskable' },
        ],
      },
      injectManifest: { globPatterns: ['**/*.{js,css,html,svg,png,wasm,json,webmanifest}'], maximumFileSizeToCacheInBytes: 4 << 20 },
    }),
  ],
  build: {
    outDir: process.env.GALKA_OUT ?? '../build/web',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
