/** HTML that cannot be broken by what is put into it. */

/** Text that is markup already. */
export class Markup {
  constructor(readonly text: string) {}
}

/** What can be put into {@link html}. */
export type Content = Markup | string | number | readonly Content[]

/** Makes markup from a template; everything that is not markup itself is escaped. */
export function html(strings: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  return new Markup(
    strings.map((text, at) => text + (at < contents.length ? render(contents[at] ?? '') : '')).join(''),
  )
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function render(content: Content): string {
  if (content instanceof Markup) return content.text
  if (typeof content === 'object') return content.map(render).join('')
  return String(content).replaceAll(/[&<>"']/g, (character) => entities[character] ?? '')
}
