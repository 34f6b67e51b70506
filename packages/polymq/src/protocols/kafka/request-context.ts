/**
 * What a handler knows besides its request, put together for each one from what all requests have in common and what
 * belongs to the connection.
 */
import type { Broker } from '../../core/broker.ts';
import { BrokerError } from '../../core/errors.ts';
import type { ByteBudget } from '../../lib/byte-budget.ts';
import { ProtocolError } from '../../lib/bytes/protocol-error.ts';
import type { Environment } from '../../lib/environment/environment.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Connection } from '../../net/connection.ts';
import type { ProtocolContext, ProtocolLimits } from '../../net/protocol.ts';
import { type Address, advertisedAddress } from './advertised-address.ts';
import type { RequestHeader } from './codec/headers.ts';
import type { ApiSpec } from './codec/spec.ts';
import type { Context } from './handler.ts';
import type { Refusals } from './refusals.ts';

/** What of a request belongs to its connection. */
export interface Handling {
  connection: Connection;
  /** Aborts when nobody waits for the answer any more. */
  closed: AbortSignal;
}

/** What all requests have in common. */
export interface Shared extends ProtocolContext {
  offered: readonly ApiSpec[];
  responseBytes: ByteBudget;
  refusals: Refusals;
  /** The default gateway if the broker runs in a container. */
  gateway: string | undefined;
}

/** A class, not a literal: one is made for every request, and its parts are mostly not asked for. */
export class RequestContext implements Context {
  readonly version: number;
  readonly clientId: string;
  readonly closed: AbortSignal;
  readonly #connection: Connection;
  readonly #shared: Shared;

  constructor(header: RequestHeader, handling: Handling, shared: Shared) {
    this.version = header.apiVersion;
    this.clientId = header.clientId ?? '';
    this.closed = handling.closed;
    this.#connection = handling.connection;
    this.#shared = shared;
  }

  get broker(): Broker {
    return this.#shared.broker;
  }

  get environment(): Environment {
    return this.#shared.environment;
  }

  get logger(): Logger {
    return this.#shared.logger;
  }

  get limits(): ProtocolLimits {
    return this.#shared.limits;
  }

  get settings(): ReadonlyMap<string, string> {
    return this.#shared.settings;
  }

  get responseRoom(): number {
    return this.#shared.responseBytes.room;
  }

  get offered(): readonly ApiSpec[] {
    return this.#shared.offered;
  }

  get clientHost(): string {
    return this.#connection.remoteAddress;
  }

  get advertised(): Address {
    return advertisedAddress(this.#connection, this.#shared.advertised, this.#shared.gateway);
  }

  refused(error: unknown, topic: string, partition: number): void {
    if (!(error instanceof BrokerError)) return;
    const peer = `${this.#connection.remoteAddress}:${this.#connection.remotePort}`;
    this.#shared.refusals.note(error, { peer, client: this.clientId, topic, partition });
  }

  disconnect(reason: string): void {
    this.#connection.fail(new ProtocolError(reason));
  }
}
