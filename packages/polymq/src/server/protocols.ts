import type { Protocol } from '../net/protocol.ts';
import { kafka } from '../protocols/kafka/index.ts';

/** Every protocol there is, in the order in which their listeners are announced. */
export const PROTOCOLS: readonly Protocol[] = [kafka];

/** The scheme of the HTTP listener: health, metrics and, later, the admin API. */
export const HTTP_SCHEME = 'http';
export const HTTP_DEFAULT_PORT = 15_672;
