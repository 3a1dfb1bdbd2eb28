/** What one check of `doctor` found, and which of them the user wants to see. */

/** How bad it is, in ascending order. */
export const severities = ['OK', 'WARN', 'CRITICAL'] as const
/** One of {@link severities}. */
export type Severity = (typeof severities)[number]

/** The parts of the report. */
export type Section = 'Environment' | 'Schema' | 'Database' | 'Keys' | 'Rotation'

/** One row of the report. */
export interface Check {
  readonly section: Section
  /** Stable name, such as `context-enforced`. */
  readonly id: string
  readonly severity: Severity
  /** What was looked at: a model, a key, a package. */
  readonly subject: string
  readonly finding: string
  /** What to do; `null` when there is nothing to do. */
  readonly fix: string | null
  /** The models that it concerns. */
  readonly models: readonly string[]
  /** Name of the key. */
  readonly key: string | null
  readonly keyId: string | null
  readonly account: string | null
  readonly tags: { readonly [name: string]: string }
  /** Rotation only: what the key service tells. */
  readonly rotation: RotationFacts | null
}

/** What the service tells of a key's automatic rotation, and the controls that it serves. */
export interface RotationFacts {
  readonly automatic: boolean | null
  readonly periodDays: number | null
  readonly last: string | null
  readonly next: string | null
  readonly controls: readonly string[]
}

/** A check with only what it has to say. */
export function check(
  section: Section,
  id: string,
  severity: Severity,
  subject: string,
  finding: string,
  rest: Partial<Check> = {},
): Check {
  const nothing = { fix: null, models: [], key: null, keyId: null, account: null, tags: {}, rotation: null }
  return { section, id, severity, subject, finding, ...nothing, ...rest }
}

/** Which checks to show; what is not given does not matter. */
export interface CheckFilter {
  readonly severity?: Severity
  readonly account?: string
  /** `name=value`, or a name alone. */
  readonly tag?: string
  readonly model?: string
  /** A key's name or key id. */
  readonly key?: string
}

/** The checks that a filter lets through, but for its severity: what is not shown still decides how the command ends. */
export function filterChecks(checks: readonly Check[], filter: CheckFilter): readonly Check[] {
  const { account, tag, model, key } = filter
  return checks.filter(
    (each) =>
      (account === undefined || each.account === account) &&
      (tag === undefined || hasTag(each.tags, tag)) &&
      (model === undefined || each.models.some((name) => name.toLowerCase() === model.toLowerCase())) &&
      (key === undefined || each.key === key || each.keyId === key),
  )
}

/** Whether `severity` is `least` or worse. */
export function isAtLeast(severity: Severity, least: Severity): boolean {
  return severities.indexOf(severity) >= severities.indexOf(least)
}

function hasTag(tags: Check['tags'], wanted: string): boolean {
  const at = wanted.indexOf('=')
  if (at < 0) return wanted in tags
  return tags[wanted.slice(0, at)] === wanted.slice(at + 1)
}
