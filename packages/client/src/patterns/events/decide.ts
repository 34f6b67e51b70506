/**
 * Load, decide, append:
 *
 *   snapshot? ──► events since ──► decider.decide(command, state) ──► append at the version seen ──► snapshot when due
 *       ▲                                                                  │ version-conflict
 *       └──────────────────────── again, up to `retries` times ◄───────────┘
 */
import { PolymqError } from '../../errors.ts';
import { warn } from '../../lib/describe.ts';
import type { EventStore } from './event-store.ts';
import type { Decider, Folded, NewEvent, RecordedEvent } from './event-types.ts';
import { foldStream } from './fold.ts';
import type { SnapshotOptions, SnapshotStore } from './snapshots.ts';

export interface DecideOptions {
  /** How often it tries again when somebody else appended meanwhile. Missing: 10. */
  retries?: number;
}

export interface Decided<State, E> {
  /** After the events. */
  readonly state: State;
  readonly version: number;
  /** What was appended. */
  readonly events: readonly RecordedEvent<E>[];
}

const RETRIES = 10;

interface Task<State, Command, E> {
  readonly decider: Decider<State, Command, E>;
  readonly command: Command;
  readonly options: DecideOptions;
}

interface Place<E> {
  readonly store: EventStore<E>;
  readonly snapshots: (SnapshotOptions & { readonly store: SnapshotStore }) | undefined;
}

export async function decideOn<State, Command, E>(
  place: Place<E>,
  stream: string,
  task: Task<State, Command, E>,
): Promise<Decided<State, E>> {
  const { retries = RETRIES } = task.options;
  for (let attempt = 0; ; attempt++) {
    try {
      return await decideOnce(place, stream, task);
    } catch (error: unknown) {
      const conflict = error instanceof PolymqError && error.code === 'version-conflict';
      if (!conflict || attempt >= retries) throw error;
    }
  }
}

async function decideOnce<State, Command, E>(
  { store, snapshots }: Place<E>,
  stream: string,
  { decider, command }: Task<State, Command, E>,
): Promise<Decided<State, E>> {
  const start = await loadSnapshot<State, E>(snapshots, stream, decider);
  const loaded = await foldStream(store, stream, start, decider.evolve);
  const decision = await decider.decide(command, loaded.state);
  const news = (Array.isArray(decision) ? decision : [decision]) as readonly NewEvent<E>[];
  if (news.length === 0) return { ...loaded, events: [] };
  await store.append(stream, news, { expect: loaded.version });
  // Read back rather than made up: evolve sees what every later reader will see.
  const events: RecordedEvent<E>[] = [];
  let { state } = loaded;
  let { version } = loaded;
  const range = { from: version + 1, max: news.length };
  for await (const event of store.read(stream, range)) {
    events.push(event);
    state = decider.evolve(state, event);
    version = event.version;
  }
  if (snapshots !== undefined && version - start.version >= snapshots.every) {
    // The command is done; a snapshot that is not made costs time only.
    await snapshots.store
      .save(stream, snapshotName(decider), { schema: snapshots.schema ?? 1, version, state })
      .catch(warn);
  }
  return { state, version, events };
}

async function loadSnapshot<State, E>(
  snapshots: Place<E>['snapshots'],
  stream: string,
  decider: Decider<State, never, E>,
): Promise<Folded<State>> {
  const fresh = { state: decider.initial(), version: 0 };
  if (snapshots === undefined) return fresh;
  const found = await snapshots.store.load(stream, snapshotName(decider));
  if (found === undefined || found.schema !== (snapshots.schema ?? 1)) return fresh;
  return { state: found.state as State, version: found.version };
}

function snapshotName(decider: { readonly name?: string }): string {
  if (decider.name !== undefined) return decider.name;
  throw new PolymqError(
    'invalid-argument',
    'the event store makes snapshots, so the decider needs a name: { name: "account", initial, evolve, decide }',
  );
}
