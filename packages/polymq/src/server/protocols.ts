import { MessageFormats } from '../core/message/message-formats.ts';
import type { Protocol, ProtocolExchange } from '../net/protocol.ts';
import { amqp } from '../protocols/amqp/index.ts';
import { aws } from '../protocols/aws/index.ts';
import { kafka } from '../protocols/kafka/index.ts';
import { mqtt } from '../protocols/mqtt/index.ts';
import { redis } from '../protocols/redis/index.ts';
import { stomp } from '../protocols/stomp/index.ts';

/** Every protocol there is, in the order in which their listeners are announced. */
export const PROTOCOLS: readonly Protocol[] = [kafka, amqp, aws, redis, mqtt, stomp];

/** The scheme of the HTTP listener: health, metrics and, later, the admin API. */
export const HTTP_SCHEME = 'http';
export const HTTP_DEFAULT_PORT = 15_672;

/** Messages of before a restart are there before their protocol listens, or even if it does not. */
export function messageFormats(): MessageFormats {
  return new MessageFormats(PROTOCOLS.flatMap(({ messageFormat }) => messageFormat ?? []));
}

/** Bindings may name them whether or not their protocol listens. */
export function predeclaredExchanges(): readonly ProtocolExchange[] {
  return PROTOCOLS.flatMap(({ exchanges }) => exchanges ?? []);
}

/** Asks the protocols which streams a group member's metadata names: one of them wrote it. */
export function subscribedStreams(protocolType: string, metadata: Buffer): string[] | undefined {
  for (const protocol of PROTOCOLS) {
    const streams = protocol.subscribedStreams?.(protocolType, metadata);
    if (streams) return streams;
  }
  return undefined;
}
