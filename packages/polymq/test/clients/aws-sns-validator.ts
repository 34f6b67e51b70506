/** `sns-validator`, with which programs in JavaScript check what SNS sends them. */
import { get } from 'node:http';
import https from 'node:https';
// @ts-expect-error: it has no types.
import SnsValidator from 'sns-validator';
import { vi } from 'vitest';
import type { Envelope } from './aws-endpoint.ts';

interface Validator {
  validate(message: object, done: (error: Error | null) => void): void;
}

const MessageValidator = SnsValidator as new (hostPattern: RegExp) => Validator;

/**
 * Whether the package accepts the message. It fetches certificates over https alone, and the URL is no part of what is signed: so
 * it is told of https, and what it fetches is fetched over http.
 */
export async function validatesForItsUsers(envelope: Envelope): Promise<boolean> {
  const overHttp = (url: unknown, done: unknown): ReturnType<typeof get> =>
    get(`${url}`.replace(/^https/, 'http'), done as Parameters<typeof get>[1]);
  const spy = vi.spyOn(https, 'get').mockImplementation(overHttp as typeof https.get);
  const validator = new MessageValidator(/^127\.0\.0\.1:\d+$/);
  const message = {
    ...envelope,
    SigningCertURL: envelope.SigningCertURL.replace(/^http:/, 'https:'),
  };
  try {
    return await new Promise((resolve) => {
      validator.validate(message, (error) => resolve(error === null));
    });
  } finally {
    spy.mockRestore();
  }
}
