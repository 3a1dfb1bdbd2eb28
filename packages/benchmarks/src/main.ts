/** `pnpm bench [--quick | --smoke | --million] [--json] [--only <part>] [--plot <file.svg>]`: measures every figure side by side and prints it with its target. */
import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { measureGrowth } from './figures/growth.js'
import { measureImport } from './figures/import-time.js'
import { measureMillion } from './figures/million.js'
import { measurePassThrough } from './figures/pass-through.js'
import { measureColdReads } from './figures/read-cold.js'
import { measureWarmReads } from './figures/read-warm.js'
import { measureRotation } from './figures/rotation.js'
import { measureRotationWorkers } from './figures/rotation-workers.js'
import { seed } from './figures/seed.js'
import { measureSlices } from './figures/slices.js'
import { measureWrites } from './figures/write.js'
import { describeMachine } from './report/machine.js'
import { drawGrowth, formatGrowth } from './report/growth-plot.js'
import { formatJson, formatTable } from './report/table.js'
import { full, quick, smoke, type Sizes } from './sizes.js'
import { openStage, type Stage } from './stage.js'
import { targets, type Figures } from './targets.js'

/**
 * In this order: slices come first, since a garbage collection also looks through what all the others leave, and rotation
 * comes last, since it replaces the rows that they read.
 */
const parts: Readonly<Record<string, (stage: Stage, sizes: Sizes) => Promise<Figures>>> = {
  slices: measureSlices,
  warm: measureWarmReads,
  cold: measureColdReads,
  write: measureWrites,
  pass: measurePassThrough,
  import: (_, sizes) => measureImport(sizes),
  rotation: measureRotation,
  workers: measureRotationWorkers,
  million: measureMillion,
}
/** Takes many minutes, so it runs only when it is asked for; a smoke run shows that it works. */
const onlyWhenAsked = 'million'

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    smoke: { type: 'boolean', default: false },
    million: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    plot: { type: 'string' },
    only: { type: 'string', multiple: true },
  },
})
const only = options.million ? [onlyWhenAsked] : options.only
const sizes = options.smoke ? smoke : options.quick ? quick : full
const stage = await openStage()
try {
  if (!options.million) await seed(stage, sizes)
  const figures: Figures = {}
  for (const [name, measure] of Object.entries(parts)) {
    if (only ? !only.includes(name) : name === onlyWhenAsked && !options.smoke) continue
    const start = performance.now()
    Object.assign(figures, await measure(stage, sizes))
    process.stderr.write(`${name}: ${((performance.now() - start) / 1_000).toFixed(1)} s\n`)
  }
  if (options.smoke && !only) checkComplete(figures)
  console.log(formatTable(figures))
  if (options.plot !== undefined) {
    const growth = await measureGrowth(stage, sizes)
    await writeFile(options.plot, drawGrowth(growth))
    console.log(formatGrowth(growth))
  }
  if (options.json) console.log(formatJson(figures, await describeMachine(stage)))
} finally {
  await stage.close()
}

/** The sizes of a smoke run tell nothing; that every figure is a number does. */
function checkComplete(figures: Figures): void {
  for (const name of Object.keys(targets) as (keyof typeof targets)[]) {
    const value = figures[name]?.value
    if (value === undefined || !Number.isFinite(value)) throw new Error(`${name} was not measured`)
  }
}
