/**
 * How much of everything may there be? Bounds that the ledger holds every command to.
 */
import { GIB, HOUR_MS, MINUTE_MS, SECOND_MS } from '../units.ts';

/** Instances of one cell, the terminated ones that are still visible included. */
export const INSTANCES_MAX = 20_000;
/** Instances of one request: keeps an entry far below the wire's limit of 1 MiB. */
export const INSTANCES_PER_REQUEST_MAX = 100;
/** Instances that one other command may name (EC2 allows 1000 in one call). */
export const INSTANCES_NAMED_MAX = 1000;
export const NODES_MAX = 1000;
export const COORDINATORS_MAX = 16;
export const IMAGES_MAX = 1000;
/** Volumes that a node's boot may name as failed. */
export const TAINTED_MAX = 20_000;
/** Refused nodes kept with a placement: enough to explain it, small enough to keep. */
export const REFUSALS_MAX = 16;
/** Observations kept with a fence proof. */
export const OBSERVATIONS_MAX = 32;

/** Why a start takes its time, in one sentence. */
export const DELAY_LENGTH_MAX = 300;

/** EC2's limits on tags. */
export const TAGS_MAX = 50;
export const TAG_KEY_LENGTH_MAX = 128;
export const TAG_VALUE_LENGTH_MAX = 256;
/** EC2: user data of 16 KiB before base64, which makes 21,848 characters of it; clients may add a newline. */
export const USER_DATA_LENGTH_MAX = 21_852;
/** EC2: a client token has at most 64 characters. */
export const CLIENT_TOKEN_LENGTH_MAX = 64;

export const VOLUME_BYTES_MAX = 16_384 * GIB;

/** DRBD minors are 1 to this; ports follow them (PORT_BASE + minor) and stay below Linux' ephemeral range (32768). */
export const MINOR_MAX = 25_000;
export const PORT_BASE = 7000;

/** A power fence is counted against the limit for this long (SAFETY.md 7). */
export const POWER_FENCE_WINDOW_MS = 10 * MINUTE_MS;
/**
 * How often one node may be switched off within that time. Twenty plugs pulled in a row, each on the node that took over, are ten
 * for each of two nodes; one that needs it more often than every 40 s is not helped by its power switch.
 */
export const POWER_FENCES_PER_NODE_MAX = 15;
/** A node that is switched off more often than so within this time is not switched on again by the cell: it is broken, or what judges it is. */
export const POWER_RETURN_WINDOW_MS = 60 * MINUTE_MS;
export const POWER_RETURNS_MAX = 3;

/** Bounds of the cell's parameters, ms. */
export const REBUILD_AFTER_MS_MIN = SECOND_MS;
export const REBUILD_AFTER_MS_MAX = 7 * 24 * HOUR_MS;
export const FORGET_AFTER_MS_MIN = SECOND_MS;
export const FORGET_AFTER_MS_MAX = 30 * 24 * HOUR_MS;
