/**
 * How long does what take in the simulated DRBD? One place for every latency; tests and the simulator override.
 */

/** All durations in milliseconds. */
export interface DrbdTimings {
  /** Start and end of one drbdadm or drbdsetup process. */
  readonly commandMs: number;
  /** `primary` beyond the process itself (DRBD.md E: 0.25 to 0.5 s in a slow virtual machine). */
  readonly promoteMs: number;
  /** Reading metadata and bitmap on attach. */
  readonly attachMs: number;
  /** One message from node to node. */
  readonly messageMs: number;
  /** One write with its flush. */
  readonly diskMs: number;
  /** From both ends waiting for each other to their handshake: a random time between these. */
  readonly handshakeMinMs: number;
  readonly handshakeMaxMs: number;
  /** From the kernel's call to the start of the helper program. */
  readonly helperStartMs: number;
  /** Resync and verify move this many bytes per second, unless the configuration caps them lower. */
  readonly resyncBytesPerSecond: number;
  /** Resync moves in steps of this length at most. */
  readonly resyncStepMs: number;
}

/** Fast hardware: NVMe, 10 Gbit/s. Drawn from DRBD.md E, scaled down from its virtual machines. */
export const DEFAULT_TIMINGS: DrbdTimings = {
  commandMs: 20,
  promoteMs: 130,
  attachMs: 30,
  messageMs: 0.2,
  diskMs: 0.2,
  handshakeMinMs: 200,
  handshakeMaxMs: 500,
  helperStartMs: 20,
  resyncBytesPerSecond: 1_000_000_000,
  resyncStepMs: 100,
};
