/*
 * What the frames of a page cost. A task or a frame may take long because the machine does something else meanwhile; what the page itself
 * did is the processor time of its main thread, which the browser's trace tells for each task. So both are counted: `long` tasks and the
 * gaps between frames by the clock; and by work `held`, tasks that are longer than a frame may take, and `heavy`, frames whose tasks are so together.
 */
const MICROSECONDS = 1000;

/** Runs `body`, in which the page marks each frame by performance.mark('frame'), and gives what it gives with the frames' work, ms. */
async function traced(devtools, body) {
  const marks = [], tasks = [];
  const take = ({ value }) => {
    for (const { name, ph, pid, tid, ts, dur = 0, tdur = 0 } of value) {
      if (name === 'frame') marks.push({ pid, tid, ts });
      else if (name === 'ThreadControllerImpl::RunTask' && ph === 'X') tasks.push({ pid, tid, end: ts + dur, work: tdur });
    }
  };
  devtools.on('Tracing.dataCollected', take);
  await devtools.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { includedCategories: ['toplevel', 'blink.user_timing'] } });
  let result;
  try {
    result = await body();
  } finally {
    const complete = new Promise((resolve) => devtools.once('Tracing.tracingComplete', resolve));
    await devtools.send('Tracing.end');
    await complete;
    devtools.off('Tracing.dataCollected', take);
  }
  const mine = ({ pid, tid }) => pid === marks[0]?.pid && tid === marks[0].tid;
  const starts = marks.map(({ ts }) => ts).sort((a, b) => a - b);
  const work = starts.map(() => 0);
  let at = 0;
  for (const task of tasks.filter(mine).sort((a, b) => a.end - b.end)) {
    while (at < starts.length && starts[at] < task.end) at++;
    if (at > 0 && at < starts.length) work[at] += task.work / MICROSECONDS; // frame `at` ends at starts[at]: a task that runs over it is the next one's
  }
  return { ...result, work: work.slice(1), tasks: tasks.filter((task) => mine(task) && task.end > starts[0] && task.end <= starts.at(-1)).map((task) => task.work / MICROSECONDS) };
}

/**
 * Scrolls the log towards its beginning by `step` pixels a frame, until row `until` is among those that are drawn. spin: milliseconds that one frame is held
 * up, to see that it is noticed.
 */
const scroll = (page, options) => page.evaluate(async ({ step, until, seconds, spin }) => {
  const box = document.querySelector('[role=log]');
  const gaps = [], long = [];
  const watch = new PerformanceObserver((list) => long.push(...list.getEntries().map(({ duration }) => duration)));
  watch.observe({ type: 'longtask' });
  let before = performance.now(), there = false;
  const end = before + seconds * 1000;
  while (!there && before < end) {
    box.dispatchEvent(new WheelEvent('wheel', { bubbles: true })); // it is a hand that moves it
    box.scrollTop -= step;
    if (spin && gaps.length === 10) for (const over = performance.now() + spin; performance.now() < over;);
    await new Promise(requestAnimationFrame);
    performance.mark('frame');
    performance.clearMarks('frame');
    const now = performance.now();
    gaps.push(now - before);
    before = now;
    there = Number(box.querySelector('[data-seq]')?.dataset.seq) <= until;
  }
  watch.disconnect();
  return { there, gaps, long, nodes: document.querySelectorAll('*').length };
}, options);

const part = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
const line = (values) => `p50 ${part(values, 0.5).toFixed(1)} ms, p99 ${part(values, 0.99).toFixed(1)}, most ${(values.at(-1) ?? 0).toFixed(1)}`;

/** The same, and what came of it: `held` tasks and `heavy` frames are over frameMax of work, `text` says all of it. */
export async function scrollUp(page, devtools, { frameMax, ...options }) {
  const start = performance.now();
  const { there, gaps, long, nodes, work, tasks } = await traced(devtools, () => scroll(page, options));
  gaps.sort((a, b) => a - b);
  work.sort((a, b) => a - b);
  tasks.sort((a, b) => a - b);
  if (work.length < gaps.length - 2) throw new Error(`the trace lost frames: ${work.length} of ${gaps.length}`);
  const heavy = work.filter((one) => one > frameMax).length;
  const held = tasks.filter((one) => one > frameMax).length;
  const text = `${gaps.length} frames in ${((performance.now() - start) / 1000).toFixed(0)} s; work of a task at most ${(tasks.at(-1) ?? 0).toFixed(1)} ms, of a frame ${line(work)}, ${heavy} over ${frameMax}; ` +
    `by the clock ${line(gaps)}, ${gaps.filter((one) => one > frameMax).length} over ${frameMax}; ${long.length} long tasks, longest ${Math.max(0, ...long).toFixed(0)} ms; ${nodes} elements`;
  return { there, frames: gaps.length, held, heavy, long: long.length, nodes, text };
}
