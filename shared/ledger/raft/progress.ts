/**
 * How far has one member come, as its leader sees it, and what may be sent to it next?
 *
 *     probe --match found--> replicate --rejected, unreachable--> probe
 *     probe --log too short here--> snapshot --acknowledged, reported, timed out--> probe
 *
 * - probe: the position is a guess; one append at a time until an answer comes.
 * - replicate: appends follow each other without waiting, up to a window of messages and bytes.
 * - snapshot: nothing but heartbeats until the snapshot is installed or given up.
 */
import { invariant } from './invariant.ts';

export type ProgressState = 'probe' | 'replicate' | 'snapshot';

export type Window = { readonly messagesMax: number; readonly bytesMax: number };

/** What a leader knows of one other member, and how much it may send there. */
export class Progress {
  state: ProgressState = 'probe';
  /** The highest index known to be durable there. Only grows within a leadership. */
  match = 0;
  /** The index that is sent next. Always above `match`. */
  next: number;
  /** In state probe: an append is on its way, wait for the answer or the next heartbeat's. */
  isProbeSent = false;
  /** Index of the snapshot on its way; 0 if none. */
  pendingSnapshot = 0;
  snapshotTicks = 0;
  /** Ticks since anything of this term was heard. */
  silentTicks = 0;
  /** The latest heartbeat round that was answered. */
  ackedRound = 0;
  /** The highest commit index sent along. */
  sentCommit = 0;
  /** Send an append even if it is empty: the answer shows whether earlier ones were lost. */
  isPokeWanted = false;
  readonly #window: Window;
  /** Last index and bytes of each append under way, oldest first; `#head` is the first that still counts. */
  #inflight: { readonly lastIndex: number; readonly sizeBytes: number }[] = [];
  #head = 0;
  #inflightBytes = 0;

  constructor(next: number, window: Window) {
    this.next = next;
    this.#window = window;
  }

  becomeProbe(): void {
    this.next = Math.max(this.match, this.pendingSnapshot) + 1;
    this.#enter('probe');
  }

  becomeReplicate(): void {
    this.next = this.match + 1;
    this.#enter('replicate');
  }

  becomeSnapshot(index: number): void {
    this.#enter('snapshot');
    this.pendingSnapshot = index;
    this.next = index + 1;
  }

  /** The snapshot did not arrive: probe from what is known. */
  giveUpSnapshot(): void {
    this.pendingSnapshot = 0;
    this.becomeProbe();
  }

  /** Takes an acknowledgement. False if it was old. */
  acknowledge(index: number): boolean {
    this.#freeUpTo(index);
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.isProbeSent = false;
    return true;
  }

  /** Takes a refusal at `index`. False if it was old and says nothing new. */
  reject(index: number, nextGuess: number): boolean {
    if (this.state === 'replicate') {
      if (index <= this.match) return false;
      this.becomeProbe();
      return true;
    }
    if (this.state !== 'probe' || index !== this.next - 1) return false;
    this.next = Math.max(Math.min(index, nextGuess), this.match + 1);
    this.isProbeSent = false;
    return true;
  }

  /** Records an append that leaves now. */
  sent(entryCount: number, sizeBytes: number, commit: number): void {
    this.sentCommit = Math.max(this.sentCommit, commit);
    this.isPokeWanted = false;
    if (this.state === 'probe') this.isProbeSent = true;
    if (this.state !== 'replicate' || entryCount === 0) return;
    this.next += entryCount;
    this.#inflight.push({ lastIndex: this.next - 1, sizeBytes });
    this.#inflightBytes += sizeBytes;
  }

  get isWindowFull(): boolean {
    return (
      this.#inflight.length - this.#head >= this.#window.messagesMax || this.#inflightBytes >= this.#window.bytesMax
    );
  }

  /** True while no append may leave at all. */
  get isPaused(): boolean {
    return this.state === 'snapshot' || (this.state === 'probe' && this.isProbeSent);
  }

  #enter(state: ProgressState): void {
    invariant(this.next > this.match, () => `next ${this.next} not above match ${this.match}`);
    this.state = state;
    this.isProbeSent = false;
    this.pendingSnapshot = 0;
    this.snapshotTicks = 0;
    this.#inflight = [];
    this.#head = 0;
    this.#inflightBytes = 0;
  }

  #freeUpTo(index: number): void {
    for (let flight = this.#inflight[this.#head]; flight && flight.lastIndex <= index; ) {
      this.#inflightBytes -= flight.sizeBytes;
      this.#head += 1;
      flight = this.#inflight[this.#head];
    }
    if (this.#head * 2 <= this.#inflight.length) return;
    this.#inflight = this.#inflight.slice(this.#head);
    this.#head = 0;
  }
}
