/**
 * The content of a message as the store keeps it for AMQP: exactly what goes on the wire behind the first frame header,
 * as long as the body fits one frame.
 *
 *   stored properties                                          body
 *   ├ content header ┼ 0xCE ┼ 03 │ channel │ body size ────────┼ body ┤
 *     14 + list        1      1     2         4
 *
 * To deliver it, the channel is set in both frame headers and an end octet put behind.
 */
import { FRAME_BODY, FRAME_END, FRAME_HEADER_BYTES } from './codec/frame.ts';

/** From the end of the content header to the body. */
export const CONTENT_GAP_BYTES: number = 1 + FRAME_HEADER_BYTES;

/** The gap itself, for channel 0. */
export function bodyFrameHeader(bodyBytes: number): Buffer {
  const gap = Buffer.alloc(CONTENT_GAP_BYTES);
  gap[0] = FRAME_END;
  gap[1] = FRAME_BODY;
  gap.writeUInt32BE(bodyBytes, 4);
  return gap;
}
