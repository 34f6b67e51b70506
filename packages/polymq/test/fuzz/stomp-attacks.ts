/** What STOMP clients send that mean no good: frames, and bytes that look like frames. */
import type { SeededRandom } from '../crash/random.ts';
import { mutate } from './mutate.ts';
import { type Attack, noise, type SocketAttacks } from './socket-attackers.ts';

const LOGIN = { login: 'guest', passcode: 'guest', host: '/', 'accept-version': '1.0,1.1,1.2' };
const QUEUES = 20;

function frame(command: string, headers: Readonly<Record<string, string>>, body = ''): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  return Buffer.from(`${command}\n${lines.join('')}\n${body}\0`, 'latin1');
}

const CONNECT = frame('CONNECT', LOGIN);

const FRAMES: readonly Buffer[] = [
  frame('SUBSCRIBE', { id: '0', destination: '/queue/attack-0', ack: 'client-individual' }),
  frame('SUBSCRIBE', { id: '1', destination: '/topic/attack.*', ack: 'client' }),
  frame('SUBSCRIBE', { id: '2', destination: '/exchange/amq.topic/attack.#', receipt: 'r1' }),
  frame('SUBSCRIBE', { id: '3', destination: '/temp-queue/t' }),
  frame('SUBSCRIBE', {
    id: '4',
    destination: '/queue/attack-1',
    'x-max-length': '9',
    durable: 'no',
  }),
  frame('SEND', { destination: '/queue/attack-0', 'content-length': '5' }, 'he\0lo'),
  frame('SEND', { destination: '/topic/attack.a', receipt: 'r2' }, 'hello'),
  frame('SEND', { destination: '/queue/attack-2', persistent: 'true', 'x\\cy': 'a\\nb\\\\' }, 'x'),
  frame('SEND', { destination: '/exchange/amq.topic/attack.b', 'reply-to': '/temp-queue/t' }, 'y'),
  frame('BEGIN', { transaction: 't' }),
  frame('SEND', { destination: '/queue/attack-0', transaction: 't' }, 'z'),
  frame('COMMIT', { transaction: 't' }),
  frame('ABORT', { transaction: 't' }),
  frame('ACK', { id: 'T_0@@session@@1', 'message-id': 'T_0@@session@@1' }),
  frame('NACK', { id: 'x', requeue: 'false' }),
  frame('UNSUBSCRIBE', { id: '1', receipt: 'r3' }),
  frame('DISCONNECT', { receipt: 'r4' }),
];

const ATTACKS: Readonly<Record<string, Attack>> = {
  noise,
  'noise after the login': (random) => Buffer.concat([CONNECT, noise(random)]),
  'mutated connect': (random) => mutate(CONNECT, random.pick(FRAMES), random),
  'mutated frames': (random) =>
    Buffer.concat([
      CONNECT,
      ...FRAMES.map((each) =>
        random.chance(0.15) ? mutate(each, random.pick(FRAMES), random) : each,
      ),
    ]),
  'frames in any order': (random) =>
    Buffer.concat([CONNECT, ...Array.from({ length: 60 }, () => random.pick(FRAMES))]),
  'no connect': () => Buffer.concat(FRAMES),
  'connects again': () => Buffer.concat([CONNECT, CONNECT, CONNECT]),
  'lying lengths': (random) => {
    const length = random.pick([
      '-1',
      '99999999999999999999',
      '2147483648',
      '16777217',
      '3',
      'x',
      '',
    ]);
    const headers = { destination: '/queue/attack-0', 'content-length': length };
    return Buffer.concat([CONNECT, frame('SEND', headers, 'x'.repeat(100_000))]);
  },
  'no end': (random) => {
    const what = random.pick(['SEND\ndestination:/queue/attack-0\n\n', 'SEND\na:', 'SEND\n', '']);
    return Buffer.concat([CONNECT, Buffer.from(what), Buffer.alloc(2_000_000, 'x')]);
  },
  'many headers': (random) => {
    const lines = Array.from({ length: random.pick([99, 5000]) }, (_, i) => `h${i}:v\n`);
    return Buffer.concat([
      CONNECT,
      Buffer.from(`SEND\ndestination:/queue/attack-0\n${lines.join('')}\nx\0`),
    ]);
  },
  'long headers': (random) => {
    const value = random.pick(['x', '\\n', '\\', ':']).repeat(random.pick([4000, 50_000]));
    return Buffer.concat([CONNECT, frame('SEND', { destination: '/topic/attack', h: value }, 'x')]);
  },
  'nothing but line ends': () => Buffer.concat([CONNECT, Buffer.alloc(500_000, '\n')]),
  'nothing but zeros': () => Buffer.concat([CONNECT, Buffer.alloc(500_000)]),
  'subscriptions by the thousand': (random) => {
    const kind = random.pick(['/topic/attack.', '/queue/attack-', '/exchange/amq.fanout/']);
    const frames = Array.from({ length: 1000 }, (_, i) =>
      frame('SUBSCRIBE', { id: `${i}`, destination: `${kind}${i % QUEUES}` }),
    );
    return Buffer.concat([CONNECT, ...frames]);
  },
  'odd destinations': (random) => {
    const destination = random.pick([
      '',
      '/',
      '/queue/',
      '/queue/a/b',
      '/queue/%zz',
      '/topic/#.#.#.#.#.#.#.#',
      '/exchange/',
      '/exchange/none/x',
      '/amq/queue/none',
      '/reply-queue/none',
      '/temp-queue/',
      `/topic/${'x'.repeat(300)}`,
      'amq.direct',
    ]);
    const command = random.pick(['SEND', 'SUBSCRIBE']);
    return Buffer.concat([CONNECT, frame(command, { id: '9', destination }, '')]);
  },
  'endless transaction': (random) => {
    const send = frame(
      'SEND',
      { destination: '/queue/attack-0', transaction: 't' },
      'x'.repeat(random.pick([10, 10_000])),
    );
    return Buffer.concat([CONNECT, FRAMES[9]!, ...new Array<Buffer>(1000).fill(send)]);
  },
  'many transactions': () =>
    Buffer.concat([
      CONNECT,
      ...Array.from({ length: 5000 }, (_, i) => frame('BEGIN', { transaction: `t${i}` })),
    ]),
  'hasty heart-beats': () =>
    Buffer.concat([frame('CONNECT', { ...LOGIN, 'heart-beat': '1,1' }), FRAMES[1]!]),
  'odd heart-beats': (random) => {
    const beat = random.pick(['99999999999,1', '-1,-1', 'a,b', '1', '1,2,3', '4294967297,0']);
    return frame('CONNECT', { ...LOGIN, 'heart-beat': beat });
  },
  'odd arguments': (random) => {
    const argument = random.pick(['x-max-length', 'x-message-ttl', 'x-expires', 'x-queue-type']);
    const value = random.pick(['-1', 'x', '1e9', '99999999999999999999', '']);
    const destination = `/queue/odd-${random.between(0, QUEUES)}`;
    const headers = { id: '1', destination, [argument]: value, 'auto-delete': 'true' };
    return Buffer.concat([CONNECT, frame('SUBSCRIBE', headers)]);
  },
  'acknowledges what is not its': () =>
    Buffer.concat([
      CONNECT,
      ...Array.from({ length: 200 }, (_, i) => frame('ACK', { id: `T_0@@session@@${i}` })),
    ]),
  'large messages': () => {
    const headers = { destination: '/topic/attack.large', 'content-length': String(2 ** 20) };
    const large = frame('SEND', headers, 'x'.repeat(2 ** 20));
    return Buffer.concat([CONNECT, large, large, large]);
  },
};

/** Subscribes to what it publishes, or asks for receipts, and does not read. */
function greedy(random: SeededRandom): Buffer {
  const destination = `/topic/greedy.${random.between(0, 1e9)}`;
  if (random.chance(0.3)) {
    const send = frame('SEND', { destination, receipt: 'r'.repeat(200) });
    return Buffer.concat([CONNECT, ...new Array<Buffer>(20_000).fill(send)]);
  }
  const send = frame('SEND', { destination }, 'x'.repeat(60_000));
  const subscribe = frame('SUBSCRIBE', { id: '0', destination, ack: 'auto', 'x-max-length': '50' });
  return Buffer.concat([CONNECT, subscribe, ...new Array<Buffer>(60).fill(send)]);
}

export function stompAttacks(): Omit<SocketAttacks, 'port'> {
  return {
    attacks: ATTACKS,
    conversation: () => Buffer.concat([CONNECT, ...FRAMES]),
    greedy,
  };
}
