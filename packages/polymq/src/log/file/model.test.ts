/** Random commands against a model that is a plain array: the file engine on a simulated disk. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SimulatedDisk } from '../../lib/environment/simulated/simulated-disk.ts';
import { batchBaseOffset, batchMaxTimestamp } from '../batch.ts';
import type { Log, LogOptions } from '../log.ts';
import { makeBatch } from '../testing/batches.ts';
import { readBatches, turns } from '../testing/contract.ts';
import { openSimulatedEngine, type SimulatedEngine } from '../testing/simulated-engine.ts';

type Command =
  | { kind: 'append'; bodyBytes: number; recordCount: number; timestampMs: number }
  | { kind: 'commit' | 'roll' | 'reopen' | 'restart' | 'configure' }
  | { kind: 'pass'; durationMs: number }
  | { kind: 'trim' | 'read' | 'find'; part: number };

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      bodyBytes: fc.oneof(fc.nat(100), fc.nat(3000), fc.nat(20_000)),
      recordCount: fc.integer({ min: 1, max: 4 }),
      timestampMs: fc.nat(1000),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('commit', 'roll', 'reopen', 'restart', 'configure'),
    }) as fc.Arbitrary<Command>,
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), durationMs: fc.nat(300) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('trim', 'read', 'find'),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }) as fc.Arbitrary<Command>,
  },
);

describe('the file engine', () => {
  it('behaves as an array of batches does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 60 }), async (commands) => {
        const subject = new Subject();
        await subject.open();
        for (const each of commands) await subject.run(each);
        await subject.compare();
      }),
      { numRuns: process.env['TEST_LONG'] ? 2000 : 60 },
    );
  });
});

class Subject {
  readonly #disk = new SimulatedDisk();
  readonly #model: Buffer[] = [];
  #start = 0;
  #options: LogOptions = { durability: 'fsync', segmentBytes: 8000, keepsTail: false };
  #simulated: SimulatedEngine | undefined;
  #log: Log | undefined;

  async open(): Promise<void> {
    this.#simulated = await openSimulatedEngine(this.#disk);
    this.#log = await this.#simulated.engine.open('a', this.#options);
  }

  async run(command: Command): Promise<void> {
    const log = this.#log!;
    switch (command.kind) {
      case 'append': {
        const batch = makeBatch(command);
        log.append(batch);
        this.#model.push(Buffer.from(batch));
        return;
      }
      case 'commit':
        return log.whenCommitted(log.tail);
      case 'roll':
        return log.rollSegment();
      case 'pass':
        this.#simulated!.clock.advance(command.durationMs);
        return turns(2);
      case 'reopen':
        await this.#simulated!.engine.close();
        return this.open();
      case 'restart':
        await log.whenCommitted(log.tail);
        await log.whenWritten(log.tail);
        this.#disk.kill();
        return this.open();
      case 'configure':
        this.#options = {
          durability: this.#options.durability === 'fsync' ? 'os' : 'fsync',
          segmentBytes: this.#options.segmentBytes === 8000 ? 30_000 : 8000,
          // Holds from the next opening on.
          keepsTail: this.#options.keepsTail === false,
        };
        return log.configure(this.#options);
      case 'trim':
        this.#start = Math.max(
          this.#start,
          log.start + Math.floor(command.part * (log.committed - log.start)),
        );
        return log.trim(this.#start);
      case 'read':
        return this.compare(log.start + Math.floor(command.part * (log.committed - log.start)));
      case 'find':
        return this.#find(Math.floor(command.part * 1000));
    }
  }

  async compare(from: number = this.#log!.start): Promise<void> {
    const log = this.#log!;
    await log.whenCommitted(log.tail);
    expect(log.start).toBe(this.#start);
    const expected = this.#model.filter((batch) => endOf(batch) > from);
    const found = await readBatches(log, from);
    expect(found.length).toBe(expected.length);
    expect(Buffer.concat(found).equals(Buffer.concat(expected))).toBe(true);
    const headers: number[] = [];
    await log.scanHeaders(from, (header, at) => headers.push(batchBaseOffset(header, at)));
    expect(headers).toEqual(expected.map((batch) => batchBaseOffset(batch, 0)));
  }

  async #find(timestampMs: number): Promise<void> {
    const log = this.#log!;
    await log.whenCommitted(log.tail);
    const readable = this.#model.filter((batch) => endOf(batch) > this.#start);
    const first = readable.find((batch) => batchMaxTimestamp(batch, 0) >= timestampMs);
    expect(await log.findTimestamp(timestampMs)).toBe(first && batchBaseOffset(first, 0));
    const latest = Math.max(...readable.map((batch) => batchMaxTimestamp(batch, 0)));
    expect((await log.findMaxTimestamp())?.timestampMs).toBe(
      readable.length === 0 ? undefined : latest,
    );
  }
}

function endOf(batch: Buffer): number {
  return batchBaseOffset(batch, 0) + batch.readInt32BE(23) + 1;
}
