import type { MqttOptions } from './options.ts';
import { NEVER_S } from './session-document.ts';

/** How long a session lasts without a connection, in seconds, when its client asks for so long; infinite: for ever. */
export function grantedExpiryS(askedS: number, { sessionExpiryMaxS }: MqttOptions): number {
  const expiryS = Math.min(askedS, sessionExpiryMaxS);
  return expiryS >= NEVER_S ? Number.POSITIVE_INFINITY : expiryS;
}
