/**
 * Which events are there? The stable kinds, so that a script can rely on them.
 */

export const EVENT_KINDS = [
  'nodeAdmitted', 'nodeBooted', 'nodeReinstalled', 'nodeReady', 'nodeCordoned', 'nodeUncordoned', 'nodeEmptied', 'nodeRemoved', 'fenceIntended', 'nodeFenced', 'nodeStaysOff',
  'coordinatorAdmitted',
  'instanceCreated', 'instanceStartAsked', 'instanceStopAsked', 'instanceTerminateAsked', 'instanceRestartAsked',
  'instancePlaced', 'instanceDelayed', 'instanceStarted', 'instanceRestarted', 'instanceStopped', 'instanceFailed', 'instanceTerminated',
  'instanceLostHolder', 'instanceTakenOver', 'instanceUnavailable', 'standbyChanged', 'instancesForgotten',
  'volumeFormatted', 'volumeShrunk', 'volumeAtRisk', 'volumeExpanded', 'volumeDeleted', 'replicaTainted', 'replicaReplaced', 'replicaWiped',
  'imageRegistered', 'parametersChanged',
] as const;

export type EventKind = (typeof EVENT_KINDS)[number];
