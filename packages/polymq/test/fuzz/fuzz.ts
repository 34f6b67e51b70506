/**
 * Feeds mutated inputs to one parser for a while.
 *
 * An input whose outcome is new (accepted, or refused with words not met before) joins the corpus and is mutated
 * further, so the run finds its way past the first check without instrumenting anything. Three rules:
 * only the allowed error, no more memory than the target states, and no input that holds the thread longer than
 * 50 ms (asked three times, since the machine may be busy with something else).
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SeededRandom } from '../crash/random.ts';
import { mutate } from './mutate.ts';
import type { FuzzTarget } from './target.ts';

export interface Finding {
  target: string;
  problem: string;
  input: Buffer;
}

export interface FuzzReport {
  target: string;
  inputs: number;
  accepted: number;
  corpus: number;
  slowestMs: number;
  /** Memory held after the run beyond that after the warm-up, everything collectable collected. */
  growthBytes: number;
  findings: Finding[];
}

const STALL_MS = 50;
const RETRIES = 3;
const CORPUS_MAX = 3000;
const FINDINGS_MAX = 10;
const WARM_UP_INPUTS = 2000;
const MEMORY_EVERY = 8;
const TURN_EVERY = 32;
const GROWTH_BYTES_MAX = 24 << 20;
/** Buffers are pooled and freed late: less than this says nothing about one input. */
const MEMORY_SLACK_BYTES = 64 << 10;

export interface FuzzOptions {
  seconds: number;
  seed: number;
  /** Ends the run early. */
  inputsMax?: number;
  /** Inputs that earlier runs have found, tried before all others. */
  corpus?: readonly Buffer[];
}

export async function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<FuzzReport> {
  const run = new FuzzRun(target, new SeededRandom(options.seed));
  try {
    return await run.run(options);
  } finally {
    await target.close?.();
  }
}

/** Feeds one given input and returns what is wrong with it, if anything. */
export async function tryInput(target: FuzzTarget, input: Buffer): Promise<string | undefined> {
  try {
    await target.run(input);
    return undefined;
  } catch (error) {
    return target.allows(error) ? undefined : describe(error);
  }
}

class FuzzRun {
  readonly #target: FuzzTarget;
  readonly #random: SeededRandom;
  readonly #corpus: Buffer[] = [];
  readonly #outcomes = new Set<string>();
  readonly #problems = new Set<string>();
  readonly #report: FuzzReport;

  constructor(target: FuzzTarget, random: SeededRandom) {
    this.#target = target;
    this.#random = random;
    this.#report = {
      target: target.name,
      inputs: 0,
      accepted: 0,
      corpus: 0,
      slowestMs: 0,
      growthBytes: 0,
      findings: [],
    };
  }

  get #stallMs(): number {
    return this.#target.stallMs ?? STALL_MS;
  }

  async run(options: FuzzOptions): Promise<FuzzReport> {
    const { seconds, inputsMax = Number.POSITIVE_INFINITY, corpus = [] } = options;
    const report = this.#report;
    this.#corpus.push(...corpus, ...(await this.#target.seeds()));
    if (this.#corpus.length === 0) throw new Error(`${this.#target.name} has no seeds`);
    for (const seed of [...this.#corpus]) await this.#feed(seed);
    const end = performance.now() + seconds * 1000;
    let held: number | undefined;
    while (performance.now() < end && report.inputs < inputsMax) {
      if (report.findings.length >= FINDINGS_MAX) break;
      const input = mutate(
        this.#random.pick(this.#corpus),
        this.#random.pick(this.#corpus),
        this.#random,
      );
      const repaired = this.#random.chance(0.5) ? this.#target.repair?.(input) : undefined;
      await this.#feed(repaired ?? input);
      if (report.inputs % TURN_EVERY === 0) await turn();
      if (report.inputs === WARM_UP_INPUTS) held = (await heldBytes()) - this.#corpusBytes();
    }
    if (held !== undefined) {
      report.growthBytes = (await heldBytes()) - this.#corpusBytes() - held;
      if (report.growthBytes > GROWTH_BYTES_MAX) {
        this.#find(`holds ${report.growthBytes} bytes more than at the start`, Buffer.alloc(0));
      }
    }
    report.corpus = this.#corpus.length;
    return report;
  }

  async #feed(input: Buffer): Promise<void> {
    const report = this.#report;
    report.inputs += 1;
    const weigh = report.inputs % MEMORY_EVERY === 0;
    const before = weigh ? externalBytes() : 0;
    const copy = Buffer.from(input);
    const began = performance.now();
    let outcome = 'accepted';
    try {
      const pending = this.#target.run(copy);
      if (pending) await pending;
      report.accepted += 1;
    } catch (error) {
      outcome = describe(error);
      if (!this.#target.allows(error)) this.#find(outcome, input);
    }
    const ms = performance.now() - began;
    if (weigh) this.#weigh(externalBytes() - before, input);
    if (ms > this.#stallMs) await this.#time(input);
    else if (ms > report.slowestMs) report.slowestMs = ms;
    this.#learn(outcome, input);
  }

  #weigh(bytes: number, input: Buffer): void {
    const allowed = this.#target.memoryBytesMax + 2 * input.length + MEMORY_SLACK_BYTES;
    if (bytes > allowed) this.#find(`allocated ${bytes} bytes, allowed are ${allowed}`, input);
  }

  /** Asks again: only an input that is slow every time is at fault. */
  async #time(input: Buffer): Promise<void> {
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i < RETRIES; i += 1) {
      const copy = Buffer.from(input);
      const began = performance.now();
      await tryInput(this.#target, copy);
      best = Math.min(best, performance.now() - began);
    }
    this.#report.slowestMs = Math.max(this.#report.slowestMs, best);
    if (best > this.#stallMs)
      this.#find(`holds the thread for more than ${this.#stallMs} ms (${best.toFixed(0)})`, input);
  }

  #learn(outcome: string, input: Buffer): void {
    const shape = outcome
      .replace(/\d+/g, 'N')
      .replace(/"[^"]*"/g, '""')
      .slice(0, 160);
    if (this.#outcomes.has(shape) || this.#corpus.length >= CORPUS_MAX) return;
    this.#outcomes.add(shape);
    this.#corpus.push(Buffer.from(input));
  }

  #find(problem: string, input: Buffer): void {
    const shape = problem.replace(/\d+/g, 'N');
    if (this.#problems.has(shape)) return;
    this.#problems.add(shape);
    this.#report.findings.push({ target: this.#target.name, problem, input: Buffer.from(input) });
  }

  #corpusBytes(): number {
    return this.#corpus.reduce((sum, each) => sum + each.length, 0);
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${String(error)}`;
  return `${error.name}: ${error.message}`;
}

function externalBytes(): number {
  const { external } = process.memoryUsage();
  return external;
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Some memory outside the heap is only given back when the event loop turns. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function heldBytes(): Promise<number> {
  for (let i = 0; i < 3; i += 1) {
    collect();
    await turn();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
