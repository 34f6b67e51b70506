/** What MQTT clients send that mean no good: packets of all three versions, and bytes that look like packets. */
import { generate, type Packet } from 'mqtt-packet';
import type { SeededRandom } from '../crash/random.ts';
import { mutate } from './mutate.ts';
import { type Attack, noise, type SocketAttacks } from './socket-attackers.ts';

type Version = 3 | 4 | 5;

const FILTERS = 9000;
const IDS = 65_535;
const EXPIRY_S = 1;

function write(version: Version, packet: Packet): Buffer {
  return generate(packet, { protocolVersion: version });
}

/** `more`: of the packet. Sessions do not stay for long. */
function connect(version: Version, clientId: string, more: object = {}): Buffer {
  const properties = { sessionExpiryInterval: EXPIRY_S, receiveMaximum: 10 };
  return write(version, {
    cmd: 'connect',
    clientId,
    protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
    protocolVersion: version,
    clean: true,
    keepalive: 60,
    ...(version === 5 ? { properties } : {}),
    ...more,
  });
}

function publish(version: Version, topic: string, more: object = {}): Buffer {
  const packet = {
    cmd: 'publish',
    topic,
    payload: 'x',
    qos: 0,
    dup: false,
    retain: false,
  } as const;
  return write(version, { ...packet, ...more });
}

function subscribe(version: Version, filters: readonly string[], qos: 0 | 1 | 2 = 1): Buffer {
  const subscriptions = filters.map((topic) => ({ topic, qos }));
  return write(version, { cmd: 'subscribe', messageId: 1, subscriptions });
}

const USER = { traceparent: '00-a-b-01', list: ['a', 'b'] };

/** What a client may do once it is connected. */
function packets(version: Version): Buffer[] {
  const five = version === 5;
  return [
    subscribe(version, ['attack/+', 'attack/#', '$SYS/#', '$share/g/attack/x'], 2),
    publish(version, 'attack/a'),
    publish(version, 'attack/b', { qos: 1, messageId: 7 }),
    publish(version, 'attack/c', { qos: 2, messageId: 8 }),
    publish(version, 'attack/retained', { retain: true }),
    publish(version, 'attack/retained', { retain: true, payload: '' }),
    publish(version, '$SYS/broker/uptime'),
    ...(five
      ? [
          publish(5, 'attack/d', {
            properties: {
              topicAlias: 3,
              messageExpiryInterval: 1,
              responseTopic: 'r',
              correlationData: Buffer.from('c'),
              userProperties: USER,
            },
          }),
          publish(5, '', { properties: { topicAlias: 3 } }),
        ]
      : []),
    write(version, { cmd: 'pubrel', messageId: 8 }),
    write(version, { cmd: 'puback', messageId: 1 }),
    write(version, { cmd: 'pubrec', messageId: 2 }),
    write(version, { cmd: 'pubcomp', messageId: 3 }),
    write(version, { cmd: 'unsubscribe', messageId: 9, unsubscriptions: ['attack/+'] }),
    write(version, { cmd: 'pingreq' }),
    write(version, five ? { cmd: 'disconnect', reasonCode: 4 } : { cmd: 'disconnect' }),
  ];
}

const VERSIONS: readonly Version[] = [3, 4, 5];
const PACKETS = new Map(VERSIONS.map((version) => [version, packets(version)]));

function whole(version: Version, random: SeededRandom): Buffer[] {
  return [connect(version, anyId(random), { will: WILL }), ...PACKETS.get(version)!];
}

const WILL = { topic: 'attack/will', payload: Buffer.from('gone'), qos: 1, retain: false } as const;

function anyId(random: SeededRandom): string {
  return `attacker-${random.between(0, 1e9)}`;
}

export function mqttAttacks(): Omit<SocketAttacks, 'port'> {
  return {
    attacks: { ...PROTOCOL_ATTACKS, ...STATE_ATTACKS },
    conversation: (random) => Buffer.concat(whole(random.pick(VERSIONS), random)),
    greedy,
  };
}

/** Bytes that break rules. */
const PROTOCOL_ATTACKS: Readonly<Record<string, Attack>> = {
  noise,
  'noise after the connect': (random) =>
    Buffer.concat([connect(random.pick(VERSIONS), anyId(random)), noise(random)]),
  'mutated connect': (random) => {
    const bytes = connect(random.pick(VERSIONS), anyId(random), { will: WILL });
    return mutate(bytes, connect(5, 'x', { username: 'u', password: 'p' }), random);
  },
  'mutated packets': (random) => {
    const [first, ...rest] = whole(random.pick(VERSIONS), random);
    const some = rest.map((each) =>
      random.chance(0.15) ? mutate(each, random.pick(rest), random) : each,
    );
    return Buffer.concat([first!, ...some]);
  },
  'packets in any order': (random) => {
    const version = random.pick(VERSIONS);
    const all = whole(version, random);
    return Buffer.concat([all[0]!, ...Array.from({ length: 60 }, () => random.pick(all))]);
  },
  'no connect': (random) => Buffer.concat(PACKETS.get(random.pick(VERSIONS))!),
  'lying lengths': (random) => {
    const length = random.pick([
      [0xff, 0xff, 0xff, 0x7f],
      [0x80, 0x80, 0x80, 0x80, 1],
      [0x80, 0],
      [0xff, 0xff, 0x7f],
    ]);
    const packet = Buffer.from([random.pick([0x10, 0x30, 0x82, 0x40]), ...length]);
    const first = random.chance(0.5) ? connect(5, anyId(random)) : Buffer.alloc(0);
    return Buffer.concat([first, packet, Buffer.alloc(70_000, 0xff)]);
  },
  'enhanced authentication': (random) =>
    Buffer.concat([
      connect(5, anyId(random), { properties: { authenticationMethod: 'SCRAM' } }),
      write(5, { cmd: 'auth', reasonCode: 24, properties: { authenticationMethod: 'SCRAM' } }),
    ]),
};

/** Packets that are all allowed, or nearly, and many. */
const STATE_ATTACKS: Readonly<Record<string, Attack>> = {
  'filters by the thousand': (random) => {
    const version = random.pick(VERSIONS);
    const level = random.pick(['+/', 'a/', '$share/g/', '+/#']);
    const filters = Array.from({ length: random.pick([100, FILTERS]) }, (_, i) => `${level}${i}`);
    return Buffer.concat([
      connect(version, anyId(random), { clean: random.chance(0.8) }),
      subscribe(version, filters, random.pick([0, 1])),
      publish(version, 'a/5'),
    ]);
  },
  'deep filters': (random) => {
    const filters = Array.from(
      { length: 500 },
      (_, i) => `${random.chance(0.5) ? '+/' : 'a/'}${'+/'.repeat(i % 30)}${i % 2 ? '#' : 'a'}`,
    );
    const topics = Array.from({ length: 50 }, (_, i) => publish(4, `${'a/'.repeat(31)}${i}`));
    return Buffer.concat([connect(4, anyId(random)), subscribe(4, filters, 0), ...topics]);
  },
  'alias abuse': (random) => {
    const aliases = [0, 1, 32, 33, 65_535, 7];
    const frames = Array.from({ length: 100 }, (_, i) => {
      const topicAlias = random.pick(aliases);
      // The generator refuses what no client may send.
      if (topicAlias === 0) return Buffer.from([0x30, 8, 0, 1, 0x61, 3, 0x23, 0, 0, 0x78]);
      return publish(5, random.chance(0.5) ? '' : `attack/${i}`, { properties: { topicAlias } });
    });
    return Buffer.concat([connect(5, anyId(random)), ...frames]);
  },
  'never releases': (random) => {
    const version = random.pick(VERSIONS);
    const frames = Array.from({ length: random.pick([20, 2000]) }, (_, i) =>
      publish(version, 'attack/q2', { qos: 2, messageId: (i % IDS) + 1, payload: 'x'.repeat(200) }),
    );
    const clean = random.chance(0.7);
    return Buffer.concat([connect(version, anyId(random), { clean }), ...frames]);
  },
  'one id again and again': (random) => {
    const version = random.pick(VERSIONS);
    const frame = publish(version, 'attack/q2', { qos: 2, messageId: 5, dup: true });
    const release = write(version, { cmd: 'pubrel', messageId: 5 });
    const frames = Array.from({ length: 500 }, () => (random.chance(0.8) ? frame : release));
    return Buffer.concat([connect(version, anyId(random)), ...frames]);
  },
  'retained by the hundred': (random) => {
    const frames = Array.from({ length: 300 }, (_, i) =>
      publish(4, `attack/kept/${i}`, {
        retain: true,
        payload: 'x'.repeat(random.between(0, 2000)),
      }),
    );
    return Buffer.concat([connect(4, anyId(random)), ...frames, subscribe(4, ['attack/kept/#'])]);
  },
  takeover: (random) =>
    Buffer.concat([
      connect(random.pick(VERSIONS), `contested-${random.between(0, 2)}`, {
        clean: random.chance(0.5),
        will: WILL,
      }),
      subscribe(4, ['attack/#'], 1),
    ]),
  wills: (random) => {
    const properties = { willDelayInterval: random.between(0, 2), messageExpiryInterval: 1 };
    const payload = Buffer.alloc(random.pick([1, 60_000]), 'w');
    return connect(5, anyId(random), { will: { ...WILL, payload, properties } });
  },
  'shared subscriptions': (random) => {
    const groups = Array.from({ length: 50 }, (_, i) => `$share/g${i}/attack/#`);
    const frames = Array.from({ length: 20 }, () => publish(5, 'attack/s'));
    return Buffer.concat([connect(5, anyId(random)), subscribe(5, groups), ...frames]);
  },
  'many properties': (random) => {
    const userProperties = { a: Array.from({ length: random.pick([60, 5000]) }, () => 'b') };
    return Buffer.concat([
      connect(5, anyId(random)),
      publish(5, 'attack/p', { properties: { userProperties } }),
    ]);
  },
  'large messages': (random) => {
    const payload = 'x'.repeat(2 ** 20);
    const frame = publish(4, 'attack/large', { qos: 1, messageId: 1, payload });
    return Buffer.concat([connect(4, anyId(random)), frame, frame, frame]);
  },
};

/** Subscribes to what it publishes, or asks for answers, and does not read. */
function greedy(random: SeededRandom): Buffer {
  const version = random.pick(VERSIONS);
  const id = anyId(random);
  const qos = random.pick([0, 1, 2] as const);
  const first = connect(version, id, { clean: random.chance(0.7) });
  if (random.chance(0.2)) {
    const pings = new Array<Buffer>(100_000).fill(write(4, { cmd: 'pingreq' }));
    return Buffer.concat([first, ...pings]);
  }
  const frame = publish(version, `greedy/${id}`, {
    payload: 'x'.repeat(60_000),
    qos: Math.min(qos, 1),
    ...(qos > 0 ? { messageId: 1 } : {}),
  });
  const filters = [`greedy/${id}`, random.chance(0.5) ? '#' : 'attack/#'];
  return Buffer.concat([
    first,
    subscribe(version, filters, qos),
    ...new Array<Buffer>(60).fill(frame),
  ]);
}
