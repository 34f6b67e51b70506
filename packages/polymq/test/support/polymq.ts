/**
 * Starts the real program as a child process, the way a person starts it, so that tests can kill it for
 * real. Runs the built program when `dist` is newer than every source file, else the sources
 * through tsx, in both cases as ONE process: its process id is the broker's.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Child, type ChildExit, startChild } from './child.ts';

export const PACKAGE_FOLDER: string = fileURLToPath(new URL('../..', import.meta.url));
export const REPOSITORY_FOLDER: string = join(PACKAGE_FOLDER, '..', '..');

export interface PolymqOptions {
  /** The data folder, or `memory:`. Undefined leaves `--data` out. */
  data?: string | undefined;
  /** URLs to listen on. Default: every protocol on a free port of 127.0.0.1. */
  listen?: readonly string[] | undefined;
  /** More arguments after `serve`. */
  args?: readonly string[] | undefined;
  env?: Readonly<Record<string, string>> | undefined;
  /** Flags for Node itself, such as `--max-old-space-size=256`. */
  nodeArgs?: readonly string[] | undefined;
  /** Default `serve`. */
  command?: 'serve' | 'dev' | undefined;
  readyTimeoutMs?: number | undefined;
  /** The folder it runs in. */
  cwd?: string | undefined;
  /** Kills the process (SIGKILL) when aborted, also before it is ready; the start then rejects. */
  signal?: AbortSignal | undefined;
}

export interface Polymq {
  readonly pid: number;
  /** The bound ports by scheme, such as `ports['kafka']`. */
  readonly ports: Readonly<Record<string, number>>;
  /** The bound port of a scheme; throws if there is none. */
  port(scheme: string): number;
  /** From the spawn of the process to its `ready` line, as seen from outside. */
  readonly startMs: number;
  /** What the program itself says in its `ready in N ms` line. */
  readonly readyMs: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly running: boolean;
  readonly exited: Promise<ChildExit>;
  /** SIGKILL at once. Resolves when the process is gone. */
  kill9(): Promise<ChildExit>;
  /** SIGTERM; SIGKILL if it is still there after `graceMs`. */
  stop(graceMs?: number): Promise<ChildExit>;
  signal(signal: NodeJS.Signals): void;
}

const DEFAULT_LISTEN = [
  'kafka://127.0.0.1:0',
  'amqp://127.0.0.1:0',
  'aws://127.0.0.1:0',
  'redis://127.0.0.1:0',
  'mqtt://127.0.0.1:0',
  'stomp://127.0.0.1:0',
  'http://127.0.0.1:0',
];

/** Starts the broker and resolves when it is ready. Rejects with its output if it is not. */
export async function startPolymq(options: PolymqOptions = {}): Promise<Polymq> {
  const started = process.hrtime.bigint();
  const child = startChild({
    name: 'polymq',
    command: process.execPath,
    args: [...(options.nodeArgs ?? []), ...programArgs(), ...commandArgs(options)],
    env: options.env,
    cwd: options.cwd,
  });
  options.signal?.addEventListener('abort', () => child.signal('SIGKILL'), { once: true });
  try {
    const ready = await child.waitForLine(
      /^ready in (\d+(?:\.\d+)?) ms/,
      options.readyTimeoutMs ?? 60_000,
    );
    const startMs = Number(process.hrtime.bigint() - started) / 1e6;
    return describe(child, startMs, Number(ready[1]));
  } catch (error) {
    await child.kill9();
    throw error;
  }
}

/** Runs the program to its end, such as `polymq --help` or a start that must be refused. */
export async function runPolymq(
  args: readonly string[],
  options: { env?: Readonly<Record<string, string>>; timeoutMs?: number; cwd?: string } = {},
): Promise<ChildExit & { stdout: string; stderr: string }> {
  const child = startChild({
    name: `polymq ${args.join(' ')}`,
    command: process.execPath,
    args: [...programArgs(), ...args],
    env: options.env,
    cwd: options.cwd,
  });
  const timer = setTimeout(() => child.signal('SIGKILL'), options.timeoutMs ?? 30_000);
  const exit = await child.exited;
  clearTimeout(timer);
  return { ...exit, stdout: child.stdout, stderr: child.stderr };
}

function commandArgs(options: PolymqOptions): string[] {
  const args: string[] = [options.command ?? 'serve'];
  if (options.data !== undefined) args.push('--data', options.data);
  for (const url of options.listen ?? DEFAULT_LISTEN) args.push('--listen', url);
  return [...args, ...(options.args ?? [])];
}

/** What Node is given to run the program: the built one if it is up to date, else the sources. */
function programArgs(): string[] {
  const built = join(PACKAGE_FOLDER, 'bin', 'polymq.js');
  if (existsSync(built) && builtIsFresh()) return [built];
  const source = join(PACKAGE_FOLDER, 'src', 'cli', 'main.ts');
  return ['--conditions=@polymq/source', '--import', import.meta.resolve('tsx'), source];
}

/** Whether `startPolymq` would run compiled code (for benchmarks, which should): of the broker and of the client it brings. */
export function builtIsFresh(): boolean {
  return ['client', 'polymq'].every((name) => isBuilt(join(REPOSITORY_FOLDER, 'packages', name)));
}

function isBuilt(folder: string): boolean {
  const compiled = join(folder, 'dist', 'index.js');
  const stamp = statSync(join(folder, 'dist', '.tsbuildinfo'), { throwIfNoEntry: false });
  if (!stamp || !existsSync(compiled)) return false;
  return newestMs(join(folder, 'src')) <= stamp.mtimeMs;
}

function newestMs(folder: string): number {
  let newest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts') || entry.name.endsWith('.test.ts')) continue;
    newest = Math.max(newest, statSync(join(entry.parentPath, entry.name)).mtimeMs);
  }
  return newest;
}

function describe(child: Child, startMs: number, readyMs: number): Polymq {
  const ports: Record<string, number> = {};
  for (const line of child.stdout.split('\n')) {
    const match = line.match(/^listening ([a-z0-9+]+):\/\/.*:(\d+)\/?\s*$/);
    if (match) ports[match[1]!] ??= Number(match[2]);
  }
  return {
    pid: child.pid,
    ports,
    startMs,
    readyMs,
    exited: child.exited,
    port: (scheme) => {
      const port = ports[scheme];
      if (port === undefined) throw new Error(`polymq listens on no ${scheme}://\n${child.stdout}`);
      return port;
    },
    get stdout() {
      return child.stdout;
    },
    get stderr() {
      return child.stderr;
    },
    get running() {
      return child.running;
    },
    kill9: () => child.kill9(),
    stop: (graceMs) => child.stop(graceMs),
    signal: (signal) => child.signal(signal),
  };
}
