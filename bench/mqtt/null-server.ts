/** MQTT 3.1.1 at QoS 0 and 1 without anything behind it: `npx tsx bench/mqtt/null-server.ts`. */
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Frames, serveNull } from '../lib/live/null-server.ts';
import { ackPacket, PUBACK } from './packets.ts';

const CONNECT = 0x10;
const SUBSCRIBE = 0x82;
const IDS = 65_535;

/** All publishers publish the same, and making frames takes a while. */
let learnt: { unit: Buffer; messages: Frames; acks: Frames | undefined } | undefined;

/** All subscribers get everything. */
const subscribers = new Set<Socket>();

class Publisher {
  readonly #socket: Socket;
  #unitBytes = 0;
  #bytes = 0;
  #passed = 0;
  #acks: Frames | undefined;
  #messages: Frames | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  onData(bytes: Buffer): void {
    if (this.#unitBytes === 0) this.#learn(bytes);
    this.#bytes += bytes.length;
    const count = Math.floor(this.#bytes / this.#unitBytes) - this.#passed;
    this.#passed += count;
    if (count === 0) return;
    this.#acks?.send(this.#socket, count);
    for (const subscriber of subscribers) this.#messages!.send(subscriber, count);
  }

  /** All packets are like the first. */
  #learn(bytes: Buffer): void {
    let at = 1;
    let length = 0;
    for (let shift = 0; ; shift += 7, at += 1) {
      length |= (bytes[at]! & 0x7f) << shift;
      if ((bytes[at]! & 0x80) === 0) break;
    }
    const bodyAt = at + 1;
    this.#unitBytes = bodyAt + length;
    if (bytes.length < this.#unitBytes) throw new Error('the first packet is cut');
    const unit = Buffer.from(bytes.subarray(0, this.#unitBytes));
    if (!learnt?.unit.equals(unit)) learnt = framesOf(unit, bodyAt);
    this.#messages = learnt.messages;
    this.#acks = learnt.acks;
  }
}

function framesOf(unit: Buffer, bodyAt: number) {
  const qos = (unit[0]! >> 1) & 3;
  const idAt = bodyAt + 2 + unit.readUInt16BE(bodyAt);
  const messages = new Frames((i) => {
    const frame = Buffer.from(unit);
    if (qos > 0) frame.writeUInt16BE((i % IDS) + 1, idAt);
    return frame;
  });
  const acks = qos > 0 ? new Frames((i) => ackPacket(PUBACK, (i % IDS) + 1)) : undefined;
  return { unit, messages, acks };
}

function open(socket: Socket): (bytes: Buffer) => void {
  const publisher = new Publisher(socket);
  return (bytes) => {
    if (subscribers.has(socket)) return;
    if (bytes[0] === CONNECT) socket.write(Buffer.from([0x20, 2, 0, 0]));
    else if (bytes[0] === SUBSCRIBE) {
      subscribers.add(socket);
      socket.on('close', () => subscribers.delete(socket));
      socket.write(Buffer.from([0x90, 3, bytes[2]!, bytes[3]!, bytes.at(-1)!]));
    } else publisher.onData(bytes);
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) serveNull(open);
