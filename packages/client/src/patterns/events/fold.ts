import type { EventStore } from './event-store.ts';
import type { Folded, RecordedEvent } from './event-types.ts';

/** Goes on from `start` over the rest of the stream. */
export async function foldStream<State, E>(
  store: Pick<EventStore<E>, 'read'>,
  stream: string,
  start: Folded<State>,
  reducer: (state: State, event: RecordedEvent<E>) => State,
): Promise<Folded<State>> {
  let { state, version } = start;
  for await (const event of store.read(stream, { from: version + 1 })) {
    state = reducer(state, event);
    version = event.version;
  }
  return { state, version };
}
