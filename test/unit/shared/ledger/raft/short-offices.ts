/**
 * What comes of leaders who reach few, and soon die? Weather that reacts: the order of Raft's figure 8 needs three such offices in a row.
 *
 * Whoever is elected has its entries heard by a few members only, chosen anew for each office, and crashes some steps later, most often right after it
 * saw something committed. The others hear it when it campaigns, as ever.
 */
import type { Message } from '../../../../../shared/ledger/raft/types.ts';

/** Weather in which little else happens. Each append carries one entry. */
export const WEATHER_OF_SHORT_OFFICES = { loss: 0, duplication: 0, crash: 0, cut: 0, membership: 0, transfer: 0, snapshot: 0, slowDisk: 0.1, appendBytesMax: 1, haste: 0.13 } as const;

/** In a share of the offices all goes well: entries are committed. */
const FINE_SHARE = 0.15;
const REACHED_SHARE = 0.35;
const STEPS_MAX = 200;
/** Of those who see something committed, so many fall within a few steps. */
const FALLS_SHARE = 0.7;
const LAST_STEPS_MAX = 6;

export class ShortOffices {
  readonly #random: () => number;
  #term = 0;
  #leader: string | null = null;
  #reached: ReadonlySet<string> = new Set();
  #stepsLeft = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** A member leads. */
  leads(id: string, term: number, ids: readonly string[]): void {
    if (term <= this.#term) return;
    this.#term = term;
    this.#leader = id;
    const isFine = this.#random() < FINE_SHARE;
    this.#reached = new Set(ids.filter(() => isFine || this.#random() < REACHED_SHARE));
    this.#stepsLeft = Math.ceil(this.#random() * STEPS_MAX);
  }

  /** A member applied what was committed. */
  applies(id: string): void {
    if (id === this.#leader && this.#random() < FALLS_SHARE) this.#stepsLeft = Math.min(this.#stepsLeft, Math.ceil(this.#random() * LAST_STEPS_MAX));
  }

  /** Whether a message is one that its leader says to nobody. */
  swallows({ kind, from, to }: Message): boolean {
    return from === this.#leader && !this.#reached.has(to) && (kind === 'append' || kind === 'heartbeat' || kind === 'snapshot');
  }

  /** Once a step: who falls now; null: nobody. */
  falls(): string | null {
    this.#stepsLeft -= 1;
    if (this.#stepsLeft !== 0) return null;
    const fallen = this.#leader;
    this.#leader = null;
    return fallen;
  }
}
