/**
 * What the driver uses of amqplib, written down here so that the types of this package need no other package.
 * Loaded when a connection is opened.
 */
import type { Writable } from 'node:stream';
import { PolymqError } from '../../errors.ts';

export interface AmqpLibrary {
  connect(url: string, options: Readonly<Record<string, unknown>>): Promise<AmqpConnection>;
}

type Listener = (...values: never[]) => void;

export interface AmqpConnection {
  readonly connection: {
    readonly serverProperties: Readonly<Record<string, unknown>>;
    /** The socket. */
    readonly stream: Writable;
  };
  createChannel(): Promise<AmqpChannel>;
  createConfirmChannel(): Promise<AmqpChannel>;
  close(): Promise<void>;
  on(event: string, listener: Listener): unknown;
}

export interface AmqpChannel {
  assertQueue(queue: string, options: QueueDeclaration): Promise<QueueState>;
  checkQueue(queue: string): Promise<QueueState>;
  deleteQueue(queue: string): Promise<unknown>;
  purgeQueue(queue: string): Promise<{ readonly messageCount: number }>;
  bindQueue(queue: string, exchange: string, routingKey: string): Promise<unknown>;
  assertExchange(exchange: string, type: string, options: ExchangeDeclaration): Promise<unknown>;
  checkExchange(exchange: string): Promise<unknown>;
  deleteExchange(exchange: string): Promise<unknown>;
  publish(
    exchange: string,
    routingKey: string,
    content: Buffer,
    properties: Readonly<Record<string, unknown>>,
  ): boolean;
  consume(
    queue: string,
    callback: (message: AmqpMessage | null) => void,
    options: ConsumerDeclaration,
  ): Promise<{ readonly consumerTag: string }>;
  cancel(consumerTag: string): Promise<unknown>;
  get(queue: string, options: { noAck: boolean }): Promise<AmqpMessage | false>;
  ack(message: AmqpTag, upTo?: boolean): void;
  nack(message: AmqpTag, upTo: boolean, requeue: boolean): void;
  prefetch(count: number, global?: boolean): Promise<unknown>;
  close(): Promise<void>;
  on(event: string, listener: Listener): unknown;
}

export interface QueueState {
  readonly queue: string;
  readonly messageCount: number;
  readonly consumerCount: number;
}

export interface QueueDeclaration {
  durable: boolean;
  exclusive?: boolean;
  autoDelete?: boolean;
  arguments: Readonly<Record<string, unknown>>;
}

export interface ExchangeDeclaration {
  durable: boolean;
  autoDelete?: boolean;
  arguments?: Readonly<Record<string, unknown>>;
}

export interface ConsumerDeclaration {
  noAck?: boolean;
  exclusive?: boolean;
  arguments?: Readonly<Record<string, unknown>>;
}

export interface AmqpTag {
  readonly fields: { readonly deliveryTag: number };
}

export interface AmqpMessage {
  readonly content: Buffer;
  readonly fields: {
    readonly deliveryTag: number;
    readonly redelivered: boolean;
    readonly exchange: string;
    readonly routingKey: string;
    readonly replyCode?: number;
    readonly replyText?: string;
  };
  readonly properties: AmqpProperties;
}

export interface AmqpProperties {
  readonly contentType?: string | undefined;
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
  readonly priority?: number | undefined;
  readonly correlationId?: string | undefined;
  readonly replyTo?: string | undefined;
  readonly messageId?: string | undefined;
  readonly timestamp?: number | undefined;
  readonly type?: string | undefined;
}

/** Throws `missing-package`. */
export async function loadLibrary(): Promise<AmqpLibrary> {
  try {
    const library = (await import('amqplib')) as unknown as
      | AmqpLibrary
      | { readonly default: AmqpLibrary };
    return 'default' in library ? library.default : library;
  } catch (cause) {
    throw new PolymqError(
      'missing-package',
      'amqp:// needs the package amqplib, which cannot be loaded: npm install amqplib',
      { cause },
    );
  }
}
