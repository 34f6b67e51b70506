/** Compressed data cannot or must not be expanded. */
export class DecompressionError extends Error {
  /** `too-large`: it would grow beyond the limit given. `malformed`: it breaks its own format. */
  readonly reason: 'too-large' | 'malformed';

  constructor(reason: 'too-large' | 'malformed', message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DecompressionError';
    this.reason = reason;
  }
}

export function malformed(what: string, cause?: unknown): DecompressionError {
  return new DecompressionError('malformed', what, cause === undefined ? undefined : { cause });
}

export function tooLarge(codec: string, outputBytesMax: number): DecompressionError {
  return new DecompressionError(
    'too-large',
    `${codec} data expands to more than the ${outputBytesMax} bytes allowed`,
  );
}
