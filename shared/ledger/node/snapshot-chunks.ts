/**
 * How does a snapshot travel in frames of limited size? In numbered pieces of its JSON text, one snapshot per sender at a time.
 */
import type { MemberId } from '../../ids.ts';
import { KIB, MIB } from '../../units.ts';
import type { Message } from '../raft/types.ts';

/** Characters per piece: below the mesh's message limit also when every character needs three bytes and an escape. */
const PIECE_CHARACTERS = 128 * KIB;
/** Largest snapshot that is taken from the wire. A cell of 10,000 instances needs about 20 MiB (SAFETY.md 3.3). */
const SNAPSHOT_CHARACTERS_MAX = 256 * MIB;

interface Piece {
  readonly piece: number;
  readonly of: number;
  readonly id: string;
  readonly text: string;
}

/** The frames of one snapshot message, in order. */
export function splitSnapshot(message: Message): readonly Piece[] {
  return splitText(`${message.from}:${message.term}:${message.kind === 'snapshot' ? message.snapshot.index : 0}`, JSON.stringify(message));
}

/** The pieces of a text. */
export function splitText(id: string, text: string): readonly Piece[] {
  const of = Math.max(1, Math.ceil(text.length / PIECE_CHARACTERS));
  return Array.from({ length: of }, (_, piece) => ({ piece, of, id, text: text.slice(piece * PIECE_CHARACTERS, (piece + 1) * PIECE_CHARACTERS) }));
}

/** Puts snapshots together again; passes every other frame through. */
export class SnapshotReceiver {
  readonly #partial = new Map<MemberId, { readonly id: string; readonly texts: string[]; characters: number }>();

  /** The whole message, or null while pieces are missing (or did not fit together: then it starts over). */
  accept(from: MemberId, frame: unknown): unknown {
    if (!isPiece(frame)) return frame;
    if (frame.piece === 0) this.#partial.set(from, { id: frame.id, texts: [], characters: 0 });
    const partial = this.#partial.get(from);
    if (partial === undefined || partial.id !== frame.id || partial.texts.length !== frame.piece) {
      this.#partial.delete(from);
      return null;
    }
    partial.texts.push(frame.text);
    partial.characters += frame.text.length;
    if (partial.characters > SNAPSHOT_CHARACTERS_MAX) {
      this.#partial.delete(from);
      return null;
    }
    if (partial.texts.length < frame.of) return null;
    this.#partial.delete(from);
    return parseOrNull(partial.texts.join(''));
  }
}

function isPiece(frame: unknown): frame is Piece {
  return typeof frame === 'object' && frame !== null && 'piece' in frame && 'of' in frame && 'id' in frame && 'text' in frame
    && typeof frame.piece === 'number' && typeof frame.of === 'number' && typeof frame.id === 'string' && typeof frame.text === 'string';
}

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // A piece was damaged or from elsewhere; the leader sends the snapshot again.
    return null;
  }
}
