import type { MessageFormats } from '../message/message-formats.ts';
import { groupOfDraft } from '../message/message-group.ts';
import type { DeadLetterRoute, DeadLetterRouter } from '../queue/queues.ts';
import { DraftFacts } from './draft-facts.ts';
import type { ExchangePublisher } from './publisher.ts';
import type { RouteFinder } from './route-finder.ts';
import type { Topology } from './topology.ts';

export interface DeadLetterRouterOptions {
  topology: Topology;
  finder: RouteFinder;
  publisher: ExchangePublisher;
  formats: MessageFormats;
}

const NOWHERE: DeadLetterRoute = { queues: [] };

/** Sends dead letters the way of all messages; those whose exchange does not exist go nowhere. */
export function createDeadLetterRouter(options: DeadLetterRouterOptions): DeadLetterRouter {
  const { topology, finder, publisher, formats } = options;
  return (namespace, exchangeName, routingKeys, draft) => {
    const exchange = topology.exchange(namespace, exchangeName);
    if (exchange === undefined) return NOWHERE;
    const facts = new DraftFacts(formats, draft, draft.dueMs);
    const route = finder.route(exchange, routingKeys, facts);
    publisher.publishBesideQueues(draft, route);
    if (route.grouped) draft.groupId ??= groupOfDraft(formats, draft);
    return { queues: route.queues, streams: publisher.streamsPending() };
  };
}
