import type { History } from '../../checker/history.ts';
import type { SeededRandom } from '../random.ts';

/** What a workload is given by the harness. */
export interface WorkloadContext {
  readonly history: History;
  readonly random: SeededRandom;
  /** The port of a scheme; the same before and after every restart. */
  port(scheme: string): number;
  /** A line for people, shown with `--verbose`. */
  note(line: string): void;
}

/**
 * Real clients of one protocol that work against a broker which dies and comes back. A workload records
 * in the history what it asked for, what it was told and what it saw; it judges nothing itself.
 */
export interface Workload {
  /** Schemes the broker must listen on. */
  readonly schemes: readonly string[];
  /** Sets up what is needed (topics, groups) and starts the clients, which work until `finish`. */
  start(): Promise<void>;
  /** Acknowledged operations so far: the harness waits for some between two kills. */
  readonly acknowledged: number;
  /** Called after each restart, while the clients work: a time to observe stored positions. */
  afterRestart(): Promise<void>;
  /** Ends all operations in flight and closes the clients. The broker is up and stays up. */
  finish(): Promise<void>;
  /** Reads everything that is stored, into the history. */
  drain(): Promise<void>;
  /** Errors by name and how often, for the report. */
  readonly errors: ReadonlyMap<string, number>;
  /** What went wrong although no value was lost, such as an error that must not come. */
  readonly problems: readonly string[];
}
