/** Up to here copying is cheaper than one more piece in a gathered write. */
const SMALL_BYTES = 1024;

/** The same bytes in fewer pieces: neighbours that are small become one. Large ones stay where they are. */
export function joinSmall(buffers: readonly Buffer[]): readonly Buffer[] {
  if (buffers.length < 2) return buffers;
  const joined: Buffer[] = [];
  let start = 0;
  while (start < buffers.length) {
    let end = start;
    let bytes = 0;
    while (end < buffers.length && buffers[end]!.length <= SMALL_BYTES)
      bytes += buffers[end++]!.length;
    if (end - start < 2) {
      joined.push(buffers[start]!);
      start += 1;
    } else {
      joined.push(Buffer.concat(buffers.slice(start, end), bytes));
      start = end;
    }
  }
  return joined;
}
