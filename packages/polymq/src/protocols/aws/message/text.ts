/** Which characters a message may have: those of XML 1.0, since the older wire format is XML. */

/** Whether there is a character that SQS does not take, or half of a surrogate pair. */
export function hasForbiddenCharacter(text: string): boolean {
  return FORBIDDEN.test(text);
}

// One class without alternatives, so its time is linear.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff\p{Surrogate}]/u;
