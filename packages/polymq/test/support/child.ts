/**
 * A child process whose output is kept and can be waited for line by line.
 *
 * Every child still alive when this process exits is killed by its own id, so a test that fails half-way
 * leaves nothing behind. Output is kept up to a bound: the first and the last part.
 */
import { type ChildProcess, spawn } from 'node:child_process';

export interface ChildExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface ChildOptions {
  command: string;
  args: readonly string[];
  cwd?: string | undefined;
  /** Added to this process's own environment. */
  env?: Readonly<Record<string, string>> | undefined;
  /** How it is named in errors. */
  name: string;
  /** What is written to its standard input, which is then closed. */
  input?: string | undefined;
}

export interface Child {
  readonly pid: number;
  readonly process: ChildProcess;
  readonly stdout: string;
  readonly stderr: string;
  /** Resolves when the process is gone; never rejects. */
  readonly exited: Promise<ChildExit>;
  readonly running: boolean;
  /** Resolves with the match of the first output line (either stream) that matches. */
  waitForLine(pattern: RegExp, timeoutMs: number): Promise<RegExpMatchArray>;
  signal(signal: NodeJS.Signals): void;
  /** Asks with SIGTERM, insists with SIGKILL after `graceMs`. */
  stop(graceMs?: number): Promise<ChildExit>;
  /** SIGKILL. Resolves when the process is gone. */
  kill9(): Promise<ChildExit>;
}

const OUTPUT_CHARACTERS_MAX = 4 << 20;
const alive = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** Starts a process. Rejects only through `exited`-like promises; a missing program throws here. */
export function startChild(options: ChildOptions): Child {
  const { command, args, cwd, env, name, input } = options;
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  return new SpawnedChild(child, name, input);
}

interface LineWaiter {
  pattern: RegExp;
  resolve: (match: RegExpMatchArray) => void;
  reject: (error: Error) => void;
}

class SpawnedChild implements Child {
  readonly process: ChildProcess;
  readonly exited: Promise<ChildExit>;
  running = true;
  stdout = '';
  stderr = '';
  readonly #name: string;
  readonly #waiters = new Set<LineWaiter>();
  #failure: Error | undefined;

  constructor(child: ChildProcess, name: string, input: string | undefined) {
    this.process = child;
    this.#name = name;
    alive.add(child);
    this.exited = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#failure = error;
        this.#ended({ code: null, signal: null }, resolve);
      });
      child.once('close', (code, signal) => this.#ended({ code, signal }, resolve));
    });
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout = this.#keep(this.stdout, text);
      this.#scan();
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = this.#keep(this.stderr, text);
      this.#scan();
    });
    child.stdin?.on('error', () => {});
    if (input !== undefined) child.stdin?.end(input);
  }

  get pid(): number {
    return this.process.pid ?? -1;
  }

  waitForLine(pattern: RegExp, timeoutMs: number): Promise<RegExpMatchArray> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiter.reject(this.#problem(`printed no line like ${pattern} within ${timeoutMs} ms`));
      }, timeoutMs);
      const done = () => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      const waiter: LineWaiter = {
        pattern,
        resolve: (match) => {
          done();
          resolve(match);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      };
      this.#waiters.add(waiter);
      this.#scan();
      if (!this.running) waiter.reject(this.#problem(`ended before it printed ${pattern}`));
    });
  }

  signal(signal: NodeJS.Signals): void {
    if (this.running) this.process.kill(signal);
  }

  async stop(graceMs = 10_000): Promise<ChildExit> {
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), graceMs);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  kill9(): Promise<ChildExit> {
    this.signal('SIGKILL');
    return this.exited;
  }

  #ended(exit: ChildExit, resolve: (exit: ChildExit) => void): void {
    if (!this.running) return;
    this.running = false;
    alive.delete(this.process);
    this.#scan();
    const how = this.#failure?.message ?? `ended (code ${exit.code}, signal ${exit.signal})`;
    for (const waiter of [...this.#waiters]) waiter.reject(this.#problem(how));
    resolve(exit);
  }

  #scan(): void {
    if (this.#waiters.size === 0) return;
    for (const waiter of [...this.#waiters]) {
      const match =
        matchLine(this.stdout, waiter.pattern) ?? matchLine(this.stderr, waiter.pattern);
      if (match) waiter.resolve(match);
    }
  }

  #keep(text: string, more: string): string {
    const all = text + more;
    if (all.length <= OUTPUT_CHARACTERS_MAX) return all;
    const half = OUTPUT_CHARACTERS_MAX >> 2;
    return `${all.slice(0, half)}\n[…]\n${all.slice(-half)}`;
  }

  #problem(what: string): Error {
    const tail = (text: string) => text.slice(-4000);
    return new Error(
      `${this.#name} ${what}\nstdout:\n${tail(this.stdout)}\nstderr:\n${tail(this.stderr)}`,
    );
  }
}

function matchLine(text: string, pattern: RegExp): RegExpMatchArray | undefined {
  for (const line of text.split('\n')) {
    const match = line.match(pattern);
    if (match) return match;
  }
  return undefined;
}
