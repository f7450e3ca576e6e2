/**
 * How is a process told about its mesh cable? By its environment at the start, over the leash later (nic.ts).
 */

/** The environment variable that says, with `out`, that the cable is out from the beginning. */
export const CABLE_VARIABLE = 'VES_PLAYGROUND_CABLE';

/** What the supervisor says when the cable is pulled or plugged in. */
export interface CableMessage {
  readonly isMeshUp: boolean;
}
