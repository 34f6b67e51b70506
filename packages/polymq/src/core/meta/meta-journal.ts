/**
 * The meta log: declarations that outlive the process, such as which streams exist. A small state
 * machine over one log.
 *
 *   propose(command) ──► log "meta" ──► committed ──► table.apply(command) ──► propose resolves
 *
 * Each command is one record whose value is `{"v":1,"table":…,"command":…}`. Whoever keeps state
 * registers a table; its commands come to it in log order, exactly once, also those of before a
 * restart. A command carries the times and ids it needs: `apply` may not look at clocks or
 * randomness, do I/O or throw.
 *
 * After some thousand commands all tables are saved in a blob, which names the offset from which
 * the log goes on. Two blobs take turns, and the log is trimmed only to where the older one ends:
 * should the newer one be damaged, the older one and the log still hold everything. If neither
 * connects to the log, commands are missing, and it is refused.
 */
import type { Clock } from '../../lib/environment/clock.ts';
import type { Log, LogEngine } from '../../log/log.ts';
import { BrokerError } from '../errors.ts';
import { fromLogError } from '../log-errors.ts';
import { readBuffers } from '../record/record-reader.ts';
import { writeBatch } from '../record/record-writer.ts';

/** State that is a function of its commands. Commands and saved state are plain JSON values. */
export interface MetaTable<Command, State> {
  /** Distinguishes the table's commands in the log. Never change it. */
  readonly name: string;
  apply(command: Command): void;
  /** The whole state as JSON, for a snapshot. */
  save(): State;
  /** Replaces the state by a saved one. Called at most once, before any `apply`. */
  load(state: State): void;
}

/** How a table's owner changes it. */
export interface MetaWriter<Command> {
  /**
   * Appends the command. When the promise resolves, it is durable and has been applied. Rejects
   * with `storage-full` or `storage-failed`: then it is not applied. Validate before; a command
   * that is in the log is a fact.
   */
  propose(command: Command): Promise<void>;
}

export interface MetaJournalOptions {
  engine: LogEngine;
  clock: Clock;
  /** Of the log and the blob. Default `meta`. */
  name?: string;
  /** A snapshot is taken after so many commands. */
  snapshotAfterCommands?: number;
}

interface Entry {
  v: 1;
  table: string;
  command: unknown;
}

interface Snapshot {
  v: 1;
  offset: number;
  tables: Record<string, unknown>;
}

/** What was read for a table that is not registered yet. */
interface Unclaimed {
  state: unknown;
  commands: unknown[];
}

const COMMAND_BYTES_MAX = 1024 * 1024;
const READ_BYTES = 1024 * 1024;
const SEGMENT_BYTES = 16 * 1024 * 1024;

export class MetaJournal {
  readonly #log: Log;
  readonly #options: Required<MetaJournalOptions>;
  readonly #tables = new Map<string, MetaTable<unknown, unknown>>();
  readonly #unclaimed = new Map<string, Unclaimed>();
  /** Proposed, in log order, not committed yet. */
  #pending: { offset: number; entry: Entry }[] = [];
  /** Commands at or after this offset were not applied yet. */
  #applied = 0;
  /** Where the newest snapshot ends, and which of the two blobs is to be written next. */
  #snapshotOffset = 0;
  #nextBlob = 0;
  #snapshotting: Promise<void> | undefined;
  #closed = false;

  private constructor(log: Log, options: Required<MetaJournalOptions>) {
    this.#log = log;
    this.#options = options;
  }

  /** Opens the log and reads what is in it; tables get theirs when they register. */
  static async open(options: MetaJournalOptions): Promise<MetaJournal> {
    const filled = { name: 'meta', snapshotAfterCommands: 4096, ...options };
    const log = await options.engine.open(filled.name, {
      // Whatever the records' durability: a snapshot may never know more than the log.
      durability: 'fsync',
      segmentBytes: SEGMENT_BYTES,
      mayUseReserve: true,
    });
    const journal = new MetaJournal(log, filled);
    await journal.#replay();
    return journal;
  }

  /** Loads the table with all that was read for it, and sends it all that comes. */
  register<Command, State>(table: MetaTable<Command, State>): MetaWriter<Command> {
    if (this.#tables.has(table.name)) throw new Error(`meta table "${table.name}" is registered`);
    this.#tables.set(table.name, table as MetaTable<unknown, unknown>);
    const unclaimed = this.#unclaimed.get(table.name);
    this.#unclaimed.delete(table.name);
    if (unclaimed?.state !== undefined) table.load(unclaimed.state as State);
    for (const command of unclaimed?.commands ?? []) table.apply(command as Command);
    return { propose: (command) => this.#propose({ v: 1, table: table.name, command }) };
  }

  /** Waits for what is under way. The engine closes the log itself. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#log.whenCommitted(this.#log.tail).catch(() => undefined);
    await this.#snapshotting;
  }

  async #propose(entry: Entry): Promise<void> {
    if (this.#closed) throw new BrokerError('stopping', 'the broker is shutting down');
    const value = Buffer.from(JSON.stringify(entry), 'utf8');
    if (value.length > COMMAND_BYTES_MAX) {
      throw new BrokerError(
        'limit-reached',
        `a declaration of ${value.length} bytes is too large; ${COMMAND_BYTES_MAX} are allowed`,
      );
    }
    const timestampMs = this.#options.clock.nowMs();
    try {
      const offset = this.#log.append(writeBatch({ records: [{ value }], timestampMs }));
      // The log went back, so what stood here before was not written: its proposer learns it from
      // its own wait.
      while ((this.#pending.at(-1)?.offset ?? -1) >= offset) this.#pending.pop();
      this.#pending.push({ offset, entry });
      await this.#log.whenCommitted(offset + 1);
    } catch (error: unknown) {
      throw fromLogError(error);
    }
    this.#applyCommitted();
  }

  /** Applies in log order, whichever proposer wakes first. */
  #applyCommitted(): void {
    const { committed } = this.#log;
    let count = 0;
    for (const { offset, entry } of this.#pending) {
      if (offset >= committed) break;
      count++;
      this.#tables.get(entry.table)!.apply(entry.command);
      this.#applied = offset + 1;
    }
    this.#pending.splice(0, count);
    if (this.#applied - this.#snapshotOffset >= this.#options.snapshotAfterCommands) {
      this.#snapshotting ??= this.#takeSnapshot().finally(() => {
        this.#snapshotting = undefined;
      });
    }
  }

  async #takeSnapshot(): Promise<void> {
    // A table that has not registered would be lost.
    if (this.#unclaimed.size > 0) return;
    const tables: Record<string, unknown> = {};
    for (const [name, table] of this.#tables) tables[name] = table.save();
    const offset = this.#applied;
    const snapshot: Snapshot = { v: 1, offset, tables };
    const older = this.#snapshotOffset;
    try {
      const { blobs } = this.#options.engine;
      await blobs.put(this.#blobKeys[this.#nextBlob]!, Buffer.from(JSON.stringify(snapshot)));
      this.#nextBlob = 1 - this.#nextBlob;
      this.#snapshotOffset = offset;
      await this.#log.trim(older);
    } catch {
      // The commands are still in the log; the next command tries again.
    }
  }

  async #replay(): Promise<void> {
    const snapshot = await this.#readSnapshot();
    for (const [name, state] of Object.entries(snapshot?.tables ?? {})) {
      this.#unclaimed.set(name, { state, commands: [] });
    }
    const from = snapshot?.offset ?? 0;
    if (this.#log.start > from || from > this.#log.committed) {
      throw new Error(
        `log "${this.#log.name}" holds [${this.#log.start}, ${this.#log.committed}) but its snapshot ` +
          `goes on at ${from}: declarations are missing; restore the data directory from a backup`,
      );
    }
    this.#snapshotOffset = from;
    this.#applied = from;
    while (this.#applied < this.#log.committed) {
      const read = await this.#log.read(this.#applied, READ_BYTES, true);
      for (const record of readBuffers(read.buffers)) {
        if (record.offset >= from) this.#replayRecord(record.value);
      }
      this.#applied = read.nextOffset;
    }
  }

  #replayRecord(value: Buffer | undefined): void {
    const entry = JSON.parse(value?.toString('utf8') ?? 'null') as Entry | null;
    this.#checkVersion(entry?.v);
    const { table, command } = entry!;
    const unclaimed = this.#unclaimed.get(table) ?? { state: undefined, commands: [] };
    unclaimed.commands.push(command);
    this.#unclaimed.set(table, unclaimed);
  }

  /** The newest of the two that can be read. */
  async #readSnapshot(): Promise<Snapshot | undefined> {
    let newest: Snapshot | undefined;
    for (const [index, key] of this.#blobKeys.entries()) {
      const bytes = await this.#options.engine.blobs.get(key);
      if (bytes === undefined) continue;
      const snapshot = JSON.parse(bytes.toString('utf8')) as Snapshot;
      this.#checkVersion(snapshot.v);
      if (newest !== undefined && newest.offset > snapshot.offset) continue;
      newest = snapshot;
      this.#nextBlob = 1 - index;
    }
    return newest;
  }

  #checkVersion(version: unknown): void {
    if (version === 1) return;
    throw new Error(
      `log "${this.#log.name}" was written by a newer version (${String(version)}); start that`,
    );
  }

  get #blobKeys(): [string, string] {
    return [`${this.#options.name}/snapshot-a`, `${this.#options.name}/snapshot-b`];
  }
}
