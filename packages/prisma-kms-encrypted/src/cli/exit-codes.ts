/** How the command ends; documented in `--help` and docs/cli.md. */

/** Exit codes by meaning. */
export const exitCodes = {
  ok: 0,
  /** An error stopped the command. */
  error: 1,
  /** The command line or the configuration file cannot be used. */
  usage: 2,
  /** `doctor` and `status --check` found what has to be mended. */
  findings: 3,
  /** `rotate` and `encrypt` went through, but left rows as they were. */
  rowsFailed: 4,
  /** Ended by Ctrl-C (128 + SIGINT). */
  interrupted: 130,
} as const

/** One of {@link exitCodes}. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]
