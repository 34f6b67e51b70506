/**
 * What a protocol is to the parts below and above it: the composition root finds one row a protocol, hands it the core and
 * its settings, and gives every connection that comes in to the server that the row has opened.
 */
import type { Broker } from '../core/broker.ts';
import type { ExchangeType } from '../core/exchange/exchanges.ts';
import type { MessageFormat } from '../core/message/message-format.ts';
import type { Counters } from '../lib/counters.ts';
import type { Environment } from '../lib/environment/environment.ts';
import type { Logger } from '../lib/logger.ts';
import type { Connection, Session } from './connection.ts';
import type { Framing } from './frame-reader.ts';

/** A protocol as the composition root sees it: one row in its table. */
export interface Protocol {
  /** The scheme of `--listen` URLs. */
  readonly scheme: string;
  readonly defaultPort: number;
  /** Who comes from another machine is refused, or has to show who he is. */
  readonly guarded?: boolean;
  /** Makes the part that all connections of the protocol share. */
  open(context: ProtocolContext): ProtocolServer;
  /** How others read the properties of messages that came over this protocol. */
  readonly messageFormat?: MessageFormat;
  /** Exchanges of the default namespace that are there from the beginning, durable, and cannot be deleted. */
  readonly exchanges?: readonly ProtocolExchange[];
  /** The same protocol inside WebSocket messages, on listeners with a scheme of their own. */
  readonly webSocket?: WebSocketScheme;
  /** The streams that a group member's metadata names; undefined if it is not of this protocol's making. */
  subscribedStreams?(protocolType: string, metadata: Buffer): string[] | undefined;
}

export interface ProtocolExchange {
  readonly name: string;
  readonly type: ExchangeType;
}

export interface WebSocketScheme {
  /** Of `--listen` URLs; it is listened on only if somebody asks. */
  readonly scheme: string;
  readonly defaultPort: number;
  /** What a client may ask for in `Sec-WebSocket-Protocol`, best first. */
  readonly subprotocols: readonly string[];
  /** Messages to a client that has sent text itself are text, if they are UTF-8; else all are binary. */
  readonly mayBeText: boolean;
}

export interface ProtocolContext {
  environment: Environment;
  broker: Broker;
  logger: Logger;
  counters: Counters;
  /** The address clients should be told, if the operator gave one (`--advertise kafka=HOST:PORT`). */
  advertised: { host: string; port: number } | undefined;
  limits: ProtocolLimits;
  /** The effective settings by name, for protocols that show them to clients. */
  settings: ReadonlyMap<string, string>;
  /** Those that are secret: never show or log one. */
  secrets: ReadonlyMap<string, string>;
  /** Of this broker. */
  version: string;
}

export interface ProtocolLimits {
  /** The largest frame that is accepted, in bytes. */
  frameBytesMax: number;
  /** The largest answer to one request for records, in bytes. */
  responseBytesMax: number;
  /** Requests that wait or run at the same time, over all connections, in bytes. */
  requestsBytesMax: number;
  /** Responses that wait to be sent, over all connections, in bytes. */
  responsesBytesMax: number;
  /** What one batch may decompress to, in bytes. */
  decompressedBytesMax: number;
}

export interface ProtocolServer {
  /** How bytes become frames. Without it sessions take spans of bytes (`Session.onSpan`). */
  readonly framing?: Framing;
  /** Sessions watch over silent peers themselves: theirs may be silent for long. */
  readonly watchesIdle?: boolean;
  /** A client has connected: returns what handles its frames. */
  connect(connection: Connection): Session;
  /** Ends background work. Sessions are closed before. */
  close(): Promise<void>;
}
