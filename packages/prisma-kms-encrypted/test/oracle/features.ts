/** What the library can do already, and findings that the generators still have to avoid. */

/**
 * Features of the second stage. What is `false` is generated as a documented refusal only; setting one to `true`
 * makes it part of every sequence.
 */
export const landed = {
  updateManyOfSecrets: true,
  upsertOfSecrets: true,
  nestedUpdateOfSecrets: true,
}

/** Open findings, by name; each makes the generators or the comparison avoid one known difference. */
export const avoided = {
  /** Finding 4: an update that moves a record into its own children does not write those children. */
  selfMoves: true,
  /** Finding 6: an upsert fails when its other branch would create records whose keys are set after the insert. */
  lateBranches: true,
  /** Finding 7: an upsert beside an update with empty data of the same relation is not written. */
  emptyUpdates: true,
  /** Finding 8: nested upserts of several new records are refused. */
  upsertLists: true,
}
