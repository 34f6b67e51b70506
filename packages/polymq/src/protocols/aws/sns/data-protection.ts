import { invalidParameter } from './errors.ts';
import { parseObject } from './json-value.ts';

const LENGTH_MAX = 30_720;

/** Stored, and shown again as it came: messages are not looked through. Empty: none. */
export function checkedDataProtectionPolicy(text: string): string {
  if (text === '') return '';
  if (text.length > LENGTH_MAX) {
    throw invalidParameter(`DataProtectionPolicy: must be at most ${LENGTH_MAX} characters long`);
  }
  parseObject('DataProtectionPolicy', text);
  return text;
}
