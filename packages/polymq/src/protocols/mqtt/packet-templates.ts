import type { PublishFrame } from './codec/index.ts';

const VARIANTS = 8;
const MEMORY_BYTES_MIN = 512;

/** A packet of QoS 1 or 2 that many clients get, each with a packet id of its own. */
export interface PacketTemplate {
  readonly bytes: Uint8Array;
  /** Where the packet id goes. */
  readonly packetIdAt: number;
}

/**
 * The packets of one message as templates, one for each form it is sent in. One is made when the form is wanted a second time: then
 * a copy costs less than writing the packet again.
 */
export class PacketTemplates {
  readonly #templates: (PacketTemplate | undefined)[] = new Array<PacketTemplate | undefined>(
    VARIANTS,
  ).fill(undefined);
  /** Whether the form was wanted once. */
  readonly #wanted: boolean[] = new Array<boolean>(VARIANTS).fill(false);
  /** Where they lie; used again for the next message. */
  readonly #memory: Buffer[] = [];
  #used = false;

  /** The template of that form, 0 to 7, which the frame is set to; undefined the first time. */
  get(variant: number, frame: PublishFrame, bytes: number): PacketTemplate | undefined {
    const known = this.#templates[variant];
    if (known !== undefined) return known;
    if (this.#wanted[variant]) return this.#make(variant, frame, bytes);
    this.#wanted[variant] = true;
    this.#used = true;
    return undefined;
  }

  /** Another message comes. */
  forget(): void {
    if (!this.#used) return;
    this.#used = false;
    for (let variant = 0; variant < VARIANTS; variant++) {
      this.#templates[variant] = undefined;
      this.#wanted[variant] = false;
    }
  }

  #make(variant: number, frame: PublishFrame, bytes: number): PacketTemplate {
    let memory = this.#memory[variant];
    if (memory === undefined || memory.length < bytes) {
      memory = Buffer.allocUnsafeSlow(Math.max(bytes, MEMORY_BYTES_MIN));
      this.#memory[variant] = memory;
    }
    frame.write(memory, 0);
    const template = {
      bytes: new Uint8Array(memory.buffer, memory.byteOffset, bytes),
      packetIdAt: packetIdPosition(memory),
    };
    this.#templates[variant] = template;
    return template;
  }
}

/** Where the packet id of a PUBLISH of QoS 1 or 2 lies. */
export function packetIdPosition(packet: Buffer): number {
  let at = 1;
  while (packet[at]! >= 0x80) at += 1;
  at += 1;
  return at + 2 + packet.readUInt16BE(at);
}
