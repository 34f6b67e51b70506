/** A will as a document: what is left of it when the broker ends before its client. */
import type { DeclaredValue, DeclaredValues } from '../../../core/queue/queue-definition.ts';
import type { QoS, Will } from '../codec/index.ts';

export const WILL_KEY = 'mqtt/will/';

/** A will without what only its CONNECT is about. */
export interface WillMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: QoS;
  readonly retain: boolean;
  /** Properties that go to subscribers, as a PUBLISH has them. */
  readonly forwarded: Buffer;
  /** Counts from when it is published; -1: it does not expire. */
  readonly expiryS: number;
}

export interface ArmedWill {
  readonly message: WillMessage;
  /** How long the client may stay away before it is published. */
  readonly delayS: number;
  /** How long its session lasts then. */
  readonly sessionExpiryS: number;
}

export function armedWill(will: Will, sessionExpiryS: number): ArmedWill {
  const { topic, payload, qos, retain, forwarded, properties } = will;
  const expiryS = properties.messageExpiryS ?? -1;
  return {
    message: { topic, payload, qos, retain, forwarded, expiryS },
    delayS: properties.willDelayS ?? 0,
    sessionExpiryS,
  };
}

/**
 * Whether the will is to survive the broker: if somebody may learn of it later than now, or its client can come back to its
 * session.
 */
export function outlivesBroker({ message, sessionExpiryS }: ArmedWill): boolean {
  return sessionExpiryS > 0 || message.qos > 0 || message.retain;
}

export function writeWill({ message, delayS, sessionExpiryS }: ArmedWill): DeclaredValues {
  const { topic, payload, qos, retain, forwarded, expiryS } = message;
  return {
    topic,
    payload: payload.toString('base64'),
    qos,
    retain,
    forwarded: forwarded.toString('base64'),
    expiryS,
    delayS,
    sessionExpiryS,
  };
}

/** Undefined if it is none that this version has written. */
export function readWill(document: DeclaredValues): ArmedWill | undefined {
  const { topic, payload, qos, retain, forwarded, expiryS, delayS, sessionExpiryS } = document;
  if (typeof topic !== 'string' || typeof payload !== 'string') return undefined;
  if (typeof forwarded !== 'string' || typeof retain !== 'boolean') return undefined;
  if (qos !== 0 && qos !== 1 && qos !== 2) return undefined;
  if (!isSeconds(expiryS) || !isSeconds(delayS) || !isSeconds(sessionExpiryS)) return undefined;
  return {
    message: {
      topic,
      payload: Buffer.from(payload, 'base64'),
      qos,
      retain,
      forwarded: Buffer.from(forwarded, 'base64'),
      expiryS,
    },
    delayS,
    sessionExpiryS,
  };
}

function isSeconds(value: DeclaredValue | undefined): value is number {
  return typeof value === 'number';
}
