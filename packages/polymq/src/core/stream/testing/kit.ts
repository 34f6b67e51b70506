/** A core without protocols for tests: a clock and timers under control, restartable on its data. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Timer, Timers } from '../../../lib/environment/clock.ts';
import type { Environment } from '../../../lib/environment/environment.ts';
import { createNodeEnvironment } from '../../../lib/environment/node/node-environment.ts';
import { openFileEngine } from '../../../log/file/file-engine.ts';
import type { LogEngine } from '../../../log/log.ts';
import { createMemoryEngine } from '../../../log/memory/memory-engine.ts';
import { MetaJournal } from '../../meta/meta-journal.ts';
import { type OpenedStreams, type OpenStreamsOptions, openStreams } from '../open-streams.ts';

export const START_MS = 1_700_000_000_000;

export interface TestClock {
  nowMs: number;
  /** Callbacks that wait, with the time they are due. */
  readonly timers: Map<Timer, { atMs: number; callback: () => void }>;
  /** Moves time on and runs what is due. */
  advance(byMs: number): void;
}

export interface Kit extends OpenedStreams {
  readonly environment: Environment;
  readonly clock: TestClock;
  readonly engine: LogEngine;
  readonly meta: MetaJournal;
  /** Stops in order (or, with `crash`, not at all) and starts again on the same data. */
  restart(options?: KitOptions & { crash?: boolean }): Promise<Kit>;
  /** Stops for good and removes the data. */
  destroy(): Promise<void>;
}

export type KitOptions = Partial<Omit<OpenStreamsOptions, 'environment' | 'meta' | 'engine'>> & {
  /** Default: a memory engine. */
  engine?: LogEngine | 'file';
};

export async function openKit(options: KitOptions = {}): Promise<Kit> {
  const clock = createTestClock();
  const environment = { ...createNodeEnvironment(), ...clock.parts };
  if (options.engine !== 'file') {
    const engine = options.engine ?? createMemoryEngine(environment);
    return openOn({ environment, clock, engine, options, directory: undefined });
  }
  const directory = await mkdtemp(join(tmpdir(), 'polymq-streams-'));
  const engine = await openFileEngine(createNodeEnvironment(), { directory });
  return openOn({ environment, clock, engine, options, directory });
}

interface Ground {
  environment: Environment;
  clock: TestClock;
  engine: LogEngine;
  options: KitOptions;
  directory: string | undefined;
}

async function openOn(ground: Ground): Promise<Kit> {
  const { environment, clock, engine, options, directory } = ground;
  const meta = await MetaJournal.open({ engine, clock: environment.clock });
  const { engine: _engine, ...streamOptions } = options;
  const opened = await openStreams({ ...streamOptions, environment, engine, meta });
  const stop = async (crash: boolean): Promise<void> => {
    if (!crash) {
      await opened.close();
      await meta.close();
    }
    // The memory engine forgets everything when it is closed, so it stays open over a restart.
    if (directory !== undefined) await engine.close();
  };
  return {
    ...opened,
    environment,
    clock,
    engine,
    meta,
    restart: async ({ crash = false, ...changed } = {}) => {
      await stop(crash);
      const next =
        directory === undefined
          ? engine
          : await openFileEngine(createNodeEnvironment(), { directory });
      return openOn({ ...ground, engine: next, options: { ...options, ...changed } });
    },
    destroy: async () => {
      await stop(false);
      if (directory !== undefined) await rm(directory, { recursive: true, force: true });
    },
  };
}

function createTestClock(): TestClock & { parts: Pick<Environment, 'clock' | 'timers'> } {
  const waiting: TestClock['timers'] = new Map();
  const real = createNodeEnvironment().timers;
  const clock: TestClock = {
    nowMs: START_MS,
    timers: waiting,
    advance: (byMs) => {
      clock.nowMs += byMs;
      for (const [timer, { atMs, callback }] of [...waiting]) {
        if (atMs <= clock.nowMs && waiting.delete(timer)) callback();
      }
    },
  };
  const timers: Timers = {
    after: (delayMs, callback) => {
      const timer: Timer = { unref: () => undefined };
      waiting.set(timer, { atMs: clock.nowMs + delayMs, callback });
      return timer;
    },
    clear: (timer) => {
      if (timer !== undefined) waiting.delete(timer);
    },
    immediate: real.immediate,
  };
  const parts = { clock: { nowMs: () => clock.nowMs, monotonicMs: () => clock.nowMs }, timers };
  return Object.assign(clock, { parts });
}
