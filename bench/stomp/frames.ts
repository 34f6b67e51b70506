/** STOMP 1.2 as bytes: what a load sends, and the two marks it looks for in what it gets. */

export function stompFrame(
  command: string,
  headers: Readonly<Record<string, string>>,
  body: Buffer = Buffer.alloc(0),
): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  return Buffer.concat([Buffer.from(`${command}\n${lines.join('')}\n`), body, Buffer.from([NUL])]);
}

export const NUL = 0;
export const LINE_FEED = 10;

/** Up to and with the end of the first frame; 0 while it is not all there. */
export function frameLength(bytes: Buffer): number {
  return bytes.indexOf(NUL) + 1;
}
