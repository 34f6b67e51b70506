import type { Topic } from '../../topic/topic.ts';
import type { EventStore } from '../events/event-store.ts';
import type { AnyEvents } from '../events/event-types.ts';
import type { Projection, ProjectOptions } from './projection.ts';

/**
 * Publishes every event of the store to a topic, in order per stream: the key is the stream, the id and type are the event's. At
 * least once: a crash may publish the last ones again, with the same ids. What was appended before a crash is published after it.
 */
export function publishEvents<E = AnyEvents>(
  events: EventStore<E>,
  topic: Topic,
  options: ProjectOptions & { name?: string } = {},
): Projection {
  const { name = `publish to ${topic.name}`, ...rest } = options;
  const publish = async (event: {
    readonly id: string;
    readonly type: string;
    readonly data: unknown;
    readonly stream: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly correlationId: string | undefined;
  }): Promise<void> => {
    const { id, type, stream: key, headers, correlationId, data } = event;
    await topic.publish(data, { id, type, key, headers, ...(correlationId && { correlationId }) });
  };
  return events.project(name, { '*': publish } as never, rest);
}
