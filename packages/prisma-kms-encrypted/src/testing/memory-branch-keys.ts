/** A store of branch keys in memory, for tests: what is in it is lost with the process, and every record under it. */
import type { BranchKeyStore, StoredBranchKey } from '../kms/branch-key-store.js'

/** A store that shows what is in it. */
export interface MemoryBranchKeyStore extends BranchKeyStore {
  /** The rows in the order in which they were added. */
  readonly rows: readonly StoredBranchKey[]
}

/** Makes an empty store. */
export function memoryBranchKeys(): MemoryBranchKeyStore {
  const rows: StoredBranchKey[] = []
  return {
    rows,
    newest: (scope, names) => {
      const newest = new Map<string, StoredBranchKey>()
      for (const row of rows) {
        if (row.scope !== scope || names?.includes(row.name) === false) continue
        if ((newest.get(row.name)?.generation ?? 0) < row.generation) newest.set(row.name, row)
      }
      return Promise.resolve([...newest.values()])
    },
    find: (scope, ids) => Promise.resolve(rows.filter((row) => row.scope === scope && ids.includes(row.id))),
    add: (row) => {
      const isTaken = rows.some(
        (other) =>
          other.id === row.id ||
          (other.scope === row.scope && other.name === row.name && other.generation === row.generation),
      )
      if (!isTaken) rows.push(row)
      return Promise.resolve()
    },
  }
}
