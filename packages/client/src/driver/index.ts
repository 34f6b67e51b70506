/** For those who write a driver of their own: what it must offer. */
export { PolymqError, UnsupportedError } from '../errors.ts';
export { type Clock, type ClockTimer, systemClock } from '../lib/clock.ts';
export { warn } from '../lib/describe.ts';
export { type Duration, durationMs } from '../lib/duration.ts';
export { HEADER } from '../message/headers.ts';
export type * from '../message/wire-message.ts';
export { CAPABILITIES, type Capabilities, type Capability } from './capabilities.ts';
export type * from './driver.ts';
