/**
 * Where producer-state snapshots are kept. A running partition writes its own blob now and then
 * (`producers/<log>`); a clean stop writes one blob for all (`producers`). The one with the higher
 * offset counts.
 */
import type { BlobStore } from '../../log/log.ts';
import { decodeSnapshots, encodeSnapshots, type ProducerSnapshot } from './producer-snapshot.ts';

const ALL = 'producers';
const PREFIX = 'producers/';
const PARALLEL_READS = 32;

export class ProducerSnapshots {
  readonly #blobs: BlobStore;
  /** Loaded and not yet taken. */
  readonly #found = new Map<string, ProducerSnapshot>();
  /** Logs that have a blob of their own. */
  readonly #written = new Set<string>();
  #refused = false;

  private constructor(blobs: BlobStore) {
    this.#blobs = blobs;
  }

  static async load(blobs: BlobStore): Promise<ProducerSnapshots> {
    const snapshots = new ProducerSnapshots(blobs);
    const own = await blobs.list(PREFIX);
    for (const key of own) snapshots.#written.add(key.slice(PREFIX.length));
    const keys = [ALL, ...own];
    for (let at = 0; at < keys.length; at += PARALLEL_READS) {
      const values = keys.slice(at, at + PARALLEL_READS).map((key) => blobs.get(key));
      for (const value of await Promise.all(values)) snapshots.#add(value);
    }
    return snapshots;
  }

  /** The newest snapshot of a log, unless it reaches beyond `tail`. It is handed out once. */
  take(log: string, tail: number): ProducerSnapshot | undefined {
    const found = this.#found.get(log);
    this.#found.delete(log);
    if (found === undefined || found.offset <= tail) return found;
    this.#refused = true;
    return undefined;
  }

  /**
   * Whether a snapshot was refused: after a power cut a log without fsync may end before it. It
   * must be replaced before the log grows past it again with other batches.
   */
  get refused(): boolean {
    return this.#refused;
  }

  async write(snapshot: ProducerSnapshot): Promise<void> {
    this.#written.add(snapshot.log);
    await this.#blobs.put(PREFIX + snapshot.log, encodeSnapshots([snapshot]));
  }

  async writeAll(snapshots: readonly ProducerSnapshot[]): Promise<void> {
    await this.#blobs.put(ALL, encodeSnapshots(snapshots));
  }

  async delete(log: string): Promise<void> {
    if (this.#written.delete(log)) await this.#blobs.delete(PREFIX + log);
  }

  /** Forgets what nobody took, and removes its blobs: the logs are gone. */
  async deleteRest(): Promise<void> {
    const rest = [...this.#found.keys()];
    this.#found.clear();
    for (const log of rest) await this.delete(log);
  }

  #add(value: Buffer | undefined): void {
    if (value === undefined) return;
    for (const snapshot of decodeSnapshots(value)) {
      const known = this.#found.get(snapshot.log);
      if (known === undefined || known.offset < snapshot.offset) {
        this.#found.set(snapshot.log, snapshot);
      }
    }
  }
}
