/** What the figures were measured on. */
import { availableParallelism, cpus, totalmem } from 'node:os'
import { Prisma } from '../generated/prisma/client.js'
import type { Stage } from '../stage.js'

/** The machine and the versions of a run. */
export interface Machine {
  readonly processor: string
  readonly processors: number
  readonly memoryGiB: number
  readonly node: string
  readonly prisma: string
  readonly postgresql: string
  readonly synchronousCommit: string
}

/** Asks the system and the database. */
export async function describeMachine(stage: Stage): Promise<Machine> {
  const [database] = await stage.plain.$queryRaw<{ version: string; commit: string }[]>`
    SELECT current_setting('server_version') AS version, current_setting('synchronous_commit') AS commit`
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    processors: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
    prisma: Prisma.prismaVersion.client,
    postgresql: database?.version ?? 'unknown',
    synchronousCommit: database?.commit ?? 'unknown',
  }
}
