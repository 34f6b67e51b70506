/** The output of an action → AWS JSON. Blobs are base64 text already, and what is undefined is left out. */
import type { Action } from './shape.ts';

export function encodeJson(action: Action, output: object): string {
  return action.output === undefined ? '{}' : JSON.stringify(output);
}
