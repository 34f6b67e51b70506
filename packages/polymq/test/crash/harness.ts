/**
 * Kills the broker again and again under a random workload of real clients, and judges what is left.
 *
 *   start ─► work ─► kill -9 ─► (now and then: start, kill during recovery) ─► start ─► observe ─► work …
 *   after the last cycle: end all operations, clean stop, start, drain, check
 *
 * Clients are not told of any of this: they see connections break and find the broker again by themselves.
 */

import { join } from 'node:path';
import { check, type Verdict } from '../checker/check.ts';
import { History } from '../checker/history.ts';
import { keepFolder, temporaryFolder } from '../support/temporary-folder.ts';
import { BrokerUnderTest } from './broker-under-test.ts';
import { HistoryFile } from './history-file.ts';
import { SeededRandom } from './random.ts';
import { WORKLOADS } from './workloads/index.ts';
import type { Workload } from './workloads/workload.ts';

export interface CrashOptions {
  cycles: number;
  seed: number;
  workload: string;
  /** More arguments for the broker. */
  brokerArgs: readonly string[];
  /** Drops one acknowledged value from what was drained: the run must then fail. */
  plant: boolean;
  report(line: string): void;
  verbose: boolean;
}

export interface CrashReport {
  seed: number;
  cycles: number;
  workload: string;
  seconds: number;
  kills: number;
  killsDuringStart: number;
  startMsMax: number;
  verdict: Verdict;
  problems: readonly string[];
  errors: Record<string, number>;
  valid: boolean;
  /** Kept only if something was found. */
  folder: string | undefined;
}

/** A cycle without this many new acknowledgements says little, so the harness waits for them. */
const ACKNOWLEDGED_PER_CYCLE_MIN = 50;
const PROGRESS_MS_MAX = 30_000;
const WORK_MS_MAX = 900;
const KILL_DURING_START_CHANCE = 0.15;
const KILL_DURING_START_MS_MAX = 600;

export async function runCrashes(options: CrashOptions): Promise<CrashReport> {
  const folder = temporaryFolder('polymq-crash-');
  const file = new HistoryFile(join(folder.path, 'history.jsonl'));
  const run = new CrashRun(options, folder.path, file);
  try {
    const report = await run.run();
    if (report.valid) folder.remove();
    else keepFolder(folder);
    return { ...report, folder: report.valid ? undefined : folder.path };
  } catch (error) {
    keepFolder(folder);
    options.report(`the data folder and the history are kept in ${folder.path}`);
    throw error;
  } finally {
    file.close();
    await run.abandon();
  }
}

class CrashRun {
  readonly #options: CrashOptions;
  readonly #folder: string;
  readonly #file: HistoryFile;
  readonly #random: SeededRandom;
  readonly #history: History;
  #broker!: BrokerUnderTest;
  #workload!: Workload;
  #kills = 0;
  #killsDuringStart = 0;
  #startMsMax = 0;

  constructor(options: CrashOptions, folder: string, file: HistoryFile) {
    this.#options = options;
    this.#folder = folder;
    this.#file = file;
    this.#random = new SeededRandom(options.seed);
    this.#history = new History((line) => file.write(line));
  }

  async run(): Promise<CrashReport> {
    const began = Date.now();
    await this.#begin();
    for (let cycle = 1; cycle <= this.#options.cycles; cycle += 1) await this.#cycle(cycle);
    this.#options.report('draining');
    await this.#workload.finish();
    await this.#broker.stop();
    await this.#start();
    await this.#workload.drain();
    await this.#broker.stop();
    this.#file.sync();
    if (this.#options.plant) plantLoss(this.#history);
    const verdict = check(this.#history);
    const { problems, errors } = this.#workload;
    return {
      seed: this.#options.seed,
      cycles: this.#options.cycles,
      workload: this.#options.workload,
      seconds: (Date.now() - began) / 1000,
      kills: this.#kills,
      killsDuringStart: this.#killsDuringStart,
      startMsMax: Math.round(this.#startMsMax),
      verdict,
      problems,
      errors: Object.fromEntries(errors),
      valid: verdict.valid && problems.length === 0,
      folder: undefined,
    };
  }

  /** Leaves no process behind, however the run ended. */
  async abandon(): Promise<void> {
    await this.#broker?.kill9().catch(() => {});
  }

  async #begin(): Promise<void> {
    const { workload, brokerArgs, verbose, report } = this.#options;
    const make = WORKLOADS[workload];
    if (!make) {
      throw new Error(`no workload "${workload}"; there are: ${Object.keys(WORKLOADS).join(', ')}`);
    }
    this.#workload = make({
      history: this.#history,
      random: this.#random.fork(),
      port: (scheme) => this.#broker.ports[scheme]!,
      note: (line) => {
        if (verbose) report(line);
      },
    });
    this.#broker = await BrokerUnderTest.prepare({
      data: join(this.#folder, 'data'),
      schemes: this.#workload.schemes,
      args: brokerArgs,
    });
    await this.#start();
    await this.#workload.start();
  }

  async #cycle(cycle: number): Promise<void> {
    const before = this.#workload.acknowledged;
    await this.#untilProgress(before);
    await pause(this.#random.between(0, WORK_MS_MAX));
    await this.#broker.kill9();
    this.#kills += 1;
    this.#file.sync();
    while (this.#random.chance(KILL_DURING_START_CHANCE)) {
      const delayMs = this.#random.between(1, KILL_DURING_START_MS_MAX);
      if (await this.#broker.startAndKillAfter(delayMs)) this.#killsDuringStart += 1;
      this.#kills += 1;
    }
    const startMs = await this.#start();
    await this.#workload.afterRestart();
    const { acknowledged, errors } = this.#workload;
    const failed = [...errors.values()].reduce((sum, count) => sum + count, 0);
    this.#options.report(
      `cycle ${cycle}/${this.#options.cycles}: ${acknowledged - before} acknowledged (${acknowledged} in all), ` +
        `${failed} errors, start ${Math.round(startMs)} ms`,
    );
  }

  async #start(): Promise<number> {
    const startMs = await this.#broker.start();
    this.#startMsMax = Math.max(this.#startMsMax, startMs);
    return startMs;
  }

  async #untilProgress(before: number): Promise<void> {
    const deadline = Date.now() + PROGRESS_MS_MAX;
    while (this.#workload.acknowledged - before < ACKNOWLEDGED_PER_CYCLE_MIN) {
      if (Date.now() > deadline) {
        const errors = [...this.#workload.errors].map(([error, count]) => `  ${count} x ${error}`);
        throw new Error(
          `clients got no further within ${PROGRESS_MS_MAX} ms of a restart\n${errors.join('\n')}\n` +
            `broker:\n${this.#broker.stderr.slice(-4000)}`,
        );
      }
      await pause(10);
    }
  }
}

/** Takes one acknowledged value out of what was drained, as a broker that lost it would. */
function plantLoss(history: History): void {
  const kept = new Set<string>();
  for (const each of history.sends)
    if (each.outcome === 'ok' && each.idempotent) kept.add(each.value);
  for (const each of history.queues.publishes) {
    if (each.outcome === 'ok' && each.persistent) kept.add(each.value);
  }
  for (const drain of history.drains) {
    const index = drain.values.findIndex((value) => kept.has(value));
    if (index < 0) continue;
    drain.values.splice(index, 1);
    drain.offsets.splice(index, 1);
    return;
  }
  const { settlements } = history.queues;
  const settled = new Set(settlements.map(({ queue, value }) => `${queue} ${value}`));
  for (const drain of history.queues.drains) {
    const isKept = (value: string) => kept.has(value) && !settled.has(`${drain.queue} ${value}`);
    const index = drain.values.findIndex(isKept);
    if (index < 0) continue;
    drain.values.splice(index, 1);
    return;
  }
  throw new Error('nothing to plant a loss in');
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
