/** Runs one job in a process of its own: `child.ts <job> <attempt> <settings as JSON>`; prints a line for each step. */
import { killJobs, type KillSettings } from './jobs.js'

const [name = '', attempt = '', settings = ''] = process.argv.slice(2)
const job = killJobs[name]
if (!job) throw new Error(`no job '${name}'`)
process.stdout.write('start\n')
await job.run(JSON.parse(settings) as KillSettings, Number(attempt), ({ done }) => {
  process.stdout.write(`done ${done}\n`)
})
process.stdout.write('end\n')
