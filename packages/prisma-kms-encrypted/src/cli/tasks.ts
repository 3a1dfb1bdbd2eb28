/** Says what a table's counts leave to do, in words and as the command that does it. */
import type { EncryptionStatus, IndexStatus, KeyStatus } from '../rotation/status.js'
import { formatRows } from './bars.js'

/** One thing to do. */
export interface Task {
  /** `Model.key` or `Model.index`. */
  readonly place: string
  readonly problem: string
  readonly fix: string
  /** `null`: nothing that this command could do. */
  readonly command: string | null
}

/** What is left to do in one model. */
export function tasksOf({ model, keys, indexes }: EncryptionStatus): readonly Task[] {
  return [
    ...keys.flatMap((key) => keyTasks(model, key)),
    ...indexes.flatMap((index) => indexTasks(model, index)),
  ]
}

function keyTasks(model: string, key: KeyStatus): readonly Task[] {
  const place = `${model}, key ${key.key}`
  const restore = 'Restore the key column from a backup.'
  const unknown = key.versions.filter(({ keyId, rows }) => keyId === null && rows > 0)
  return [
    key.plaintext > 0 && {
      place,
      problem: `${formatRows(key.plaintext)} with plaintext`,
      fix: 'Encrypt:',
      command: `kms-encrypted encrypt ${model}`,
    },
    key.outdated > 0 && {
      place,
      problem: `${formatRows(key.outdated)} under another version than ${key.currentVersion}, the current one`,
      fix: 'Wrap the data keys anew:',
      command: `kms-encrypted rotate ${model} --key ${key.key}`,
    },
    key.keysMissing > 0 && {
      place,
      problem: `${formatRows(key.keysMissing)} with ciphertext and no key`,
      fix: restore,
      command: null,
    },
    key.keysUnreadable > 0 && {
      place,
      problem: `${formatRows(key.keysUnreadable)} whose key column holds something else`,
      fix: restore,
      command: null,
    },
    ...unknown.map(({ version, rows }) => ({
      place,
      problem: `${formatRows(rows)} under version ${version}, which is not configured`,
      fix: `Add it to keys.${key.key}.versions.`,
      command: null,
    })),
  ].filter((task) => task !== false)
}

function indexTasks(model: string, { index, field, values, indexed, stale }: IndexStatus): readonly Task[] {
  const place = `${model}.${index}`
  return [
    indexed < values && {
      place,
      problem: `${formatRows(values - indexed)} that cannot be found by ${field}`,
      fix: 'Fill the index:',
      command: `kms-encrypted encrypt ${model}`,
    },
    stale > 0 && {
      place,
      problem: `${formatRows(stale)} with an index and no value`,
      fix: 'Set the index column to null there.',
      command: null,
    },
  ].filter((task) => task !== false)
}
