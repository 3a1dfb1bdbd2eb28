/** The report of `status --html`, looked at in headless Chromium where there is one (`REQUIRE_SERVERS=1`: there must be). */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import { renderReport } from '../../src/cli/html/report.js'
import type { EncryptionStatus, KeyStatus } from '../../src/rotation/status.js'

const key = (name: string, change: Partial<KeyStatus>): KeyStatus => ({
  key: name,
  keyId: 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
  currentVersion: 2,
  encrypted: 0,
  plaintext: 0,
  empty: 0,
  keysMissing: 0,
  keysUnreadable: 0,
  current: 0,
  outdated: 0,
  versions: [],
  fields: [],
  ...change,
})
const statuses: readonly EncryptionStatus[] = [
  {
    model: 'Customer',
    rows: 12_400_000,
    keys: [
      key('default', {
        encrypted: 9_300_000,
        plaintext: 3_100_000,
        current: 6_200_000,
        outdated: 3_100_000,
        versions: [
          { version: 2, keyId: 'alias/now', rows: 6_200_000 },
          { version: 1, keyId: 'alias/before', rows: 3_000_000 },
          { version: 7, keyId: null, rows: 100_000 },
        ],
        fields: [
          { field: 'email', encrypted: 9_300_000, plaintext: 3_100_000, empty: 0 },
          {
            field: 'aRatherLongNameOfAFieldThatMustNotPushTheOthersAway',
            encrypted: 400,
            plaintext: 0,
            empty: 12_399_600,
          },
        ],
      }),
      key('phone', { empty: 12_400_000, versions: [{ version: 1, keyId: 'alias/phone', rows: 0 }] }),
    ],
    indexes: [
      {
        index: 'emailIndex',
        field: 'email',
        key: 'default',
        unique: true,
        values: 12_400_000,
        indexed: 9_920_000,
        stale: 3,
      },
    ],
  },
  {
    model: 'Evil<script>alert("x")</script>',
    rows: 0,
    keys: [key('default', {})],
    indexes: [],
  },
]
const report = renderReport(statuses, new Date('2026-11-27T12:00:00Z'))

test('holds nothing that would run or load, and escapes every name', () => {
  expect(report).not.toMatch(/<script|<link|<img|<iframe|\son\w+=|url\(|@import|javascript:/i)
  expect([...report.matchAll(/https?:/g)]).toEqual([])
  expect(report).toContain('Evil&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;')
  expect(report).toContain("default-src 'none'")
})

test('says that nothing is left to do when nothing is', () => {
  const done = renderReport(
    [{ model: 'User', rows: 5, keys: [key('default', { encrypted: 5, current: 5 })], indexes: [] }],
    new Date(),
  )
  expect(done).toContain('Nothing left to do.')
  expect(renderReport([], new Date())).toContain('Nothing left to do.')
})

const executablePath = findChromium()
const inChromium =
  executablePath === null && process.env['REQUIRE_SERVERS'] !== '1' ? describe.skip : describe

inChromium('in Chromium', () => {
  let browser: Browser
  beforeAll(async () => {
    if (executablePath === null)
      throw new Error('REQUIRE_SERVERS=1, but there is no chromium; .ci/run installs it')
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  }, 120_000)
  afterAll(() => browser?.close())

  const open = async (width: number, colorScheme: 'light' | 'dark') => {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme })
    const complaints: string[] = []
    page.on('console', (message) => complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('request', (request) => {
      if (!/^(data|about):/.test(request.url())) complaints.push(`requests ${request.url()}`)
    })
    await page.setContent(report)
    return { page, complaints }
  }

  test.each([
    [1280, 'light'],
    [1280, 'dark'],
    [390, 'light'],
  ] as const)(
    '%i pixels wide, %s: nothing overflows, and the charts have the colours of their counts',
    async (width, scheme) => {
      const { page, complaints } = await open(width, scheme)
      expect(await overflowing(page)).toEqual([])
      const image = await page.screenshot({ fullPage: true })
      const folder = process.env['REPORT_SCREENSHOTS'] // to look at them
      if (folder !== undefined) await writeFile(join(folder, `report-${width}-${scheme}.png`), image)
      const bar = page.locator('.key > div > svg.bar').first()
      const ring = page.locator('svg.ring').first()
      // Chromium's own colours of the style, so that what is compared is the picture with the counts.
      const colour = (name: string) => resolveColour(page, name)
      const [good, bad, old] = [await colour('--good'), await colour('--bad'), await colour('--v0')]
      const shares = await coloursIn(browser, await bar.screenshot(), [good, bad])
      const [encrypted = 0, plaintext = 0] = shares
      // 9.3 to 3.1 million; corners are round.
      expect(encrypted / plaintext).toBeGreaterThan(2.7)
      expect(encrypted / plaintext).toBeLessThan(3.3)
      expect(encrypted + plaintext).toBeGreaterThan(0.85)
      const [current = 0, outdated = 0] = await coloursIn(browser, await ring.screenshot(), [good, old])
      expect(current / outdated).toBeGreaterThan(1.8)
      expect(current / outdated).toBeLessThan(2.4)
      expect(complaints).toEqual([])
      await page.close()
    },
    120_000,
  )

  test('a screen reader gets the numbers of every chart', async () => {
    const { page } = await open(1280, 'light')
    const charts = await page.locator('svg[role=img]').all()
    const labels = await Promise.all(charts.map((chart) => chart.getAttribute('aria-label')))
    expect(labels[0]).toBe('Rows of key default: 9,300,000 encrypted, 3,100,000 plaintext left, 0 empty')
    expect(labels.every((label) => (label ?? '') !== '')).toBe(true)
    await page.close()
  })
})

// What runs in the page is text: the types of a browser are not those of this program.

/** What stands out of the page or out of its card. */
function overflowing(page: Page): Promise<string[]> {
  return page.evaluate(`(() => {
    const found = document.documentElement.scrollWidth > window.innerWidth ? ['the page'] : []
    for (const card of document.querySelectorAll('.card, .tile')) {
      const box = card.getBoundingClientRect()
      for (const inner of card.querySelectorAll('*:not(svg *)')) {
        const { left, right } = inner.getBoundingClientRect()
        if (left < box.left - 0.5 || right > box.right + 0.5) found.push(inner.tagName + ' ' + inner.textContent)
      }
    }
    return found
  })()`)
}

type Colour = readonly [number, number, number]

function resolveColour(page: Page, name: string): Promise<Colour> {
  return page.evaluate(`(() => {
    const hex = getComputedStyle(document.documentElement).getPropertyValue('${name}').trim().slice(1)
    return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16))
  })()`)
}

/** The share of the pixels that each colour has. */
async function coloursIn(browser: Browser, png: Buffer, colours: readonly Colour[]): Promise<number[]> {
  const blank = await browser.newPage()
  try {
    return await blank.evaluate(`(async () => {
      const image = new Image()
      image.src = 'data:image/png;base64,${png.toString('base64')}'
      await image.decode()
      const context = new OffscreenCanvas(image.width, image.height).getContext('2d')
      context.drawImage(image, 0, 0)
      const pixels = context.getImageData(0, 0, image.width, image.height).data
      const wanted = ${JSON.stringify(colours)}
      const counts = wanted.map(() => 0)
      for (let at = 0; at < pixels.length; at += 4) {
        const near = wanted.findIndex((colour) => colour.every((part, n) => Math.abs(part - pixels[at + n]) < 24))
        if (near >= 0) counts[near]++
      }
      return counts.map((count) => (count * 4) / pixels.length)
    })()`)
  } finally {
    await blank.close()
  }
}

function findChromium(): string | null {
  const given = process.env['CHROMIUM']
  if (given !== undefined) return given
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const names = ['chromium', 'chromium-browser', 'google-chrome']
  return (
    folders.flatMap((folder) => names.map((name) => join(folder, name))).find((path) => existsSync(path)) ??
    null
  )
}
