/*
 * A real server, a real browser (Debian's chromium), and people in front of it. Each Person is a browser profile of its own; what is
 * done goes by roles and names that a screen reader would use too.
 *
 *   rig.mjs's makeRig() → rig.person('alice') → person.page (playwright) … → rig.end()
 *
 * Arguments of every suite: GALKAD GALKA WEB_FOLDER OUT_FOLDER [only=WORDS]. Screenshots go into OUT_FOLDER/screens/web.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const require = createRequire(new URL('../../web/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const axeSource = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

export const [galkad, galka, webFolder, outFolder] = process.argv.slice(2);
const START_MS = 20000;
const WAIT_MS = 30000; // what a person would be asked to wait, many times over: tests share two processors

export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

export const PHONE = { width: 390, height: 844 };
export const DESKTOP = { width: 1280, height: 800 };

const BROWSER_ARGUMENTS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
];

/** A server in a folder of its own. restart() begins it again on the same port. */
class Server {
  constructor(options = []) {
    this.folder = mkdtempSync(join(tmpdir(), 'galka-web.'));
    this.options = options;
    this.port = 0;
    this.output = '';
  }

  async start() {
    const seen = this.output.length;
    this.process = spawn(galkad, ['--dev', '--log-level', 'warning', '--data', join(this.folder, 'data'), '--port', String(this.port),
      '--web', webFolder, ...this.options, 'all'], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => { this.output += text; });
    }
    this.port = Number((await this.wait(/listening on [^\s]*:(\d+)/, seen))[1]);
  }

  /** Imports accounts while the server does not run; the file that says their tokens. */
  importUsers(...names) {
    const users = join(this.folder, 'users.tsv'), tokens = join(this.folder, 'tokens.tsv');
    writeFileSync(users, names.map((name) => `${name}\t${name}@example.org\t${name[0].toUpperCase()}${name.slice(1)}\n`).join(''));
    writeFileSync(tokens, execFileSync(galkad, ['--dev', '--data', join(this.folder, 'data'), 'user', 'import', users]));
    return tokens;
  }

  /** The newest code that was mailed to that address. */
  async codeFor(email, from = 0) {
    const said = new RegExp(`code for ${email.replace(/[.+]/g, '\\$&')}: (\\d+)`);
    return (await this.wait(said, from))[1];
  }

  /** The first match in what the server has said since `from`. */
  async wait(pattern, from = 0) {
    const end = Date.now() + START_MS;
    for (;;) {
      const match = pattern.exec(this.output.slice(from));
      if (match) return match;
      if (this.process.exitCode !== null) throw new Error(`galkad ended: ${this.output}`);
      if (Date.now() > end) throw new Error(`the server did not say ${pattern}: ${this.output}`);
      await sleep(20);
    }
  }

  async stop(signal = 'SIGTERM') {
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill(signal);
    await ended;
  }

  async restart() {
    await this.start();
  }

  async end() {
    if (this.process && this.process.exitCode === null && this.process.signalCode === null) await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The cable between browsers and server. cut() is felt by neither end: nothing comes through until restore(); drop() ends all connections. */
class Link {
  constructor(server) {
    this.server = server;
    this.pairs = new Set();
    this.isCut = false;
  }

  async open() {
    this.listener = createServer({ pauseOnConnect: true }, (near) => this.take(near));
    await new Promise((resolve) => this.listener.listen(0, '127.0.0.1', resolve));
    this.port = this.listener.address().port;
  }

  take(near) {
    const far = connect(this.server.port, '127.0.0.1');
    const pair = [near, far];
    this.pairs.add(pair);
    for (const [from, to] of [[near, far], [far, near]]) {
      from.on('data', (data) => to.write(data) || (from.pause(), to.once('drain', () => this.isCut || from.resume())));
      from.on('end', () => to.end());
      from.on('error', () => undefined);
      from.on('close', () => { to.destroy(); this.pairs.delete(pair); });
    }
    if (this.isCut) far.pause();
    else near.resume();
  }

  cut() {
    this.isCut = true;
    for (const socket of [...this.pairs].flat()) socket.pause();
  }

  restore() {
    this.isCut = false;
    for (const socket of [...this.pairs].flat()) socket.resume();
  }

  drop() {
    for (const socket of [...this.pairs].flat()) socket.destroy();
  }

  close() {
    this.drop();
    this.listener.close();
  }
}

/** A browser profile: cookies, storage, tabs. */
export class Person {
  constructor(rig, name, context, page) {
    Object.assign(this, { rig, name, context, page });
    this.email = `${name}@example.org`;
    this.password = `the password of ${name}`;
  }

  get url() {
    return `http://127.0.0.1:${this.rig.port}/`;
  }

  async open(path = '') {
    await this.page.goto(this.url + path);
  }

  /** Another tab of the same profile. */
  async tab(path = '') {
    const page = await this.context.newPage();
    this.rig.look(page, this.name);
    await page.goto(this.url + path);
    return page;
  }

  async screenshot(what, page = this.page) {
    await page.screenshot({ path: join(this.rig.screens, `${what}.png`) });
  }

  /** axe-core's violations on what is shown now; must be none. */
  async checkAccess(what, page = this.page) {
    await page.evaluate(axeSource); // by the debugger, so that the page's policy has no say
    const violations = await page.evaluate(async () => {
      const result = await window.axe.run(document, { resultTypes: ['violations'] });
      return result.violations.map((one) => `${one.id}: ${one.help}: ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(' | ')}`);
    });
    if (violations.length) throw new Error(`axe, ${what}: ${violations.join('\n')}`);
  }
}

class Rig {
  constructor(server, browser, link) {
    Object.assign(this, { server, browser, link, people: [], problems: [], foreign: [], sockets: [] });
    this.screens = join(outFolder, 'screens', 'web');
    mkdirSync(this.screens, { recursive: true });
  }

  /** Where browsers find the server. */
  get port() {
    return this.link?.port ?? this.server.port;
  }

  /** What a page should never do: ask others than the server, log errors, throw. */
  look(page, name) {
    page.setDefaultTimeout(WAIT_MS);
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (!['data:', 'blob:'].includes(url.protocol) && url.host !== `127.0.0.1:${this.port}`) this.foreign.push(`${name}: ${url}`);
    });
    page.on('websocket', (socket) => this.sockets.push({ name, page, socket }));
    page.on('pageerror', (error) => this.problems.push(`${name}: ${error.stack ?? error}`));
    page.on('console', (message) => {
      if (message.type() === 'error' && !/ERR_CONNECTION_REFUSED|ERR_INTERNET_DISCONNECTED|ERR_FAILED|WebSocket connection/.test(message.text()))
        this.problems.push(`${name}: console: ${message.text()}`);
    });
  }

  async person(name, { viewport = DESKTOP, dark = false, language = 'en', ...more } = {}) {
    const context = await this.browser.newContext({ viewport, colorScheme: dark ? 'dark' : 'light', locale: language,
      reducedMotion: 'reduce', bypassCSP: false, ...more });
    const page = await context.newPage();
    const person = new Person(this, name, context, page);
    this.look(page, name);
    this.people.push(person);
    return person;
  }

  /** Nothing went wrong in the console, and nobody else was asked. */
  assertClean() {
    const said = [...this.problems, ...this.foreign.map((one) => `third party: ${one}`)];
    this.problems = [];
    this.foreign = [];
    if (said.length) throw new Error(said.join('\n'));
  }

  async end() {
    await this.browser.close();
    this.link?.close();
    await this.server.end();
  }
}

/** server: options of galkad; users: names to import before it starts; link: a cable that can be cut. */
export async function makeRig(options = {}) {
  const server = new Server(options.server);
  if (options.users) server.tokens = server.importUsers(...options.users);
  await server.start();
  const link = options.link ? new Link(server) : undefined;
  await link?.open();
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: BROWSER_ARGUMENTS });
  return new Rig(server, browser, link);
}

/** Takes away what lies over the page and would be in the way of the next case; the chat itself stays open. */
async function clear(page) {
  const lies = page.locator('dialog[open], [role=menu]');
  for (let i = 0; i < 3 && (await lies.count()) > 0; i++) await page.keyboard.press('Escape');
}

export const rigOfSuite = (options) => ({
  before: () => makeRig(options),
  after: (rig) => rig.end(),
  afterFailure: async (rig, name) => {
    for (const person of rig.people)
      for (const [index, page] of person.context.pages().entries()) {
        await page.screenshot({ path: join(rig.screens, `failed-${name.replace(/\W+/g, '-').slice(0, 60)}-${person.name}-${index}.png`) }).catch(() => {});
        await clear(page).catch(() => {});
      }
  },
});

export { sleep };
