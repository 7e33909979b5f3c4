/* Cases one after another, TAP on standard output: the harness of tools/test counts those lines. */
const cases = [];

/** A case: `body` is called with what `before` of run() made; what it throws is its failure. */
export function test(name, body) {
  cases.push({ name, body });
}

/** Runs all cases in order (argument only=WORDS: those whose names have these words); the process ends with 1 if one failed. */
export async function run({ before, after, afterFailure }) {
  const only = process.argv.find((argument) => argument.startsWith('only='))?.slice(5);
  const chosen = cases.filter((one) => !only || one.name.includes(only));
  let failed = 0;
  console.log(`1..${chosen.length}`);
  const rig = await before();
  try {
    for (const [index, one] of chosen.entries()) {
      const start = performance.now();
      try {
        await one.body(rig);
        console.log(`ok ${index + 1} ${one.name} # ${((performance.now() - start) / 1000).toFixed(1)} s`);
      } catch (error) {
        failed++;
        console.log(`not ok ${index + 1} ${one.name}`);
        console.log(String(error?.stack ?? error).replace(/^/gm, '# '));
        await afterFailure?.(rig, one.name);
      }
    }
  } finally {
    await after(rig);
  }
  process.exitCode = failed ? 1 : 0;
}
