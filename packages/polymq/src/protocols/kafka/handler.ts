import type { Broker } from '../../core/broker.ts';
import type { Environment } from '../../lib/environment/environment.ts';
import type { Logger } from '../../lib/logger.ts';
import type { ProtocolLimits } from '../../net/protocol.ts';
import type { ApiSpec, RequestOf, ResponseOf } from './codec/spec.ts';

/** What a handler knows besides its request. */
export interface Context {
  readonly broker: Broker;
  readonly environment: Environment;
  readonly logger: Logger;
  /** The version the request came in; the response leaves in the same. */
  readonly version: number;
  readonly clientId: string;
  readonly clientHost: string;
  /** Counts and logs a batch that is not accepted. */
  refused(error: unknown, topic: string, partition: number): void;
  /** Closes the connection, where Kafka has no other way to tell the client of a failure. */
  disconnect(reason: string): void;
  /** Where this client is told to reach the broker. */
  readonly advertised: { host: string; port: number };
  /** Aborts when the connection has gone or the broker stops: nobody waits for the answer any more. */
  readonly closed: AbortSignal;
  readonly limits: ProtocolLimits;
  /** Bytes that responses may still occupy until clients have taken others. */
  readonly responseRoom: number;
  /** The broker's settings as text by their own names, for DescribeConfigs. */
  readonly settings: ReadonlyMap<string, string>;
  /** The API versions on offer, for ApiVersions. */
  readonly offered: readonly ApiSpec[];
}

export interface Handler<A extends ApiSpec = ApiSpec> {
  readonly api: A;
  /**
   * Answers a request. `undefined` sends no response at all (produce with acks 0). A `BrokerError` it throws
   * is a bug: errors belong into the response, where each API has its own place for them.
   */
  handle(
    request: RequestOf<A>,
    context: Context,
  ): ResponseOf<A> | undefined | Promise<ResponseOf<A> | undefined>;
}

/** Ties a handler to its API, so that request and response types are checked against the schema. */
export function handler<A extends ApiSpec>(api: A, handle: Handler<A>['handle']): Handler<A> {
  return { api, handle };
}
