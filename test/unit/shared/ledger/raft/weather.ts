/**
 * How bad is the weather of one seed? Each kind of trouble has a rate of its own, and is often absent altogether.
 */

/** Rates are probabilities for each step, unless something else is said. */
export type Weather = {
  readonly loss: number;
  readonly duplication: number;
  readonly crash: number;
  readonly cut: number;
  readonly membership: number;
  readonly transfer: number;
  readonly snapshot: number;
  readonly slowDisk: number;
  /** How often a crash leaves a damaged disk behind; only with disks of bytes. */
  readonly damage: number;
  /** Whether damage spares what the cell needs to go on. Where it does not, nothing is demanded but that no promise is broken. */
  readonly isMerciful: boolean;
  /** With 1, every append carries one entry. */
  readonly appendBytesMax: number;
  /** How much time passes for each message that arrives. */
  readonly haste: number;
};

/** `random`: uniform draws from [0, 1). With `stores`, disks are damaged and members change more often. */
export function drawWeather(random: () => number, stores: boolean): Weather {
  const rate = (max: number): number => (random() < 0.35 ? 0 : random() * max);
  return {
    loss: rate(0.3),
    duplication: rate(0.3),
    crash: rate(0.03),
    cut: rate(0.008),
    membership: random() < (stores ? 0.6 : 0.3) ? 0.3 : rate(0.08),
    transfer: rate(0.02),
    snapshot: rate(0.05),
    slowDisk: rate(0.6),
    damage: stores ? rate(0.5) : 0,
    isMerciful: !stores || random() < 0.8,
    appendBytesMax: [1, 150, 400][Math.floor(random() * 3)] ?? 1,
    haste: 0.1 + random() * 0.3,
  };
}

