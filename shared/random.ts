/**
 * How is chance repeated? A seeded source, so that a simulation is replayed from one number.
 *
 * xoshiro128** by Blackman and Vigna (public domain algorithm), seeded through splitmix32.
 */
import type { Chance } from './world.ts';

/** A repeatable source of chance. Not for secrets. `seed` is any 32-bit integer. */
export function seededChance(seed: number): Chance {
  let mixer = seed >>> 0;
  const splitmix = (): number => {
    mixer = (mixer + 0x9e3779b9) >>> 0;
    let z = mixer;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  let a = splitmix();
  let b = splitmix();
  let c = splitmix();
  let d = splitmix();
  const next32 = (): number => {
    const scrambled = Math.imul(b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    return result;
  };
  return {
    next: () => next32() / 0x1_0000_0000,
    bytes: (count) => {
      const bytes = new Uint8Array(count);
      for (let at = 0; at < count; at += 1) bytes[at] = next32() & 0xff;
      return bytes;
    },
  };
}

/** `count` lower-case hex digits from a source of chance. */
export function hexDigits(chance: Chance, count: number): string {
  let text = '';
  for (const byte of chance.bytes(Math.ceil(count / 2))) text += byte.toString(16).padStart(2, '0');
  return text.slice(0, count);
}

/** A random (version 4) UUID from a source of chance. */
export function uuid(chance: Chance): string {
  const bytes = chance.bytes(16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
