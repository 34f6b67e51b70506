/** For those who write a driver of their own: what it must offer. */
export { CAPABILITIES, type Capabilities, type Capability } from './capabilities.ts';
export type * from './driver.ts';
