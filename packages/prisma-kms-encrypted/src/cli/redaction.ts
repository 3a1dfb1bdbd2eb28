/** Takes secrets out of text that others wrote, before it is shown. */

const secretName = /pass|secret|token|credential|private|database_url|dsn|connection|api_?key|(^|_)key($|_)/i
/** Wrapped keys and key ids hold no secret, and a message without them helps nobody. */
const publicName = /^KMS_(\w+_)?KEY_ID$|^KMS_INDEX_KEY$/
/** `scheme://user:password@` up to the at sign before the host. */
const urlUser = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@'"`]*(?::[^\s'"`]*)?@(?=[^\s@'"`]*)/gi
const sealed = /\bS0[U-X][A-Za-z0-9+/]{40,}={0,2}/g
const wrapped = /\bv\d+:[A-Za-z0-9+/]{24,}={0,2}(\.[A-Za-z0-9_-]+)?/g
const vaultToken = /\b(hv[sbr]|s)\.[A-Za-z0-9_-]{20,}/g
/** `password=…` as in connection strings and query parameters. */
const assignment = /\b(password|passwd|pwd|token|secret)(["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s&;,)]+)/gi
/** Shorter values would hide parts of ordinary words. */
const shortestSecret = 6

/**
 * Makes the function for one environment: the values of variables that are named like secrets, passwords in connection
 * strings, tokens, ciphertexts and wrapped keys become `[hidden]`.
 */
export function createRedaction(
  environment: Readonly<Record<string, string | undefined>>,
): (text: string) => string {
  const secrets = new Set<string>()
  for (const [name, value = ''] of Object.entries(environment)) {
    if (!secretName.test(name) || publicName.test(name)) continue
    for (const part of [value, ...passwordsOf(value)]) if (part.length >= shortestSecret) secrets.add(part)
  }
  const longestFirst = [...secrets].sort((a, b) => b.length - a.length)
  return (text) => {
    const known = longestFirst.reduce((done, secret) => done.replaceAll(secret, '[hidden]'), text)
    return known
      .replaceAll(urlUser, '$1[hidden]@')
      .replaceAll(assignment, '$1$2[hidden]')
      .replaceAll(sealed, '[hidden]')
      .replaceAll(wrapped, '[hidden]')
      .replaceAll(vaultToken, '[hidden]')
  }
}

/** The password of a connection string, as it stands there and decoded. */
function passwordsOf(value: string): string[] {
  if (!URL.canParse(value)) return []
  const { password } = new URL(value)
  try {
    return [password, decodeURIComponent(password)]
  } catch {
    return [password] // a lone percent sign
  }
}
