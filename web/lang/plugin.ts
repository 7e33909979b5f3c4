/* For Vite: `import words from './en.po'` is the table of words, as data. */
import { readPo } from './po.ts';

interface PoPlugin {
  name: string;
  transform(source: string, id: string): { code: string; map: null } | undefined;
}

export function po(): PoPlugin {
  return {
    name: 'galka-po',
    transform(source, id) {
      const language = /\/(\w+)\.po$/.exec(id)?.[1];
      if (!language) return undefined;
      return { code: `export default ${JSON.stringify(readPo(source, language))};`, map: null };
    },
  };
}
