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
  /** Finding 1: a batch with a single-record operation runs natively, which refuses what needs several statements. */
  nativeBatches: true,
  /** Finding 2: lists that mix checked and unchecked data are accepted. */
  mixedLists: true,
  /** Finding 3: ids do not follow the order in which records were given. */
  idOrder: true,
}
