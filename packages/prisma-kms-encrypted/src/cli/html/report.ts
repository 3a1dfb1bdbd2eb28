/** Turns counts into one self-contained page: no scripts, nothing from outside, no data but counts. */
import type { EncryptionStatus, IndexStatus, KeyStatus } from '../../rotation/status.js'
import { formatCount, formatRows, formatShare } from '../bars.js'
import { tasksOf } from '../tasks.js'
import { legend, ring, stackedBar, type ChartPart } from './charts.js'
import { html, Markup } from './markup.js'
import { style } from './style.js'

/** Renders the report. */
export function renderReport(statuses: readonly EncryptionStatus[], countedAt: Date): string {
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <title>Encryption status</title>
        <style>
          ${new Markup(style)}
        </style>
      </head>
      <body>
        <header>
          <h1>Encryption status</h1>
          <span class="soft"
            >counted on
            <time datetime="${countedAt.toISOString()}"
              >${countedAt.toISOString().slice(0, 16).replace('T', ' ')} UTC</time
            ></span
          >
        </header>
        <main>${renderTiles(statuses)} ${renderTasks(statuses)} ${statuses.map(renderModel)}</main>
        <footer>
          Made by <code>kms-encrypted status --html</code>. Holds counts, names of models and fields, and key
          ids; no data.
        </footer>
      </body>
    </html> `
  return page.text
}

function renderTiles(statuses: readonly EncryptionStatus[]): Markup {
  const keys = statuses.flatMap((status) => status.keys)
  const indexes = statuses.flatMap((status) => status.indexes)
  const total = (of: (key: KeyStatus) => number) => keys.reduce((sum, key) => sum + of(key), 0)
  const encrypted = total((key) => key.encrypted)
  const plaintext = total((key) => key.plaintext)
  const current = total((key) => key.current)
  const outdated = total((key) => key.outdated)
  const values = indexes.reduce((sum, index) => sum + index.values, 0)
  const indexed = indexes.reduce((sum, index) => sum + index.indexed, 0)
  const rows = statuses.reduce((sum, status) => sum + status.rows, 0)
  const lost = total((key) => key.keysMissing + key.keysUnreadable)
  return html`<section class="tiles" aria-label="Summary">
    ${tile('Rows', formatCount(rows), `${statuses.length} ${statuses.length === 1 ? 'model' : 'models'}`, '')}
    ${tile('Encrypted', formatShare(encrypted, encrypted + plaintext), plaintext === 0 ? 'no plaintext left' : `${formatRows(plaintext)} with plaintext`, plaintext === 0 ? 'good' : 'bad')}
    ${tile('Under the current key', formatShare(current, current + outdated), lost > 0 ? `${formatRows(lost)} without a usable key` : outdated === 0 ? 'nothing to rotate' : `${formatRows(outdated)} to rotate`, lost > 0 ? 'bad' : outdated === 0 ? 'good' : 'old')}
    ${values === 0 ? '' : tile('Found by blind index', formatShare(indexed, values), indexed === values ? 'all values' : `${formatCount(values - indexed)} values cannot be found`, indexed === values ? 'good' : 'bad')}
  </section>`
}

function tile(title: string, value: string, detail: string, tone: string): Markup {
  return html`<div class="tile ${tone}">
    <span class="soft">${title}</span><b>${value}</b><span class="soft">${detail}</span>
  </div>`
}

function renderTasks(statuses: readonly EncryptionStatus[]): Markup {
  const tasks = statuses.flatMap(tasksOf)
  if (tasks.length === 0)
    return html`<section class="card">
      <ul class="todo done">
        <li>Nothing left to do.</li>
      </ul>
    </section>`
  return html`<section class="card">
    <div class="head"><h2>Left to do</h2></div>
    <ul class="todo">
      ${tasks.map(
        ({ place, problem, fix, command }) =>
          html`<li>
            <b>${place}</b>: ${problem}.
            <span class="soft">${fix}</span>${command === null ? '' : html` <code>${command}</code>`}
          </li>`,
      )}
    </ul>
  </section>`
}

function renderModel({ model, rows, keys, indexes }: EncryptionStatus): Markup {
  return html`<section class="card">
    <div class="head">
      <h2>${model}</h2>
      <span class="soft">${formatRows(rows)}</span>
    </div>
    ${keys.map((key) => renderKey(key))} ${indexes.length === 0 ? '' : renderIndexes(indexes)}
  </section>`
}

function renderKey(key: KeyStatus): Markup {
  const outdated = Math.min(key.outdated, key.encrypted)
  const rows: ChartPart[] = [
    { label: 'encrypted', count: key.encrypted, tone: 'good' },
    { label: 'plaintext left', count: key.plaintext, tone: 'bad' },
    { label: 'empty', count: key.empty, tone: 'none' },
  ]
  const others = key.versions
    .map(({ version }) => version)
    .filter((version) => version !== key.currentVersion)
  const versions: ChartPart[] = [
    ...key.versions.map(({ version, keyId, rows: count }) => ({
      label: `v${version}${keyId === null ? ', not configured' : version === key.currentVersion ? ', current' : ''}`,
      count,
      tone:
        keyId === null ? 'bad' : version === key.currentVersion ? 'good' : `v${others.indexOf(version) % 5}`,
    })),
    ...(key.keysMissing > 0 ? [{ label: 'key missing', count: key.keysMissing, tone: 'bad' }] : []),
    ...(key.keysUnreadable > 0 ? [{ label: 'no key', count: key.keysUnreadable, tone: 'bad' }] : []),
  ]
  const held = key.current + key.outdated + key.keysMissing + key.keysUnreadable
  return html`<div class="key">
    <div>
      <h3>Key ${key.key} <code>${key.keyId}</code></h3>
      ${stackedBar(rows, `Rows of key ${key.key}`)}${legend(rows)}
      <table>
        <thead>
          <tr>
            <th>Field</th>
            <th></th>
            <th class="number">Encrypted</th>
            <th class="number">Plaintext</th>
          </tr>
        </thead>
        <tbody>
          ${key.fields.map(
            ({ field, encrypted, plaintext, empty }) =>
              html`<tr>
                <td><code>${field}</code></td>
                <td class="bars">
                  ${stackedBar(
                    [
                      { label: 'encrypted', count: encrypted, tone: 'good' },
                      { label: 'plaintext', count: plaintext, tone: 'bad' },
                      { label: 'empty', count: empty, tone: 'none' },
                    ],
                    field,
                  )}
                </td>
                <td class="number">${formatCount(encrypted)}</td>
                <td class="number">${formatCount(plaintext)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    <div class="versions">
      ${ring(versions, formatShare(key.current, held), `Key versions of ${key.key}, ${formatRows(outdated)} outdated`)}${legend(versions)}
    </div>
  </div>`
}

function renderIndexes(indexes: readonly IndexStatus[]): Markup {
  return html`<div class="key">
    <div>
      <h3>Blind indexes</h3>
      <table>
        <thead>
          <tr>
            <th>Index</th>
            <th class="name">of</th>
            <th></th>
            <th class="number">Indexed</th>
            <th class="number">Missing</th>
          </tr>
        </thead>
        <tbody>
          ${indexes.map(
            ({ index, field, values, indexed }) =>
              html`<tr>
                <td><code>${index}</code></td>
                <td><code>${field}</code></td>
                <td class="bars">
                  ${stackedBar(
                    [
                      { label: 'indexed', count: indexed, tone: 'good' },
                      { label: 'not indexed', count: values - indexed, tone: 'bad' },
                    ],
                    index,
                  )}
                </td>
                <td class="number">${formatCount(indexed)}</td>
                <td class="number">${formatCount(values - indexed)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </div>`
}
