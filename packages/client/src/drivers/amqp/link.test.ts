import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { DriverContext } from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import { systemClock } from '../../lib/clock.ts';
import type { Publication } from './batch.ts';
import type { AmqpLibrary } from './library.ts';
import { Link } from './link.ts';
import { Publisher } from './publisher.ts';

/** Confirms what is published, if its connection answers. */
class FakeChannel extends EventEmitter {
  readonly #connection: FakeConnection;
  #written = 0;
  #dead = false;

  constructor(connection: FakeConnection) {
    super();
    this.#connection = connection;
  }

  publish(): boolean {
    if (this.#dead) throw Object.assign(new Error('closed'), { name: 'IllegalOperationError' });
    this.#written += 1;
    const deliveryTag = this.#written;
    const confirm = (): void => void this.emit('ack', { deliveryTag, multiple: false });
    if (this.#connection.answers) setImmediate(confirm);
    return true;
  }

  async close(): Promise<void> {
    this.#dead = true;
    this.emit('close');
  }
}

class FakeConnection extends EventEmitter {
  readonly connection = { serverProperties: {}, stream: new PassThrough() };
  readonly answers: boolean;
  readonly #channels: FakeChannel[] = [];

  constructor(answers: boolean) {
    super();
    this.answers = answers;
  }

  async createConfirmChannel(): Promise<FakeChannel> {
    const channel = new FakeChannel(this);
    this.#channels.push(channel);
    return channel;
  }

  async close(): Promise<void> {
    for (const channel of this.#channels) await channel.close();
    this.emit('close');
  }
}

/** A server whose connections with the numbers in `silent` confirm nothing. */
class FakeServer {
  readonly made: FakeConnection[] = [];
  readonly open = new Set<FakeConnection>();
  readonly #silent: readonly number[];

  constructor(silent: readonly number[] = []) {
    this.#silent = silent;
  }

  readonly connect = async (): Promise<FakeConnection> => {
    const connection = new FakeConnection(!this.#silent.includes(this.made.length));
    this.made.push(connection);
    this.open.add(connection);
    connection.on('close', () => this.open.delete(connection));
    return connection;
  };
}

const links: Link[] = [];

function linkTo(server: FakeServer, context: Partial<DriverContext> = {}): Link {
  const library = { connect: server.connect } as unknown as AmqpLibrary;
  const link = new Link(
    library,
    new URL('amqp://host'),
    { reconnectMax: 50 },
    {
      clock: systemClock,
      timeoutMs: 20_000,
      clientName: 'test',
      onConnection: () => undefined,
      ...context,
    },
  );
  links.push(link);
  return link;
}

afterEach(async () => {
  vi.restoreAllMocks();
  for (const link of links.splice(0)) await link.close();
});

function message(id: string): Publication {
  const body = Buffer.from(id);
  return { id, exchange: '', routingKey: 'q', body, properties: () => ({}) };
}

/** What the process is warned of from now on, until the end of the test. */
function warned(): string[] {
  const messages: string[] = [];
  vi.spyOn(process, 'emitWarning').mockImplementation((warning) => {
    messages.push(warning instanceof Error ? warning.message : warning);
  });
  return messages;
}

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'stored',
    (error: PolymqError) => error.code,
  );

describe('the connection of a client', () => {
  it('tells what it has restored already when it is lost again before everything is', async () => {
    const server = new FakeServer([1]);
    const link = linkTo(server);
    const publisher = new Publisher(link, 16);
    link.add({
      restore: async () => {
        if (server.made.length !== 2) return;
        await new Promise((resolve) => setTimeout(resolve, 20));
        throw new PolymqError('disconnected', 'it went away again');
      },
    });
    await link.open();
    await server.made[0]!.close();
    const written = publisher.publish([message('1')], 'sending');
    expect(await codeOf(written)).toBe('disconnected');
    expect(await codeOf(publisher.publish([message('2')], 'sending'))).toBe('stored');
    expect(server.made).toHaveLength(3);
  });

  it('stays one when somebody who is told of it throws', async () => {
    const server = new FakeServer();
    const told: string[] = [];
    const onConnection = (state: string): void => {
      told.push(state);
      throw new Error('a listener');
    };
    const warnings = warned();
    const link = linkTo(server, { onConnection });
    await link.open();
    await server.made[0]!.close();
    await vi.waitUntil(() => told.length === 2);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(server.made).toHaveLength(2);
    expect(told).toEqual(['lost', 'back']);
    expect(warnings).toEqual(['a listener', 'a listener']);
    await link.close();
    expect(server.open.size).toBe(0);
  });
});
