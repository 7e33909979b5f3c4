/* A galkad for tests that need no browser, in a folder of its own, on a port that it chooses. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const START_MS = 20000;

export class Server {
  constructor(program, options = []) {
    this.program = program;
    this.options = options;
    this.folder = mkdtempSync(join(tmpdir(), 'galka-core.'));
    this.port = 0;
    this.output = '';
  }

  async start() {
    const seen = this.output.length;
    this.process = spawn(this.program, ['--dev', '--log-level', 'warning', '--data', this.folder, '--port', String(this.port), ...this.options, 'all'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        this.output += text;
      });
    }
    this.port = Number((await this.wait(/listening on [^\s]*:(\d+)/, seen))[1]);
  }

  async wait(pattern, from = 0) {
    const end = Date.now() + START_MS;
    for (;;) {
      const match = pattern.exec(this.output.slice(from));
      if (match) return match;
      if (this.process.exitCode !== null || Date.now() > end) throw new Error(`the server did not say ${pattern}: ${this.output}`);
      await sleep(20);
    }
  }

  async stop(signal = 'SIGTERM') {
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill(signal);
    await ended;
  }

  async end() {
    if (this.process && this.process.exitCode === null && this.process.signalCode === null) await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
