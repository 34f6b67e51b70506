import { UnsupportedError } from '../errors.ts';
import { CAPABILITIES, type Capability } from './capabilities.ts';
import type { Driver } from './driver.ts';

/** Throws `UnsupportedError` if the engine lacks it. */
export function requireCapability(driver: Driver, capability: Capability): void {
  if (driver.capabilities[capability] === false) throw unsupported(driver, capability);
}

export function unsupported(driver: Driver, capability: Capability): UnsupportedError {
  return new UnsupportedError(driver.engine, capability, CAPABILITIES[capability].advice);
}
