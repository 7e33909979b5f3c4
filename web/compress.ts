/*
 * Puts NAME.br and NAME.gz beside every file of the built app that gets smaller by it: the frontends send those to who takes them. At
 * build, and so at the highest level: compress.ts FOLDER
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const WORTH = /\.(js|mjs|css|html|svg|json|wasm|webmanifest|txt)$/;
const LEAST = 512; // bytes: less fits into the answer's first packet anyhow

const files = (folder: string): string[] =>
  readdirSync(folder)
    .map((name) => join(folder, name))
    .flatMap((path) => (statSync(path).isDirectory() ? files(path) : [path]));

for (const path of files(process.argv[2] ?? '.').filter((one) => WORTH.test(one))) {
  const bytes = readFileSync(path);
  if (bytes.length < LEAST) continue;
  const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } });
  const gzip = gzipSync(bytes, { level: 9 });
  if (brotli.length < bytes.length) writeFileSync(`${path}.br`, brotli);
  if (gzip.length < bytes.length) writeFileSync(`${path}.gz`, gzip);
}
