/** A job may be killed at any moment. `KILLS` sets the number of kills a job; `pnpm test:kills` runs 200. */
import { runKills } from './kills/harness.js'
import { killJobs } from './kills/jobs.js'

const kills = Number(process.env['KILLS'] ?? 4)

test.each(Object.keys(killJobs))(
  `%s: killed ${kills} times under writers, every row opens and holds the last value written`,
  async (name) => {
    const report = await runKills(name, kills)
    if (process.env['KILLS'] !== undefined) process.stdout.write(`${name}: ${JSON.stringify(report)}\n`)
    expect(report.problems).toEqual([])
    expect(report.killed).toBe(kills)
    expect(report.writes).toBeGreaterThan(kills)
  },
  300_000 + kills * 60_000, // ends only what hangs; a child takes seconds to start, more beside other work
)
