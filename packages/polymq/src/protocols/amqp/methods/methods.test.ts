/**
 * The method table against a list taken from the machine-readable specification that RabbitMQ publishes
 * (`amqp-rabbitmq-0.9.1.json`): one line a method, with ids, whether content follows, and the arguments.
 */
import { describe, expect, it } from 'vitest';
import { METHODS, type MethodName, methodKey } from './index.ts';

const SPECIFICATION = `
connection.start 10 10 | version-major:octet version-minor:octet server-properties:table mechanisms:longstr locales:longstr
connection.start-ok 10 11 | client-properties:table mechanism:shortstr response:longstr locale:shortstr
connection.secure 10 20 | challenge:longstr
connection.secure-ok 10 21 | response:longstr
connection.tune 10 30 | channel-max:short frame-max:long heartbeat:short
connection.tune-ok 10 31 | channel-max:short frame-max:long heartbeat:short
connection.open 10 40 | virtual-host:shortstr capabilities:shortstr insist:bit
connection.open-ok 10 41 | known-hosts:shortstr
connection.close 10 50 | reply-code:short reply-text:shortstr class-id:short method-id:short
connection.close-ok 10 51 |
connection.blocked 10 60 | reason:shortstr
connection.unblocked 10 61 |
connection.update-secret 10 70 | new-secret:longstr reason:shortstr
connection.update-secret-ok 10 71 |
channel.open 20 10 | out-of-band:shortstr
channel.open-ok 20 11 | channel-id:longstr
channel.flow 20 20 | active:bit
channel.flow-ok 20 21 | active:bit
channel.close 20 40 | reply-code:short reply-text:shortstr class-id:short method-id:short
channel.close-ok 20 41 |
access.request 30 10 | realm:shortstr exclusive:bit passive:bit active:bit write:bit read:bit
access.request-ok 30 11 | ticket:short
exchange.declare 40 10 | ticket:short exchange:shortstr type:shortstr passive:bit durable:bit auto-delete:bit internal:bit nowait:bit arguments:table
exchange.declare-ok 40 11 |
exchange.delete 40 20 | ticket:short exchange:shortstr if-unused:bit nowait:bit
exchange.delete-ok 40 21 |
exchange.bind 40 30 | ticket:short destination:shortstr source:shortstr routing-key:shortstr nowait:bit arguments:table
exchange.bind-ok 40 31 |
exchange.unbind 40 40 | ticket:short destination:shortstr source:shortstr routing-key:shortstr nowait:bit arguments:table
exchange.unbind-ok 40 51 |
queue.declare 50 10 | ticket:short queue:shortstr passive:bit durable:bit exclusive:bit auto-delete:bit nowait:bit arguments:table
queue.declare-ok 50 11 | queue:shortstr message-count:long consumer-count:long
queue.bind 50 20 | ticket:short queue:shortstr exchange:shortstr routing-key:shortstr nowait:bit arguments:table
queue.bind-ok 50 21 |
queue.purge 50 30 | ticket:short queue:shortstr nowait:bit
queue.purge-ok 50 31 | message-count:long
queue.delete 50 40 | ticket:short queue:shortstr if-unused:bit if-empty:bit nowait:bit
queue.delete-ok 50 41 | message-count:long
queue.unbind 50 50 | ticket:short queue:shortstr exchange:shortstr routing-key:shortstr arguments:table
queue.unbind-ok 50 51 |
basic.qos 60 10 | prefetch-size:long prefetch-count:short global:bit
basic.qos-ok 60 11 |
basic.consume 60 20 | ticket:short queue:shortstr consumer-tag:shortstr no-local:bit no-ack:bit exclusive:bit nowait:bit arguments:table
basic.consume-ok 60 21 | consumer-tag:shortstr
basic.cancel 60 30 | consumer-tag:shortstr nowait:bit
basic.cancel-ok 60 31 | consumer-tag:shortstr
basic.publish 60 40 content | ticket:short exchange:shortstr routing-key:shortstr mandatory:bit immediate:bit
basic.return 60 50 content | reply-code:short reply-text:shortstr exchange:shortstr routing-key:shortstr
basic.deliver 60 60 content | consumer-tag:shortstr delivery-tag:longlong redelivered:bit exchange:shortstr routing-key:shortstr
basic.get 60 70 | ticket:short queue:shortstr no-ack:bit
basic.get-ok 60 71 content | delivery-tag:longlong redelivered:bit exchange:shortstr routing-key:shortstr message-count:long
basic.get-empty 60 72 | cluster-id:shortstr
basic.ack 60 80 | delivery-tag:longlong multiple:bit
basic.reject 60 90 | delivery-tag:longlong requeue:bit
basic.recover-async 60 100 | requeue:bit
basic.recover 60 110 | requeue:bit
basic.recover-ok 60 111 |
basic.nack 60 120 | delivery-tag:longlong multiple:bit requeue:bit
tx.select 90 10 |
tx.select-ok 90 11 |
tx.commit 90 20 |
tx.commit-ok 90 21 |
tx.rollback 90 30 |
tx.rollback-ok 90 31 |
confirm.select 85 10 | nowait:bit
confirm.select-ok 85 11 |
`;

/** Sent by the server only; from the chassis of `amqp0-9-1.extended.xml`, save where RabbitMQ's practice differs. */
const SENT_BY_SERVER = new Set(
  `connection.start connection.secure connection.tune connection.open-ok connection.blocked
  connection.unblocked connection.update-secret-ok channel.open-ok access.request-ok exchange.declare-ok
  exchange.delete-ok exchange.bind-ok exchange.unbind-ok queue.declare-ok queue.bind-ok queue.purge-ok
  queue.delete-ok queue.unbind-ok basic.qos-ok basic.consume-ok basic.return basic.deliver basic.get-ok
  basic.get-empty basic.recover-ok tx.select-ok tx.commit-ok tx.rollback-ok confirm.select-ok`.split(
    /\s+/,
  ),
);
const SENT_BY_BOTH = new Set(
  `connection.close connection.close-ok channel.flow channel.flow-ok channel.close channel.close-ok
  basic.cancel basic.cancel-ok basic.ack basic.nack`.split(/\s+/),
);
const NAMES = Object.keys(METHODS) as MethodName[];

/** What the specification keeps for later has a name there that means nothing any more. */
const RESERVED: Readonly<Record<string, string>> = {
  'connection.open capabilities': 'reserved1',
  'connection.open insist': 'reserved2',
  'connection.open-ok known-hosts': 'reserved1',
  'channel.open out-of-band': 'reserved1',
  'channel.open-ok channel-id': 'reserved1',
  'basic.get-empty cluster-id': 'reserved1',
};

function specified(line: string): unknown {
  const [head = '', args = ''] = line.split('|');
  const [name = '', classId, methodId, content] = head.trim().split(' ');
  const pairs = args
    .trim()
    .split(' ')
    .filter((arg) => arg !== '')
    .map((arg) => {
      const [argument = '', type] = arg.split(':');
      return [argumentName(name, argument), type];
    });
  return { name, id: [Number(classId), Number(methodId)], content: content === 'content', pairs };
}

function argumentName(method: string, argument: string): string {
  const reserved = RESERVED[`${method} ${argument}`];
  if (reserved !== undefined) return reserved;
  if (argument === 'nowait') return 'noWait';
  if (argument === 'ticket' && method !== 'access.request-ok') return 'reserved1';
  return argument.replace(/-(\w)/g, (_dash, letter: string) => letter.toUpperCase());
}

describe('the method table', () => {
  it('holds exactly the methods of the specification, with the same ids, arguments and types', () => {
    const lines = SPECIFICATION.trim().split('\n');
    const table = NAMES.map((name) => ({
      name,
      id: METHODS[name].id,
      content: METHODS[name].content ?? false,
      pairs: Object.entries(METHODS[name].args),
    }));
    const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
    const wanted = lines.map(specified) as { name: string }[];
    expect(table.sort(byName)).toEqual(wanted.sort(byName));
    expect(table).toHaveLength(66);
  });

  it('says of each method who sends it', () => {
    for (const name of NAMES) {
      const sender = SENT_BY_BOTH.has(name)
        ? 'both'
        : SENT_BY_SERVER.has(name)
          ? 'server'
          : 'client';
      expect(`${name} ${METHODS[name].sentBy}`).toBe(`${name} ${sender}`);
    }
  });

  it('names a reply for each method that has one, in the same class and sent the other way', () => {
    const replies = new Set<string>();
    for (const name of NAMES) {
      const { reply, id, sentBy } = METHODS[name];
      for (const to of reply === undefined ? [] : [reply].flat()) {
        const answer = METHODS[to as MethodName];
        replies.add(to);
        expect(answer.id[0]).toBe(id[0]);
        expect(answer.sentBy === 'both' || answer.sentBy !== sentBy).toBe(true);
      }
    }
    const answers = NAMES.filter((name) => /-(?:ok|empty)$/.test(name));
    expect([...replies].sort()).toEqual(answers.sort());
  });

  it('gives every method a key of its own: the four octets in front of its arguments', () => {
    expect(new Set(NAMES.map(methodKey)).size).toBe(NAMES.length);
    expect(methodKey('basic.publish')).toBe(0x003c_0028);
  });
});
