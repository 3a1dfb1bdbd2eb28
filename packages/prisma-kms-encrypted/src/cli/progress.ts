/** Shows how far a run over a table is: a bar that is redrawn on a terminal, a line from time to time elsewhere. */
import cliProgress from 'cli-progress'

import type { WalkProgress } from '../rotation/walk-options.js'
import { formatCount, formatDuration } from './bars.js'
import type { Terminal } from './terminal.js'

/** The display of one run. */
export interface ProgressDisplay {
  readonly update: (progress: WalkProgress) => void
  /** Leaves the last state on the screen. */
  readonly stop: () => void
}

/** Milliseconds between two lines where there is no terminal. */
const lineEveryMs = 5_000
const barWidth = 28

/** Starts to show a run over `model`. */
export function showProgress(
  terminal: Terminal,
  model: string,
  now: () => number = Date.now,
): ProgressDisplay {
  return terminal.live ? showBar(terminal, model) : showLines(terminal, model, now)
}

function showBar({ colours }: Terminal, model: string): ProgressDisplay {
  const bar = new cliProgress.SingleBar({
    format: `  ${colours.bold(model)}  {bar} {percentage} %  {counts}`,
    formatBar: (progress) => {
      const cells = Math.round(progress * barWidth)
      return colours.green('█'.repeat(cells)) + colours.dim('░'.repeat(barWidth - cells))
    },
    stream: process.stderr,
    hideCursor: true,
    linewrap: false,
    fps: 8,
  })
  let started = false
  return {
    update(progress) {
      const { done, skipped, failed, total } = progress
      const reached = done + skipped + failed
      const payload = { counts: describeCounts(progress) }
      if (started) {
        bar.setTotal(total)
        bar.update(reached, payload)
      } else {
        bar.start(total, reached, payload)
        started = true
      }
    },
    stop() {
      if (started) bar.stop()
    },
  }
}

function showLines(terminal: Terminal, model: string, now: () => number): ProgressDisplay {
  let last = now()
  return {
    update(progress) {
      if (now() - last < lineEveryMs) return
      last = now()
      const { done, skipped, failed, total } = progress
      const reached = formatCount(done + skipped + failed)
      terminal.err(`${model}: ${reached} of ${formatCount(total)}, ${describeCounts(progress)}\n`)
    },
    stop() {
      // The summary tells the rest.
    },
  }
}

function describeCounts({ failed, rowsPerSecond, etaMs }: WalkProgress): string {
  const parts = [`${formatCount(Math.round(rowsPerSecond))} rows/s`]
  if (etaMs !== null && etaMs > 0) parts.push(`${formatDuration(etaMs)} left`)
  if (failed > 0) parts.push(`${formatCount(failed)} failed`)
  return parts.join(', ')
}
