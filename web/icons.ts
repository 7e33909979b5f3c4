/* A plugin of the build: every icon is drawn from the one sign (sign.ts). */
import { Resvg } from '@resvg/resvg-js';
import type { Plugin } from 'vite';
import { SIGN_GROUND, SIGN_INK, SIGN_PATH } from './view/sign.ts';

/** `margin`: of the field of 24 that stays free on each side; a maskable icon may lose a tenth all round. */
function svg(margin: number, corner: number): string {
  const scale = (24 - 2 * margin) / 24;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><rect width="24" height="24" rx="${corner}" fill="${SIGN_GROUND}"/>` +
    `<path transform="translate(${margin} ${margin}) scale(${scale})" fill-rule="evenodd" d="${SIGN_PATH}" fill="${SIGN_INK}"/></svg>`
  );
}

function png(text: string, size: number): Uint8Array {
  return new Resvg(text, { fitTo: { mode: 'width', value: size } }).render().asPng();
}

export function icons(): Plugin {
  return {
    name: 'galka-icons',
    apply: 'build',
    generateBundle() {
      const plain = svg(3, 5);
      const files: [string, string | Uint8Array][] = [
        ['icon.svg', plain],
        ['icon-192.png', png(plain, 192)],
        ['icon-512.png', png(plain, 512)],
        ['icon-maskable-512.png', png(svg(5.5, 0), 512)],
        ['apple-touch-icon.png', png(svg(3.5, 0), 180)],
      ];
      for (const [fileName, source] of files) this.emitFile({ type: 'asset', fileName, source });
    },
  };
}
