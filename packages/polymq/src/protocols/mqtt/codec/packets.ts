/**
 * The packets of MQTT 5, in its words. Those of 3.1.1 and 3.1 are the same with nothing in `properties`, and reason code 0.
 *
 * PUBLISH has no object: it is read by `PublishScan` and written by `PublishFrame`.
 */
import type { Properties } from './property-table.ts';

/** The protocol level: 3 is MQTT 3.1 (`MQIsdp`), 4 is 3.1.1, 5 is 5.0. */
export type ProtocolVersion = 3 | 4 | 5;

export type QoS = 0 | 1 | 2;

/** The first four bits of a packet (§2.1.2). */
export const PACKET_TYPE = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  suback: 9,
  unsubscribe: 10,
  unsuback: 11,
  pingreq: 12,
  pingresp: 13,
  disconnect: 14,
  auth: 15,
} as const;

export type PacketType = keyof typeof PACKET_TYPE;

export interface ConnectPacket {
  readonly type: 'connect';
  readonly protocolVersion: ProtocolVersion;
  /** May be empty: the server then makes one up, or refuses it. */
  readonly clientId: string;
  /** Clean start; clean session in 3.x. */
  readonly clean: boolean;
  /** 0: none. */
  readonly keepAliveS: number;
  readonly will: Will | undefined;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
  readonly properties: Properties<'connect'>;
}

export interface Will {
  readonly topic: string;
  /** A copy. */
  readonly payload: Buffer;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties: Properties<'will'>;
  /** What goes to subscribers with the message, as a PUBLISH has it; a copy. */
  readonly forwarded: Buffer;
}

/** The four answers that a PUBLISH may lead to. */
export interface AckPacket {
  readonly type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp';
  readonly packetId: number;
  readonly reasonCode: number;
  readonly properties: Properties<'puback'>;
}

export interface SubscribePacket {
  readonly type: 'subscribe';
  readonly packetId: number;
  /** At least one. */
  readonly subscriptions: readonly SubscribeRequest[];
  /** 0: none. */
  readonly subscriptionId: number;
  readonly properties: Properties<'subscribe'>;
}

export interface SubscribeRequest {
  /** UTF-8, not empty; nothing else about it is checked, except no-local on shared ones. */
  readonly filter: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** Retained messages: 0 send, 1 send if the subscription is new, 2 do not. 3.x: 0. */
  readonly retainHandling: 0 | 1 | 2;
}

export interface UnsubscribePacket {
  readonly type: 'unsubscribe';
  readonly packetId: number;
  /** At least one. */
  readonly filters: readonly string[];
  readonly properties: Properties<'unsubscribe'>;
}

export interface PingreqPacket {
  readonly type: 'pingreq';
}

export interface DisconnectPacket {
  readonly type: 'disconnect';
  readonly reasonCode: number;
  readonly properties: Properties<'disconnect'>;
}

export interface AuthPacket {
  readonly type: 'auth';
  readonly reasonCode: number;
  readonly properties: Properties<'auth'>;
}

/** What a client may send, except PUBLISH. */
export type Packet =
  | ConnectPacket
  | AckPacket
  | SubscribePacket
  | UnsubscribePacket
  | PingreqPacket
  | DisconnectPacket
  | AuthPacket;
