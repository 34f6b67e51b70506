import {
  DamagedRangeError,
  LogFailedError,
  OffsetOutOfRangeError,
  StorageFullError,
} from '../log/log.ts';
import { BrokerError } from './errors.ts';

/** An error of the log port as the core's own; anything else comes back as it is. */
export function fromLogError(error: unknown): unknown {
  if (error instanceof OffsetOutOfRangeError) return wrap('offset-out-of-range', error);
  if (error instanceof StorageFullError) return wrap('storage-full', error);
  if (error instanceof LogFailedError) return wrap('storage-failed', error);
  if (error instanceof DamagedRangeError) return wrap('damaged-range', error);
  return error;
}

function wrap(code: ConstructorParameters<typeof BrokerError>[0], cause: Error): BrokerError {
  return new BrokerError(code, cause.message, { cause });
}
