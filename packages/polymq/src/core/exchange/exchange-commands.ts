import type { DeclaredValues } from '../queue/queue-definition.ts';
import type { DestinationKind, ExchangeDefinition } from './exchanges.ts';

/** What the meta log says about exchanges. Never change the meaning of one; add a new type. */
export type ExchangeCommand =
  | { type: 'declare'; namespace: string; name: string; definition: ExchangeDefinition }
  /** All bindings from and to it go with it. */
  | { type: 'delete'; namespace: string; name: string }
  | ({ type: 'bind' } & BindingDeclaration)
  | ({ type: 'unbind' } & BindingDeclaration)
  /** A queue was deleted: bindings to it go. */
  | { type: 'queue-gone'; namespace: string; name: string; queueId: number }
  /** A stream was deleted: bindings from and to it go, in every namespace. */
  | { type: 'stream-gone'; name: string };

export interface BindingDeclaration {
  namespace: string;
  source: string;
  /** Missing: an exchange. */
  sourceKind?: 'stream';
  kind: DestinationKind;
  destination: string;
  /** Of a queue: a later queue of that name does not inherit the binding. */
  queueId?: number;
  key: string;
  /** Missing: none. */
  arguments?: DeclaredValues;
}

/** All durable exchanges and bindings, small enough for a million of them. */
export interface SavedExchanges {
  exchanges: { namespace: string; name: string; definition: ExchangeDefinition }[];
  bindings: SavedSource[];
}

export interface SavedSource {
  namespace: string;
  source: string;
  sourceKind?: 'stream';
  /** Kind, destination, routing key, id of the queue (0 if it is none), arguments if there are any. */
  to: SavedBinding[];
}

export type SavedBinding =
  | [DestinationKind, string, string, number]
  | [DestinationKind, string, string, number, DeclaredValues];
