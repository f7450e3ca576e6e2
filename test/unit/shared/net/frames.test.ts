import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BEAT, createFrameReader, encodeFrame, FrameError } from '../../../../shared/net/frames.ts';
import { seededChance } from '../../../../shared/random.ts';

const frames = suite('frames');

const MAX = 1000;

function frameOf(value: unknown): Uint8Array {
  const frame = encodeFrame(value, MAX);
  if (frame === null) throw new Error('too large');
  return frame;
}

function raw(length: number, ...rest: number[]): Uint8Array {
  const bytes = Buffer.alloc(4 + rest.length);
  bytes.writeUInt32BE(length);
  bytes.set(rest, 4);
  return bytes;
}

frames('come out as they went in, however they were cut', () => {
  const values = [{ a: 1 }, [], null, 'ä€😀', 0, { deep: [[[{ x: null }]]] }, 'x'.repeat(900)];
  const bytes = Buffer.concat([...values.map(frameOf), BEAT, frameOf('last')]);
  const chance = seededChance(3);
  for (let round = 0; round < 200; round += 1) {
    const got: unknown[] = [];
    const reader = createFrameReader(MAX, (message) => got.push(message));
    for (let from = 0; from < bytes.length; ) {
      const to = Math.min(bytes.length, from + 1 + Math.floor(chance.next() * (round % 3 === 0 ? 3 : 400)));
      reader.push(bytes.subarray(from, to));
      from = to;
    }
    assert.equal(got, [...values, undefined, 'last']);
  }
});

frames('are refused when they are too large, before they have arrived', () => {
  assert.is(encodeFrame('x'.repeat(MAX), MAX), null);
  assert.is(encodeFrame(undefined, MAX), null);
  const reader = createFrameReader(MAX, () => undefined);
  assert.throws(() => reader.push(raw(MAX + 2)), (error: unknown) => error instanceof FrameError);
});

frames('of exactly the largest size pass', () => {
  const text = 'x'.repeat(MAX - 2);
  const got: unknown[] = [];
  createFrameReader(MAX, (message) => got.push(message)).push(frameOf(text));
  assert.equal(got, [text]);
});

for (const [what, bytes] of [
  ['another version', raw(3, 2, 0x7b, 0x7d)],
  ['no JSON', raw(3, 1, 0x7b, 0x7b)],
  ['nothing but a version', raw(1, 1)],
  ['text of another protocol', new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n')],
] as const) {
  frames(`with ${what} are refused`, () => {
    const got: unknown[] = [];
    const reader = createFrameReader(MAX, (message) => got.push(message));
    assert.throws(() => reader.push(bytes), (error: unknown) => error instanceof FrameError);
    assert.equal(got, []);
  });
}

frames.run();
