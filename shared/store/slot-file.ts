/**
 * How is one small value kept so that damage is always noticed? Two slot files, written in turn.
 *
 *     empty --write--> intact(sequence 0 and 1) --write--> intact(sequence + 1, in the older slot) ...
 *     intact --any byte or file of either slot lost--> damaged (for good)
 *
 * A write replaces the older slot as a whole (durable-file.ts), so a crash leaves either two intact slots with
 * neighbouring sequence numbers, or, during the very first write, slot 0 alone. Everything else is damage: the damaged
 * slot may have been the newer one, and whoever trusts the older one forgets a promise (SAFETY.md 3.2).
 */
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ClusterError } from '../errors.ts';
import { slotDisk } from './durable-file.ts';
import type { SlotDisk } from './durable-file.ts';

/** What the two slots hold. */
export type SlotsContent =
  | { readonly kind: 'empty' }
  | { readonly kind: 'intact'; readonly value: unknown }
  | { readonly kind: 'damaged'; readonly reason: string };

/** One value in two slots. */
export interface Slots {
  /** What was found at opening. */
  readonly found: SlotsContent;
  /**
   * Replaces the value (JSON); durable when resolved. Writes are done one after the other, and one write serves all
   * that wait. After a failed one every later one fails too, because nobody knows any more what is on the disk
   * (ClusterError `StoreFailed`): the process has to end.
   */
  write(value: unknown): Promise<void>;
}

/** Largest value in bytes: slots are for small things. */
const SLOT_BYTES_MAX = 4 * 1024 * 1024;

type OneSlot = { readonly kind: 'absent' } | { readonly kind: 'held'; readonly sequence: number; readonly value: unknown } | { readonly kind: 'damaged'; readonly reason: string };

const HEADER = /^ves-slot 1 (0|[1-9]\d{0,14}) ([0-9a-f]{8}) (0|[1-9]\d{0,7})\n/;

function checksum(sequence: number, payload: Uint8Array): string {
  return crc32(payload, crc32(`${sequence}\n`)).toString(16).padStart(8, '0');
}

/** The bytes of one slot file. */
export function encodeSlot(sequence: number, value: unknown): Uint8Array {
  const payload = Buffer.from(JSON.stringify(value), 'utf8');
  if (payload.byteLength > SLOT_BYTES_MAX) {
    throw new ClusterError('StoreFull', `a slot value of ${payload.byteLength} bytes is larger than ${SLOT_BYTES_MAX}`, { retryable: false });
  }
  return Buffer.concat([Buffer.from(`ves-slot 1 ${sequence} ${checksum(sequence, payload)} ${payload.byteLength}\n`, 'latin1'), payload]);
}

/** What one slot file's bytes say; null stands for no file. */
export function decodeSlot(bytes: Uint8Array | null): OneSlot {
  if (bytes === null) return { kind: 'absent' };
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = HEADER.exec(buffer.toString('latin1', 0, 64));
  if (header === null) return { kind: 'damaged', reason: 'no valid header' };
  const sequence = Number(header[1]);
  const payload = buffer.subarray(header[0].length);
  if (payload.byteLength !== Number(header[3])) return { kind: 'damaged', reason: `${payload.byteLength} bytes instead of ${header[3]}` };
  if (checksum(sequence, payload) !== header[2]) return { kind: 'damaged', reason: 'the checksum does not fit' };
  return { kind: 'held', sequence, value: JSON.parse(payload.toString('utf8')) as unknown };
}

/** What two slots say together, and the sequence number of the next write. */
export function judgeSlots(first: OneSlot, second: OneSlot): { readonly content: SlotsContent; readonly nextSequence: number } {
  const damaged = (reason: string) => ({ content: { kind: 'damaged', reason } as const, nextSequence: 0 });
  if (first.kind === 'damaged') return damaged(`slot 0: ${first.reason}`);
  if (second.kind === 'damaged') return damaged(`slot 1: ${second.reason}`);
  if (first.kind === 'absent') return second.kind === 'absent' ? { content: { kind: 'empty' }, nextSequence: 0 } : damaged('slot 0 is missing');
  if (second.kind === 'absent') {
    // Only the very first write leaves slot 0 alone, and sequence 0 is never written later.
    return first.sequence === 0 ? { content: { kind: 'intact', value: first.value }, nextSequence: 1 } : damaged('slot 1 is missing');
  }
  if (first.sequence % 2 !== 0 || second.sequence % 2 !== 1) return damaged('a slot holds the other slot’s value');
  if (Math.abs(first.sequence - second.sequence) !== 1) return damaged(`sequence ${first.sequence} beside ${second.sequence}: a write is lost`);
  const newest = first.sequence > second.sequence ? first : second;
  return { content: { kind: 'intact', value: newest.value }, nextSequence: newest.sequence + 1 };
}

/** Opens the slots `NAME.0` and `NAME.1` of an existing directory. Writing over damaged slots is refused. */
export async function openSlots(directory: string, name: string, disk: SlotDisk = slotDisk): Promise<Slots> {
  const path = (slot: number): string => join(directory, `${name}.${slot}`);
  const { content, nextSequence } = judgeSlots(decodeSlot(await disk.read(path(0))), decodeSlot(await disk.read(path(1))));
  let sequence = nextSequence;
  let failure: ClusterError | null = null;
  let waiting: { value: unknown; done: Promise<void> } | null = null;
  let last: Promise<void> = Promise.resolve();

  async function put(value: unknown): Promise<void> {
    if (failure !== null) throw failure;
    // The first write fills both slots, so that a missing one is damage from then on.
    for (let rounds = sequence === 0 ? 2 : 1; rounds > 0; rounds -= 1) {
      const bytes = encodeSlot(sequence, value);
      try {
        await disk.replace(path(sequence % 2), bytes);
      } catch (cause) {
        failure = new ClusterError('StoreFailed', `could not write ${path(sequence % 2)}: nothing more can be promised, the process must end`, { retryable: false, cause });
        throw failure;
      }
      sequence += 1;
    }
  }

  return {
    found: content,
    write(value) {
      if (content.kind === 'damaged') {
        return Promise.reject(new ClusterError('StoreDamaged', `${path(0)} or its partner is damaged (${content.reason}) and is not written over`, { retryable: false }));
      }
      if (waiting !== null) {
        waiting.value = value;
        return waiting.done;
      }
      const turn: { value: unknown; done: Promise<void> } = { value, done: last };
      turn.done = last.catch(() => undefined).then(() => {
        waiting = null;
        return put(turn.value);
      });
      waiting = turn;
      last = turn.done;
      return turn.done;
    },
  };
}
