/**
 * How is a process told about its mesh cable, and how is its card's counter read? By its environment at the start, over
 * the leash later, and by a signal (nic.ts).
 */

/** The environment variable that says, with `out`, that the cable is out from the beginning. */
export const CABLE_VARIABLE = 'VES_PLAYGROUND_CABLE';

/** The environment variable that names a directory: SIGUSR2 then makes a process write its {@link Traffic} to PID.json there. */
export const TRAFFIC_VARIABLE = 'VES_PLAYGROUND_TRAFFIC';

/** What the supervisor says when the cable is pulled or plugged in. */
export interface CableMessage {
  readonly isMeshUp: boolean;
}

/** What a process has sent through its card since it started: payload, without the headers of IP, TCP and UDP. */
export interface Traffic {
  readonly tcpBytes: number;
  readonly tcpWrites: number;
  readonly udpBytes: number;
  readonly udpDatagrams: number;
}
