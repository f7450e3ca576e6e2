/**
 * How does a message look on a stream? Four bytes of length (big endian), one byte of version, JSON.
 *
 * A length of 0 is a *beat*: it says that the sender lives, and nothing else.
 */

/** Version of all frames. Streams of another one are refused. */
const FRAME_VERSION = 1;

const HEADER_BYTES = 4;

/** A beat. */
export const BEAT: Uint8Array = new Uint8Array(HEADER_BYTES);

/** Thrown inside for bytes that are no frame; whoever reads the stream closes it. */
export class FrameError extends Error {}

/** The frame of a JSON value, or null when it is no JSON or larger than `bytesMax` bytes. */
export function encodeFrame(value: unknown, bytesMax: number): Uint8Array | null {
  const json = JSON.stringify(value) as string | undefined;
  if (json === undefined) return null;
  const length = Buffer.byteLength(json, 'utf8');
  if (length > bytesMax) return null;
  const frame = Buffer.allocUnsafe(HEADER_BYTES + 1 + length);
  frame.writeUInt32BE(1 + length, 0);
  frame[HEADER_BYTES] = FRAME_VERSION;
  frame.write(json, HEADER_BYTES + 1, 'utf8');
  return frame;
}

/** Puts frames together from pieces. */
export interface FrameReader {
  /** Throws {@link FrameError} as soon as the bytes can be no frame; nothing may be pushed after that. */
  push(piece: Uint8Array): void;
}

/** Hands out each message (undefined for a beat). Never holds more than one frame of `bytesMax` and one piece. */
export function createFrameReader(bytesMax: number, onMessage: (message: unknown) => void): FrameReader {
  let pieces: Uint8Array[] = [];
  let held = 0;
  let needed = HEADER_BYTES;

  function neededFor(bytes: Buffer): number {
    if (bytes.length < HEADER_BYTES) return HEADER_BYTES;
    const length = bytes.readUInt32BE(0);
    if (length > bytesMax + 1) throw new FrameError(`a frame of ${length} bytes is larger than ${bytesMax}`);
    if (length > 0 && bytes.length > HEADER_BYTES && bytes[HEADER_BYTES] !== FRAME_VERSION) throw new FrameError(`frame version ${bytes[HEADER_BYTES]}, not ${FRAME_VERSION}`);
    return HEADER_BYTES + length;
  }

  function parse(payload: Buffer): unknown {
    try {
      return JSON.parse(payload.toString('utf8', 1)) as unknown;
    } catch (cause) {
      throw new FrameError('a frame holds no JSON', { cause });
    }
  }

  return {
    push(piece) {
      pieces.push(piece);
      held += piece.byteLength;
      while (held >= needed) {
        const first = pieces[0];
        const bytes = pieces.length === 1 && first !== undefined ? Buffer.from(first.buffer, first.byteOffset, first.byteLength) : Buffer.concat(pieces);
        needed = neededFor(bytes);
        if (held < needed) {
          pieces = [bytes];
          return;
        }
        const rest = bytes.subarray(needed);
        const message = needed === HEADER_BYTES ? undefined : parse(bytes.subarray(HEADER_BYTES, needed));
        pieces = rest.length > 0 ? [rest] : [];
        held = rest.length;
        needed = HEADER_BYTES;
        onMessage(message);
      }
    },
  };
}
