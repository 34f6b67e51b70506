/**
 * A running broker under attack, with one healthy client beside. Afterwards the broker must still run, its memory must be where
 * it was after a first, shorter attack, and the healthy client must have got what it sent.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '../crash/random.ts';
import { startPolymq } from '../support/polymq.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { pause } from './attack-loop.ts';

export interface SiegeOptions {
  seconds: number;
  seed: number;
  report(line: string): void;
}

export interface HealthyClient {
  readonly sent: number;
  readonly slowestMs: number;
  start(): Promise<void>;
  /** What it did not get. */
  finish(): Promise<string[]>;
}

export interface Attackers {
  run(seconds: number): Promise<void>;
  describe(): string;
  /** Answers that are findings. */
  readonly failures?: readonly string[];
}

export interface Siege {
  name: string;
  scheme: string;
  /** The scheme of a second listener, such as the same protocol inside WebSockets. */
  alsoListens?: string;
  /** More flags of the broker. */
  args?: readonly string[];
  healthy(port: number): HealthyClient;
  /** `otherPort`: of the second listener; 0 if there is none. */
  attackers(port: number, random: SeededRandom, otherPort: number): Attackers;
  /** Called before the healthy client starts. */
  setUp?(port: number): Promise<void>;
  /** A line of the log that only a bug writes. */
  bugLine?: RegExp;
}

const GROWTH_MIB_MAX = 192;
const SETTLE_MS = 3000;

/** Resolves with what was found. */
export async function besiege(siege: Siege, options: SiegeOptions): Promise<string[]> {
  const data = temporaryFolder(`polymq-fuzz-${siege.scheme}-`);
  const { scheme: first, alsoListens: second } = siege;
  const schemes = second === undefined ? [first] : [first, second];
  const broker = await startPolymq({
    data: data.path,
    listen: schemes.map((scheme) => `${scheme}://127.0.0.1:0`),
    args: siege.args,
  });
  const port = broker.port(first);
  const problems: string[] = [];
  const healthy = siege.healthy(port);
  try {
    await siege.setUp?.(port);
    await healthy.start();
    const attackers = siege.attackers(
      port,
      new SeededRandom(options.seed),
      second === undefined ? 0 : broker.port(second),
    );
    await attackers.run(Math.min(3, options.seconds / 4));
    await pause(SETTLE_MS);
    const before = rssMib(broker.pid);
    await attackers.run(options.seconds);
    await pause(SETTLE_MS);
    const growth = rssMib(broker.pid) - before;
    options.report(
      `${siege.name}: ${attackers.describe()}; healthy client ${healthy.sent} messages, slowest ${healthy.slowestMs.toFixed(0)} ms, ` +
        `memory ${before.toFixed(0)} MiB and ${growth >= 0 ? '+' : ''}${growth.toFixed(0)} MiB`,
    );
    if (growth > GROWTH_MIB_MAX) problems.push(`memory grew by ${growth.toFixed(0)} MiB`);
    problems.push(...(attackers.failures ?? []), ...(await healthy.finish()));
    if (!broker.running) problems.push('the broker has ended');
    if (siege.bugLine?.test(broker.stdout + broker.stderr)) {
      problems.push(`the log says ${String(siege.bugLine)}, which is a bug`);
    }
    const exit = await broker.stop();
    if (exit.code !== 0) problems.push(`the broker did not stop cleanly: ${JSON.stringify(exit)}`);
  } catch (error) {
    problems.push(`${error instanceof Error ? error.stack : String(error)}`);
  }
  if (problems.length > 0) {
    options.report(lastErrors(broker.stdout + broker.stderr));
    options.report(`the whole log is ${keep(siege.name, broker.stdout + broker.stderr)}`);
  }
  await broker.kill9();
  data.remove();
  return problems;
}

/** Of a log full of refused connections and requests, what is worse. */
function lastErrors(log: string): string {
  const bad = log.split('\n').filter((line) => /error|failed|Error/.test(line));
  return bad.slice(-12).join('\n').slice(-4000);
}

function keep(name: string, log: string): string {
  const folder = join(tmpdir(), 'polymq-fuzz');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}-${process.pid}.log`);
  writeFileSync(file, log);
  return file;
}

function rssMib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}
