/**
 * Runs the command in a terminal as docs/cli.md shows it, and compares. `UPDATE_RECORDINGS=1` writes the page instead:
 * `pnpm record`.
 */
import { normalise, readRecordings, writeRecordings } from './recordings.js'
import { terminalTest, useShop } from './shop.js'

const shop = useShop()

terminalTest(
  'docs/cli.md shows what a terminal shows',
  async () => {
    const recordings = await readRecordings()
    expect([...recordings.keys()].map((line) => line.split(' ')[0])).toEqual(
      expect.arrayContaining(['doctor', 'status', 'rotate', 'encrypt', 'context-hash']),
    )
    const outputs = new Map<string, string>()
    for (const line of recordings.keys()) {
      const { screen, code } = await shop.terminal(line.split(' '), { columns: 110 })
      expect([line, code]).toEqual([line, 0])
      outputs.set(line, normalise(screen))
    }
    if (process.env['UPDATE_RECORDINGS'] === '1') await writeRecordings(outputs)
    expect(Object.fromEntries(await readRecordings())).toEqual(Object.fromEntries(outputs))
  },
  240_000,
)
