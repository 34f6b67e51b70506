/** Clients that do not keep to MQTT: what they are told, and that nobody else notices. */
import { connect as connectSocket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { connect, connectWire, exchange, type TestClient } from './mqtt-client.ts';
import { lacksIt, MQTT_PEER_IS_POLYMQ, type MqttPeer, startMqttPeer } from './mqtt-peer.ts';
import { eventually, uniqueName } from './peer.ts';

vi.setConfig({ testTimeout: 30_000 });

let peer: MqttPeer;

beforeAll(async () => {
  peer = await startMqttPeer(['--limits-first-frame-ms', '2000']);
});
afterAll(() => peer?.stop());

let honest: TestClient;
const topic = uniqueName('honest');

beforeAll(async () => {
  honest = await connect(peer, { protocolVersion: 5 });
  await honest.subscribe(topic, { qos: 2 });
});

// The one that keeps to the rules goes on as if nothing had happened.
afterEach(async () => {
  await honest.publish(topic, 'still here', { qos: 2 });
  await eventually('it comes back', () => (honest.take().length === 1 ? true : undefined));
});
afterAll(() => honest?.end());

const fromHex = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const MQTT_4 = '10 0d 0004 4d515454 04 02 003c 0001';
const MQTT_5 = '10 0e 0004 4d515454 05 02 003c 00 0001';
/** Client ids of one byte. */
const CONNECT_4 = `${MQTT_4} 34`;
const CONNECT_5 = `${MQTT_5} 35`;

async function answerTo(hex: string): Promise<string> {
  return (await exchange(peer, fromHex(hex))).toString('hex');
}

describe('before it is let in', () => {
  test.each([
    ['another protocol', Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n').toString('hex')],
    ['a PUBLISH first', '30 03 0001 61'],
    ['a PINGREQ first', 'c0 00'],
    ['packet type 0', '00 00'],
    ['a length of five bytes', '10 ff ff ff ff 01'],
    ['bits of a flag that is reserved', '10 0d 0004 4d515454 04 03 003c 0001 61'],
  ])('%s ends the connection without an answer', async (_what, hex) => {
    expect(await answerTo(hex)).toBe('');
  });

  // mosquitto waits for all of it.
  test.skipIf(lacksIt('mosquitto'))('a CONNECT that is too large is not read', async () => {
    const answer = await exchange(peer, fromHex('10 ff ff ff 7f 0004 4d515454 05'));
    expect(['', '2003']).toContain(answer.toString('hex').slice(0, 4));
  });

  // Other brokers may close without a word (§4.13.1).
  test.skipIf(!MQTT_PEER_IS_POLYMQ)('MQTT 5 has words for it', async () => {
    // A property that CONNECT has not, and one twice.
    const unknown = '10 11 0004 4d515454 05 02 003c 03 230001 0001 61';
    expect(await answerTo(unknown)).toMatch(/^20..0081/);
    const twice = '10 14 0004 4d515454 05 02 003c 06 220001 220001 0001 61';
    expect(await answerTo(twice)).toMatch(/^20..0082/);
  });

  // How long that takes is a setting of PolyMQ.
  test.skipIf(!MQTT_PEER_IS_POLYMQ)('somebody who says nothing is sent away', async () => {
    const socket = connectSocket({ host: peer.host, port: peer.port });
    socket.on('error', () => {});
    socket.write(fromHex('10 0d 0004'));
    await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  });
});

describe('afterwards', () => {
  const all: readonly (readonly [string, string, string])[] = [
    ['a second CONNECT', CONNECT_5, 'e0..82'],
    ['QoS 3', '36 05 0001 61 0001', 'e0..81'],
    ['a PUBLISH without a topic', '30 03 0000 00', 'e0..82'],
    ['a topic with a wildcard', '30 05 0002 612b 00', 'e0..(?:90|81)'],
    ['a topic that is no UTF-8', '30 04 0001 ff 00', 'e0..81'],
    ['packet id 0', '32 07 0001 61 0000 00 61', 'e0..82'],
    ['a SUBSCRIBE of nothing', '82 03 0001 00', 'e0..8[12]'],
    ['a SUBSCRIBE without its flags', '80 07 0001 00 0001 61 00', 'e0..81'],
    ['no-local on a shared subscription', '82 0f 0001 00 0009 2473686172652f672f 04', 'e0..8[12]'],
    ['a CONNACK', '20 02 0000', 'e0..82'],
    ['topic alias 0', '30 07 0001 61 03 230000', 'e0..94'],
    ['an unknown property', '30 06 0001 61 02 7f00', 'e0..81'],
    ['AUTH that nobody has asked for', 'f0 00', 'e0..82'],
    ['a remaining length that is longer than it needs', 'c0 80 00', 'e0..81'],
  ];

  // mosquitto 2.0.11 lets these two pass.
  const lenient = /^(?:no-local|a remaining length)/;
  const rows = all.filter(([what]) => !lacksIt('mosquitto') || !lenient.test(what));

  test.each(rows)('%s ends the connection with a reason', async (_what, hex, reason) => {
    const answer = await answerTo(`${CONNECT_5} ${hex}`);
    expect(answer).toMatch(/^20..0000/);
    const connackBytes = 4 + 2 * Number.parseInt(answer.slice(2, 4), 16);
    const rest = answer.slice(connackBytes);
    if (MQTT_PEER_IS_POLYMQ) expect(rest).toMatch(new RegExp(`^${reason}`));
    // mosquitto gives fewer reasons, and some other ones.
    else expect(rest).toMatch(/^(?:e0|$)/);
  });

  const old = rows.filter(([what]) => !/property|alias|shared|AUTH/.test(what));

  test.each(old)('%s ends a connection of 3.1.1 without a word', async (what, hex) => {
    const plain = what === 'a second CONNECT' ? CONNECT_4 : hex;
    expect(await answerTo(`${CONNECT_4} ${plain}`)).toBe('20020000');
  });

  test('what is torn anywhere is read as if it came in one piece', async () => {
    const bytes = fromHex(
      `${CONNECT_4} 82 08 0001 0003 612f62 01 32 0a 0003 612f62 0007 313233 c0 00 e0 00`,
    );
    const whole = (await exchange(peer, bytes)).toString('hex');
    const socket = connectSocket({ host: peer.host, port: peer.port, noDelay: true });
    const pieces: Buffer[] = [];
    socket.on('data', (piece) => pieces.push(piece));
    for (const byte of bytes) {
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await new Promise<void>((resolve) => socket.once('close', () => resolve()));
    // The packet id of what the broker sends is its own choice.
    const sorted = (hex: string) =>
      hex
        .replace(/(320a0003612f62)[0-9a-f]{4}/, '$10001')
        .match(/20020000|9003000101|40020007|d000|32[0-9a-f]{20}/g)
        ?.sort();
    expect(sorted(Buffer.concat(pieces).toString('hex'))).toEqual(sorted(whole));
    expect(sorted(whole)).toHaveLength(5);
  });

  // The maximum is a setting of PolyMQ.
  test.skipIf(!MQTT_PEER_IS_POLYMQ)('a packet above the maximum ends the connection', async () => {
    const answer = await answerTo(`${CONNECT_5} 30 ff ff ff 7f 0001 61`);
    expect(answer).toMatch(/e0..95/);
  });

  // mosquitto says nothing to the last.
  test.skipIf(lacksIt('mosquitto'))(
    'acknowledgements of what was never sent do no harm',
    async () => {
      const packets: unknown[] = [];
      const wire = await connectWire(peer, { onPacket: (packet) => packets.push(packet) });
      wire.send({ cmd: 'puback', messageId: 99, reasonCode: 0 });
      wire.send({ cmd: 'pubcomp', messageId: 98, reasonCode: 0 });
      wire.send({ cmd: 'pubrel', messageId: 97, reasonCode: 0 });
      wire.send({ cmd: 'pubrec', messageId: 96, reasonCode: 0 });
      await eventually('it answers', () => (packets.length === 2 ? true : undefined));
      expect(packets).toMatchObject([
        { cmd: 'pubcomp', messageId: 97, reasonCode: 0x92 },
        { cmd: 'pubrel', messageId: 96, reasonCode: 0x92 },
      ]);
      wire.destroy();
    },
  );
});
