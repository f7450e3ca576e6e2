/**
 * Which number is free? DRBD minors with their ports, and addresses of the instances' network, the same on every member.
 *
 * Numbers are handed out in turn, so a number that was just freed is not used again at once. Only when the count has
 * gone once around does anybody look which ones are taken.
 */
import { MINOR_MAX, PORT_BASE } from '../model/limits.ts';
import type { CellState } from '../model/cell.ts';

/** The instances' network is 10.77.0.0/16; the first addresses and both ends of every /24 stay free. */
const ADDRESS_MIN = 10;
const ADDRESS_MAX = 0xff_ff;

/** A free minor and its port; `next` is what `nextMinor` becomes. Null when all are taken. */
export function nextMinor(state: CellState): { readonly minor: number; readonly port: number; readonly next: number } | null {
  let taken: Set<number> | null = null;
  for (let at = state.nextMinor; at < state.nextMinor + MINOR_MAX; at += 1) {
    const minor = 1 + ((at - 1) % MINOR_MAX);
    if (at > MINOR_MAX) {
      taken ??= new Set(state.volumes.values().map((volume) => volume.minor));
      if (taken.has(minor)) continue;
    }
    return { minor, port: PORT_BASE + minor, next: at + 1 };
  }
  return null;
}

/** A free address and the MAC address that goes with it (Xen's own prefix); `next` is what `nextAddress` becomes. */
export function nextAddress(state: CellState): { readonly privateAddress: string; readonly macAddress: string; readonly next: number } | null {
  let taken: Set<string> | null = null;
  const span = ADDRESS_MAX - ADDRESS_MIN;
  for (let at = state.nextAddress; at < state.nextAddress + span; at += 1) {
    const number = ADDRESS_MIN + ((at - ADDRESS_MIN) % span);
    const high = number >>> 8;
    const low = number & 0xff;
    if (low === 0 || low === 0xff) continue;
    const privateAddress = `10.77.${high}.${low}`;
    if (at >= ADDRESS_MIN + span) {
      taken ??= new Set(state.instances.values().map((instance) => instance.privateAddress));
      if (taken.has(privateAddress)) continue;
    }
    const hex = (byte: number): string => byte.toString(16).padStart(2, '0');
    return { privateAddress, macAddress: `00:16:3e:4d:${hex(high)}:${hex(low)}`, next: at + 1 };
  }
  return null;
}
